"""Where EM starts: from too many components merged down, or from as many seeds as are wanted.

Merging happens on a sample of distinct rows, whatever engine holds the others: copies of rows
change nothing, and the time does not grow with the number of rows.
"""

from dataclasses import dataclass

import numpy as np

from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.seeding import distinct_rows, means_from_rows
from vmfmix.merging.isotropy import isotropy
from vmfmix.merging.path import merge_path
from vmfmix.merging.selection import N_PATHS, Paths, choose
from vmfmix.model.matrices import stacked
from vmfmix.model.statistics import MixtureParameters, maximize
from vmfmix.model.threads import single_threaded_blas

_ROWS = 12_000  # of the sample, or more where many components are started from
_ROWS_PER_COMPONENT = 20  # that merging starts from
_MOST_COMPONENTS = 600  # to start from where their number is to be found
_TIMES_AS_MANY = 3  # as are wanted, to start from
_ENOUGH = 50  # to start from where fewer are wanted
_MANY_MORE = 4000  # than are wanted: time and memory grow with the square of their number
_ROWS_PER_SEED = 10
_BACKGROUND = 0.01  # weight that a background starts with
_TRIALS = 4  # for each seed: more are for starts that nothing is merged of


@dataclass
class MergedStart:
    """Components to start EM from, and how they came about.

    Parameters
    ----------
    partitions : list of Partition
        The merge path.
    n_components : int
        Where it is cut.
    scores : dict
        {number of components: score}; empty where the number was given.
    scale : float
        Mean weight of the distinct rows, which is 1 in the statistics of the path.
    isotropy : float
        How evenly rows scatter within clusters, from 0 to 1; see `vmfmix.isotropy.isotropy`.
    """

    partitions: list
    n_components: int
    scores: dict
    scale: float
    isotropy: float

    @property
    def statistics(self):
        """Sufficient statistics where the path is cut."""
        above = [each for each in self.partitions if each.n_components >= self.n_components][-1]
        return above.cut(self.n_components)


def merged_start(
    engine,
    n_components,
    *,
    n_components_init=None,
    means_init=None,
    init_params="k-means++",
    cost="likelihood",
    selection="auto",
    rng=None,
    report=None,
):
    """Seed many components and merge them.

    Parameters
    ----------
    engine : Engine
    n_components : int or "auto"
        Where to stop; "auto": all the way to 1, and `selection` chooses.
    n_components_init : int, default=None
        How many to start from. None: three times `n_components`, at most 4000 more than that, and
        at least a twentieth of the distinct rows up to 50; for "auto" an eighth of the distinct
        rows, at most 600.
    means_init : ndarray of shape (n_components_init, n_features), default=None
        Unit rows to start from.
    init_params : str, default="k-means++"
        See `vmfmix.fitting.seeding.seed_means`.
    cost : str, default="likelihood"
        See `vmfmix.merging.pairs.merge_components`.
    selection : str or callable, default="auto"
        See `vmfmix.merging.selection.choose`.
    rng : numpy.random.RandomState
    report : callable, default=None
        Told of each step; see `vmfmix.merging.path.merge_path`.

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
    wanted = n_components_init or default_n_components_init(n_components, engine.n_used_rows)
    rows, weights = distinct_rows(*engine.sample(merge_sample_size(wanted), rng))
    if n_components_init is None:
        wanted = default_n_components_init(n_components, rows.shape[0])
    n_components_init = min(wanted, rows.shape[0])
    # With mean weight 1, so that copies of all rows change nothing at all.
    scale = float(weights.mean())
    sample_engine = choose_engine(rows, sample_weight=weights / scale)
    find = n_components == "auto"

    def walk():
        means = means_init
        if means is None:
            some = _some(rows.shape[0], _ROWS_PER_SEED * n_components_init, rng)
            means = means_from_rows(
                rows[some],
                weights[some],
                n_components_init,
                init_params,
                rng,
                n_trials=_TRIALS,
            )
        return merge_path(
            sample_engine,
            rows,
            means,
            n_components=1 if find else n_components,
            cost=cost,
            label_all=find,
            rng=rng,
            report=report,
        )

    with single_threaded_blas():
        partitions, scores = walk(), {}
        if partitions[-1].n_components > (1 if find else n_components):  # somebody stopped it
            n_components = partitions[-1].n_components
        elif find:
            n_paths = N_PATHS.get(selection, 1) if isinstance(selection, str) else 1
            others = [walk() for _ in range(n_paths - 1)]
            paths = Paths([partitions, *others], rows, weights / scale, sample_engine, rng)
            n_components, scores = choose(paths, selection)
        n_components = min(n_components, partitions[0].n_components)
        labeled = [each for each in partitions if each.labels is not None]
        there = min(labeled, key=lambda each: abs(each.n_components - n_components))
        evenness = isotropy(rows, there.labels, rng)
    return MergedStart(partitions, n_components, scores, scale, evenness)


def merge_sample_size(n_components_init):
    """Most rows that a merge path from so many components looks at."""
    return max(_ROWS, _ROWS_PER_COMPONENT * n_components_init)


def measure_isotropy(engine, parameters, rng):
    """Isotropy of the scatter within components; see `vmfmix.isotropy.isotropy`.

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
    rows, _ = distinct_rows(*engine.sample(_ROWS, rng))
    labels = choose_engine(rows).assign(parameters).labels
    in_clusters = labels < len(parameters.weights) - parameters.has_background
    return isotropy(rows[in_clusters], labels[in_clusters], rng)


def default_n_components_init(n_components, n_rows):
    """How many components merging starts from, if nobody says."""
    if n_components == "auto":
        return min(_MOST_COMPONENTS, max(n_rows // 8, min(n_rows // 2, 20), 1))
    if n_components == 1:
        return 1
    more = min((_TIMES_AS_MANY - 1) * n_components, _MANY_MORE)
    return max(n_components, min(n_components + more, n_rows // 2), min(_ENOUGH, n_rows // 20))


def _some(n_rows, size, rng):
    """Indices of some rows, in their order."""
    if size >= n_rows:
        return slice(None)
    return np.sort(rng.choice(n_rows, size, replace=False))


def initial_parameters(
    engine, means, *, weights=None, concentrations=None, concentration="tied", has_background=False
):
    """Parameters around given mean directions; what is not given comes from a hard partition.

    Parameters
    ----------
    engine : Engine
    means : ndarray or CSR array of shape (n_components, n_features)
        Unit rows.
    weights, concentrations : ndarray of shape (n_components,), default=None
    concentration : "tied", "free" or float
        As the fit will estimate it; "free" starts from one shared value.
    has_background : bool
        Add a uniform component, which starts with little weight: it grows faster than clusters that
        lost their rows to it come back.

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
    dim = means.shape[1]
    if weights is None or concentrations is None:
        estimate = maximize(
            engine.accumulate(MixtureParameters.nearest(means), hard=True),
            concentration="tied" if concentration == "free" else concentration,
        )
        weights = np.maximum(estimate.weights, 1e-6) if weights is None else weights
        concentrations = estimate.concentrations if concentrations is None else concentrations
    if has_background:
        weights = np.append(weights, _BACKGROUND * weights.sum())
        means = stacked([means, np.eye(1, dim)])
        concentrations = np.append(concentrations, 0.0)
    return MixtureParameters(
        weights / weights.sum(), means, concentrations, has_background=has_background
    )
