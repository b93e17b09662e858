"""From the parameters of an estimator and the rows in an engine to the best of its fits."""

from dataclasses import dataclass, field, replace
from numbers import Real

import numpy as np
from sklearn.utils import check_random_state

from vmfmix.fitting.progress import Reporter
from vmfmix.fitting.seeding import seed_means
from vmfmix.fitting.start import MergedStart, initial_parameters, measure_isotropy, merged_start
from vmfmix.fitting.validation import merges, validate_initial_values
from vmfmix.model import em
from vmfmix.model.statistics import maximize

_TIED_FIRST = 10  # iterations with one concentration before each component gets its own


@dataclass
class Fit:
    """One fit from one start.

    Parameters
    ----------
    result : EMResult
    n_components : int
        That EM started with.
    isotropy : float or None
        Of a "pooled" fit; see `own_share`.
    settings : dict
        The parameters that a fit which goes on from this one must know.
    merged : MergedStart or None
        Where components were merged.
    iterations : list of (n_components, log_likelihood, seconds)
    goes_on : bool
        Whether it went on from an earlier fit.
    n_rows : int
    copies : float
        That a row of weight 1 counted as.
    """

    result: em.EMResult
    n_components: int
    isotropy: float | None = None
    settings: dict = field(default_factory=dict)
    merged: MergedStart | None = None
    iterations: list = field(default_factory=list)
    goes_on: bool = False
    n_rows: int = 0
    copies: float = 1.0


def best_fit(settings, engine, progress, last=None, checkpoint=None, keep=None):
    """The best fit over ``settings.n_init`` starts, or the one that goes on from the last.

    Parameters
    ----------
    settings : VMFMixture
        Its parameters are read, and nothing is set.
    engine : Engine
    progress : callback context
    last : Fit, default=None
    checkpoint : Checkpoint, default=None
        Where it is kept how far the fit has come.
    keep : callable, default=None
        Called with the unfinished fit after each iteration of EM, if there is no checkpoint.

    Returns
    -------
    Fit
        Of the median number of components, if starts find different ones, the greatest lower bound.
    """
    rng = engine.broadcast(check_random_state(settings.random_state))
    fits: list[Fit] = []
    for init in range(1 if last else settings.n_init):
        task = progress.subcontext(task_name="initialization", max_subtasks=None)
        task.call_on_fit_task_begin(estimator=settings)
        reporter = Reporter(settings, task, init)
        if last:
            start = _again(settings, engine, rng, last)
        else:
            first = checkpoint and checkpoint.memory(f"{init} first")
            start = _start(settings, engine, rng, reporter, first)
        start = engine.broadcast(start)
        then = (
            checkpoint.memory(f"{init} then")
            if checkpoint
            else keep and _Told(start, reporter, list(fits), keep)
        )
        fits.append(_from(settings, engine, reporter, start, then))
        if task.call_on_fit_task_end(estimator=settings):
            break
    # Starts may find different numbers, whose bounds and scores say nothing about each other.
    numbers = sorted(fit.n_components for fit in fits)
    median = numbers[(len(numbers) - 1) // 2]
    fits = [fit for fit in fits if fit.n_components == median]
    return max(fits, key=lambda fit: fit.result.lower_bounds[-1])


class _Told:
    """A memory for one run of EM that passes on how far it has come, or a better run before it."""

    result = None

    def __init__(self, start, reporter, before, tell):
        self._start, self._reporter, self._tell = start, reporter, tell
        self._before = [fit for fit in before if fit.n_components == start.n_components]

    def keep(self, result):
        iterations = [*self._start.iterations, *self._reporter.iterations]
        fit = replace(self._start, result=result, iterations=iterations)
        self._tell(max([fit, *self._before], key=lambda fit: fit.result.lower_bounds[-1]))


def _again(settings, engine, rng, last):
    """What a fit that goes on starts from; a prior is kept for the same kind of concentrations."""
    prior, isotropy = last.result.prior, last.isotropy
    if last.settings["concentration"] != settings.concentration:
        prior = isotropy = None
    if settings.concentration == "pooled" and isotropy is None:
        isotropy = measure_isotropy(engine, last.result.parameters, rng)
    result = em.EMResult(last.result.parameters, prior)
    fit = Fit(result, last.n_components, isotropy, _told(settings), goes_on=True)
    # What was merged is still there if that fit was broken off.
    return replace(fit, merged=last.merged, iterations=last.iterations)


def _from(settings, engine, reporter, start, memory):
    """Run EM to convergence."""
    result = em.fit(
        engine,
        start.result.parameters,
        # A pooled fit is a free one with a stronger prior.
        concentration="free" if settings.concentration == "pooled" else settings.concentration,
        hard=settings.assignment == "hard",
        max_iter=settings.max_iter,
        tol=settings.tol,
        prior=start.result.prior,
        own_share=own_share(start.isotropy),
        on_iteration=reporter.iteration,
        memory=memory,
    )
    merged = start.merged
    reporter.end(result, merged and (merged.partitions[0].n_components, start.n_components))
    return Fit(
        result,
        start.n_components,
        start.isotropy,
        start.settings,
        merged,
        [*start.iterations, *reporter.iterations],
        start.goes_on,
    )


def _start(settings, engine, rng, reporter, memory):
    """What EM starts from, as a fit without iterations: merged, seeded or given."""
    merged = (
        engine.broadcast(_merged(settings, engine, rng, reporter)) if merges(settings) else None
    )
    shared = settings.concentration if isinstance(settings.concentration, Real) else "tied"
    if merged:
        cut = maximize(merged.statistics, concentration=shared)
        means, weights, concentrations = cut.means, cut.weights, cut.concentrations
    else:
        means, weights, concentrations = validate_initial_values(
            settings.n_components,
            engine.n_features,
            means_init=settings.means_init,
            weights_init=settings.weights_init,
            concentrations_init=settings.concentrations_init,
        )
        if means is None:
            means = engine.broadcast(
                seed_means(engine, settings.n_components, settings.init_params, rng)
            )
    parameters = initial_parameters(
        engine,
        means,
        weights=weights,
        concentrations=concentrations,
        concentration=shared,
        has_background=settings.background,
    )
    if settings.concentration in ("free", "pooled") and concentrations is None:
        # Widths of clusters are worth estimating once there are clusters.
        parameters = em.fit(
            engine,
            parameters,
            hard=settings.assignment == "hard",
            max_iter=min(_TIED_FIRST, settings.max_iter),
            tol=settings.tol,
            memory=memory,
        ).parameters
    isotropy = None
    if settings.concentration == "pooled":
        isotropy = merged.isotropy if merged else measure_isotropy(engine, parameters, rng)
    n_components = merged.n_components if merged else settings.n_components
    return Fit(em.EMResult(parameters), n_components, isotropy, _told(settings), merged)


def _told(settings):
    """What a fit that goes on from this one must know of its settings."""
    return {name: getattr(settings, name) for name in ("n_components", "concentration", "center")}


def _merged(settings, engine, rng, reporter):
    """The merge path and where it is cut."""
    n_start, means = settings.n_components_init, settings.means_init
    if means is not None:
        n_start = len(means) if n_start is None else n_start
        means, _, _ = validate_initial_values(n_start, engine.n_features, means_init=means)
    return merged_start(
        engine,
        settings.n_components,
        n_components_init=n_start,
        means_init=means,
        init_params=settings.init_params,
        cost=settings.merge,
        selection=settings.selection,
        rng=rng,
        report=reporter.merging,
    )


def own_share(isotropy):
    """Share of its concentration that a component takes from its own rows.

    Where rows scatter in all directions, as the model says, each component has a concentration of
    its own. Where they scatter in few, as those of real embeddings do, differences between
    concentrations mislead, and the common one is better.

    Parameters
    ----------
    isotropy : float or None
        See `vmfmix.isotropy.isotropy`; None: the fit is not pooled. NaN, where it cannot be told,
        is no share.

    Returns
    -------
    float
        From 0 to 1; see `vmfmix.model.statistics.ConcentrationPrior.pooled`.
    """
    return 1.0 if isotropy is None else float(np.nan_to_num(isotropy) ** 2)
