"""Natural numbers of clusters: those at which a random walk stays in its cluster for long.

How long a walk is followed is a scale: few steps suit many clusters, and many steps few clusters.
Each scale votes for the number of clusters on a merge path at which the walk persists most [1]_.
Numbers that win at many scales are natural.

References
----------
.. [1] J.-C. Delvenne, S. N. Yaliraki, M. Barahona (2010). Stability of graph communities across
   time scales. PNAS 107 (29), 12755-12760.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vmfmix.merging.pairs import add_row_and_column
from vmfmix.merging.path import Partition
from vmfmix.model.statistics import FloatArray
from vmfmix.neighbors.communities import edges_between, modularity, persistence

SCALES = np.geomspace(1.5, 48.0, 16)  # numbers of steps
SIX_STEPS = 6  # the position of 6 steps among the scales
_VOTE_WIDTH = 0.5  # in the logarithm of the number of clusters
_MAX_LEVELS = 5
_SAME_LEVEL = 1.5  # greatest ratio of numbers that count as one level


class Level(NamedTuple):
    """A natural number of clusters.

    Parameters
    ----------
    n_components : int
    strength : float
        Share of the scales, evenly spaced on a logarithmic axis, at which a number within a factor
        of 1.5 of this one persists longest, from 0 to 1. Scales that count for a stronger level
        do not count again.
    """

    n_components: int
    strength: float


class Levels(list[Level]):
    """A list of natural numbers of clusters, which notebooks show as a table."""

    def _repr_html_(self) -> str:
        from vmfmix._notebook.history import levels_html

        return levels_html(self)


@dataclass(frozen=True)
class PathScores:
    """Scores of every number of components on a merge path.

    Parameters
    ----------
    numbers : ndarray of shape (n_numbers,), int
        In ascending order, from 1.
    modularity : ndarray of shape (n_numbers,)
    persistence : ndarray of shape (n_numbers, n_scales)
        At the scales `SCALES`.
    """

    numbers: NDArray[np.integer]
    modularity: FloatArray
    persistence: FloatArray

    @classmethod
    def of(
        cls, partitions: Sequence[Partition], graph: Any, report: Callable[[int], Any] | None = None
    ) -> PathScores:
        """Score the partitions of a path, and those between them.

        Parameters
        ----------
        partitions : list of Partition
            Down to one component.
        graph : CSR matrix of shape (n_rows, n_rows)
            Graph of nearest neighbors.
        report : callable, default=None
            Called with the number of components of each partition.
        """
        rows: list[tuple[int, float, FloatArray]] = []

        def score(number: int, inside: FloatArray, volumes: FloatArray) -> None:
            rows.append((number, modularity(inside, volumes), persistence(inside, volumes, SCALES)))

        for partition in partitions:
            number = partition.n_components
            if report is not None:
                report(number)
            edges = edges_between(graph, partition.row_labels, number)
            inside, volumes = np.diagonal(edges).copy(), edges.sum(axis=1)
            score(number, inside, volumes)
            for i, j, _ in partition.merges[:-1]:  # the last yields the next partition
                add_row_and_column(edges, i, j)
                inside[i], inside[j] = edges[i, i], 0.0
                volumes[i], volumes[j] = volumes[i] + volumes[j], 0.0
                number -= 1
                score(number, inside, volumes)
        numbers, modularities, persistences = zip(*reversed(rows))
        return cls(np.array(numbers), np.array(modularities), np.array(persistences))

    def up_to(self, largest: int) -> PathScores:
        """Return the scores of the numbers up to a limit."""
        n_kept = max(int(np.searchsorted(self.numbers, largest, side="right")), 1)
        return PathScores(
            self.numbers[:n_kept], self.modularity[:n_kept], self.persistence[:n_kept]
        )

    @property
    def winners(self) -> NDArray[np.integer]:
        """The number that persists longest at each scale, shape (n_scales,)."""
        winners: NDArray[np.integer] = self.numbers[np.argmax(self.persistence, axis=0)]
        return winners

    def reach(self, number: int) -> bool:
        """Return whether some scale favors as many clusters, or more; within a factor of 1.5."""
        return bool(self.winners.max() * _SAME_LEVEL >= number)

    def votes(self, resolution: float = 1.0) -> FloatArray:
        """Compute the share of the scales that vote for each number.

        A vote counts for similar numbers as well, with a weight of exp(−log²(ratio) / (2 · 0.5²)).

        Parameters
        ----------
        resolution : float, default=1.0
            The shares are multiplied by the number to the power of log(resolution), and scaled to a
            maximum of 1. As the power increases with the resolution, the number with the greatest
            score never decreases.

        Returns
        -------
        ndarray of shape (n_numbers,)
        """
        log_numbers = np.log(self.numbers)
        ratios = np.log(self.winners)[:, np.newaxis] - log_numbers
        votes: FloatArray = np.exp(-(ratios**2) / (2.0 * _VOTE_WIDTH**2)).mean(axis=0)
        if resolution == 1:
            return votes
        log_votes = np.log(votes) + np.log(resolution) * log_numbers
        scaled: FloatArray = np.exp(log_votes - log_votes.max())
        return scaled

    def levels(self, chosen: int) -> list[Level]:
        """Return the natural numbers: the chosen one first, then the others, the strongest first.

        Each further level is the number that most of the remaining scales vote for, where votes for
        numbers within a factor of 1.5 count as well.

        Parameters
        ----------
        chosen : int

        Returns
        -------
        list of Level
            At most five.
        """
        left = np.log(self.winners)
        candidates = np.log(self.numbers)
        levels: list[Level] = []
        center = np.log(chosen)
        while True:
            is_near = _are_near(left, center)
            levels.append(Level(round(np.exp(center)), float(is_near.sum()) / len(SCALES)))
            left = left[~is_near]
            if len(left) == 0 or len(levels) == _MAX_LEVELS:
                return levels
            counts = _are_near(left, candidates[:, np.newaxis]).sum(axis=1)
            best = np.flatnonzero(counts == counts.max())
            covered = left[_are_near(left, candidates[best[len(best) // 2]])]
            center = candidates[best[np.argmin(np.abs(candidates[best] - covered.mean()))]]


def _are_near(logarithms: FloatArray, center: Any) -> NDArray[np.bool_]:
    """Return which numbers are within the ratio of one level."""
    near: NDArray[np.bool_] = np.abs(logarithms - center) <= np.log(_SAME_LEVEL) + 1e-9
    return near
