"""The start of EM: components that are obtained by merging, drawn from the rows, or given.

Whatever the engine, merging works on a sample of distinct rows. Copies of rows therefore change
nothing, and the time does not grow with the number of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vmfmix.engines.base import Engine
from vmfmix.engines.choice import choose_engine
from vmfmix.engines.known_rows import KnownRowsEngine
from vmfmix.fitting.first_components import components_of_labels, components_of_means
from vmfmix.fitting.progress import Progress
from vmfmix.fitting.reporter import Reporter
from vmfmix.fitting.seeding import distinct_rows, means_from_rows, seed_means
from vmfmix.fitting.validation import merges_components, validate_initial_values
from vmfmix.merging.isotropy import isotropy
from vmfmix.merging.pairs import groups_after, merge_components
from vmfmix.merging.path import Partition, merge_path
from vmfmix.merging.selection import RULES, MergePaths, Selection, select_n_components
from vmfmix.model import em
from vmfmix.model.matrices import stacked
from vmfmix.model.statistics import (
    ConcentrationPrior,
    FloatArray,
    MixtureParameters,
    SufficientStatistics,
    maximize,
)
from vmfmix.model.threads import single_threaded_blas
from vmfmix.neighbors.group_size import n_small_groups

# Size of the sample that merging works on; larger if merging starts from many components.
_SAMPLE_ROWS = 12_000
_SAMPLE_ROWS_PER_COMPONENT = 20

# The number of components that merging starts from, unless `n_components_init` is given.
_MAX_COMPONENTS_INIT = 600  # for n_components="auto"
_INIT_FACTOR = 3  # times `n_components`
_MIN_COMPONENTS_INIT = 50  # if there are enough rows
_MAX_EXTRA_COMPONENTS = 4000  # time and memory grow with the square of the number

_SEEDING_ROWS_PER_COMPONENT = 10
_SEEDING_TRIALS = 4  # fewer than for a start without merging, which cannot correct bad seeds
_BACKGROUND_WEIGHT = 0.01


GraphAmong: TypeAlias = Callable[[NDArray[np.intp]], Any]
"""Positions of rows to the graph of nearest neighbors among them, a CSR matrix."""


@dataclass
class MergedStart:
    """Components that were merged on a sample of the rows.

    Parameters
    ----------
    partitions : list of Partition
        The merge path.
    n_components : int
        Chosen or given number of components.
    selection : Selection or None
        How the number was chosen; None if it was given.
    scale : float
        Mean weight of the distinct rows, by which the statistics of the path are divided.
    isotropy : float
        How evenly rows scatter within clusters, from 0 to 1; see `vmfmix.merging.isotropy`.
    """

    partitions: list[Partition]
    n_components: int
    selection: Selection | None
    scale: float
    isotropy: float

    @property
    def statistics(self) -> SufficientStatistics:
        """Sufficient statistics at the chosen number of components."""
        before = [each for each in self.partitions if each.n_components >= self.n_components][-1]
        return before.cut(self.n_components)


@dataclass
class Start:
    """Initial parameters of the final stage of EM.

    Parameters
    ----------
    parameters : MixtureParameters
    n_components : int
        Chosen or given number of components.
    isotropy : float or None
        Of a "pooled" fit.
    prior : ConcentrationPrior or None
        Of the fit that is continued; None: estimated in the first pass.
    merged : MergedStart or None
        If components were merged.
    iterations : list of (n_components, log_likelihood, seconds)
        Of the interrupted fit that is resumed.
    continues : bool
        Whether this continues an earlier fit.
    """

    parameters: MixtureParameters
    n_components: int
    isotropy: float | None = None
    prior: ConcentrationPrior | None = None
    merged: MergedStart | None = None
    iterations: list[tuple[int, float, float]] = field(default_factory=list)
    continues: bool = False


def new_start(
    estimator: Any,
    engine: Engine,
    rng: np.random.RandomState,
    reporter: Reporter,
    store: em.IterationStore | None = None,
    graph_among: GraphAmong | None = None,
) -> Start:
    """Compute initial parameters by merging, by seeding, or from the given initial values.

    Parameters
    ----------
    estimator : VMFMixture
        Only its parameters are read.
    engine : Engine
    rng : numpy.random.RandomState
    reporter : Reporter
    store : IterationStore, default=None
        Stores the progress of the stage with tied concentrations.
    graph_among : callable, default=None
        See `merged_start`.

    Returns
    -------
    Start
    """
    is_fixed = isinstance(estimator.concentration, Real)
    shared = estimator.concentration if is_fixed else "tied"
    known = engine if isinstance(engine, KnownRowsEngine) else None
    merged, weights, concentrations = None, None, None
    if merges_components(estimator) and not (known and known.n_labels == estimator.n_components):
        merged = engine.broadcast(_merge(estimator, engine, rng, reporter, graph_among))
        cut = maximize(_in_order(merged, estimator, known), concentration=shared)
        means, weights, concentrations = cut.means, cut.weights, cut.concentrations
    else:
        means, weights, concentrations = validate_initial_values(
            estimator.n_components,
            engine.n_features,
            means_init=estimator.means_init,
            weights_init=estimator.weights_init,
            concentrations_init=estimator.concentrations_init,
        )
        first = means
        if known:
            labeled = known.sums.directions
            first = labeled if means is None else stacked([means, labeled[len(means) :]])
        with reporter.seeding(estimator.n_components) as seeding:
            n_means, init_params = estimator.n_components, estimator.init_params
            means = engine.broadcast(
                seed_means(engine, n_means, init_params, rng, first, seeding.reach)
            )
    parameters = initial_parameters(
        engine,
        means,
        weights=weights,
        concentrations=concentrations,
        concentration=shared,
        has_background=estimator.background,
    )
    has_own_concentrations = estimator.concentration in ("free", "pooled")
    if has_own_concentrations and concentrations is None:
        stage = em.tied_first(
            hard=estimator.assignment == "hard", max_iter=estimator.max_iter, tol=estimator.tol
        )
        title = "Fitting clusters with one concentration"
        with reporter.passes("shared concentration", title, estimator.tol, step_name="step"):
            on_iteration = reporter.unrecorded_iteration
            result = em.fit(engine, parameters, stage, on_iteration=on_iteration, store=store)
        parameters = result.parameters
    n_components, isotropy_ = estimator.n_components, None
    if merged is not None:
        n_components = cut.means.shape[0]
    if estimator.concentration == "pooled":
        isotropy_ = merged.isotropy if merged else measure_isotropy(engine, parameters, rng)
    return Start(parameters, n_components, isotropy_, merged=merged)


def _merge(
    estimator: Any,
    engine: Engine,
    rng: np.random.RandomState,
    reporter: Reporter,
    graph_among: GraphAmong | None,
) -> MergedStart:
    """Merge components according to the parameters of the estimator."""
    n_init, means = estimator.n_components_init, estimator.means_init
    if means is not None:
        n_init = len(means) if n_init is None else n_init
        means, _, _ = validate_initial_values(n_init, engine.n_features, means_init=means)
    return merged_start(
        engine,
        estimator.n_components,
        n_components_init=n_init,
        means_init=means,
        init_params=estimator.init_params,
        cost=estimator.merge,
        selection=estimator.selection,
        resolution=estimator.resolution,
        rng=rng,
        reporter=reporter,
        graph_among=graph_among,
    )


def _in_order(
    merged: MergedStart, estimator: Any, known: KnownRowsEngine | None
) -> SufficientStatistics:
    """Return the merged components, those of known labels or of the given means first.

    Means that are given for all components that merging starts from fix no numbers.
    """
    statistics, means = merged.statistics, estimator.means_init
    n_init, n_components = estimator.n_components_init, estimator.n_components
    if known:
        statistics, n_first = components_of_labels(statistics, known), known.n_labels
    elif means is not None and n_init is not None and len(means) < n_init:
        n_features = statistics.resultants.shape[1]
        directions, _, _ = validate_initial_values(n_init, n_features, means_init=means)
        assert directions is not None
        statistics, n_first = components_of_means(statistics, directions), len(directions)
    else:
        return statistics
    if isinstance(n_components, str):
        return statistics
    merges = merge_components(
        statistics,
        max(n_components, merged.n_components),  # more if a callback stopped the merging
        cost=estimator.merge,
        n_apart=n_first,
    )
    return statistics.merged(groups_after(merges, len(statistics.counts)))


def merged_start(
    engine: Engine,
    n_components: int | str,
    *,
    n_components_init: int | None = None,
    means_init: FloatArray | None = None,
    init_params: str = "k-means++",
    cost: str = "likelihood",
    selection: str | Callable[[Any, Any], float] = "auto",
    resolution: float = 1.0,
    rng: np.random.RandomState,
    reporter: Reporter | None = None,
    graph_among: GraphAmong | None = None,
) -> MergedStart:
    """Draw many components from a sample of the rows and merge them.

    Parameters
    ----------
    engine : Engine
    n_components : int or "auto"
        Number of components to merge down to; "auto": merge down to 1, and let `selection` choose.
    n_components_init : int, default=None
        Number of components to start from. None: see `default_n_components_init`; for "auto" and
        rows in groups of less than 16, at least twice the estimated number of groups.
    means_init : ndarray of shape (n_components_init, n_features), default=None
        Unit rows to start from; if there are fewer, the others are drawn.
    init_params : str, default="k-means++"
        See `vmfmix.fitting.seeding.seed_means`.
    cost : str, default="likelihood"
        See `vmfmix.merging.pairs.merge_components`.
    selection : str or callable, default="auto"
        See `vmfmix.merging.selection.select_n_components`.
    resolution : float, default=1.0
        See `vmfmix.merging.selection.automatic`.
    rng : numpy.random.RandomState
    reporter : Reporter, default=None
        To which the stages are reported; a callback may stop the merging.
    graph_among : callable, default=None
        Positions of rows to the graph of their nearest neighbors, if the rows of the engine are
        smoothed along this graph.

    Returns
    -------
    MergedStart

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> from vmfmix.engines.choice import choose_engine
    >>> from vmfmix.fitting.start import merged_start
    >>> X, _ = make_vmf_mixture(500, n_features=16, n_components=4, random_state=0)
    >>> merged_start(choose_engine(X), "auto", rng=np.random.RandomState(0)).n_components
    4
    """
    reporter = reporter or Reporter(Progress())
    n_init = n_components_init or default_n_components_init(n_components, engine.n_used_rows)
    drawn = engine.draw(merge_sample_size(n_init), rng)
    rows, weights, positions = distinct_rows(*engine.take(drawn))
    n_rows = rows.shape[0]
    if n_components_init is None:
        n_init = default_n_components_init(n_components, n_rows)
        if n_components == "auto":
            n_init = max(n_init, _n_init_for_small_groups(rows))
    n_init = min(n_init, n_rows)
    # Weights are scaled to mean 1, so that copying all rows changes nothing.
    scale = float(weights.mean())
    sample_engine = choose_engine(
        rows, sample_weight=weights / scale, for_few_passes=n_components == "auto"
    )
    n_end = 1 if isinstance(n_components, str) else n_components

    def new_path() -> list[Partition]:
        means: Any = means_init
        if means is None or len(means) < n_init:
            subset = _draw_rows(n_rows, _SEEDING_ROWS_PER_COMPONENT * n_init, rng)
            with reporter.seeding(n_init) as seeding:
                means = means_from_rows(
                    rows[subset],
                    weights[subset],
                    n_init,
                    init_params,
                    rng,
                    n_trials=_SEEDING_TRIALS,
                    first=means_init,
                    report=seeding.reach,
                )
        with reporter.merge_path(means.shape[0], n_end):
            return merge_path(
                sample_engine,
                rows,
                means,
                n_components=n_end,
                cost=cost,
                label_all=n_components == "auto",
                rng=rng,
                report=reporter.merging,
            )

    with single_threaded_blas():
        partitions = new_path()
        chosen, selected = n_end, None
        if partitions[-1].n_components > n_end:  # a callback stopped the merging
            chosen = partitions[-1].n_components
        elif n_components == "auto":
            n_paths = RULES[selection].n_paths if isinstance(selection, str) else 1
            paths = [partitions, *(new_path() for _ in range(n_paths - 1))]
            with reporter.stage("selection", "Choosing the number of clusters") as stage:
                graph = None if graph_among is None else graph_among(drawn[positions])
                candidates = MergePaths(
                    paths,
                    rows,
                    weights / scale,
                    sample_engine,
                    rng,
                    graph,
                    resolution,
                    stage.describe,
                )
                selected = select_n_components(candidates, selection)
                chosen = selected.n_components
                stage.outcome = f"{chosen:,}"
        chosen = min(chosen, partitions[0].n_components)
        labeled = [each for each in partitions if each.labels is not None]
        nearest = min(labeled, key=lambda each: abs(each.n_components - chosen))
        evenness = isotropy(rows, nearest.row_labels, rng)
    return MergedStart(partitions, chosen, selected, scale, evenness)


def default_n_components_init(n_components: int | str, n_rows: int) -> int:
    """Return the number of components that merging starts from.

    Three times `n_components`, but at most 4,000 more than `n_components` and at most half of the
    rows, and at least 50 or a twentieth of the rows, whichever is less; for "auto", an eighth of
    the rows, but at most 600, and at least 20 or half of the rows, whichever is less. 1 for a
    single component.

    Parameters
    ----------
    n_components : int or "auto"
    n_rows : int
        Number of distinct rows.

    Returns
    -------
    int
    """
    if isinstance(n_components, str):
        return min(_MAX_COMPONENTS_INIT, max(n_rows // 8, min(n_rows // 2, 20), 1))
    if n_components == 1:
        return 1
    extra = min((_INIT_FACTOR - 1) * n_components, _MAX_EXTRA_COMPONENTS)
    return max(
        n_components,
        min(n_components + extra, n_rows // 2),
        min(_MIN_COMPONENTS_INIT, n_rows // 20),
    )


def _n_init_for_small_groups(rows: Any) -> int:
    """Return the number to start from if most rows are in small groups, otherwise 0."""
    return min(2 * n_small_groups(rows), rows.shape[0] // 2, _MAX_EXTRA_COMPONENTS)


def merge_sample_size(n_components_init: int) -> int:
    """Return the size of the sample on which this many components are merged."""
    return max(_SAMPLE_ROWS, _SAMPLE_ROWS_PER_COMPONENT * n_components_init)


def _draw_rows(n_rows: int, size: int, rng: np.random.RandomState) -> Any:
    """Draw positions of rows in ascending order, as an array, or a slice if all are drawn."""
    if size >= n_rows:
        return slice(None)
    return np.sort(rng.choice(n_rows, size, replace=False))


def initial_parameters(
    engine: Engine,
    means: Any,
    *,
    weights: FloatArray | None = None,
    concentrations: FloatArray | None = None,
    concentration: str | float = "tied",
    has_background: bool = False,
) -> MixtureParameters:
    """Complete mean directions to parameters, from the partition of the rows by nearest mean.

    Parameters
    ----------
    engine : Engine
    means : ndarray or CSR array of shape (n_components, n_features)
        Unit rows.
    weights, concentrations : ndarray of shape (n_components,), default=None
        None: estimated from the partition.
    concentration : {"tied", "free"} or float, default="tied"
        Kind of concentration that the fit estimates; "free" starts from one shared value.
    has_background : bool, default=False
        Add a uniform component. It starts with a small weight, since it takes rows from clusters
        faster than it returns them.

    Returns
    -------
    MixtureParameters

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.engines.choice import choose_engine
    >>> from vmfmix.fitting.start import initial_parameters
    >>> engine = choose_engine(np.repeat(np.eye(2), [3, 1], axis=0))
    >>> initial_parameters(engine, np.eye(2), concentration=10.0).weights
    array([0.75, 0.25])
    """
    if weights is None or concentrations is None:
        estimate = maximize(
            engine.accumulate(MixtureParameters.nearest(means), hard=True),
            concentration="tied" if concentration == "free" else concentration,
        )
        weights = np.maximum(estimate.weights, 1e-6) if weights is None else weights
        concentrations = estimate.concentrations if concentrations is None else concentrations
    if has_background:
        weights = np.append(weights, _BACKGROUND_WEIGHT * weights.sum())
        means = stacked([means, np.eye(1, means.shape[1])])
        concentrations = np.append(concentrations, 0.0)
    return MixtureParameters(
        weights / weights.sum(), means, concentrations, has_background=has_background
    )


def measure_isotropy(
    engine: Engine, parameters: MixtureParameters, rng: np.random.RandomState
) -> float:
    """Estimate the isotropy of the scatter within components; see `vmfmix.merging.isotropy`.

    Parameters
    ----------
    engine : Engine
    parameters : MixtureParameters
    rng : numpy.random.RandomState

    Returns
    -------
    float
        From 0 to 1.
    """
    rows, _, _ = distinct_rows(*engine.sample(_SAMPLE_ROWS, rng))
    labels = choose_engine(rows).assign(parameters).labels
    in_clusters = labels < len(parameters.weights) - parameters.has_background
    return isotropy(rows[in_clusters], labels[in_clusters], rng)


def mean_of_unit_rows(engine: Engine) -> FloatArray:
    """Compute the weighted mean of the unit rows, of shape (n_features,)."""
    statistics = engine.accumulate(MixtureParameters.uniform(engine.n_features), hard=True)
    mean: FloatArray = statistics.resultants[0] / max(statistics.weight, np.finfo(float).tiny)
    return mean
