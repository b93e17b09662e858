"""What an EM iteration knows of the rows (SufficientStatistics) and what it makes of it (maximize).

Everything here is of the size of the components; the rows themselves stay in the engines.
"""

from dataclasses import dataclass, replace

import numpy as np

from vmfmix import distribution

# A concentration is kept finite where all rows of a component coincide.
_SMALLEST_DISPERSION = 1e-12


@dataclass(frozen=True)
class SufficientStatistics:
    """Sums over rows that determine the next parameters; sums of disjoint sets of rows add.

    Parameters
    ----------
    counts : ndarray of shape (n_components,)
        Σ_i w_i r_ik.
    resultants : ndarray of shape (n_components, n_features)
        Σ_i w_i r_ik x_i.
    log_likelihood : float
        Σ_i w_i log p(x_i) with respect to surface measure, in nats; with hard assignment
        Σ_i w_i max_k log(π_k f_k(x_i)).
    weight : float
        Σ_i w_i over the rows that have a direction.
    """

    counts: np.ndarray
    resultants: np.ndarray
    log_likelihood: float
    weight: float

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
        indicator = np.equal.outer(np.arange(groups.max() + 1), groups).astype(float)
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
    means : ndarray of shape (n_components, n_features)
        Mean directions, unit rows.
    concentrations : ndarray of shape (n_components,)
        At least 0; a component of concentration 0 is uniform.
    mean_concentrations : ndarray of shape (n_components,) or None
        How sharply each mean direction is known: the concentration of its posterior vMF law.
        None: exactly.
    has_background : bool
        Whether the last component is the uniform background, whose concentration stays 0.
    """

    weights: np.ndarray
    means: np.ndarray
    concentrations: np.ndarray
    mean_concentrations: np.ndarray | None = None
    has_background: bool = False

    @property
    def natural(self):
        """κ_k E[μ_k], the coefficients of x in the expected log density, shape (K, d)."""
        slopes = self.concentrations
        if self.mean_concentrations is not None:
            dim = self.means.shape[1]
            slopes = slopes * distribution.mean_resultant_length(self.mean_concentrations, dim)
        return slopes[:, np.newaxis] * self.means

    @property
    def offsets(self):
        """log π_k + log C(κ_k) − log C(0): the log joint relative to uniform where x·μ = 0."""
        dim = self.means.shape[1]
        with np.errstate(divide="ignore"):  # a background that explains nothing has weight 0
            log_weights = np.log(self.weights)
        return log_weights + distribution.log_normalizer(
            self.concentrations, dim, relative_to="uniform"
        )

    @property
    def plug_in(self):
        """The same mixture with its mean directions taken as known."""
        return replace(self, mean_concentrations=None)

    def selected(self, keep):
        """Mixture of some of the components, with weights that sum to 1 again."""
        weights = self.weights[keep]
        spread = self.mean_concentrations
        return replace(
            self,
            weights=weights / weights.sum(),
            means=self.means[keep],
            concentrations=self.concentrations[keep],
            mean_concentrations=None if spread is None else spread[keep],
        )


@dataclass(frozen=True)
class ConcentrationPrior:
    """Pseudo-rows that every component with a concentration of its own has seen before its rows.

    They shrink the concentrations towards a pooled one and keep them finite where rows coincide.

    Parameters
    ----------
    mean_resultant_length : float
        Mean resultant length of the pseudo-rows, below 1.
    strength : float, default=2.0
        Their number.
    """

    mean_resultant_length: float
    strength: float = 2.0

    @classmethod
    def pooled(cls, statistics):
        """Prior at the concentration of all components, their mean directions integrated out."""
        lengths = np.linalg.norm(statistics.resultants, axis=1)
        dim = statistics.resultants.shape[1]
        (shared,) = _marginal_concentration(
            lengths[np.newaxis], statistics.counts[np.newaxis], cls(0.0, strength=0.0), dim
        )
        return cls(float(distribution.mean_resultant_length(shared, dim)))

    def penalty(self, parameters):
        """What the lower bound on the marginal log-likelihood subtracts from the expected one.

        Σ_k KL(q(μ_k) ‖ uniform) + a Σ_k KL(vMF(μ_k, κ_0) ‖ vMF(μ_k, κ_k)) with q(μ_k) the posterior
        of the mean direction, κ_0 the pooled concentration and a the strength; in nats.
        """
        own = slice(None, -1 if parameters.has_background else None)
        dim = parameters.means.shape[1]
        concentrations = parameters.concentrations[own]
        pooled = distribution.concentration(self.mean_resultant_length, dim)
        gap = (
            distribution.log_normalizer(pooled, dim, relative_to="uniform")
            - distribution.log_normalizer(concentrations, dim, relative_to="uniform")
            - self.mean_resultant_length * (concentrations - pooled)
        )
        directions = distribution.kl_from_uniform(parameters.mean_concentrations[own], dim)
        return float(directions.sum() + self.strength * gap.sum())


def maximize(statistics, *, concentration="tied", prior=None, has_background=False):
    """M step: the parameters that maximise the expected log-likelihood of the statistics.

    With N_k the counts and S_k the resultants, π_k = N_k / Σ N and μ_k = S_k / ‖S_k‖ [1]_.

    Parameters
    ----------
    statistics : SufficientStatistics
        Every count must be positive (but that of a background).
    concentration : "tied", "free" or float, default="tied"
        "tied": one κ with A(κ) = Σ_k ‖S_k‖ / Σ_k N_k. "free": for each component the κ_k that
        maximises its likelihood with the mean direction integrated out, times the `prior`.
        A float: fixed.
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
    """
    counts, resultants = statistics.counts, statistics.resultants
    n_components, dim = resultants.shape
    own = slice(None, n_components - has_background)
    lengths = np.linalg.norm(resultants, axis=1)
    means = resultants / np.where(lengths > 0, lengths, 1.0)[:, np.newaxis]
    means[lengths == 0, 0] = 1.0  # any direction serves where the rows have none in common

    concentrations = np.zeros(n_components)
    mean_concentrations = None
    if concentration == "tied":
        shared = lengths[own].sum() / max(counts[own].sum(), np.finfo(float).tiny)
        concentrations[own] = distribution.concentration(
            min(shared, 1.0 - _SMALLEST_DISPERSION), dim
        )
    elif concentration == "free":
        concentrations[own] = _marginal_concentration(
            lengths[own, np.newaxis], counts[own, np.newaxis], prior, dim
        )
        mean_concentrations = concentrations * lengths
    else:
        concentrations[own] = concentration
    return MixtureParameters(
        weights=counts / counts.sum(),
        means=means,
        concentrations=concentrations,
        mean_concentrations=mean_concentrations,
        has_background=has_background,
    )


def _marginal_concentration(lengths, counts, prior, dim):
    """Concentrations most likely when the mean directions are integrated out.

    Maximises Σ_m [Φ(κ R_m) − N_m Φ(κ)] + a (κ r_0 − Φ(κ)), the log-likelihood of resultant lengths
    R_m of N_m rows under uniformly distributed mean directions [1]_ plus a pseudo-rows of mean
    resultant length r_0. Unlike the maximum over κ and μ together, which takes the rows' chance
    agreement with their own mean for concentration, it is nearly unbiased from two rows on.

    Parameters
    ----------
    lengths, counts : ndarray of shape (n, m)
        R and N: each of the n concentrations is shared by m components.
    prior : ConcentrationPrior

    Returns
    -------
    ndarray of shape (n,)

    References
    ----------
    .. [1] G. Schou (1978). Estimation of the concentration parameter in von Mises-Fisher
       distributions. Biometrika 65, 369-377.
    """
    a, r_0 = prior.strength, prior.mean_resultant_length
    total = counts.sum(axis=1) + a
    complement = (counts - lengths).sum(axis=1) + a * (1.0 - r_0)
    complement = np.maximum(complement, _SMALLEST_DISPERSION * total)

    # The derivative, written in 1 − A so that it keeps its digits at high concentrations.
    def derivative(kappa):
        spread = distribution.mean_resultant_length(
            kappa[:, np.newaxis] * lengths, dim, complement=True
        )
        own = distribution.mean_resultant_length(kappa, dim, complement=True)
        return total * own - (lengths * spread).sum(axis=1) - complement

    def curvature(kappa):
        spread = distribution.mean_resultant_length_derivative(kappa[:, np.newaxis] * lengths, dim)
        own = distribution.mean_resultant_length_derivative(kappa, dim)
        return (lengths**2 * spread).sum(axis=1) - total * own

    # At most the joint maximum likelihood; zero where the rows agree no more than by chance.
    upper = distribution.concentration(None, dim, one_minus_r=np.minimum(complement / total, 1.0))
    lower = np.zeros_like(upper)
    random = (a * r_0 == 0) & ((lengths**2).sum(axis=1) <= counts.sum(axis=1))
    kappa = 0.5 * upper
    for _ in range(100):
        slope = derivative(kappa)
        lower = np.where(slope > 0, kappa, lower)
        upper = np.where(slope > 0, upper, kappa)
        bend = curvature(kappa)
        newton = kappa - slope / np.where(bend < 0, bend, -np.inf)
        inside = (bend < 0) & (newton > lower) & (newton < upper)
        following = np.where(inside, newton, 0.5 * (lower + upper))
        settled = np.abs(following - kappa) <= 1e-12 * kappa
        kappa = following
        if np.all(settled | random):
            break
    return np.where(random, 0.0, kappa)
