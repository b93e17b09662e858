"""Columns of tables: their kinds, and the choice of those that hold the embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from vmfmix.engines.rows import names

Kind = Literal["float", "integer", "vector", "other"]


class ColumnError(ValueError):
    """The columns of the embeddings cannot be distinguished from others, or are named wrongly."""


class Column(NamedTuple):
    """What is known of a column before it is read.

    Parameters
    ----------
    name : str
    kind : {"float", "integer", "vector", "other"}
    type : str
        Name of its type, in which values of a kind may differ.
    """

    name: str
    kind: Kind
    type: str


def arrow_column(name: str, type: Any) -> Column:
    """Return the column of an Arrow type, where lists and one-dimensional tensors are vectors.

    Parameters
    ----------
    name : str
    type : pyarrow.DataType

    Returns
    -------
    Column
    """
    import pyarrow as pa

    def is_number(type: Any) -> bool:
        return bool(pa.types.is_floating(type) or pa.types.is_integer(type))

    shape = getattr(type, "shape", (0,))  # of the tensors of a column
    storage = getattr(type, "storage_type", type)
    is_list = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if any(check(storage) for check in is_list):
        is_vector = is_number(storage.value_type) and len(shape) == 1
        return Column(name, "vector" if is_vector else "other", str(type))
    if is_number(type):
        kind: Kind = "float" if pa.types.is_floating(type) else "integer"
        return Column(name, kind, str(np.dtype(type.to_pandas_dtype())))
    return Column(name, "other", str(type))


def choose_columns(
    columns: Sequence[Column], patterns: Sequence[str] = (), source: str = "X"
) -> list[Column]:
    """Return the columns that hold the embeddings, if no others can be meant.

    These are the only column of vectors; otherwise all columns of floating-point numbers, if they
    have one type and, as far as names end with numbers, are one series. Columns of integers, which
    may be identifiers or labels, are chosen only if they are a single series.

    Parameters
    ----------
    columns : sequence of Column
    patterns : sequence of str, default=()
        Names of the columns to choose, where ``*`` is any characters.
    source : str, default="X"
        The table, in messages.

    Returns
    -------
    list of Column
        One column of vectors, or columns of numbers.

    Raises
    ------
    ColumnError

    Examples
    --------
    >>> from vmfmix.engines.rows.columns import Column, choose_columns
    >>> columns = [Column("id", "integer", "int64")]
    >>> columns += [Column(f"e{i}", "float", "float32") for i in range(3)]
    >>> [column.name for column in choose_columns(columns)]
    ['e0', 'e1', 'e2']
    """
    if patterns:
        return _named(columns, patterns, source)
    vectors = [column for column in columns if column.kind == "vector"]
    floats = [column for column in columns if column.kind == "float"]
    integers = [column for column in columns if column.kind == "integer"]
    doubt = ""
    if len(vectors) > 1:
        found = names.listed(column.name for column in vectors)
        doubt = f"{len(vectors)} columns of vectors ({found})"
    elif not vectors and not floats and not integers:
        others = names.listed(column.name for column in columns) or "none at all"
        raise ColumnError(
            f"{source} has no column of numbers or of lists of numbers, but {others}; if a column "
            "has vectors as text, write them as numbers, for example to a .parquet file."
        )
    elif not vectors:
        doubt = _doubt_about_numbers(floats, integers)
    if doubt:
        raise ColumnError(f"{source} has {doubt}; choose those of the embeddings by name.")
    return vectors or floats or integers


def _doubt_about_numbers(floats: Sequence[Column], integers: Sequence[Column]) -> str:
    """Return what the table has if not all of its floats, or integers, are the embeddings."""
    numbers = floats or integers
    if len({column.type for column in numbers}) > 1:
        return f"columns of numbers of several types: {by_type(numbers)}"
    series = {names.series_of(column.name) for column in numbers}
    if len(series) > 1 and any(_is_series(numbers, name) for name in series):
        return f"numbered and other columns of numbers: {by_type(numbers)}"
    if not floats and (len(series) > 1 or None in series):
        return f"columns of integers, which may be identifiers or labels: {by_type(numbers)}"
    for name in {names.series_of(column.name) for column in integers} if floats else ():
        if name in series - {None} or (None in series and _is_series(integers, name)):
            both = by_type([*floats, *integers])
            return f"numbered columns of integers beside those of floats: {both}"
    return ""


def describe_columns(chosen: Sequence[Column], n_features: int) -> str:
    """Return the columns of the embeddings as part of a line.

    Examples
    --------
    >>> from vmfmix.engines.rows.columns import Column, describe_columns
    >>> describe_columns([Column("vector", "vector", "list<item: float>")], 384)
    'column vector, 384 numbers'
    >>> describe_columns([Column(f"e{i}", "float", "float32") for i in range(3)], 3)
    '3 float columns e0…e2'
    """
    if chosen[0].kind == "vector":
        return f"column {names.listed([chosen[0].name])}, {n_features} numbers"
    kinds = "/".join(sorted({column.kind for column in chosen}))
    return f"{len(chosen)} {kinds} columns {names.listed(column.name for column in chosen)}"


def by_type(columns: Sequence[Column]) -> str:
    """Return the columns of each type, as "3 of float32 (e0…e2) and 1 of int64 (id)"."""
    types = dict.fromkeys(column.type for column in columns)
    groups = {type: [each.name for each in columns if each.type == type] for type in types}
    return " and ".join(
        f"{len(group)} of {type} ({names.listed(group)})" for type, group in groups.items()
    )


def _named(columns: Sequence[Column], patterns: Sequence[str], source: str) -> list[Column]:
    by_name = {column.name: column for column in columns}
    chosen: dict[str, Column] = {}
    for pattern in patterns:
        found = names.matching(list(by_name), pattern)
        if not found:
            raise ColumnError(
                f"{source} has no column '{pattern}'; choose from {names.listed(by_name)}."
            )
        chosen.update((name, by_name[name]) for name in found)
    kinds = [column.kind for column in chosen.values()]
    wrong = [column for column in chosen.values() if column.kind not in ("float", "integer")]
    if wrong and kinds != ["vector"]:
        raise ColumnError(
            f"{source} has columns of other types than numbers among those named: "
            f"{by_type(wrong)}; choose columns of numbers, or a single one of vectors."
        )
    return list(chosen.values())


def _is_series(columns: Sequence[Column], series: str | None) -> bool:
    """Return whether several columns belong to a series."""
    members = [column for column in columns if names.series_of(column.name) == series]
    return series is not None and len(members) > 1
