"""Reading of an input: embeddings and the texts, labels and identifiers beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from vmfmix.engines.rows.columns import Column, describe_columns
from vmfmix.engines.rows.names import listed
from vmfmix.storage import table_parts
from vmfmix.storage.array_formats import ARRAY_FORMATS
from vmfmix.storage.inputs.errors import InputError
from vmfmix.storage.inputs.files import Files, find_files
from vmfmix.storage.inputs.roles import find_roles, validate_given
from vmfmix.storage.inputs.rows import (
    choose_embeddings,
    plane_columns,
    rows_of_arrays,
    rows_of_table,
    size_of,
    validate_finite,
    validate_shape,
)
from vmfmix.storage.inputs.values import unknown_as_none
from vmfmix.storage.tables import Table, open_table


class Input:
    """Embeddings, and the columns of the same table.

    Made by `read_input`. Columns are read when they are first used.

    Attributes
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Memory-mapped if they are those of a single .npy file.
    source : str
        Name of the files, for messages.
    format : str
        Suffix of the files, such as ".parquet".
    description : list of str
        Lines that say what was used. Empty if there was nothing to choose.
    coordinates : ndarray of shape (n_rows, 2) or None
        Numbers of the two columns of coordinates.
    """

    def __init__(
        self,
        rows: Any,
        files: Files,
        description: Sequence[str],
        table: Table | None = None,
        embeddings: Sequence[Column] = (),
        roles: Mapping[str, str] | None = None,
        coordinates: np.ndarray | None = None,
    ) -> None:
        self.rows = rows
        self.source, self.format, self.paths = files.source, files.suffix, files.paths
        self.description = list(description)
        self._table, self._embeddings = table, [column.name for column in embeddings]
        self.roles = dict(roles or {})
        self.coordinates = coordinates

    @property
    def is_table(self) -> bool:
        """Whether there are columns."""
        return self._table is not None

    @property
    def texts(self) -> list[str] | None:
        """Text of each row, "" where it is missing; None without a column of texts."""
        return self._filled("texts")

    @property
    def labels(self) -> list[str | None] | None:
        """Label of each row, None where it is unknown; None without a column of labels."""
        labels = self._values.get("labels")
        return None if labels is None else unknown_as_none(labels)

    @property
    def ids(self) -> list[str] | None:
        """Identifier of each row, "" where it is missing; None without such a column."""
        return self._filled("ids")

    @property
    def images(self) -> list[str] | None:
        """Path of the image of each row as it is written; None without such a column."""
        return self._filled("images")

    def other_columns(self) -> Any:
        """Return all columns but those of the embeddings, in the order of the file.

        Returns
        -------
        pyarrow.Table or None
            None for files of arrays. Columns of files of text are numbers only if they would be
            written in the same way; dates, and identifiers such as 007, are strings.
        """
        return self._others

    @cached_property
    def _others(self) -> Any:
        if self._table is None:
            return None
        return self._table.read([n for n in self._table.names if n not in self._embeddings])

    def all_columns(self) -> Any:
        """Return all columns, with the embeddings as they were read, at the end.

        Returns
        -------
        pyarrow.Table
            For files of arrays, the rows are the only column, ``embedding``.

        Raises
        ------
        ValueError
            If the rows are sparse.
        """
        import pyarrow as pa

        if sp.issparse(self.rows):
            raise ValueError(f"{self.source} has sparse rows, which cannot be columns of a table.")
        if len(self._embeddings) > 1:
            embeddings = {
                name: pa.array(self.rows[:, number]) for number, name in enumerate(self._embeddings)
            }
        else:
            values = pa.array(np.ascontiguousarray(self.rows).reshape(-1))
            lists = pa.FixedSizeListArray.from_arrays(values, self.rows.shape[1])
            embeddings = dict.fromkeys(self._embeddings or ["embedding"], lists)
        table = self.other_columns()
        if table is None or table.num_columns == 0:
            return pa.table(embeddings)
        for name, column in embeddings.items():
            table = table.append_column(name, column)
        return table

    @cached_property
    def _values(self) -> dict[str, list[str | None]]:
        """The values of each role that has a column."""
        if self._table is None:
            return {}
        values = self._table.strings(list(self.roles.values()))
        return {role: values[name] for role, name in self.roles.items()}

    def _filled(self, role: str) -> list[str] | None:
        values = self._values.get(role)
        return None if values is None else [value or "" for value in values]


def read_input(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    array: str | None = None,
    columns: str | Sequence[str] = (),
    embedding_column: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    image_column: str | None = None,
    coordinate_columns: Sequence[str] = (),
    report: Callable[[str], Any] | None = None,
) -> Input:
    r"""Read embeddings from files, and find the columns beside them.

    Nothing is ever unpickled. The page *Files* of the documentation describes the formats.

    Parameters
    ----------
    paths : str, path-like, or sequence of them
        Files of one format, a folder of such files, or a folder that was written by
        ``Dataset.save_to_disk`` of Hugging Face. The rows of a single .npy file are memory-mapped.
    array : str, default=None
        Name of the array, or of the column of vectors. If None, the only two-dimensional array or
        the only column of vectors is read.
    columns : str or sequence of str, default=()
        Names of the columns of a table, where ``*`` is any characters, if there is one column for
        each feature. By default, and without a column of vectors, all columns of floating-point
        numbers are read, if they have one type and their names do not suggest that only some of
        them are features.
    embedding_column : str, default=None
        Name of the column of vectors: lists of numbers, tensors, or text such as "[0.1, 0.2]".
    text_column, label_column, id_column : str, default=None
        Names of the columns of texts, known labels and identifiers. If None, they are guessed from
        usual names; "" stands for no column.
    image_column : str, default=None
        Name of a column of paths of images.
    coordinate_columns : sequence of two str, default=()
        Names of columns of coordinates, which are not embeddings unless `columns` names them.
    report : callable, default=None
        Called with each line of `Input.description`.

    Returns
    -------
    Input
        An object with the attributes `rows` (the embeddings), and `texts`, `labels`, `ids` and
        `images`, which are lists with one string for each row, or None without such a column.

    Raises
    ------
    FileNotFoundError
        If a file or folder does not exist.
    InputError
        If a name is unknown, or needed because several arrays or columns can be meant.
    ValueError
        If a package that reads the format is not installed, or if a file is damaged or has no
        embeddings: finite real numbers, with at least one row and at least two features.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vmfmix.storage.inputs import read_input
    >>> path = Path(tempfile.mkdtemp(), "x.csv")
    >>> _ = path.write_text("id,text,e0,e1\n7,one,0.5,0.25\n8,two,0.1,0.3\n")
    >>> data = read_input(path, report=print)
    embeddings: 2 float columns e0…e1; texts: text; ids: id
    >>> data.rows
    array([[0.5 , 0.25],
           [0.1 , 0.3 ]])
    >>> data.texts
    ['one', 'two']
    """
    listed_paths = [paths] if isinstance(paths, (str, os.PathLike)) else paths
    files = find_files([Path(path) for path in listed_paths])
    patterns = [columns] if isinstance(columns, str) else list(columns)
    given = {
        "texts": text_column,
        "labels": label_column,
        "ids": id_column,
        "images": image_column,
    }
    if files.suffix in table_parts.SUFFIXES:
        found = _read_table(files, array, patterns, embedding_column, given, coordinate_columns)
    else:
        named = {"columns": patterns, "embedding_column": embedding_column}
        named |= {"text_column": text_column, "label_column": label_column}
        named |= {"id_column": id_column, "image_column": image_column}
        named |= {"coordinates": list(coordinate_columns)}
        for parameter, value in named.items():
            if value:
                raise InputError(
                    f"{files.source} is not a table and has no columns; do not name columns.",
                    parameter,
                )
        found = _read_arrays(files, array)
    validate_finite(found.rows, files.source)
    if report is not None:
        for line in found.description:
            report(line)
    return found


def _read_table(
    files: Files,
    array: str | None,
    patterns: Sequence[str],
    embedding_column: str | None,
    given: Mapping[str, str | None],
    coordinate_columns: Sequence[str],
) -> Input:
    table = open_table(files.paths, files.source)
    validate_given(table, given)
    plane = plane_columns(table, coordinate_columns)
    other = [*(name for name in given.values() if name), *coordinate_columns]
    chosen = choose_embeddings(table, patterns, embedding_column, array, other)
    roles = find_roles(table, [column.name for column in chosen], given)
    rows = rows_of_table(table, chosen, size_of(files.paths))
    validate_shape(rows, files.source)
    places = None
    if plane:
        places = rows_of_table(table, plane, size_of(files.paths))
        validate_finite(places, f"columns {listed(coordinate_columns)} of {files.source}")
    used = {*(column.name for column in [*chosen, *plane]), *roles.values()}
    left_out = [column.name for column in table.columns if column.name not in used]
    parts = [f"embeddings: {describe_columns(chosen, rows.shape[1])}"]
    for role, name in roles.items():
        parts.append(f"{role} (only to compare): {name}" if role == "labels" else f"{role}: {name}")
    if plane:
        parts.append(f"coordinates: {listed(coordinate_columns)}")
    if left_out:
        parts.append(f"left out: {listed(left_out)}")
    description = [*_describe_files(files), "; ".join(parts)]
    return Input(rows, files, description, table, chosen, roles, places)


def _read_arrays(files: Files, array: str | None) -> Input:
    opened = [ARRAY_FORMATS[files.suffix].open(path) for path in files.paths]
    rows, name = rows_of_arrays(opened, array)
    description = _describe_files(files)
    if name:
        left_out = [other for other in opened[0].shapes if other != name]
        line = f"embeddings: array {name}, {rows.shape[1]} numbers"
        description.append(line + (f"; left out: {listed(left_out)}" if left_out else ""))
    elif description or files.suffix not in (".npy", ".npz"):
        description.append(f"embeddings: {rows.shape[0]} rows of {rows.shape[1]} numbers")
    return Input(rows, files, description)


def _describe_files(files: Files) -> list[str]:
    """Return a line that says which files were read, if there are several."""
    names = [path.name for path in files.paths]
    if len(names) == 1:
        return []
    shown = ", ".join(names) if len(names) <= 3 else f"{names[0]}, {names[1]} … {names[-1]}"
    return [f"files: {len(names)}, in this order: {shown}"]
