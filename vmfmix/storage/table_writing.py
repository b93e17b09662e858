"""Writing of tables in .parquet, .feather, .arrow, .csv, .tsv and .jsonl files."""

from __future__ import annotations

import base64
import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vmfmix.storage.requirements import validate_installed

__all__ = ["TABLE_SUFFIXES", "validate_suffix", "write_table"]

TABLE_SUFFIXES = (".parquet", ".feather", ".arrow", ".csv", ".tsv", ".jsonl")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_ROWS_PER_BATCH = 10_000
_DIGITS = 6  # significant, of computed numbers in files of text

Columns = Mapping[str, Sequence[Any]]
"""Computed columns by name: arrays or lists, one value for each row."""


def validate_suffix(path: Path) -> None:
    """Raise ValueError if a package is missing that writes files with the suffix of a path."""
    if path.suffix not in _DELIMITERS and path.suffix != ".jsonl":
        validate_installed("pyarrow", path, "Writing")


def write_table(path: Path, columns: Columns, table: Any = None) -> None:
    """Write a table, followed by computed columns.

    Parameters
    ----------
    path : pathlib.Path
        Its suffix is one of `TABLE_SUFFIXES`. An existing file is replaced.
    columns : dict of array or list
        Missing values are None, and NaN for numbers. In files of text, numbers have six significant
        digits.
    table : pyarrow.Table, default=None
        Columns that come first, with other names. In files of text, lists and structures are
        written as JSON, and bytes in base64.

    Examples
    --------
    >>> import tempfile
    >>> from vmfmix.storage.table_writing import write_table
    >>> path = Path(tempfile.mkdtemp(), "x.csv")
    >>> write_table(path, {"cluster": [0, 1], "cluster_name": ["a, b", None]})
    >>> print(path.read_text())
    cluster,cluster_name
    0,"a, b"
    1,
    <BLANKLINE>
    """
    suffix = path.suffix.lower()
    if suffix in _DELIMITERS:
        _write_delimited(path, _DELIMITERS[suffix], columns, table)
    elif suffix == ".jsonl":
        _write_lines(path, columns, table)
    else:
        _write_arrow(path, columns, table)


def _write_arrow(path: Path, columns: Columns, table: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import feather

    added = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    if table is None or table.num_columns == 0:
        combined = pa.table(added)
    else:
        combined = table
        for name, values in added.items():
            combined = combined.append_column(name, values)
    metadata = dict(combined.schema.metadata or {})
    metadata.pop(b"huggingface", None)  # it lists the columns, which are others now
    combined = combined.replace_schema_metadata(metadata)
    with path.open("wb") as file:  # pyarrow cannot open names that are not in UTF-8
        if path.suffix.lower() == ".parquet":
            pq.write_table(combined, file)
        else:
            feather.write_feather(combined, file)


def _write_delimited(path: Path, delimiter: str, columns: Columns, table: Any) -> None:
    names = [*([] if table is None else table.column_names), *columns]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(names)
        for row in _rows(columns, table):
            writer.writerow(map(_as_cell, row))


def _write_lines(path: Path, columns: Columns, table: Any) -> None:
    names = [*([] if table is None else table.column_names), *columns]
    with path.open("w", encoding="utf-8") as file:
        for row in _rows(columns, table):
            values = {name: None if _is_nan(value) else value for name, value in zip(names, row)}
            file.write(_as_json(values) + "\n")


def _rows(columns: Columns, table: Any) -> Iterator[tuple[Any, ...]]:
    """Iterate over the rows, as Python objects."""
    n_rows = len(next(iter(columns.values())))
    for start in range(0, n_rows, _ROWS_PER_BATCH):
        part = slice(start, start + _ROWS_PER_BATCH)
        values = []
        if table is not None:
            batch = table.slice(start, _ROWS_PER_BATCH)
            values += [column.to_pylist() for column in batch.columns]
        values += [_python_values(column[part]) for column in columns.values()]
        yield from zip(*values, strict=True)


def _python_values(values: Sequence[Any]) -> list[Any]:
    """Return values as Python objects, numbers with six significant digits."""
    values = values.tolist() if isinstance(values, np.ndarray) else list(values)
    return [_rounded(value) if isinstance(value, float) else value for value in values]


def _rounded(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")


def _as_cell(value: Any) -> Any:
    """Return a value as csv writes it."""
    if value is None or _is_nan(value):
        return ""
    if isinstance(value, (list, dict, bytes)):
        return _as_json(value) if not isinstance(value, bytes) else _other_as_json(value)
    return value


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_other_as_json)


def _other_as_json(value: Any) -> str:
    """Return dates and numbers of other types as text, and bytes in base64."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
