"""The estimator `VMFMixture`: its parameters, its fitted attributes, `fit` and `save`.

Its other methods are in the modules beside this one, formulas in `distribution` and `model`, the
stages of a fit in `fitting`, and everything that reads the rows in `engines`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from vmfmix.engines.base import Assignment, SharedRowSource
from vmfmix.engines.choice import validate_dense_to_center
from vmfmix.fitting.best import Fit, best_fit
from vmfmix.fitting.callback_tasks import CallbackTasks
from vmfmix.fitting.changes import stored_changes
from vmfmix.fitting.checkpoints import Checkpoint
from vmfmix.fitting.cluster_sizes import SizeLimits
from vmfmix.fitting.novelty import Novelty
from vmfmix.fitting.outcome import drop_empty_components, warn_about_result, warn_about_zero_rows
from vmfmix.fitting.progress import Progress
from vmfmix.fitting.sklearn_compat import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    validate_parameters_before,
    with_callbacks,
)
from vmfmix.fitting.start import mean_of_unit_rows
from vmfmix.fitting.state import EstimatorState, LastFit, stored_state
from vmfmix.fitting.steering import Steering
from vmfmix.fitting.validation import (
    copies_per_unit_weight,
    restored_on_failure,
    validate_parameters,
    validate_row_count,
    validate_sample_weight,
)
from vmfmix.merging.costs import COSTS
from vmfmix.merging.history import MergeHistory
from vmfmix.merging.isotropy import probability_power
from vmfmix.merging.selection import RULES
from vmfmix.mixture.annotations import set_annotations
from vmfmix.mixture.applying import Applying
from vmfmix.mixture.base import device_of
from vmfmix.mixture.growing import Growing
from vmfmix.mixture.numbering import Numbering
from vmfmix.mixture.prediction import Prediction
from vmfmix.mixture.reporting import Reporting
from vmfmix.model.statistics import LARGEST_CONCENTRATION, FloatArray, MixtureParameters
from vmfmix.neighbors.smoother import NeighborSmoother
from vmfmix.neighbors.stored import stored_attributes
from vmfmix.storage.model_format import write_model


class VMFMixture(CallbackSupportMixin, Prediction, Applying, Growing, Numbering, Reporting):
    r"""Mixture of von Mises-Fisher distributions: clusters of directions.

    The density of a unit vector :math:`x` of :math:`d` dimensions is

    .. math:: p(x) = \sum_k \pi_k\, C_d(\kappa_k) \exp(\kappa_k\, \mu_k^\top x)

    with weights :math:`\pi_k`, unit mean directions :math:`\mu_k` and concentrations
    :math:`\kappa_k \ge 0`, fitted by expectation maximization (EM) [1]_. A fit starts with more
    components than needed and merges those whose union explains the rows equally well. It thus
    finds good clusters from a single start, and estimates their number if it is not given.

    Rows are divided by their lengths. A dense `X` is not copied; beyond `X`, a fit needs memory for
    a few numbers per row, a few arrays of shape (n_components, n_features), and a sample of at most
    12,000 rows, or of 20 rows for each component that merging starts from.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Number of components, at most the number of rows. "auto": merge components down to one and
        keep the number that `selection` prefers.
    concentration : {"pooled", "tied", "free"} or float, default="pooled"
        How concentrations are estimated:

        - "pooled": one for each component, shrunk toward a shared value to the degree that the rows
          suggest (see `isotropy_`). If clusters scatter evenly in all directions, as the model
          assumes, this is close to "free"; if they scatter in few directions, as clusters of text
          embeddings do, it is close to "tied", which is better for them.
        - "tied": one concentration for all components; the labels are then close to those of
          spherical k-means.
        - "free": one for each component, corrected for the chance agreement of rows with their own
          mean and shrunk toward the shared value by two pseudo-rows, so that neither small
          components nor copies of a row drive it to infinity.
        - a float, at most 1e12: fixed.

        Without merging, "free" and "pooled" start with at most ten iterations of "tied", unless
        `concentrations_init` is given.
    background : bool, default=False
        Add a uniform component for rows that belong to no cluster; such rows are labeled -1. It
        can also absorb clusters that got no seed, so use several starts, for example ``n_init=10``.
    smooth : bool or NeighborSmoother, default=False
        Average the rows with their nearest neighbors first, and fit the mixture to the smoothed
        rows: better clusters of most embeddings, as clusters are then compact. True: as
        `NeighborSmoother` does by default, which leaves rows as they are if they scatter as the
        model assumes; pass a `NeighborSmoother` to change its parameters. The mixture, `sample`,
        `transform` and `score_samples` then refer to smoothed rows. A fit keeps a copy of the rows,
        as new rows are smoothed by their nearest neighbors among them.
    center : bool, default=False
        Subtract the mean of the unit rows, and scale the rows to unit length again, before fitting.
        Helps if all embeddings share a strong common direction. Not available for sparse `X`.
        `means_` and the rows that `sample` returns are directions after this step.
    assignment : {"soft", "hard"}, default="soft"
        "soft": EM. "hard": classification EM, in which each row counts only for its most probable
        component, as in spherical k-means.
    n_components_init : int, default=None
        Number of components that merging starts from, an upper limit on the number of clusters.
        None: three times `n_components`, but at most 4,000 more than `n_components` and at most
        half of the rows, and at least 50 or a twentieth of the rows, whichever is less; for "auto",
        an eighth of the rows, but at most 600, and at least 20 or half of the rows, whichever is
        less, and more if most rows are in groups of less than 16. With ``n_components=1``, 1.
        Copies of a row count once. The time and memory that merging takes grow with the square of
        this number.
    merge : {"likelihood", "icl", "jeffreys", "cosine"} or None, default="likelihood"
        Cost of merging two components:

        - "likelihood": loss of classification log-likelihood under one shared concentration, which
          is Ward's criterion on the sphere; the best one on real embeddings.
        - "icl": the same with separate concentrations and weights, in the effective dimension of
          the clusters.
        - "jeffreys": Jeffreys divergence; ignores the sizes of clusters.
        - "cosine": 1 − cosine of the means; ignores the sizes of clusters.
        - None: do not merge; run EM with `n_components` components.

        With an integer `n_components`, nothing is merged if initial values are given without
        `n_components_init`.
    selection : str or callable, default="auto"
        How the number of components is chosen if ``n_components="auto"``:

        - "auto": "icl" if its clusters scatter as the model assumes (see `isotropy_`), otherwise
          the number at which random walks between neighboring rows stay in their clusters for long
          at most scales (see `levels_`), and at most that of "icl" unless rows are smoothed.
        - "persistence": the same at one scale, six steps.
        - "icl", "bic": likelihood criteria; right for von Mises-Fisher clusters, several times too
          many on real embeddings.
        - "modularity": modularity of the partition on the graph of nearest neighbors.
        - "silhouette": simplified silhouette, with each row left out of its own mean.
        - "stability": the largest number at which merge paths from three seeds agree.
        - a function of (rows, labels), such as `sklearn.metrics.calinski_harabasz_score`; the
          greatest value wins.
    resolution : float, default=1.0
        Greater values find more and smaller clusters, lower ones fewer and larger clusters, and
        never the other way round, if ``n_components="auto"`` and ``selection="auto"``; other
        combinations need 1. The score of a number K is multiplied by K to the power of
        log(resolution); if "icl" decides, its number changes by the same factor as if its penalty
        was divided by the resolution.
    min_cluster_size : int, default=1
        Smallest number of rows of a cluster. After EM, while clusters have fewer rows, they are
        merged, the smallest first, each with the cluster for which the cost `merge` is lowest
        ("likelihood" if it is None), and EM runs again. `n_components_` may then be smaller than
        `n_components`.
    max_cluster_share : float, default=1.0
        Largest share of the rows in one cluster, above 0 and at most 1. After EM, while clusters
        have more rows, each of them is split in two, by merging components of (a sample of) its
        rows down to two, and EM runs again. `n_components_` may then be larger than `n_components`.
        Clusters below `min_cluster_size` are merged after that, if possible without exceeding this
        share.
    init_params : {"k-means++", "random_from_data", "random"}, default="k-means++"
        How initial mean directions are drawn: spherical k-means++ on (a sample of) the rows,
        distinct random rows, or the mean directions of a random partition.
    means_init : array-like of shape (n_means, n_features), default=None
        Initial mean directions; scaled to unit length. Cluster k starts from row k; if there are
        fewer rows than `n_components`, the other clusters start as `init_params` says. With
        ``n_components="auto"``, or as many rows as `n_components_init`, merging starts from these
        means, and clusters have any order. With fewer rows than `n_components_init`, the first
        clusters are those nearest to the means.
    weights_init : array-like of shape (n_components,), default=None
        Initial weights, summing to 1.
    concentrations_init : array-like of shape (n_components,), default=None
        Initial concentrations, at most 1e12. Initial values that are not given are estimated from
        the partition of the rows by nearest initial mean.
    n_init : int, default=1
        Number of fits from different seeds. The one with the greatest `lower_bound_` is kept; with
        ``n_components="auto"``, among those with the median number of components. With merging, one
        is enough on most data.
    max_iter : int, default=100
        Maximum number of EM iterations of one fit.
    tol : float, default=1e-4
        EM stops when the lower bound changes by no more than this, in nats per row.
    device : str or torch.device, default=None
        Device on which torch computes: "cuda", "cuda:1", "mps" or "cpu". None: tensors are used on
        the device that holds them; arrays, and tensors on the CPU, are processed by numba. Fitted
        attributes are NumPy arrays in any case.
    block_size : int, default=None
        Number of rows that are processed together; None: chosen from the number of components. The
        result does not depend on it beyond rounding.
    random_state : int, RandomState instance or None, default=None
        Seed of all random choices; pass an int for reproducible results.
    warm_start : bool, default=False
        Continue from where the last call of `fit` ended, or from the iteration of EM in which it
        was interrupted. `n_init` then counts as 1.
    add_components : bool, default=False
        Whether `partial_fit` adds clusters for new topics, with the next numbers, when many of the
        last rows are unlike every cluster. False: it warns of them. (`update` always adds them.)
    verbose : int, default=0
        1: print a line for each stage of a fit when it ends, with the time that it took, and a line
        every ten seconds while it lasts, with the time that is left if it can be estimated. The
        stages are reading, the search for neighbors and smoothing (with `smooth`), the choice of
        initial clusters, merging, the choice of their number, EM, and labeling. 2: also
        print a line for each E step of merging and EM, with its log-likelihood or lower bound. For
        bars, pass scikit-learn's ``ProgressBar`` to `set_callbacks`.

    Attributes
    ----------
    n_components_ : int
        Number of components that own rows; smaller than `n_components` if some own none. With
        `min_cluster_size` or `max_cluster_share`, also smaller or larger.
    weights_ : ndarray of shape (n_components_,)
        They sum to 1, together with `background_weight_` if there is a background.
    means_ : ndarray of shape (n_components_, n_features)
        Mean directions, unit rows; in the space of the smoothed rows with `smooth`.
    concentrations_ : ndarray of shape (n_components_,)
        All equal if ``concentration="tied"``.
    merge_history_ : MergeHistory
        The merges with their costs, and the score of each number of components; only if components
        were merged, or clusters edited. ``merge_history_.plot()``, ``.plot_scores()`` and
        ``.plot_dendrogram()`` plot it, and `merge_to` returns the clusters at another number.
    levels_ : list of Level
        At most five natural numbers of clusters, as tuples ``(n_components, strength)``: the chosen
        one first, then the others, the strongest first. The strength is the share of the scales, on
        a logarithmic axis, at which a number within a factor of 1.5 is the best one; 0 if none
        favors the chosen number, and 1 for a single cluster. `merge_to` returns the clusters of
        each. Only with ``n_components="auto"``.
    names_ : ndarray of shape (n_components_,), str
        Names of the clusters, "" for one without a name; only after `rename`.
    notes_ : ndarray of shape (n_components_,), str
        Notes on the clusters, "" for one without a note; only after `annotate`.
    noise_ : ndarray of shape (n_components_,), bool
        Whether each cluster is noise, so that its rows are labeled -1; only after `mark_noise`.
    isotropy_ : float
        How evenly rows scatter within clusters: the effective dimension of their scatter as a share
        of all directions on the sphere, from 0 to 1. The model assumes 1; text embeddings have 0.05
        to 0.25; NaN if clusters are too small to measure it. Only with ``concentration="pooled"``,
        where a component of average size takes the share ``isotropy_ ** 2`` of its concentration
        from its own rows.
    background_weight_ : float
        Weight of the uniform component; only with ``background=True``.
    smoother_ : NeighborSmoother
        Smooths the rows, without its attribute `embedding_`; only with `smooth`.
    center_ : ndarray of shape (n_features,)
        The mean that was subtracted from the unit rows; only with ``center=True``.
    labels_ : ndarray of shape (n_samples,), int32
        Component of each row of `X`; -1: background or noise. The same as ``predict(X)``, except
        for rows with known labels and in groups; see `fit`.
    probabilities_ : ndarray of shape (n_samples,)
        Calibrated probability of that component, see `predict_proba`; 1 for a row with a known
        label.
    probability_power_ : float
        Power of the joint densities that probabilities are proportional to, from 0 to 1:
        ``isotropy / (2 − isotropy)``, about half the isotropy of real embeddings and 1 for clusters
        that scatter as the model assumes; lower after `calibrate` if clusters are unstable.
    reference_densities_ : ndarray of shape (n,), float32
        Log densities of at most 10,000 rows of the fit, each under the mixture of the other rows,
        in ascending order. `typicality` compares rows with them.
    unsmoothed_means_ : ndarray of shape (n_components_, n_features)
        Mean directions of the rows of each cluster before smoothing, from which `typicality` is
        computed since smoothing moves any row to a cluster; only with `smooth`.
    unsmoothed_concentration_ : float
        The shared concentration of these rows around them; only with `smooth`.
    lower_bound_ : float
        Mean log-likelihood per row (per unit of weight) in the last E step, in nats with respect to
        surface measure. With "free" or "pooled" concentrations, it includes their log prior; with
        ``assignment="hard"``, it is the classification log-likelihood.
    lower_bounds_ : ndarray of shape (n_iterations,)
        The lower bound in each iteration. It never decreases beyond rounding.
    n_iter_ : int
        Number of EM iterations of the final stage, which follows merging and any iterations with
        one shared concentration.
    converged_ : bool
        Whether `tol` was reached within `max_iter`.
    n_samples_seen_ : int
        Number of rows of `fit` and of all calls of `partial_fit` and `update` after it.
    changes_ : list of ClusterChange
        What the last call of `update` changed, one named tuple for each cluster, with the fields of
        `vmfmix.fitting.changes.ClusterChange`; only after `update`.
    n_features_in_ : int
        Number of features of `X`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if `X` has column names that are all strings.

    See Also
    --------
    sklearn.mixture.GaussianMixture : A mixture for vectors whose lengths matter.
    sklearn.cluster.KMeans : Clusters by squared Euclidean distance instead of direction.

    Notes
    -----
    A row of zeros has no direction: it does not influence the fit, and it is labeled and scored
    like a row that is perpendicular to all means. Responsibilities that together make up less than
    1e-6 of a row (float32; 1e-12 in float64) are treated as 0. The number of threads is that of
    NumPy's BLAS.

    References
    ----------
    .. [1] A. Banerjee, I. S. Dhillon, J. Ghosh, S. Sra (2005). Clustering on the unit hypersphere
       using von Mises-Fisher distributions. JMLR 6, 1345-1382.

    Examples
    --------
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import load_snips
    >>> snips = load_snips()
    >>> model = VMFMixture(random_state=0).fit(snips.data)
    >>> model.n_components_  # the sentences have 7 intents, two of which are much alike
    6
    >>> model.merge_to(7).means_.shape
    (7, 384)
    >>> model.predict(snips.data[:3]) == model.labels_[:3]
    array([ True,  True,  True])
    >>> model.predict_proba(snips.data).sum(axis=1).round(6).max()
    np.float64(1.0)
    >>> least_typical = model.score_samples(snips.data).argmin()
    >>> model.save("model.npz")  # doctest: +SKIP
    """

    _parameter_constraints: dict[str, Any] = {
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "concentration": [
            StrOptions({"pooled", "tied", "free"}),
            Interval(Real, 0, LARGEST_CONCENTRATION, closed="both"),
        ],
        "background": ["boolean"],
        "smooth": ["boolean", NeighborSmoother],
        "center": ["boolean"],
        "assignment": [StrOptions({"soft", "hard"})],
        "n_components_init": [Interval(Integral, 1, None, closed="left"), None],
        "merge": [StrOptions(set(COSTS)), None],
        "selection": [StrOptions(set(RULES)), callable],
        "resolution": [Interval(Real, 0, None, closed="neither")],
        "min_cluster_size": [Interval(Integral, 1, None, closed="left")],
        "max_cluster_share": [Interval(Real, 0, 1, closed="right")],
        "init_params": [StrOptions({"k-means++", "random_from_data", "random"})],
        "means_init": ["array-like", None],
        "weights_init": ["array-like", None],
        "concentrations_init": ["array-like", None],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "device": "no_validation",  # left to torch, which knows its devices
        "block_size": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "add_components": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components: int | Literal["auto"] = "auto",
        *,
        concentration: Literal["pooled", "tied", "free"] | float = "pooled",
        background: bool = False,
        smooth: bool | NeighborSmoother = False,
        center: bool = False,
        assignment: Literal["soft", "hard"] = "soft",
        n_components_init: int | None = None,
        merge: Literal["likelihood", "icl", "jeffreys", "cosine"] | None = "likelihood",
        selection: str | Callable[[Any, Any], float] = "auto",
        resolution: float = 1.0,
        min_cluster_size: int = 1,
        max_cluster_share: float = 1.0,
        init_params: Literal["k-means++", "random_from_data", "random"] = "k-means++",
        means_init: ArrayLike | None = None,
        weights_init: ArrayLike | None = None,
        concentrations_init: ArrayLike | None = None,
        n_init: int = 1,
        max_iter: int = 100,
        tol: float = 1e-4,
        device: Any = None,
        block_size: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        add_components: bool = False,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.concentration = concentration
        self.background = background
        self.smooth = smooth
        self.center = center
        self.assignment = assignment
        self.n_components_init = n_components_init
        self.merge = merge
        self.selection = selection
        self.resolution = resolution
        self.min_cluster_size = min_cluster_size
        self.max_cluster_share = max_cluster_share
        self.init_params = init_params
        self.means_init = means_init
        self.weights_init = weights_init
        self.concentrations_init = concentrations_init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.device = device
        self.block_size = block_size
        self.random_state = random_state
        self.warm_start = warm_start
        self.add_components = add_components
        self.verbose = verbose

    # --- fit --------------------------------------------------------------------------------------

    @with_callbacks
    @validate_parameters_before
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        checkpoint: Any = None,
        *,
        known_labels: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> VMFMixture:
        """Fit the mixture and label the rows.

        Parameters
        ----------
        X : {array-like, CSR matrix, tensor, block source} of shape (n_samples, n_features)
            Rows, of which only the directions matter. float64, float32, float16, int8 and uint8 are
            not converted; other types are converted to float64. All but float64 are processed in
            float32. All columns of a DataFrame must have one type. `X` may also be a column of
            vectors of pandas, polars or Arrow or a list of vectors, or provide rows in blocks: a
            dask array, an array of zarr or h5py, or a function that returns a new iterator over
            blocks. If rows are divided among processes, `X` is a
            `vmfmix.engines.collective.Shard`.
        y : Ignored
            Present for compatibility with scikit-learn's pipelines.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative weights; None: every row has weight 1. A row of weight 2 counts as two
            copies of the row; weights with a mean below 1 are scaled to mean 1.
        checkpoint : str or path-like, default=None
            Checkpoint file for long fits, written after each EM iteration. If the file exists when
            a fit with the same parameters to the same rows starts, the fit resumes from it and
            gives the same result as without the interruption. Seeding and merging are repeated, so
            `random_state` must be an integer. The file is removed at the end.
        known_labels : array-like of shape (n_samples,), default=None
            Clusters that are known for some rows: integers from 0 without gaps, -1 where the
            cluster is not known. Cluster c then consists of the rows with known label c and of the
            other rows for which it is the most probable one. Clusters without known labels have the
            numbers after these. If `n_components` is the number of known clusters, nothing is
            merged. A row with a known label counts as much as 1, 10, … or 10,000 other rows,
            whichever assigns most known rows to their clusters in five-fold cross-validation.
        groups : array-like of shape (n_samples,), default=None
            Rows with equal values, such as the paragraphs of one document, get the same label. Any
            values that can be compared and hashed; give a row that belongs to no group a value of
            its own. The mixture is fitted to the mean directions of the groups, with the numbers of
            their rows (or sums of their weights) as weights, so that `concentrations_` and
            densities are those of group means. `predict` labels single rows by this mixture.

        Returns
        -------
        self : VMFMixture

        Raises
        ------
        ValueError
            If `X` contains NaN, infinity, null or masked values, has columns of several types, has
            fewer than 2 features or fewer rows with a direction than `n_components`, if it has too
            few rows for `min_cluster_size` or `max_cluster_share`, if an initial value has the
            wrong shape, if parameters exclude each other, if `known_labels` or `groups` cannot be
            used or contradict each other, or if the checkpoint is damaged or belongs to another
            fit.
        ImportError
            If `device` is given and torch is not installed.
        OSError
            If the checkpoint cannot be written. The previous checkpoint is kept.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` was reached first, or components were dropped because they owned no rows.
        UserWarning
            If the number of clusters that "auto" found is doubtful: one cluster, nearly as many as
            merging started from, mostly clusters of very few rows, or far from the number that
            modularity favors. If a cluster has more rows than `max_cluster_share` allows and cannot
            be split, or if the only cluster has fewer than `min_cluster_size`.
        """
        validate_parameters(self)
        last = (self._private_state.interrupted or self._last_fit()) if self.warm_start else None
        if last and checkpoint is not None:
            raise ValueError(
                "checkpoint cannot be combined with a warm start from an earlier fit; leave out "
                "checkpoint, or pass warm_start=False."
            )
        progress = self._new_progress()
        with restored_on_failure(self, "n_features_in_", "feature_names_in_"):
            with progress.stage("reading", "Reading the rows"):
                X = self._validate_rows(
                    X, has_weights=sample_weight is not None, ensure_min_features=2
                )
            if last:
                last.validate_continuation(self, X.shape[1])
            steering = Steering.validated(X, self.n_components, known_labels, groups)
            weights, copies = None, 1.0
            if sample_weight is not None:
                weights = validate_sample_weight(sample_weight, X)
                copies = copies_per_unit_weight(weights, X)
                weights = copies * weights
            task = self._init_callback_context(max_subtasks=self._max_tasks(steering))
            metadata = {"sample_weight": weights}
            task.call_on_fit_task_begin(estimator=self, X=X, y=y, metadata=metadata)
            progress.add(CallbackTasks(self, task))
            smoother, rows = self._smoothed(X, weights, progress) if self.smooth else (None, X)
            center = self._mean_to_subtract(X, weights) if self.center else None
            engine = self._make_engine(rows, weights, center, device_of(X))
            validate_row_count(self, engine)
            n_rows = int(engine.all_reduce(np.array([engine.n_rows]))[0])
            limits = SizeLimits.of(self, n_rows, is_steered=steering.is_given)
            warn_about_zero_rows(engine, "they do not influence the fit, and their labels")
            steered = steering.engine(
                engine,
                self._make_engine,
                rows,
                progress,
                sample_weight=weights,
                center=center,
                device=device_of(X),
            )
            if groups is not None:
                validate_row_count(self, steered, "groups of rows")
            if last:
                last = steering.continuation(last, self)
            file = None
            if checkpoint is not None:
                file = Checkpoint(checkpoint, self, engine, **vars(steering))
            keep_unfinished = self._keep_unfinished if self.warm_start else None
            graph_among = None
            if smoother and rows is not X and groups is None:
                graph_among = smoother.graph_among
            fit = best_fit(self, steered, progress, last, file, keep_unfinished, graph_among)
            if limits is not None:
                with progress.stage("cluster sizes", "Limiting the sizes of clusters") as stage:
                    fit = limits.enforced(self, engine, fit, file, stage.describe)
            with progress.stage("labels", "Labeling the rows"):
                parameters, assignment, counts = drop_empty_components(
                    steered, fit.result.parameters
                )
                # First, since a warning turned into an error must leave the model unchanged.
                warn_about_result(self, fit, counts)
                assignment = steering.of_rows(assignment, engine, parameters)
                self._set_fit(
                    fit,
                    parameters,
                    assignment,
                    isotropy=fit.measured_isotropy(steered, parameters),
                    smoother=smoother,
                    center=center,
                    copies=copies,
                )
                unsmoothed = self._make_engine(X, device=device_of(X)) if self._smooths else None
                self._set_references(assignment, fit.result.weight, unsmoothed)
                self.reference_densities_ = engine.broadcast(self.reference_densities_)
                calibrated = self._calibrated(
                    lambda each: steering.of_rows(steered.assign(each), engine, parameters),
                    assignment,
                )
                self._set_labels(assignment, calibrated, unsmoothed)
                self.probabilities_ = steering.sure_of_known(self.probabilities_)
                self.n_samples_seen_ = n_rows
            if file is not None:
                file.remove()
        task.call_on_fit_task_end(estimator=self, X=X, y=y, metadata=metadata)
        return self

    def fit_predict(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        known_labels: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> NDArray[np.int32]:
        """Fit the mixture and return `labels_`.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
        known_labels, groups : array-like of shape (n_samples,), default=None
            See `fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
        """
        model = self.fit(X, None, sample_weight, known_labels=known_labels, groups=groups)
        return model.labels_

    def fit_transform(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        known_labels: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> NDArray[Any]:
        """Fit the mixture and return the cosine of each row with each mean direction.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
        known_labels, groups : array-like of shape (n_samples,), default=None
            See `fit`.

        Returns
        -------
        cosines : ndarray of shape (n_samples, n_components_)
        """
        model = self.fit(X, None, sample_weight, known_labels=known_labels, groups=groups)
        return model.transform(X)

    # --- files ------------------------------------------------------------------------------------

    def save(self, path: Any, *, history: bool = True) -> None:
        """Write the fitted model to a file that `vmfmix.load` reads; pickle is not involved.

        Parameters
        ----------
        path : str, path-like or file object
            Usually ending in ``.npz``. The file is written completely or not at all. A file object,
            such as ``io.BytesIO`` or one of a cloud store, must be opened for writing bytes; it is
            written at its current position, and left open.
        history : bool, default=True
            Whether to store `merge_history_`, which is usually most of the file. Without it, the
            loaded model predicts the same, but has no `merge_to` and no `levels_`.

        Raises
        ------
        ValueError
            If a parameter cannot be stored, or is one that `VMFMixture` does not have.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import io, vmfmix
        >>> from vmfmix.datasets import load_snips
        >>> X = load_snips().data
        >>> model = vmfmix.VMFMixture(random_state=0).fit(X)
        >>> file = io.BytesIO()
        >>> model.save(file, history=False)
        >>> len(file.getvalue()) < 100_000
        True
        >>> loaded = vmfmix.load(io.BytesIO(file.getvalue()))
        >>> bool((loaded.predict(X) == model.labels_).all())
        True
        """
        check_is_fitted(self)
        self._validate_params()  # otherwise the file could not be loaded
        attributes = {name: value for name, value in vars(self).items() if _is_fitted_name(name)}
        smoother = attributes.pop("smoother_", None)
        if smoother is not None:
            values = stored_attributes(smoother)
            attributes |= {f"smoother_.{name}": value for name, value in values.items()}
        changes = attributes.pop("changes_", None)
        if changes is not None:
            values = stored_changes(changes)
            attributes |= {f"changes_.{name}": values[name] for name in values}
        state = stored_state(self._private_state)
        attributes |= {f"state.{name}": state[name] for name in state}
        merges = attributes.pop("merge_history_", None)
        write_model(
            path,
            type(self).__name__,
            self._storable_parameters(),
            attributes,
            vars(merges) if history and merges is not None else {},
        )

    def _storable_parameters(self) -> dict[str, Any]:
        """Return the parameters, with values that a file cannot hold replaced."""
        parameters = self.get_params(deep=False)
        unknown = parameters.keys() - VMFMixture().get_params().keys()
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has parameters that VMFMixture does not have: "
                f"{', '.join(sorted(unknown))}; only those of VMFMixture can be saved."
            )
        if isinstance(parameters["random_state"], np.random.RandomState):
            parameters["random_state"] = None  # the state of a generator is not part of a model
        if callable(parameters["selection"]):
            parameters["selection"] = "auto"  # nor is code; the number is already chosen
        if parameters["device"] is not None:
            parameters["device"] = str(parameters["device"])  # may be a torch.device
        if isinstance(self.smooth, NeighborSmoother):
            own = self.smooth.storable_parameters()
            parameters |= {"smooth": True, **{f"smooth__{name}": own[name] for name in own}}
        return parameters

    # --- stages of a fit --------------------------------------------------------------------------

    def _max_tasks(self, steering: Steering) -> int:
        """Return the maximum number of tasks of a fit: one for each start, and other stages."""
        has_limits = self.min_cluster_size > 1 or self.max_cluster_share < 1
        n_other = 2 * bool(self.smooth) + (steering.known_labels is not None) + has_limits + 1
        return self.n_init + n_other

    def _smoothed(
        self, X: Any, weights: FloatArray | None, progress: Progress
    ) -> tuple[NeighborSmoother, Any]:
        """Return the fitted smoother and the rows that the mixture is fitted to."""
        if isinstance(X, SharedRowSource):
            raise ValueError(
                "smooth=True needs all rows in one process, and X is a share of them; pass "
                "smooth=False, or fit a NeighborSmoother to a sample and share what its transform "
                "returns."
            )
        smoother = NeighborSmoother(device=self.device)
        if isinstance(self.smooth, NeighborSmoother):
            smoother = clone(self.smooth)
        smoother._validate_params()  # scikit-learn skips this within `fit`
        smoothed = smoother._fit_transform(X, weights, progress)
        del smoother.embedding_  # needed no longer
        return smoother, X if smoother.restart_ == 1 else smoothed

    def _mean_to_subtract(self, X: Any, sample_weight: FloatArray | None) -> FloatArray:
        validate_dense_to_center(X)
        return mean_of_unit_rows(self._make_engine(X, sample_weight))

    def _keep_unfinished(self, unfinished: LastFit) -> None:
        self._state = replace(self._private_state, interrupted=unfinished)

    def _set_fit(
        self,
        fit: Fit,
        parameters: MixtureParameters,
        assignment: Assignment,
        *,
        isotropy: float,
        smoother: NeighborSmoother | None,
        center: FloatArray | None,
        copies: float,
    ) -> None:
        """Set the state and the fitted attributes."""
        start, result = fit.start, fit.result
        novelty = Novelty.after_fit(parameters, assignment, result.weight)
        self._state = EstimatorState(fit.as_last(self, copies=copies, novelty=novelty))
        outdated = ["smoother_", "center_", "background_weight_", "isotropy_", "changes_"]
        outdated += ["unsmoothed_means_", "unsmoothed_concentration_"]
        for name in outdated if start.continues else [*outdated, "merge_history_"]:
            self.__dict__.pop(name, None)
        n_clusters = len(parameters.weights[parameters.own])
        if not start.continues or n_clusters != vars(self).get("n_components_"):
            set_annotations(self, [])
        if smoother is not None:
            self.smoother_ = smoother
        if center is not None:
            self.center_ = center
        if start.isotropy is not None:
            self.isotropy_ = start.isotropy
        if start.merged:
            selected = start.merged.selection
            self.merge_history_ = MergeHistory.from_path(
                start.merged.partitions,
                fit.iterations,
                selected.scores if selected else {},
                selected.levels if selected else (),
                start.merged.scale,
            )
        self._set_parameters(parameters)
        self.probability_power_ = probability_power(isotropy)
        self.lower_bounds_ = np.array(result.lower_bounds)
        self.lower_bound_ = float(result.lower_bounds[-1])
        self.n_iter_ = len(result.lower_bounds)
        self.converged_ = bool(result.converged)

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _is_fitted_name(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")
