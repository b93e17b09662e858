"""The best fit of several starts: start, run EM to convergence, keep the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from vmfmix.engines.base import Engine
from vmfmix.fitting.checkpoints import Checkpoint
from vmfmix.fitting.novelty import NO_NOVELTY, Novelty
from vmfmix.fitting.progress import Progress
from vmfmix.fitting.reporter import Reporter
from vmfmix.fitting.start import GraphAmong, Start, measure_isotropy, new_start
from vmfmix.fitting.state import LastFit, shared_options
from vmfmix.merging.isotropy import own_share
from vmfmix.merging.selection import RULES
from vmfmix.model import em
from vmfmix.model.statistics import MixtureParameters


@dataclass
class Fit:
    """One fit from one start.

    Parameters
    ----------
    start : Start
    result : EMResult
        Of the final stage.
    iterations : list of (n_components, log_likelihood, seconds)
        Of merging and of the final stage.
    """

    start: Start
    result: em.EMResult
    iterations: list[tuple[int, float, float]]

    def measured_isotropy(self, engine: Engine, parameters: MixtureParameters) -> float:
        """Return how evenly rows scatter within clusters, measured now if the fit did not need it.

        Parameters
        ----------
        engine : Engine
        parameters : MixtureParameters
            Of the fit.
        """
        if self.start.isotropy is not None:
            return self.start.isotropy
        if self.start.merged:
            return self.start.merged.isotropy
        return measure_isotropy(engine, parameters, np.random.RandomState(0))

    def as_last(
        self,
        estimator: Any,
        *,
        copies: float = 1.0,
        novelty: Novelty = NO_NOVELTY,
        unfinished: bool = False,
    ) -> LastFit:
        """Return the state from which a later fit can continue.

        Parameters
        ----------
        estimator : VMFMixture
        copies : float, default=1.0
            Number of copies of a row that a weight of 1 represents.
        novelty : Novelty, default=NO_NOVELTY
            With which the rows of a stream are compared.
        unfinished : bool, default=False
            Keep the merge path and the iterations, which a resumed fit will need.
        """
        return LastFit(
            self.result.parameters,
            shared_options(estimator),
            prior=self.result.prior,
            isotropy=self.start.isotropy,
            weight=self.result.weight,
            copies=copies,
            novelty=novelty,
            n_components=self.start.n_components,
            merged=self.start.merged if unfinished else None,
            iterations=self.iterations if unfinished else [],
        )


def best_fit(
    estimator: Any,
    engine: Engine,
    progress: Progress,
    last: LastFit | None = None,
    checkpoint: Checkpoint | None = None,
    keep_unfinished: Callable[[LastFit], None] | None = None,
    graph_among: GraphAmong | None = None,
) -> Fit:
    """Fit from ``estimator.n_init`` starts, or continue the last fit, and return the best.

    Parameters
    ----------
    estimator : VMFMixture
        Only its parameters are read.
    engine : Engine
    progress : Progress
    last : LastFit, default=None
        The fit to continue.
    checkpoint : Checkpoint, default=None
        The file that stores the progress of the fit.
    keep_unfinished : callable, default=None
        Called after each EM iteration with the best fit so far, if there is no checkpoint.
    graph_among : callable, default=None
        See `vmfmix.fitting.start.merged_start`.

    Returns
    -------
    Fit
        The one with the greatest lower bound. If starts find different numbers of components,
        among those with the median number.
    """
    rng = engine.broadcast(check_random_state(estimator.random_state))
    fits: list[Fit] = []
    for init in range(1 if last else estimator.n_init):
        with progress.stage("initialization", max_steps=_max_stages(estimator)) as stage:
            several = f"Start {init + 1} of {estimator.n_init} - "
            reporter = Reporter(progress, several if estimator.n_init > 1 and not last else "")
            if last:
                start = _continued_start(estimator, engine, rng, last)
            else:
                store = checkpoint.stage(f"{init} tied first") if checkpoint else None
                start = new_start(estimator, engine, rng, reporter, store, graph_among)
            start = engine.broadcast(start)
            final_store: em.IterationStore | None = None
            if checkpoint:
                final_store = checkpoint.stage(f"{init} final")
            elif keep_unfinished:
                final_store = _UnfinishedFit(estimator, start, reporter, fits, keep_unfinished)
            fits.append(_final_stage(estimator, engine, start, reporter, final_store))
        if stage.asked_to_stop:
            break
    # Bounds of fits with different numbers of components cannot be compared.
    numbers = sorted(fit.start.n_components for fit in fits)
    median = numbers[(len(numbers) - 1) // 2]
    return _greatest_bound([fit for fit in fits if fit.start.n_components == median])


def _max_stages(estimator: Any) -> int:
    """Return the maximum number of stages of one start."""
    selection = estimator.selection
    n_paths = RULES[selection].n_paths if isinstance(selection, str) else 1
    # Seeding and merging, selection, EM; without merging, seeding and two stages of EM.
    return 2 * n_paths + 2


def _greatest_bound(fits: Sequence[Fit]) -> Fit:
    return max(fits, key=lambda fit: fit.result.lower_bounds[-1])


def _continued_start(
    estimator: Any, engine: Engine, rng: np.random.RandomState, last: LastFit
) -> Start:
    """Start where the last fit ended, with its prior unless `concentration` has changed."""
    prior, isotropy = last.prior, last.isotropy
    if last.options["concentration"] != estimator.concentration:
        prior = isotropy = None
    if estimator.concentration == "pooled" and isotropy is None:
        isotropy = measure_isotropy(engine, last.parameters, rng)
    return Start(
        last.parameters,
        last.n_components,
        isotropy,
        prior,
        merged=last.merged,
        iterations=last.iterations,
        continues=True,
    )


def final_stage(estimator: Any) -> em.Stage:
    """Return the stage of EM that ends a fit with the parameters of an estimator."""
    return em.final(
        estimator.concentration,
        hard=estimator.assignment == "hard",
        max_iter=estimator.max_iter,
        tol=estimator.tol,
    )


def _final_stage(
    estimator: Any,
    engine: Engine,
    start: Start,
    reporter: Reporter,
    store: em.IterationStore | None,
) -> Fit:
    """Run EM to convergence."""
    with reporter.passes("expectation maximization", "Fitting clusters", estimator.tol):
        result = em.fit(
            engine,
            start.parameters,
            final_stage(estimator),
            prior=start.prior,
            own_share=own_share(start.isotropy),
            on_iteration=reporter.iteration,
            store=store,
        )
        reporter.converged(result)
    return Fit(start, result, [*start.iterations, *reporter.iterations])


class _UnfinishedFit:
    """Store that passes on the best fit after each iteration, so that a later fit can resume."""

    result: em.EMResult | None = None

    def __init__(
        self,
        estimator: Any,
        start: Start,
        reporter: Reporter,
        earlier: Sequence[Fit],
        keep: Callable[[LastFit], None],
    ) -> None:
        self._estimator, self._start, self._reporter, self._keep = estimator, start, reporter, keep
        self._earlier = [fit for fit in earlier if fit.start.n_components == start.n_components]

    def save(self, result: em.EMResult) -> None:
        iterations = [*self._start.iterations, *self._reporter.iterations]
        best = _greatest_bound([Fit(self._start, result, iterations), *self._earlier])
        self._keep(best.as_last(self._estimator, unfinished=True))
