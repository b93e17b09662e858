"""Names, notes and numbers of clusters: their validation, and changes of single ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from numbers import Integral
from typing import Any

import numpy as np

from vmfmix.engines.rows.values import is_missing, python_values

LONGEST_NOTE = 10_000  # characters; in an array of notes, each takes as much memory as the longest


def validated_text(cluster: int, text: Any, noun: str) -> str:
    """Return a name or note as str, "" for none.

    Raises
    ------
    ValueError
        If it is not a string, is blank, or has null characters.
    """
    if is_missing(text):
        return ""
    if not isinstance(text, str):
        raise ValueError(
            f"The {noun} of cluster {cluster} is {text!r}; pass a string, or None for no {noun}."
        )
    if text and (not text.strip() or "\0" in text):
        raise ValueError(
            f"The {noun} of cluster {cluster} is {text!r}; pass a {noun} that is not blank and has "
            f"no null characters, or None for no {noun}."
        )
    return str(text)


def renamed(names: Sequence[str], changes: Any) -> list[str]:
    """Return the names after some clusters got new ones.

    Parameters
    ----------
    names : list of str
    changes : mapping of int to str, or sequence of str of length n_clusters
        New names by cluster, or one for every cluster. None or "" removes a name.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If `changes` is neither, if a sequence does not have one name for each cluster, if a cluster
        does not exist, if a name is not a string or is blank, or if two clusters would have the
        same name.

    Examples
    --------
    >>> from vmfmix.mixture.names import renamed
    >>> renamed(["", "", "music"], {0: "weather"})
    ['weather', '', 'music']
    >>> renamed(["", "", "music"], ["weather", "books", None])
    ['weather', 'books', '']
    """
    new = _changed(names, changes, "name")
    validate_unique(new)
    return new


def with_notes(notes: Sequence[str], changes: Any) -> list[str]:
    """Return the notes after some clusters got new ones; see `renamed`.

    Notes may be equal, and are limited to 10,000 characters.
    """
    new = _changed(notes, changes, "note")
    for cluster, note in enumerate(new):
        if len(note) > LONGEST_NOTE:
            raise ValueError(
                f"The note of cluster {cluster} has {len(note):,} characters; pass at most "
                f"{LONGEST_NOTE:,}."
            )
    return new


def validate_unique(names: Sequence[str]) -> None:
    """Raise ValueError if two clusters have the same name."""
    clusters_of: dict[str, list[int]] = {}
    for cluster, name in enumerate(names):
        clusters_of.setdefault(name, []).append(cluster)
    for name, clusters in clusters_of.items():
        if name and len(clusters) > 1:
            raise ValueError(
                f"Clusters {' and '.join(map(str, clusters))} would both be named {name!r}; pass "
                "a different name for each."
            )


def _changed(texts: Sequence[str], changes: Any, noun: str) -> list[str]:
    """Return names or notes after changes by cluster, or one for each cluster."""
    if not isinstance(changes, Mapping):
        changes = dict(enumerate(_one_for_each(changes, len(texts), noun)))
    new = list(texts)
    for cluster in cluster_numbers(list(changes), len(texts)):
        new[cluster] = validated_text(cluster, changes[cluster], noun)
    return new


def _one_for_each(texts: Any, n_clusters: int, noun: str) -> list[Any]:
    """Return a sequence, array or column of names or notes as a list."""
    if not np.iterable(texts) or isinstance(texts, (str, bytes, Set)):
        raise ValueError(
            f"{noun}s={texts!r} is not allowed; pass a dict such as {{3: 'refunds'}}, or a list "
            f"with one {noun} for each cluster."
        )
    values = python_values(texts)
    if len(values) != n_clusters:
        raise ValueError(
            f"There are {len(values)} {noun}s for {n_clusters} clusters; pass one {noun} for each "
            "cluster, or a dict such as {3: 'refunds'}."
        )
    return values


def are_valid(texts: Any, n_clusters: int, *, unique: bool = True) -> bool:
    """Return whether `names_` (`notes_` if not unique) of a file can be the result of an edit."""
    if not (
        isinstance(texts, np.ndarray) and texts.dtype.kind == "U" and texts.shape == (n_clusters,)
    ):
        return False
    given = [text for text in texts.tolist() if text]
    is_unique = not unique or len(given) == len(set(given))
    return is_unique and len(given) > 0 and all(text.strip() for text in given)


def cluster_numbers(clusters: Any, n_clusters: int) -> list[int]:
    """Return numbers of clusters as integers; raise ValueError unless they exist and differ.

    Parameters
    ----------
    clusters : int or sequence of int
    n_clusters : int

    Returns
    -------
    list of int
    """
    if isinstance(clusters, Integral):
        clusters = [clusters]
    numbers = list(clusters) if np.iterable(clusters) and not isinstance(clusters, str) else None
    if numbers is None or not all(_is_integer(number) for number in numbers):
        raise ValueError(f"clusters={clusters!r} is not allowed; pass numbers of clusters.")
    for number in numbers:
        if not 0 <= number < n_clusters:
            existing = {0: "there are no clusters", 1: "the only cluster has the number 0"}.get(
                n_clusters, f"the clusters have the numbers 0 to {n_clusters - 1}"
            )
            raise ValueError(f"Cluster {number} does not exist; {existing}.")
        if numbers.count(number) > 1:
            raise ValueError(f"Cluster {number} is given twice; pass each number once.")
    return [int(number) for number in numbers]


def _is_integer(number: Any) -> bool:
    return isinstance(number, Integral) and not isinstance(number, (bool, np.bool_))
