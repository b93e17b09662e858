"""The EM loop: accumulate, maximize, stop."""

from dataclasses import dataclass, field

from vmfmix.model.statistics import ConcentrationPrior, MixtureParameters, maximize

# A component with less than this count explains nothing and is dropped.
_EMPTY = 1e-100


@dataclass
class EMResult:
    """Outcome of `fit`.

    Parameters
    ----------
    parameters : MixtureParameters
    prior : ConcentrationPrior or None
    lower_bounds : list of float
        Mean (penalized) log-likelihood per unit of weight before each M step, in nats.
    n_components : list of int
        At the same times.
    converged : bool
    stopped : bool
        By `on_iteration`.
    weight : float
        Of all rows together.
    """

    parameters: MixtureParameters
    prior: ConcentrationPrior | None = None
    lower_bounds: list = field(default_factory=list)
    n_components: list = field(default_factory=list)
    converged: bool = False
    stopped: bool = False
    weight: float = 0.0


def fit(
    engine,
    parameters,
    *,
    concentration="tied",
    hard=False,
    max_iter=100,
    tol=1e-4,
    prior=None,
    own_share=1.0,
    on_iteration=None,
    memory=None,
):
    """Fit a von Mises-Fisher mixture by expectation maximization.

    Parameters
    ----------
    engine : Engine
    parameters : MixtureParameters
        Where to start. Components that come to own nothing are dropped.
    concentration : "tied", "free" or float
        See `vmfmix.model.statistics.maximize`.
    hard : bool
        Classification EM: each row counts for its most probable component alone.
    max_iter : int
        At most this many M steps.
    tol : float
        Stop when the lower bound changes by no more, in nats per unit of weight.
    prior : ConcentrationPrior, default=None
        For "free", where a fit goes on; None: pooled from the first pass.
    own_share : float, default=1.0
        Of the concentration of a component, with that prior; see `ConcentrationPrior.pooled`.
    on_iteration : callable, default=None
        Called with (iteration, lower_bound, n_components) after each E step; the fit stops when it
        returns True.
    memory : vmfmix.fitting.checkpoints.Memory, default=None
        Where each iteration is kept. A run that was broken off goes on from there, after what it
        had told `on_iteration` was told again.

    Returns
    -------
    EMResult

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.model import em
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> from vmfmix.engines.choice import choose_engine
    >>> from vmfmix.fitting.seeding import seed_means
    >>> from vmfmix.fitting.start import initial_parameters
    >>> X, _ = make_vmf_mixture(500, n_features=8, n_components=3, random_state=0)
    >>> engine = choose_engine(X)
    >>> means = seed_means(engine, 3, "k-means++", np.random.RandomState(0))
    >>> result = em.fit(engine, initial_parameters(engine, means))
    >>> result.converged, result.parameters.means.shape
    (True, (3, 8))
    """
    if memory is not None and memory.result is not None:
        result = memory.result
        _tell_again(result, engine, on_iteration)
    else:
        result = _beginning(engine, parameters, concentration, prior, own_share)
    parameters, prior = result.parameters, result.prior
    for iteration in range(len(result.lower_bounds), max_iter):
        if result.stopped or result.converged:
            break
        statistics = engine.accumulate(parameters, hard=hard)
        bound, n_components = _lower_bound(statistics, parameters, prior), len(parameters.weights)
        result.lower_bounds.append(bound)
        result.n_components.append(n_components)
        result.weight = statistics.weight
        stop = on_iteration is not None and on_iteration(iteration, bound, n_components)
        result.converged = iteration > 0 and abs(bound - result.lower_bounds[-2]) <= tol
        result.stopped = bool(engine.broadcast(bool(stop)))
        if not result.stopped and not result.converged:
            statistics = _without_empty(statistics, parameters)
            parameters = _maximize(statistics, parameters, concentration, prior)
            result.parameters = parameters
        if memory is not None:
            memory.keep(result)
    return result


def _beginning(engine, parameters, concentration, prior, own_share):
    """What EM starts from: with the concentrations that it is to have."""
    if concentration != "free":
        prior = None
    elif prior is None:
        statistics = engine.accumulate(parameters, hard=True)
        prior = ConcentrationPrior.pooled(statistics.selected(parameters.own), own_share)
        parameters = _maximize(
            _without_empty(statistics, parameters), parameters, concentration, prior
        )
    if not isinstance(concentration, str):
        parameters = parameters.with_concentration(concentration)
    return EMResult(parameters, prior)


def _tell_again(result, engine, on_iteration):
    """Tell of the iterations of a run that goes on."""
    stops = [
        on_iteration is not None and on_iteration(iteration, *told)
        for iteration, told in enumerate(zip(result.lower_bounds, result.n_components))
    ]
    result.stopped = bool(engine.broadcast(any(stops)))


def _lower_bound(statistics, parameters, prior):
    bound = statistics.log_likelihood
    if prior is not None:
        concentrations, dim = parameters.concentrations[parameters.own], parameters.means.shape[1]
        bound += prior.log_density(concentrations, dim).sum()
    return float(bound / statistics.weight)


def _maximize(statistics, parameters, concentration, prior):
    return maximize(
        statistics,
        concentration=concentration,
        prior=prior,
        has_background=parameters.has_background,
    )


def _without_empty(statistics, parameters):
    """Statistics of the components that own rows; a background may own none."""
    keep = statistics.counts > _EMPTY
    keep[-1] |= parameters.has_background
    return statistics.selected(keep)
