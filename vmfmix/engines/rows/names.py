"""Names of columns: numbered series such as e0…e383, selection by pattern, and short lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

_LONGEST_LIST = 6


def series_of(name: str) -> str | None:
    """Return the part of a name before the number at its end, or None if it has no number.

    Examples
    --------
    >>> from vmfmix.engines.rows.names import series_of
    >>> series_of("e12"), series_of("12"), series_of("label")
    ('e', '', None)
    """
    match = re.fullmatch(r"(.*?)\d+", name, re.DOTALL)
    return match[1] if match else None


def matching(names: Sequence[str], pattern: str) -> list[str]:
    """Return the names that equal a pattern, or match it where ``*`` is any characters.

    Examples
    --------
    >>> from vmfmix.engines.rows.names import matching
    >>> matching(["id", "e0", "e1"], "e*")
    ['e0', 'e1']
    """
    return [name for name in names if name == pattern] or [
        name for name in names if "*" in pattern and fnmatchcase(name, pattern)
    ]


def listed(names: Iterable[str]) -> str:
    """Return names separated by commas, with runs of a series shortened.

    Examples
    --------
    >>> from vmfmix.engines.rows.names import listed
    >>> listed(["id", "e0", "e1", "e2", "label"])
    'id, e0…e2, label'
    """
    runs: list[list[str]] = []
    for name in names:
        series = series_of(name)
        if runs and series is not None and series == series_of(runs[-1][0]):
            runs[-1].append(name)
        else:
            runs.append([name])
    shown = [_quoted(run[0]) if len(run) == 1 else f"{run[0]}…{run[-1]}" for run in runs]
    if len(shown) > _LONGEST_LIST:
        n_more = sum(len(run) for run in runs[_LONGEST_LIST:])
        shown = [*shown[:_LONGEST_LIST], f"and {n_more} more"]
    return ", ".join(shown)


def _quoted(name: str) -> str:
    return name if name.strip() else repr(name)
