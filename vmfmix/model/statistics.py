"""What an EM iteration knows of the rows (SufficientStatistics) and what it makes of it (maximize).

Everything here is of the size of the components; the rows themselves stay in the engines.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from scipy.special import xlogy

from vmfmix import distribution
from vmfmix.model.matrices import row_lengths, scaled_rows, unit_rows

# Where all rows of a component coincide, its concentration is kept finite, and so small that
# float64 still tells κ x·μ from κ to 2e-4 nats.
LARGEST_CONCENTRATION = 1e12
_LARGEST_LENGTH = 1.0 - 1e-12  # mean resultant length of a prior
_SMALLEST_SHARE = 1e-6  # smaller ones make no difference
_FEWEST_PAIRS = 2.0  # of rows, ordered, from which a pooled concentration is estimated


@dataclass(frozen=True)
class SufficientStatistics:
    """Sums over rows that determine the next parameters; sums of disjoint sets of rows add.

    Parameters
    ----------
    counts : ndarray of shape (n_components,)
        Σ_i w_i r_ik.
    resultants : ndarray or CSR array of shape (n_components, n_features)
        Σ_i w_i r_ik x_i; sparse if most of it is zero.
    log_likelihood : float
        Σ_i w_i log p(x_i) with respect to surface measure, in nats; with hard assignment
        Σ_i w_i max_k log(π_k f_k(x_i)).
    weight : float
        Σ_i w_i over the rows that have a direction.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.model.statistics import SufficientStatistics
    >>> one = SufficientStatistics(np.array([2.0]), np.array([[1.0, 1.0]]), -1.5, 2.0)
    >>> other = SufficientStatistics(np.array([1.0]), np.array([[0.0, 1.0]]), -0.5, 1.0)
    >>> (one + other).resultants
    array([[1., 2.]])
    """

    counts: np.ndarray
    resultants: np.ndarray
    log_likelihood: float
    weight: float

    @property
    def lengths(self):
        """‖S_k‖ of each component."""
        return row_lengths(self.resultants)

    @property
    def directions(self):
        """S_k / ‖S_k‖, unit rows; any direction serves where the rows have none in common."""
        return unit_rows(self.resultants)

    def __add__(self, other):
        return SufficientStatistics(
            self.counts + other.counts,
            self.resultants + other.resultants,
            self.log_likelihood + other.log_likelihood,
            self.weight + other.weight,
        )

    def scaled(self, factor):
        """Statistics of the same rows with all weights multiplied by `factor`."""
        return SufficientStatistics(
            self.counts * factor,
            self.resultants * factor,
            self.log_likelihood * factor,
            self.weight * factor,
        )

    def selected(self, keep):
        """Statistics of some of the components; `keep` is an index array or a mask."""
        return replace(
            self,
            counts=self.counts[keep],
            resultants=self.resultants[keep],
        )

    def merged(self, groups):
        """Statistics after merging components: those with the same number in `groups` are added.

        Parameters
        ----------
        groups : ndarray of shape (n_components,), int
            New number of each component, from 0 without gaps.
        """
        n_before = len(groups)
        indicator = sp.csr_array((np.ones(n_before), (groups, np.arange(n_before))))
        return replace(
            self,
            counts=indicator @ self.counts,
            resultants=indicator @ self.resultants,
        )


@dataclass(frozen=True)
class MixtureParameters:
    """Parameters of a von Mises-Fisher mixture.

    Parameters
    ----------
    weights : ndarray of shape (n_components,)
        Positive, summing to 1.
    means : ndarray or CSR array of shape (n_components, n_features)
        Mean directions, unit rows; sparse if most of it is zero.
    concentrations : ndarray of shape (n_components,)
        At least 0; a component of concentration 0 is uniform.
    has_background : bool
        Whether the last component is the uniform background, whose concentration stays 0.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.model.statistics import MixtureParameters
    >>> mixture = MixtureParameters(np.array([0.25, 0.75]), np.eye(2), np.array([5.0, 0.0]))
    >>> mixture.natural
    array([[5., 0.],
           [0., 0.]])
    """

    weights: np.ndarray
    means: np.ndarray
    concentrations: np.ndarray
    has_background: bool = False

    @classmethod
    def nearest(cls, means):
        """Parameters under which a row belongs to the nearest mean, all else being equal."""
        n_components = means.shape[0]
        return cls(np.full(n_components, 1.0 / n_components), means, np.ones(n_components))

    @property
    def own(self):
        """Slice of the components that have a mean direction: all but a background."""
        return slice(None, len(self.weights) - self.has_background)

    def with_concentration(self, kappa):
        """The same mixture with this concentration for all components but a background."""
        concentrations = np.zeros_like(self.concentrations)
        concentrations[self.own] = kappa
        return replace(self, concentrations=concentrations)

    @property
    def natural(self):
        """κ_k μ_k, the coefficients of x in the log density, shape (K, d)."""
        return scaled_rows(self.means, self.concentrations)

    @property
    def offsets(self):
        """log π_k + log C(κ_k) − log C(0): the log joint relative to uniform where x·μ = 0."""
        dim = self.means.shape[1]
        with np.errstate(divide="ignore"):  # a background that explains nothing has weight 0
            log_weights = np.log(self.weights)
        return log_weights + distribution.log_normalizer(
            self.concentrations, dim, relative_to="uniform"
        )

    def selected(self, keep):
        """Mixture of some of the components, with weights that sum to 1 again."""
        weights = self.weights[keep]
        return replace(
            self,
            weights=weights / weights.sum(),
            means=self.means[keep],
            concentrations=self.concentrations[keep],
        )


@dataclass(frozen=True)
class ConcentrationPrior:
    """Pseudo-rows that every component with a concentration of its own has seen before its rows.

    The conjugate prior exp(s κ − m Φ(κ)) with m pseudo-rows of resultant length s. They shrink each
    concentration towards a pooled one, keep it finite where rows coincide, and take off what a
    resultant is too long by, since its rows agree with their own sum by chance.

    Parameters
    ----------
    mean_resultant_length : float
        A(κ_0) of the pooled concentration κ_0, from 0 to below 1.
    count : float, default=2.0
        m.

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

    mean_resultant_length: float
    count: float = 2.0

    @property
    def resultant_length(self):
        """s = m A − δ with δ the excess of the length of a resultant at the pooled A.

        E ‖S‖² = N² A² + N (1 − A²) for any law of mean resultant length A, so E ‖S‖ exceeds N A
        by (1 − A²) / (2 A) where N A² is large. δ is at most 1 + A (m − 1)/2: a single row, whose
        resultant has the length 1 whatever the law, is left with no less than A / 2.
        """
        length, count = self.mean_resultant_length, self.count
        most = 1.0 + 0.5 * length * (count - 1.0)
        excess = min((1.0 - length**2) / (2.0 * length), most) if length > 0 else most
        return count * length - excess

    @classmethod
    def pooled(cls, statistics, own_share=1.0):
        """Prior at the mean cosine between different rows of the same component.

        Σ_k (‖S_k‖² − N_k) / Σ_k (N_k² − N_k) estimates A² without bias whatever the law, if each
        row belongs to one component. Where no component has two rows, the length of the resultants
        stands for it, as in a tied fit.

        Parameters
        ----------
        statistics : SufficientStatistics
            Of a hard assignment.
        own_share : float, default=1.0
            Share of its mean resultant length that a component of the mean count takes from its own
            rows, from 0 to 1; 1: all but for two pseudo-rows.
        """
        squares = np.square(statistics.lengths)
        counts = statistics.counts
        share = max(own_share, _SMALLEST_SHARE)
        pseudo_rows = cls.count + counts.mean() * (1.0 - share) / share
        pairs = np.maximum(counts**2 - counts, 0.0)
        if pairs.sum() < _FEWEST_PAIRS:
            mean_cosine = (statistics.lengths.sum() / counts.sum()) ** 2
        else:
            mean_cosine = (squares - counts)[pairs > 0].sum() / pairs.sum()
        return cls(float(np.sqrt(np.clip(mean_cosine, 0.0, _LARGEST_LENGTH))), pseudo_rows)

    def concentrations(self, lengths, counts, dim):
        """Most probable concentrations: A(κ_k) = (‖S_k‖ + s) / (N_k + m), or 0 if negative."""
        dispersion = (counts - lengths + self.count - self.resultant_length) / (counts + self.count)
        dispersion = np.clip(dispersion, 0.0, 1.0)
        kappa = distribution.concentration(None, dim, one_minus_r=dispersion)
        return np.minimum(kappa, LARGEST_CONCENTRATION)

    def log_density(self, concentrations, dim):
        """Log of the prior density of each concentration relative to its maximum, so at most 0."""
        mode = distribution.concentration(max(self.resultant_length / self.count, 0.0), dim)
        phi, phi_mode = (
            -distribution.log_normalizer(kappa, dim, relative_to="uniform")
            for kappa in (concentrations, mode)
        )
        return self.resultant_length * (concentrations - mode) - self.count * (phi - phi_mode)


def classification_log_likelihood(counts, lengths, dim):
    """Log-likelihood of rows and labels under one shared concentration, at its maximum.

    n (ψ(R̄) + log C(0)) + Σ_k N_k log(N_k / n), with n = Σ_k N_k, R̄ = Σ_k ‖S_k‖ / n and ψ(A(κ))
    the divergence of the law with concentration κ from the uniform one.

    Parameters
    ----------
    counts, lengths : ndarray of shape (n_components,)
        N_k, and the lengths ‖S_k‖ of the resultants, of a hard assignment.
    dim : int

    Returns
    -------
    float
        In nats with respect to surface measure.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.model.statistics import classification_log_likelihood
    >>> round(classification_log_likelihood(np.array([5.0]), np.array([0.0]), dim=3) / 5, 3)
    -2.531
    """
    total = counts.sum()
    length = min(lengths.sum() / total, _LARGEST_LENGTH)
    explained = distribution.kl_from_uniform(distribution.concentration(length, dim), dim)
    uniform = distribution.log_normalizer(0.0, dim)
    return float(total * (explained + uniform) + xlogy(counts, counts / total).sum())


def maximize(statistics, *, concentration="tied", prior=None, has_background=False):
    """M step: the parameters that maximize the expected (penalized) log-likelihood.

    With N_k the counts and S_k the resultants, π_k = N_k / Σ N and μ_k = S_k / ‖S_k‖ [1]_.

    Parameters
    ----------
    statistics : SufficientStatistics
        Every count must be positive (but that of a background).
    concentration : "tied", "free" or float, default="tied"
        "tied": one κ with A(κ) = Σ_k ‖S_k‖ / Σ_k N_k. "free": for each component the most
        probable κ_k under the `prior`. A float: fixed.
    prior : ConcentrationPrior, default=None
        Needed by "free", and not used otherwise.
    has_background : bool, default=False
        The last component is uniform; only its weight is estimated.

    Returns
    -------
    MixtureParameters

    References
    ----------
    .. [1] A. Banerjee, I. S. Dhillon, J. Ghosh, S. Sra (2005). Clustering on the unit hypersphere
       using von Mises-Fisher distributions. JMLR 6, 1345-1382.

    Examples
    --------
    Two components with resultants of length 3 and 4, of 5 rows each, in 3 dimensions:

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
        shared = lengths[own].sum() / max(counts[own].sum(), np.finfo(float).tiny)
        kappa = distribution.concentration(min(shared, 1.0), dim)
        concentrations[own] = min(kappa, LARGEST_CONCENTRATION)
    elif concentration == "free":
        concentrations[own] = prior.concentrations(lengths[own], counts[own], dim)
    else:
        concentrations[own] = concentration
    return MixtureParameters(
        weights=counts / counts.sum(),
        means=statistics.directions,
        concentrations=concentrations,
        has_background=has_background,
    )
