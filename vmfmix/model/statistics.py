"""Sufficient statistics, mixture parameters, and the M step that computes one from the other.

All arrays here have the size of the components; the rows themselves stay in the engines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from vmfmix import distribution
from vmfmix.model.matrices import row_lengths, scaled_rows, unit_rows

FloatArray = NDArray[np.float64]

# Keeps the concentration of a component finite when all of its rows coincide. Small enough for
# float64 to resolve the difference between κ x·μ and κ to 2e-4 nats.
LARGEST_CONCENTRATION = 1e12
_LARGEST_LENGTH = 1.0 - 1e-12  # mean resultant length that still has a finite concentration
_SMALLEST_SHARE = 1e-6  # smaller shares make no difference
_MIN_SURPLUS = 1.0  # rows beyond one for each component that a pooled concentration needs


@dataclass(frozen=True)
class SufficientStatistics:
    """Sums over rows that determine the next parameters; sums of disjoint sets of rows add up.

    Parameters
    ----------
    counts : ndarray of shape (n_components,)
        Σ_i w_i r_ik.
    resultants : ndarray or CSR array of shape (n_components, n_features)
        Σ_i w_i r_ik x_i; sparse if most entries are zero.
    log_likelihood : float
        Σ_i w_i log p(x_i) with respect to surface measure, in nats; with hard assignment
        Σ_i w_i max_k log(π_k f_k(x_i)).
    weight : float
        Σ_i w_i over the rows that have a direction.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.model.statistics import SufficientStatistics
    >>> first = SufficientStatistics(np.array([2.0]), np.array([[1.0, 1.0]]), -1.5, 2.0)
    >>> second = SufficientStatistics(np.array([1.0]), np.array([[0.0, 1.0]]), -0.5, 1.0)
    >>> (first + second).resultants
    array([[1., 2.]])
    """

    counts: FloatArray
    resultants: Any
    log_likelihood: float
    weight: float

    @property
    def lengths(self) -> FloatArray:
        """‖S_k‖ of each component."""
        return row_lengths(self.resultants)

    @property
    def directions(self) -> Any:
        """S_k / ‖S_k‖, unit rows; an arbitrary direction where S_k is zero."""
        return unit_rows(self.resultants)

    def __add__(self, other: SufficientStatistics) -> SufficientStatistics:
        return SufficientStatistics(
            self.counts + other.counts,
            self.resultants + other.resultants,
            self.log_likelihood + other.log_likelihood,
            self.weight + other.weight,
        )

    def scaled(self, factor: float) -> SufficientStatistics:
        """Return the statistics of the same rows with all weights multiplied by `factor`."""
        return SufficientStatistics(
            self.counts * factor,
            self.resultants * factor,
            self.log_likelihood * factor,
            self.weight * factor,
        )

    def selected(self, components: Any) -> SufficientStatistics:
        """Return the statistics of some components, given as a mask, a slice or indices."""
        return replace(self, counts=self.counts[components], resultants=self.resultants[components])

    def merged(self, groups: NDArray[np.integer]) -> SufficientStatistics:
        """Return the statistics after merging the components with the same number in `groups`.

        Parameters
        ----------
        groups : ndarray of shape (n_components,), int
            New number of each component, from 0 without gaps.
        """
        n_before = len(groups)
        indicator = sp.csr_array((np.ones(n_before), (groups, np.arange(n_before))))
        return replace(self, counts=indicator @ self.counts, resultants=indicator @ self.resultants)


@dataclass(frozen=True)
class MixtureParameters:
    """Parameters of a von Mises-Fisher mixture.

    Parameters
    ----------
    weights : ndarray of shape (n_components,)
        Positive, summing to 1.
    means : ndarray or CSR array of shape (n_components, n_features)
        Mean directions, unit rows; sparse if most entries are zero.
    concentrations : ndarray of shape (n_components,)
        At least 0; a component of concentration 0 is uniform.
    has_background : bool, default=False
        Whether the last component is the uniform background, whose concentration stays 0.
    power : float, default=1.0
        Responsibilities are proportional to the joint densities π_k f_k(x) to this power. Densities
        are defined only for a power of 1.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.model.statistics import MixtureParameters
    >>> mixture = MixtureParameters(np.array([0.25, 0.75]), np.eye(2), np.array([5.0, 0.0]))
    >>> mixture.natural
    array([[5., 0.],
           [0., 0.]])
    """

    weights: FloatArray
    means: Any
    concentrations: FloatArray
    has_background: bool = False
    power: float = 1.0

    @classmethod
    def nearest(cls, means: Any) -> MixtureParameters:
        """Return parameters that assign each row to the nearest of these mean directions."""
        n_components = means.shape[0]
        return cls(np.full(n_components, 1.0 / n_components), means, np.ones(n_components))

    @classmethod
    def uniform(cls, n_features: int) -> MixtureParameters:
        """Return a single uniform component, whose statistics are those of all rows."""
        return cls(np.ones(1), np.eye(1, n_features), np.zeros(1))

    @property
    def own(self) -> slice:
        """Slice of the components that have a mean direction: all but the background."""
        return slice(None, len(self.weights) - self.has_background)

    def with_concentration(self, concentration: float) -> MixtureParameters:
        """Return the mixture with this concentration for every component but the background."""
        concentrations = np.zeros_like(self.concentrations)
        concentrations[self.own] = concentration
        return replace(self, concentrations=concentrations)

    @property
    def natural(self) -> Any:
        """κ_k μ_k times the power, the coefficients of x in the log joint, a row per component."""
        return scaled_rows(self.means, self.power * self.concentrations)

    @property
    def offsets(self) -> FloatArray:
        """log π_k + log C(κ_k) − log C(0), times the power: the log joint where x·μ = 0."""
        with np.errstate(divide="ignore"):  # an empty background has weight 0
            log_weights = np.log(self.weights)
        offsets: FloatArray = self.power * (
            log_weights
            + distribution.log_normalizer(
                self.concentrations, self.means.shape[1], relative_to="uniform"
            )
        )
        return offsets

    def selected(self, components: Any) -> MixtureParameters:
        """Return the mixture of some components, with weights that again sum to 1."""
        weights = self.weights[components]
        return replace(
            self,
            weights=weights / weights.sum(),
            means=self.means[components],
            concentrations=self.concentrations[components],
        )


def pooled_resultant_length(
    counts: FloatArray, lengths: FloatArray, *, largest: float = _LARGEST_LENGTH
) -> float:
    """Return the mean resultant length of all components together, R̄ = Σ_k ‖S_k‖ / Σ_k N_k.

    Parameters
    ----------
    counts, lengths : ndarray of shape (n_components,)
        N_k, and the lengths ‖S_k‖ of the resultants.
    largest : float, default=1 - 1e-12
        Upper bound of the result, at most 1.

    Returns
    -------
    float
        From 0 to `largest`.
    """
    return min(lengths.sum() / max(counts.sum(), np.finfo(float).tiny), largest)


def pooled_concentration(
    counts: FloatArray, lengths: FloatArray, dim: int, *, largest_length: float = _LARGEST_LENGTH
) -> float:
    """Return the concentration κ that all components share, A(κ) = Σ_k ‖S_k‖ / Σ_k N_k.

    Parameters
    ----------
    counts, lengths : ndarray of shape (n_components,)
        N_k, and the lengths ‖S_k‖ of the resultants.
    dim : int
        Dimension of the space around the sphere, or the effective dimension of the scatter.
    largest_length : float, default=1 - 1e-12
        Upper bound of the mean resultant length, which keeps κ finite.

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.model.statistics import pooled_concentration
    >>> round(pooled_concentration(np.array([5.0, 5.0]), np.array([3.0, 4.0]), dim=3), 3)
    3.304
    """
    length = pooled_resultant_length(counts, lengths, largest=largest_length)
    return float(distribution.concentration(length, dim))


@dataclass(frozen=True)
class ConcentrationPrior:
    """Conjugate prior of the concentrations: pseudo-rows that are added to each component.

    The density is proportional to exp(s κ − m Φ(κ)), that of m pseudo-rows with a resultant of
    length s. The pseudo-rows shrink each concentration toward a pooled one, keep it finite where
    rows coincide, and correct the upward bias of the length of a resultant, which arises because
    rows agree with their own sum by chance.

    Parameters
    ----------
    mean_resultant_length : float
        A(κ_0) of the pooled concentration κ_0, at least 0 and below 1.
    count : float, default=2.0
        Number m of pseudo-rows.

    Examples
    --------
    A single row gets less than the pooled concentration, fifty copies of it far more:

    >>> import numpy as np
    >>> from vmfmix.model.statistics import ConcentrationPrior
    >>> prior = ConcentrationPrior(0.5)
    >>> rows = np.array([1.0, 50.0])
    >>> prior.concentrations(rows, rows, dim=100).round()
    array([  50., 1446.])
    """

    MIN_COUNT: ClassVar[float] = 2.0

    mean_resultant_length: float
    count: float = MIN_COUNT

    @property
    def resultant_length(self) -> float:
        """s = m A − δ, where δ is the upward bias of the length of a resultant at the pooled A.

        E ‖S‖² = N² A² + N (1 − A²) for any distribution of mean resultant length A, so E ‖S‖
        exceeds N A by (1 − A²) / (2 A) where N A² is large. δ is at most 1 + A (m − 1)/2: a single
        row, whose resultant always has length 1, is left with no less than A / 2.
        """
        length, count = self.mean_resultant_length, self.count
        largest = 1.0 + 0.5 * length * (count - 1.0)
        bias = min((1.0 - length**2) / (2.0 * length), largest) if length > 0 else largest
        return count * length - bias

    @classmethod
    def pooled(cls, statistics: SufficientStatistics, own_share: float = 1.0) -> ConcentrationPrior:
        """Return the prior at the pooled variance of the rows within their components.

        The variance of a component is V_k = (N_k − ‖S_k‖² / N_k) / (N_k − 1), an unbiased estimate
        of 1 − A² for any distribution, and its scatter is (N_k − 1) V_k. The pooled variance is the
        mean of the V_k, weighted by the scatters: copies of a row add to the counts but not to the
        scatter, so that the other rows determine it, however many copies there are. Where no
        component has two rows, the length of the resultants is used instead, as in a tied fit.

        Parameters
        ----------
        statistics : SufficientStatistics
            Of a hard assignment.
        own_share : float, default=1.0
            Share of its mean resultant length that a component of average count takes from its own
            rows, from 0 to 1; 1 means all except two pseudo-rows.
        """
        counts, lengths = statistics.counts, statistics.lengths
        share = max(own_share, _SMALLEST_SHARE)
        pseudo_rows = cls.MIN_COUNT + counts.mean() * (1.0 - share) / share
        several = counts > 1.0
        surplus = counts[several] - 1.0
        scatters = counts[several] - np.square(lengths[several]) / counts[several]
        scatters = np.maximum(scatters, 0.0)  # rounding
        if surplus.sum() < _MIN_SURPLUS:
            squared_length = pooled_resultant_length(counts, lengths, largest=1.0) ** 2
        elif scatters.any():
            squared_length = 1.0 - np.average(scatters / surplus, weights=scatters)
        else:
            squared_length = 1.0
        return cls(float(np.sqrt(np.clip(squared_length, 0.0, _LARGEST_LENGTH))), pseudo_rows)

    def concentrations(self, lengths: FloatArray, counts: FloatArray, dim: int) -> FloatArray:
        """Return the most probable concentrations, A(κ_k) = (‖S_k‖ + s) / (N_k + m) or 0."""
        dispersion = (counts - lengths + self.count - self.resultant_length) / (counts + self.count)
        dispersion = np.clip(dispersion, 0.0, 1.0)
        kappa = distribution.concentration(None, dim, one_minus_r=dispersion)
        return np.minimum(kappa, LARGEST_CONCENTRATION)

    def log_density(self, concentrations: ArrayLike, dim: int) -> FloatArray:
        """Return the log prior density of each concentration relative to its maximum."""
        mode = distribution.concentration(max(self.resultant_length / self.count, 0.0), dim)
        phi, phi_mode = (
            -distribution.log_normalizer(kappa, dim, relative_to="uniform")
            for kappa in (concentrations, mode)
        )
        return self.resultant_length * (concentrations - mode) - self.count * (phi - phi_mode)


def maximize(
    statistics: SufficientStatistics,
    *,
    concentration: str | float = "tied",
    prior: ConcentrationPrior | None = None,
    has_background: bool = False,
) -> MixtureParameters:
    """Compute the parameters that maximize the expected (penalized) log-likelihood: the M step.

    With N_k the counts and S_k the resultants, π_k = N_k / Σ N and μ_k = S_k / ‖S_k‖ [1]_.

    Parameters
    ----------
    statistics : SufficientStatistics
        Every count but that of the background must be positive.
    concentration : {"tied", "free"} or float, default="tied"
        "tied": one κ with A(κ) = Σ_k ‖S_k‖ / Σ_k N_k. "free": for each component the most
        probable κ_k under the `prior`. A float: fixed.
    prior : ConcentrationPrior, default=None
        Required for "free", unused otherwise.
    has_background : bool, default=False
        Whether the last component is uniform, so that only its weight is estimated.

    Returns
    -------
    MixtureParameters

    Raises
    ------
    ValueError
        If `concentration` is "free" and there is no prior.

    References
    ----------
    .. [1] A. Banerjee, I. S. Dhillon, J. Ghosh, S. Sra (2005). Clustering on the unit hypersphere
       using von Mises-Fisher distributions. JMLR 6, 1345-1382.

    Examples
    --------
    Two components of 5 rows each, with resultants of length 3 and 4, in 3 dimensions:

    >>> import numpy as np
    >>> from vmfmix.model.statistics import SufficientStatistics, maximize
    >>> resultants = np.array([[3.0, 0, 0], [0, 0, 4.0]])
    >>> parameters = maximize(SufficientStatistics(np.array([5.0, 5.0]), resultants, 0.0, 10.0))
    >>> parameters.weights
    array([0.5, 0.5])
    >>> parameters.concentrations.round(3)  # A(κ) = 7 / 10
    array([3.304, 3.304])
    """
    counts, resultants = statistics.counts, statistics.resultants
    n_components, dim = resultants.shape
    own = slice(None, n_components - has_background)
    lengths = statistics.lengths

    concentrations = np.zeros(n_components)
    if concentration == "tied":
        shared = pooled_concentration(counts[own], lengths[own], dim, largest_length=1.0)
        concentrations[own] = min(shared, LARGEST_CONCENTRATION)
    elif concentration == "free":
        if prior is None:
            raise ValueError('concentration="free" needs a prior; pass a ConcentrationPrior.')
        concentrations[own] = prior.concentrations(lengths[own], counts[own], dim)
    else:
        concentrations[own] = concentration
    return MixtureParameters(
        weights=counts / counts.sum(),
        means=statistics.directions,
        concentrations=concentrations,
        has_background=has_background,
    )
