"""What an update changes: sizes and directions of clusters before and after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from vmfmix.model.statistics import FloatArray

_STATUSES = ("new", "grew", "shrank", "unchanged")
_LEVEL = 0.01  # probability that any cluster is reported if all shares stay the same


class ClusterChange(NamedTuple):
    """What an update changed about one cluster.

    Parameters
    ----------
    cluster : int
        Its number.
    status : {"new", "grew", "shrank", "unchanged"}
        "grew" and "shrank": its share of the new rows differs from its share of the earlier rows
        by more than chance, according to an exact test at the level of 1%, divided among the
        clusters. Rows of new clusters and of the background do not count.
    size_before, size_after : float
        Sum of the responsibilities for the cluster over the earlier rows, and over all rows.
    share_before, share_new : float
        Its share of the earlier rows, and of the new rows.
    cosine : float
        Of its mean direction before and after the update; NaN for a new cluster.
    from_cluster : int
        Number of the earlier cluster that more than half of the rows of a new cluster would belong
        to without it; -1 if there is none, and for earlier clusters.
    """

    cluster: int
    status: Literal["new", "grew", "shrank", "unchanged"]
    size_before: float
    size_after: float
    share_before: float
    share_new: float
    cosine: float
    from_cluster: int


def cluster_changes(
    before: FloatArray, added: FloatArray, cosines: FloatArray, origins: list[int]
) -> list[ClusterChange]:
    """Return the change of each cluster.

    Parameters
    ----------
    before : ndarray of shape (n_clusters,)
        Sum of the responsibilities over the earlier rows; 0 for new clusters, which are the last.
    added : ndarray of shape (n_clusters,)
        The same for the new rows.
    cosines : ndarray of shape (n_earlier_clusters,)
    origins : list of int
        `from_cluster` of the new clusters.

    Returns
    -------
    list of ClusterChange
    """
    n_old = len(cosines)
    after = before + added
    shares_before, shares_new = (each / max(each.sum(), 1e-300) for each in (before, added))
    statuses = _statuses(before[:n_old], added[:n_old]) + ["new"] * len(origins)
    numbers = zip(
        before.tolist(),
        after.tolist(),
        shares_before.tolist(),
        shares_new.tolist(),
        [*cosines.tolist(), *[float("nan")] * len(origins)],
        [*[-1] * n_old, *origins],
        strict=True,
    )
    return [
        ClusterChange(cluster, status, *row)  # type: ignore[arg-type]
        for cluster, (status, row) in enumerate(zip(statuses, numbers, strict=True))
    ]


def stored_changes(changes: list[ClusterChange]) -> dict[str, NDArray[Any]]:
    """Return the changes as one array for each field, as a file holds them."""
    columns = list(zip(*changes)) or [()] * len(ClusterChange._fields)
    return dict(zip(ClusterChange._fields, map(np.array, columns), strict=True))


def restored_changes(columns: Mapping[str, Any]) -> list[ClusterChange]:
    """Return the changes from the arrays of a file; raise ValueError if they are inconsistent."""
    values = [np.asarray(columns[name]).tolist() for name in ClusterChange._fields]
    changes = [ClusterChange(*row) for row in zip(*values, strict=True)]
    if len(columns) != len(values) or not all(_is_consistent(*each) for each in enumerate(changes)):
        raise ValueError("The changes of the clusters are inconsistent.")
    return changes


def _is_consistent(number: int, change: ClusterChange) -> bool:
    numbers = change.size_before, change.size_after, change.share_before, change.share_new
    return bool(
        change.cluster == number
        and change.status in _STATUSES
        and np.isfinite(numbers).all()
        and min(numbers) >= 0
        and not abs(change.cosine) > 1 + 1e-6  # it may be NaN
        and isinstance(change.from_cluster, int)
        and -1 <= change.from_cluster < number + 1
    )


def _statuses(before: FloatArray, added: FloatArray) -> list[str]:
    """Return whether the share of each earlier cluster changed by more than chance."""
    before, added = np.rint(before), np.rint(added)
    n_before, n_added = before.sum(), added.sum()
    # If shares stay the same, any rows of the cluster may be the new ones.
    of_cluster = hypergeom(n_before + n_added, before + added, n_added)
    level = _LEVEL / max(2 * len(before), 1)
    grew, shrank = of_cluster.sf(added - 1) < level, of_cluster.cdf(added) < level
    return np.select([grew, shrank], ["grew", "shrank"], "unchanged").tolist()  # type: ignore[no-any-return]
