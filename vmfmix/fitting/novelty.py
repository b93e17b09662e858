"""Detection of rows in a stream that are unlike every cluster, as when a new topic begins.

A row is unlike every cluster if its log density is among the lowest 1 %, 5 % or 20 % of those of
the earlier rows, or if it is in the background. The number of such rows among the last ones is
compared with that among the earlier rows. The same is done for the rows of each cluster, among
which a new topic shows even if it is a small part of all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln, logsumexp

from vmfmix.distribution import log_normalizer
from vmfmix.distribution.sampling import sample_one_minus_cosine
from vmfmix.engines.base import Assignment
from vmfmix.fitting.typicality import densities_of_clusters, left_out_sample
from vmfmix.model.statistics import FloatArray, MixtureParameters

# Shares of the earlier rows that count as unlike every cluster: a few rows of a distant topic show
# at the smallest share, and many rows of a nearer one at the largest.
_SHARES = 0.01, 0.05, 0.2
_TOLERANCE = 2  # times this share is still no novelty, since clusters move and estimates are rough
_ERROR_RATE = 1e-3  # probability of any warning in a stream whose rows come in random order
_MIN_EARLIER_ROWS = round(10 / min(_SHARES))  # of a stream, if the fit is not known
_MIN_ROWS = round(1 / min(_SHARES))  # that are tested together
_N_DRAWS = 1000  # from each component whose earlier rows are not known
_MAX_GROUPS = 64  # that are tested together: the last 1, 2, 4, ...


class Unusual(NamedTuple):
    """Numbers of the last rows of a stream, too many of which are unlike every cluster.

    Parameters
    ----------
    n_rows, n_unlike : int
        Number of the last rows, and of the unlike ones among them.
    earlier_share : float
        Share of unlike ones among the earlier rows.
    """

    n_rows: int
    n_unlike: int
    earlier_share: float


class Tails(NamedTuple):
    """Earlier rows of each component that are unlike its other rows: the lowest 20%.

    Parameters
    ----------
    n_earlier : ndarray of shape (n_components,), int
        Number of earlier rows; in the place of the background, of all earlier rows.
    n_unlike : ndarray of shape (n_components,), int
        Number of those that count as unlike the others; all rows of the background.
    thresholds : ndarray of shape (n_components,)
        Largest log density of a row that does; infinity for the background.
    """

    n_earlier: NDArray[np.integer]
    n_unlike: NDArray[np.integer]
    thresholds: FloatArray

    @classmethod
    def of(
        cls, densities: FloatArray, labels: NDArray[np.integer], parameters: MixtureParameters
    ) -> Tails:
        """Return the tails of rows with these log densities and components."""
        n_components = len(parameters.weights)
        n_earlier = np.bincount(labels, minlength=n_components)
        n_lowest = np.ceil(_SHARES[-1] * n_earlier).astype(int)
        order = np.lexsort((densities, labels))
        last = np.cumsum(n_earlier) - n_earlier + n_lowest - 1
        thresholds = np.full(n_components, -np.inf)
        thresholds[n_earlier > 0] = densities[order][last[n_earlier > 0]]
        if parameters.has_background:
            thresholds[-1], n_lowest[-1], n_earlier[-1] = np.inf, n_earlier[-1], len(labels)
        return cls(n_earlier, n_lowest, thresholds)

    @classmethod
    def expected(cls, parameters: MixtureParameters) -> Tails:
        """Return the tails of rows drawn from each component, where earlier ones are not known."""
        rng, dim = np.random.default_rng(0), parameters.means.shape[1]
        labels = np.repeat(np.arange(len(parameters.weights)), _N_DRAWS)
        dispersions = [
            sample_one_minus_cosine(kappa, dim, _N_DRAWS, rng)
            for kappa in parameters.concentrations.tolist()
        ]
        offsets = parameters.offsets + log_normalizer(0.0, dim)
        cosines = 1.0 - np.concatenate(dispersions)
        densities = offsets[labels] + parameters.concentrations[labels] * cosines
        tails = cls.of(densities, labels, parameters)
        if parameters.has_background:
            tails.n_unlike[-1] = np.ceil(parameters.weights[-1] * tails.n_earlier[-1])
        return tails

    def with_rows(
        self, densities: FloatArray, labels: NDArray[np.integer], parameters: MixtureParameters
    ) -> Tails:
        """Return the tails with more rows, which may belong to new components."""
        n_new = len(parameters.weights) - len(self.n_earlier)
        place = len(self.n_earlier) - parameters.has_background
        added = Tails.of(densities, labels, parameters)
        places = [place] * n_new
        thresholds = np.insert(self.thresholds, places, added.thresholds[place:][:n_new])
        is_unlike = densities <= thresholds[labels]
        return Tails(
            np.insert(self.n_earlier, places, 0) + added.n_earlier,
            np.insert(self.n_unlike, places, 0)
            + np.bincount(labels[is_unlike], minlength=len(thresholds)),
            thresholds,
        )

    def selected(self, components: NDArray[np.integer]) -> Tails:
        """Return the tails of these components, in this order."""
        return Tails(*(values[components] for values in self))


@dataclass(frozen=True)
class Novelty:
    """Earlier rows of a stream, and how many of the last ones are unlike every cluster.

    Parameters
    ----------
    n_earlier : int
        Number of earlier rows.
    n_unlike : tuple of int
        Number of those that count as unlike every cluster, for each share.
    thresholds : tuple of float
        Largest log density of a row that does, for each share; −inf for the background.
    earlier : tuple of array or None
        Log densities of the earlier rows, while there are too few of them; None when there are
        enough.
    groups : tuple of (number of rows, number of unlike rows for each share)
        The last rows; the last group may still be too small to be tested.
    n_tests, n_alarms : int
        Number of groups that were tested, and how often there were too many unlike rows.
    tails : Tails or None
        Earlier rows of each component; None if they are not known.
    """

    n_earlier: int = 0
    n_unlike: tuple[int, ...] = ()
    thresholds: tuple[float, ...] = ()
    earlier: tuple[FloatArray, ...] | None = ()
    groups: tuple[tuple[int, ...], ...] = ()
    n_tests: int = 0
    n_alarms: int = 0
    tails: Tails | None = None

    @classmethod
    def after_fit(
        cls, parameters: MixtureParameters, assignment: Assignment, weight: float
    ) -> Novelty:
        """Return the state after a fit, each of whose rows is compared with the other rows.

        Parameters
        ----------
        parameters : MixtureParameters
        assignment : Assignment
            Of all rows of the fit.
        weight : float
            Total weight of the rows.

        Returns
        -------
        Novelty
        """
        sample = left_out_sample(parameters, assignment, weight)
        tails = Tails.of(sample.log_densities, sample.labels, parameters)
        return replace(
            cls()._with_earlier(densities_of_clusters(parameters, sample)),
            earlier=None,
            tails=tails,
        )

    def with_rows(
        self, parameters: MixtureParameters, assignment: Assignment, weight: float
    ) -> Novelty:
        """Return the state after an update with some rows, which are then earlier rows.

        Parameters
        ----------
        parameters : MixtureParameters
            After the update. New components follow the others; the background stays the last.
        assignment : Assignment
            Of the rows to these components.
        weight : float
            Total weight of all rows.

        Returns
        -------
        Novelty
        """
        if self.earlier is not None:
            return Novelty.after_fit(parameters, assignment, weight)
        sample = left_out_sample(parameters, assignment, weight)
        tails = self.tails
        if tails is not None:
            tails = tails.with_rows(sample.log_densities, sample.labels, parameters)
        counts = _counts(densities_of_clusters(parameters, sample), self.thresholds)
        return replace(
            self,
            n_earlier=self.n_earlier + len(sample.labels),
            n_unlike=_sum([self.n_unlike, counts]),
            groups=(),
            tails=tails,
        )

    def selected(self, components: NDArray[np.integer]) -> Novelty:
        """Return the state of a mixture of these components, in this order."""
        return self if self.tails is None else replace(self, tails=self.tails.selected(components))

    def is_consistent(self, n_components: int) -> bool:
        """Return whether a fit with this number of components can have produced the numbers.

        The numbers of a damaged file may have any value, shape or type.
        """
        tails = self.tails
        n_unlike, thresholds = np.array(self.n_unlike), np.array(self.thresholds)
        numbers = [(np.array(self.n_earlier), n_unlike, thresholds, len(_SHARES))]
        if tails is not None:
            numbers.append((*tails, n_components))
            if tails.n_earlier.shape != (n_components,):
                return False
        return all(
            unlike.shape == values.shape == (size,)
            and earlier.dtype.kind == unlike.dtype.kind == "i"
            and values.dtype.kind == "f"
            and not np.isnan(values).any()
            and bool(((unlike >= 0) & (unlike <= earlier)).all())
            for earlier, unlike, values, size in numbers
        )

    def tails_of(self, parameters: MixtureParameters) -> Tails:
        """Return the earlier rows of each component, or what is expected if they are not known."""
        return self.tails or Tails.expected(parameters)

    def with_batch(
        self, parameters: MixtureParameters, assignment: Assignment
    ) -> tuple[Novelty, Unusual | None]:
        """Return the state after a batch, and what to report.

        Parameters
        ----------
        parameters : MixtureParameters
            The components before the batch moves them.
        assignment : Assignment
            Of the rows of the batch to these components.

        Returns
        -------
        novelty : Novelty
        report : Unusual or None
            Numbers of the last rows, if too many of them are unlike every cluster. If this happens
            again and again, only the first, second, fourth, ... time is reported.
        """
        log_densities = densities_of_clusters(parameters, assignment)
        if self.earlier is not None:
            return self._with_earlier(log_densities), None
        counts = _counts(log_densities, self.thresholds)
        group, groups = (len(assignment.labels), *counts), self.groups
        if groups and groups[-1][0] < _MIN_ROWS:
            group = _sum([groups[-1], group])
            groups = groups[:-1]
        groups = (*groups, group)[-_MAX_GROUPS:]
        if group[0] < _MIN_ROWS:
            return replace(self, groups=groups), None
        novelty = replace(self, groups=groups, n_tests=self.n_tests + 1)
        unusual = novelty._unusual()
        if unusual is None:
            return novelty, None
        novelty = replace(novelty, groups=(), n_alarms=self.n_alarms + 1)
        return novelty, unusual if novelty.n_alarms.bit_count() == 1 else None

    def _unusual(self) -> Unusual | None:
        """Return numbers of the last rows, if too many of them are unlike every cluster.

        The error rate is divided among the tests t in proportion to 1 / t², whose sum is π² / 6,
        among the last 1, 2, 4, ... groups, and among the shares.
        """
        n_windows = _MAX_GROUPS.bit_length()
        n_comparisons = n_windows * len(self.n_unlike)
        error_rate = _ERROR_RATE / n_comparisons * 6.0 / (np.pi * self.n_tests) ** 2
        for n_groups in (2**exponent for exponent in range(n_windows)):
            if n_groups > len(self.groups):
                return None
            n_rows, *counts = _sum(self.groups[-n_groups:])
            for n_unlike, n_unlike_earlier in zip(counts, self.n_unlike, strict=True):
                if p_value(n_unlike, n_rows, n_unlike_earlier, self.n_earlier) < error_rate:
                    return Unusual(n_rows, n_unlike, n_unlike_earlier / self.n_earlier)
        return None

    def _with_earlier(self, log_densities: FloatArray) -> Novelty:
        """Return the state with more earlier rows, from which the thresholds are found."""
        earlier = (*(self.earlier or ()), log_densities)
        densities = np.sort(np.concatenate(earlier))
        n_earlier = len(densities)
        n_lowest = [int(np.ceil(share * n_earlier)) for share in _SHARES]
        thresholds = tuple(float(densities[n - 1]) for n in n_lowest)
        is_enough = n_earlier >= _MIN_EARLIER_ROWS
        return Novelty(
            n_earlier, _counts(densities, thresholds), thresholds, None if is_enough else earlier
        )


def _counts(densities: FloatArray, thresholds: tuple[float, ...]) -> tuple[int, ...]:
    """Return the number of log densities up to each threshold."""
    return tuple(int((densities <= threshold).sum()) for threshold in thresholds)


def _sum(counts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sum(each) for each in zip(*counts, strict=True))


def p_value(
    n_unlike: int,
    n_rows: int,
    n_unlike_earlier: int,
    n_earlier: int,
    *,
    tolerance: int = _TOLERANCE,
) -> float:
    """Return the probability of so many unlike rows or more.

    If rows come in random order, their number up to the k-th smallest of m earlier densities has a
    beta-binomial distribution with parameters k and m − k + 1.

    Parameters
    ----------
    n_unlike, n_rows : int
        Number of unlike rows, and of all rows.
    n_unlike_earlier, n_earlier : int
        The same for the earlier rows.
    tolerance : int, default=2
        Factor by which the share of unlike rows may have grown.

    Returns
    -------
    float
    """
    smaller = min(max(tolerance * n_unlike_earlier, 1), n_earlier)
    if n_unlike * n_earlier <= n_rows * smaller:
        return 1.0
    counts = np.arange(n_unlike, n_rows + 1)
    a, b = smaller, n_earlier - smaller + 1
    log_choices = gammaln(n_rows + 1) - gammaln(counts + 1) - gammaln(n_rows - counts + 1)
    logs = log_choices + betaln(counts + a, n_rows - counts + b) - betaln(a, b)
    return float(np.exp(logsumexp(logs)))


NO_NOVELTY = Novelty()  # before the first rows
