"""Tables in .parquet, .feather, .arrow, .csv and .tsv files, which pyarrow reads."""

from __future__ import annotations

import importlib.util
import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from vmfmix.engines.rows.columns import Column, arrow_column

SUFFIXES = (".parquet", ".feather", ".arrow", ".csv", ".tsv")
_DELIMITERS = {".csv": ",;\t", ".tsv": "\t"}  # the one that is most frequent in the first line


class Table(NamedTuple):
    """A table whose columns are known, but not necessarily read.

    Parameters
    ----------
    columns : list of Column
        Without the columns of an index that pandas stored.
    read : callable
        Returns the columns with these names, in their order, as Arrow arrays.
    """

    columns: list[Column]
    read: Callable[[Sequence[str]], list[Any]]


def open_table(path: Path) -> Table:
    """Open the table in a file.

    Parameters
    ----------
    path : pathlib.Path
        With one of the `SUFFIXES`.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If pyarrow is not installed, if the file is damaged, or if columns share a name.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise ValueError(
            f"Reading {path} needs pyarrow, which is not installed; run 'pip install pyarrow'."
        )
    suffix = path.suffix.lower()
    if suffix in _DELIMITERS:
        table = _undamaged(path, _read_text, path, _DELIMITERS[suffix])
        schema, read_columns = table.schema, table.select
    else:
        schema = _undamaged(path, _read_schema, path)
        read_columns = partial(_undamaged, path, _read_columns, path)
    index = _pandas_index(schema)
    columns = [arrow_column(each.name, each.type) for each in schema if each.name not in index]
    for name, count in Counter(column.name for column in columns).most_common(1):
        if count > 1:
            raise ValueError(f"{path} has {count} columns named '{name}'; rename them.")
    return Table(columns, lambda names: read_columns(list(names)).select(list(names)).columns)


def _undamaged(path: Path, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return ``function(*arguments)``, or raise ValueError if pyarrow cannot read the file."""
    import pyarrow as pa

    path.open("rb").close()  # raises an error of its own if the file cannot be opened
    try:
        return function(*arguments)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = ""
        if path.suffix.lower() in _DELIMITERS:
            reason = f" ({' '.join(str(error).split())[:200]})"
        raise ValueError(f"{path} is not a complete {path.suffix.lower()} file{reason}.") from None


# Files are opened here, as pyarrow cannot open names that are not in UTF-8.


def _read_schema(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        if path.suffix.lower() == ".parquet":
            return pq.read_schema(file)
        return pa.ipc.open_file(file).schema


def _read_columns(path: Path, names: list[str]) -> Any:
    import pyarrow.parquet as pq
    from pyarrow import feather

    with path.open("rb") as file:
        read = pq.read_table if path.suffix.lower() == ".parquet" else feather.read_table
        return read(file, columns=names)


def _read_text(path: Path, delimiters: str) -> Any:
    """Read a file of text, whose first line has names unless it is a line of numbers."""
    from pyarrow import csv

    with path.open(encoding="utf-8", errors="replace") as lines:
        header = lines.readline()
    parse = csv.ParseOptions(delimiter=max(delimiters, key=header.count))
    with path.open("rb") as file:
        table = csv.read_csv(file, parse_options=parse)
    fraction = next((name for name in table.column_names if _is_fraction(name)), None)
    if fraction is None:
        return table
    if not all(map(_is_number, table.column_names)):
        raise ValueError(
            f"{path} has the number {fraction} in its first line, which must have the names of the "
            "columns; add a line of names."
        )
    read = csv.ReadOptions(autogenerate_column_names=True)
    with path.open("rb") as file:
        return csv.read_csv(file, parse_options=parse, read_options=read)


def _is_fraction(name: str) -> bool:
    """Return whether the name of a column is a number with a fraction, and thus no name."""
    return _is_number(name) and not float(name).is_integer()


def _is_number(name: str) -> bool:
    try:
        return math.isfinite(float(name))
    except ValueError:
        return False


def _pandas_index(schema: Any) -> list[Any]:
    """Return the names of the columns that hold the index of a DataFrame."""
    try:
        # A RangeIndex is described by a dict instead of a name, and is not stored as a column.
        return list(schema.pandas_metadata["index_columns"])
    except Exception:  # no metadata, or not in the format that pandas writes
        return []
