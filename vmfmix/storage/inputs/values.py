"""Texts or labels in a file of their own: lines, a list in JSON, or a column of a table."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vmfmix.engines.rows.names import listed
from vmfmix.storage import table_parts
from vmfmix.storage.inputs.roles import only_column
from vmfmix.storage.reading import read_lines, validate_input_file
from vmfmix.storage.tables import open_table

_UNKNOWN = ("", "-1", "-1.0")
_JSON = (".json", ".jsonl", ".ndjson")


def read_values(path: str | os.PathLike[str], n_rows: int, role: str) -> list[str | None]:
    """Return the text or label of each row from a file.

    Parameters
    ----------
    path : str or path-like
        A table, see `vmfmix.storage.tables`, with a single column or one that has a usual name; a
        .json file with a list of strings; a .jsonl file with a string on each line; or any other
        file of text, with one line for each row.
    n_rows : int
        The number of values that the file must have.
    role : {"texts", "labels"}

    Returns
    -------
    list of str or None
        None where a value is missing, or a label is unknown, in a table or in JSON.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is damaged, or has another number of values.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (*_JSON, *table_parts.SUFFIXES):
        return list(read_lines(path, n_rows))
    validate_input_file(path)
    values = _json_strings(path) if suffix in _JSON else None
    if values is None:
        table = open_table(path)
        name = only_column(table, role)
        if name is None:
            raise ValueError(
                f"{path} has the columns {listed(table.names)}, several of which may be the "
                f"{role}; give a file with a single column."
            )
        values = table.strings([name])[name]
    if len(values) != n_rows:
        raise ValueError(
            f"{path} has {len(values)} {role} and the embeddings have {n_rows} rows; one for each "
            "row is needed."
        )
    return unknown_as_none(values) if role == "labels" else values


def unknown_as_none(labels: Sequence[str | None]) -> list[str | None]:
    """Return labels with None for those that are unknown: empty ones and -1.

    Examples
    --------
    >>> from vmfmix.storage.inputs.values import unknown_as_none
    >>> unknown_as_none(["a", "", "-1", None])
    ['a', None, None, None]
    """
    return [label if label and label.strip() not in _UNKNOWN else None for label in labels]


def _json_strings(path: Path) -> list[str | None] | None:
    """Return the strings of a JSON list or of lines of JSON; None if lines hold objects."""
    try:
        content = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            values: Any = json.loads(content)
        elif content.lstrip().startswith("{"):
            return None
        else:
            values = [json.loads(line) for line in content.split("\n") if line.strip()]
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is not JSON in UTF-8; write it with json.dump.") from None
    if not isinstance(values, list) or not all(
        value is None or isinstance(value, (str, int)) for value in values
    ):
        raise ValueError(f"{path} is not a list of strings in JSON; write one for each row.")
    return [value if value is None else str(value) for value in values]
