"""Tables in files that pyarrow reads: one file, or several with the same columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vmfmix.engines.rows.columns import Column, arrow_column
from vmfmix.storage.table_parts import SUFFIXES, Part, open_part
from vmfmix.storage.text_vectors import is_vector_text, parsed_vectors

__all__ = ["SUFFIXES", "Table", "open_table"]

_SAMPLE_ROWS = 1000  # from which the contents of columns are guessed


class Table:
    """A table whose columns are known, but not necessarily read.

    Parameters
    ----------
    parts : list of Part
        Files with the same columns.
    source : str
        Name of the table, for messages.

    Attributes
    ----------
    columns : list of Column
        Without the columns of an index that pandas stored. Columns of vectors that are written as
        text are vectors.
    index : list of str
        Names of the columns of such an index.
    """

    def __init__(self, parts: Sequence[Part], source: str) -> None:
        self._parts, self.source = parts, source
        schema = parts[0].schema
        _validate_names(parts)
        index = set(_pandas_index(schema))
        self.index = [name for name in schema.names if name in index]
        self._sample: dict[str, Any] = {}
        self.columns = [self._column(name) for name in schema.names if name not in index]

    @property
    def names(self) -> list[str]:
        """Names of all columns, in the order of the file."""
        return list(self._parts[0].schema.names)

    @property
    def n_rows(self) -> int:
        """Number of rows if the files state it; otherwise 0."""
        return sum(part.n_rows for part in self._parts)

    def dtype(self, name: str) -> np.dtype[Any]:
        """Return the type of the numbers of a column of numbers or vectors, in all files."""
        types = [part.schema.field(name).type for part in self._parts]
        return np.result_type(*(_dtype(type) for type in types))

    def batches(self, names: Sequence[str]) -> Iterator[Any]:
        """Yield the columns with these names, in their order, as Arrow record batches."""
        for part in self._parts:
            for batch in part.batches(list(names)):
                yield batch.select(list(names))

    def vectors(self, name: str) -> Iterator[Any]:
        """Yield a column of vectors as Arrow arrays of lists, which are parsed if they are text."""
        position = 0
        for batch in self.batches([name]):
            column = batch.column(0)
            if _is_text(column.type):
                column = parsed_vectors(column, position, f"Column '{name}' of {self.source}")
            position += len(column)
            yield column

    def sample(self, name: str) -> Any:
        """Return the first values of a column, at most 1000, as an Arrow array."""
        import pyarrow as pa

        if name not in self._sample:
            batch = next((each for each in self.batches([name]) if len(each)), None)
            empty = self._parts[0].schema.field(name).type
            self._sample[name] = (
                pa.array([], empty) if batch is None else batch.column(0)[:_SAMPLE_ROWS]
            )
        return self._sample[name]

    def is_text(self, name: str) -> bool:
        """Return whether a column holds strings, in some of the files perhaps only missing ones."""
        import pyarrow as pa

        types = [part.schema.field(name).type for part in self._parts]
        filled = [type for type in types if not pa.types.is_null(type)]
        return bool(filled) and all(map(_is_text, filled))

    def type(self, name: str) -> Any:
        """Return the Arrow type of a column."""
        return self._parts[0].schema.field(name).type

    def strings(self, names: Sequence[str]) -> dict[str, list[str | None]]:
        """Return the values of columns as strings, as they are written in files of text.

        Parameters
        ----------
        names : sequence of str

        Returns
        -------
        dict of list
            None where a value is missing. Numbers that stand for classes in a dataset of Hugging
            Face are replaced by the names of the classes.

        Raises
        ------
        ValueError
            If texts are not in UTF-8.
        """
        found: dict[str, list[str | None]] = {name: [] for name in names}
        if not names:
            return found
        for part in self._parts:
            classes = _class_names(part.schema)
            for batch in part.batches_as_written(list(names)):
                for name in names:
                    try:
                        values = _strings(batch.column(name))
                    except UnicodeDecodeError:
                        raise ValueError(
                            f"Column '{name}' of {part.path} is not text in UTF-8; convert it "
                            "first."
                        ) from None
                    found[name] += _renamed(values, classes.get(name))
        return found

    def read(self, names: Sequence[str]) -> Any:
        """Return columns as a pyarrow.Table.

        Of files of text, columns of numbers are numbers if they would be written in the same way,
        and all other columns are strings: dates, and identifiers such as 007, stay as they are.
        """
        import pyarrow as pa

        names, tables = list(names), []
        for part in self._parts:
            schema = pa.schema([part.schema.field(name) for name in names], part.schema.metadata)
            batches = [batch.select(names) for batch in part.batches_as_written(names)]
            table = pa.Table.from_batches(batches) if batches else schema.empty_table()
            columns = [_restored(column, field.type) for column, field in zip(table, schema)]
            table = pa.table(columns, names)
            tables.append(table.replace_schema_metadata(schema.metadata))
        for name in names:
            if not _can_be_joined([table.schema.field(name).type for table in tables]):
                number = names.index(name)
                tables = [
                    table.set_column(number, name, [_as_strings(table[name])]) for table in tables
                ]
        return pa.concat_tables(tables, promote_options="permissive").select(names)

    def _column(self, name: str) -> Column:
        types = [part.schema.field(name).type for part in self._parts]
        columns = [arrow_column(name, type) for type in types]
        kinds = {column.kind for column in columns}
        if self.is_text(name) and is_vector_text(self.sample(name)):
            return Column(name, "vector", "text")
        if kinds == {"float", "integer"}:
            return Column(name, "float", str(self.dtype(name)))
        if "vector" in kinds and len(kinds) > 1:
            other = next(each for each in zip(self._parts, columns) if each[1].kind != "vector")
            raise ValueError(
                f"Column '{name}' has vectors in some files of {self.source}, but values of type "
                f"{other[1].type} in {other[0].path}; all files must have the same columns."
            )
        return columns[0]


def open_table(paths: Path | Sequence[Path], source: str | None = None) -> Table:
    """Open the table in one file, or in several.

    Parameters
    ----------
    paths : pathlib.Path or sequence of pathlib.Path
        With one of the `SUFFIXES`.
    source : str, default=None
        Name of the table, for messages. By default that of the first file.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If pyarrow is not installed, if a file is damaged, if columns share a name, or if files have
        different columns.
    """
    paths = [paths] if isinstance(paths, Path) else list(paths)
    return Table([open_part(path) for path in paths], source or str(paths[0]))


def _validate_names(parts: Sequence[Part]) -> None:
    """Raise ValueError if columns of a file share a name, or if files have different columns."""
    first = parts[0]
    for part in parts:
        for name, count in Counter(part.schema.names).most_common(1):
            if count > 1:
                raise ValueError(f"{part.path} has {count} columns named '{name}'; rename them.")
        for one, other in ((first, part), (part, first)):
            missing = [name for name in one.schema.names if name not in other.schema.names]
            if missing:
                raise ValueError(
                    f"{other.path} has no column '{missing[0]}', which {one.path} has; all files "
                    "must have the same columns."
                )


def _pandas_index(schema: Any) -> list[Any]:
    """Return the names of the columns that hold the index of a DataFrame."""
    try:
        # A RangeIndex is described by a dict instead of a name, and is not stored as a column.
        return [name for name in schema.pandas_metadata["index_columns"] if isinstance(name, str)]
    except Exception:  # no metadata, or not in the format that pandas writes
        return []


def _class_names(schema: Any) -> dict[str, list[str]]:
    """Return the names of the classes of each column, in a dataset of Hugging Face."""
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        found = {
            name: feature["names"]
            for name, feature in features.items()
            if feature.get("_type") == "ClassLabel"
        }
    except Exception:  # no metadata, or not in the format of the library
        return {}
    return {name: names for name, names in found.items() if all(map(_is_str, names or [None]))}


def _is_str(value: object) -> bool:
    return isinstance(value, str)


def _renamed(values: list[str | None], names: list[str] | None) -> list[str | None]:
    """Return values in which the number of a class is replaced by its name."""
    if names is None:
        return values
    by_number = {str(number): name for number, name in enumerate(names)}
    return [value if value is None else by_number.get(value, value) for value in values]


def _is_text(type: Any) -> bool:
    """Return whether an Arrow type is one of strings."""
    import pyarrow as pa

    if pa.types.is_dictionary(type):
        type = type.value_type
    checks = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view
    return any(check(type) for check in checks)


def _dtype(type: Any) -> np.dtype[Any]:
    """Return the NumPy type of the numbers of an Arrow type of numbers, or of their vectors."""
    type = getattr(type, "storage_type", type)
    if _is_text(type):
        return np.dtype(np.float64)
    return np.dtype(getattr(type, "value_type", type).to_pandas_dtype())


def _strings(column: Any) -> list[str | None]:
    """Return the values of an Arrow array as strings; integers among floats have no fraction."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    values = column.to_pylist()
    if _is_text(column.type):
        return values
    return [_string(value) for value in values]


def _string(value: Any) -> str | None:
    if value is None or value != value:  # NaN
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _can_be_joined(types: Sequence[Any]) -> bool:
    """Return whether columns of these types can be joined without loss."""
    import pyarrow as pa

    try:
        empty = [pa.table([pa.array([], type)], ["x"]) for type in types]
        pa.concat_tables(empty, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return False
    return True


def _as_strings(column: Any) -> Any:
    """Return an Arrow column as one array of strings."""
    import pyarrow as pa

    return pa.array([text for chunk in column.chunks for text in _strings(chunk)], pa.string())


def _restored(column: Any, type: Any) -> Any:
    """Return bytes of a file of text as numbers if they are written in the same way, or strings."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_binary(column.type) or pa.types.is_binary(type):
        return column
    texts = column.cast(pa.string())
    if pa.types.is_floating(type) or pa.types.is_integer(type):
        texts = pc.if_else(pc.equal(texts, ""), None, texts)
        try:
            numbers = texts.cast(type)
        except pa.ArrowInvalid:  # such as NA, which is read as a missing number
            return column.cast(pa.string())
        is_float = pa.types.is_floating(type)
        if is_float or pc.all(pc.equal(numbers.cast(pa.string()), texts)).as_py() is not False:
            return numbers
    return column.cast(pa.string())
