"""Expectation maximization: the loop of E steps and M steps, and the stages of a fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from vmfmix.model.criteria import classification_log_likelihood
from vmfmix.model.statistics import (
    ConcentrationPrior,
    MixtureParameters,
    SufficientStatistics,
    maximize,
)

_SETTLE_ITERATIONS = 4
_TIED_FIRST_ITERATIONS = 10
_REFINE_ITERATIONS = 10
_EMPTY = 1e-100  # a component with a smaller count explains nothing and is dropped


@dataclass(frozen=True)
class Stage:
    """One run of EM: what its M step estimates, and when it stops.

    A fit runs through `SETTLE` (only if components are merged), `tied_first` (only if each
    component will have its own concentration) and `final`.

    Parameters
    ----------
    concentration : {"tied", "free", "nearest"} or float
        What the M step estimates, see `vmfmix.model.statistics.maximize`. "nearest": none;
        rows are assigned to the nearest mean direction, as in spherical k-means.
    hard : bool
        Whether each row counts for its most probable component alone (classification EM).
    max_iter : int
        Maximum number of iterations.
    tol : float or None, default=None
        Stop when the lower bound changes by no more than this, in nats per unit of weight. None:
        run all iterations.
    """

    concentration: str | float
    hard: bool
    max_iter: int
    tol: float | None = None


SETTLE = Stage("nearest", hard=True, max_iter=_SETTLE_ITERATIONS)
"""Spherical k-means before components are merged, which moves the initial means to clusters."""


def tied_first(*, hard: bool, max_iter: int, tol: float) -> Stage:
    """Return the stage with one shared concentration that precedes "free" and "pooled" fits.

    The widths of clusters can be estimated only once there are clusters.
    """
    return Stage("tied", hard=hard, max_iter=min(_TIED_FIRST_ITERATIONS, max_iter), tol=tol)


def final(concentration: str | float, *, hard: bool, max_iter: int, tol: float) -> Stage:
    """Return the stage that ends a fit; "pooled" is "free" with a stronger prior."""
    estimated = "free" if concentration == "pooled" else concentration
    return Stage(estimated, hard=hard, max_iter=max_iter, tol=tol)


def refine(concentration: str | float) -> Stage:
    """Return the short stage after which `refined_icl` scores a number of components."""
    return Stage(concentration, hard=True, max_iter=_REFINE_ITERATIONS, tol=1e-4)


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
        Number of components in each iteration.
    converged : bool
    stopped : bool
        Whether `on_iteration` stopped the run.
    weight : float
        Total weight of the rows.
    """

    parameters: MixtureParameters
    prior: ConcentrationPrior | None = None
    lower_bounds: list[float] = field(default_factory=list)
    n_components: list[int] = field(default_factory=list)
    converged: bool = False
    stopped: bool = False
    weight: float = 0.0


class RowStatistics(Protocol):
    """The methods of an engine that EM uses; see `vmfmix.engines.base.Engine`."""

    def accumulate(
        self, parameters: MixtureParameters, *, hard: bool = False
    ) -> SufficientStatistics:
        """Return the sufficient statistics of all rows: one E step."""

    def broadcast(self, value: Any) -> Any:
        """Return the value of the first process that takes part in the fit."""


class IterationStore(Protocol):
    """Stores the progress of one run of EM, from which the run can resume."""

    result: EMResult | None

    def save(self, result: EMResult) -> None:
        """Store the result after an iteration."""


OnIteration = Callable[[int, float, int], Any]


def fit(
    engine: RowStatistics,
    parameters: MixtureParameters,
    stage: Stage,
    *,
    prior: ConcentrationPrior | None = None,
    own_share: float = 1.0,
    on_iteration: OnIteration | None = None,
    store: IterationStore | None = None,
) -> EMResult:
    """Fit a von Mises-Fisher mixture by expectation maximization.

    Parameters
    ----------
    engine : Engine
        Holds the rows.
    parameters : MixtureParameters
        Initial parameters. Components that become empty are dropped.
    stage : Stage
        What is estimated, and when to stop.
    prior : ConcentrationPrior, default=None
        Prior of "free" concentrations when an earlier fit is continued. None: pooled from the
        first pass over the rows.
    own_share : float, default=1.0
        Share of its concentration that a component takes from its own rows if the prior is pooled
        here; see `ConcentrationPrior.pooled`.
    on_iteration : callable, default=None
        Called with (iteration, lower_bound, n_components) after each E step; the run stops when it
        returns True.
    store : IterationStore, default=None
        Receives the result after each iteration. If it holds a result, the run resumes from there,
        after reporting the earlier iterations to `on_iteration` again.

    Returns
    -------
    EMResult

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> from vmfmix.engines.choice import choose_engine
    >>> from vmfmix.fitting.seeding import seed_means
    >>> from vmfmix.fitting.start import initial_parameters
    >>> from vmfmix.model import em
    >>> X, _ = make_vmf_mixture(500, n_features=8, n_components=3, random_state=0)
    >>> engine = choose_engine(X)
    >>> means = seed_means(engine, 3, "k-means++", np.random.RandomState(0))
    >>> stage = em.final("tied", hard=False, max_iter=100, tol=1e-4)
    >>> result = em.fit(engine, initial_parameters(engine, means), stage)
    >>> result.converged, result.parameters.means.shape
    (True, (3, 8))
    """
    if store is not None and store.result is not None:
        result = store.result
        _replay(result, engine, on_iteration)
    else:
        result = _initialize(engine, parameters, stage, prior, own_share)
    parameters, prior = result.parameters, result.prior
    for iteration in range(len(result.lower_bounds), stage.max_iter):
        if result.stopped or result.converged:
            break
        statistics = engine.accumulate(parameters, hard=stage.hard)
        bound = _lower_bound(statistics, parameters, prior, stage)
        n_components = len(parameters.weights)
        result.lower_bounds.append(bound)
        result.n_components.append(n_components)
        result.weight = statistics.weight
        stop = on_iteration is not None and on_iteration(iteration, bound, n_components)
        result.stopped = bool(engine.broadcast(bool(stop)))
        result.converged = _has_converged(result.lower_bounds, stage)
        if not result.stopped and not result.converged:
            parameters = _m_step(statistics, parameters, stage, prior)
            result.parameters = parameters
        if store is not None:
            store.save(result)
    return result


def _initialize(
    engine: RowStatistics,
    parameters: MixtureParameters,
    stage: Stage,
    prior: ConcentrationPrior | None,
    own_share: float,
) -> EMResult:
    """Return the initial parameters, with the kind of concentrations that the stage estimates."""
    if stage.concentration != "free":
        prior = None
    elif prior is None:
        statistics = engine.accumulate(parameters, hard=True)
        prior = ConcentrationPrior.pooled(statistics.selected(parameters.own), own_share)
        parameters = _m_step(statistics, parameters, stage, prior)
    if not isinstance(stage.concentration, str):
        parameters = parameters.with_concentration(stage.concentration)
    return EMResult(parameters, prior)


def _replay(result: EMResult, engine: RowStatistics, on_iteration: OnIteration | None) -> None:
    """Report the iterations of a resumed run to the callback again."""
    stops = [
        on_iteration is not None and on_iteration(iteration, bound, n_components)
        for iteration, (bound, n_components) in enumerate(
            zip(result.lower_bounds, result.n_components)
        )
    ]
    result.stopped = bool(engine.broadcast(any(stops)))


def _lower_bound(
    statistics: SufficientStatistics,
    parameters: MixtureParameters,
    prior: ConcentrationPrior | None,
    stage: Stage,
) -> float:
    """Compute the objective of the stage per unit of weight."""
    if stage.concentration == "nearest":
        statistics = statistics.selected(statistics.counts > _EMPTY)
        counts, dim = statistics.counts, statistics.resultants.shape[1]
        return classification_log_likelihood(counts, statistics.lengths, dim) / counts.sum()
    bound = statistics.log_likelihood
    if prior is not None:
        concentrations, dim = parameters.concentrations[parameters.own], parameters.means.shape[1]
        bound += prior.log_density(concentrations, dim).sum()
    return float(bound / statistics.weight)


def _has_converged(lower_bounds: list[float], stage: Stage) -> bool:
    if stage.tol is None or len(lower_bounds) < 2:
        return False
    return bool(abs(lower_bounds[-1] - lower_bounds[-2]) <= stage.tol)


def _m_step(
    statistics: SufficientStatistics,
    parameters: MixtureParameters,
    stage: Stage,
    prior: ConcentrationPrior | None,
) -> MixtureParameters:
    """Drop empty components and maximize; the background stays even if it is empty."""
    occupied = statistics.counts > _EMPTY
    occupied[-1] |= parameters.has_background
    statistics = statistics.selected(occupied)
    if stage.concentration == "nearest":
        return MixtureParameters.nearest(statistics.directions)
    return maximize(
        statistics,
        concentration=stage.concentration,
        prior=prior,
        has_background=parameters.has_background,
    )
