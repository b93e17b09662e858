"""Names of clusters: their validation, and what becomes of them when clusters change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from numbers import Integral
from typing import Any

import numpy as np

from vmfmix.engines.rows.values import is_missing, python_values

Names = Sequence[str]
"""One name for each cluster; "" if it has none."""


def names_of(model: Any) -> list[str]:
    """Return the names of the clusters of a fitted model, "" where a cluster has none."""
    names = getattr(model, "names_", None)
    return [""] * model.n_components_ if names is None else names.tolist()


def set_names(model: Any, names: Names) -> None:
    """Set `names_` of a fitted model, or remove it if no cluster has a name."""
    model.__dict__.pop("names_", None)
    if any(names):
        model.names_ = np.array(names, dtype=str)


def validated_name(cluster: int, name: Any) -> str:
    """Return a name as str, "" for none; raise ValueError if it is no string, or only spaces."""
    if is_missing(name):
        return ""
    if not isinstance(name, str):
        raise ValueError(
            f"The name of cluster {cluster} is {name!r}; pass a string, or None for no name."
        )
    if name and (not name.strip() or "\0" in name):
        raise ValueError(
            f"The name of cluster {cluster} is {name!r}; pass a name that is not blank and has no "
            "null characters, or None for no name."
        )
    return str(name)


def renamed(names: Names, changes: Any) -> list[str]:
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
    if not isinstance(changes, Mapping):
        changes = dict(enumerate(_one_for_each(changes, len(names))))
    new = list(names)
    for cluster in cluster_numbers(list(changes), len(names)):
        new[cluster] = validated_name(cluster, changes[cluster])
    clusters_of: dict[str, list[int]] = {}
    for cluster, name in enumerate(new):
        clusters_of.setdefault(name, []).append(cluster)
    for name, clusters in clusters_of.items():
        if name and len(clusters) > 1:
            raise ValueError(
                f"Clusters {' and '.join(map(str, clusters))} would both be named {name!r}; pass "
                "a different name for each."
            )
    return new


def _one_for_each(names: Any, n_clusters: int) -> list[Any]:
    """Return a sequence, array or column of names as a list."""
    if not np.iterable(names) or isinstance(names, (str, bytes, Set)):
        raise ValueError(
            f"names={names!r} is not allowed; pass a dict such as {{3: 'refunds'}}, or a list with "
            "one name for each cluster."
        )
    values = python_values(names)
    if len(values) != n_clusters:
        raise ValueError(
            f"There are {len(values)} names for {n_clusters} clusters; pass one name for each "
            "cluster, or a dict such as {3: 'refunds'}."
        )
    return values


def are_valid(names: Any, n_clusters: int) -> bool:
    """Return whether the value of `names_` in a file is one that `renamed` can return."""
    return (
        isinstance(names, np.ndarray)
        and names.dtype.kind == "U"
        and names.shape == (n_clusters,)
        and len(given := [name for name in names.tolist() if name]) == len(set(given)) > 0
        and all(name.strip() for name in given)
    )


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
