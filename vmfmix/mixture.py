"""The estimator `VMFMixture`: parameters, fitted attributes, and one method per user action.

Formulas are in `distribution` and `model`, the stages of a fit in `fitting`, and everything that
reads the rows in `engines`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from vmfmix import distribution
from vmfmix.engines.base import (
    Assignment,
    Engine,
    RowSource,
    SharedRowSource,
)
from vmfmix.engines.choice import choose_engine, prepare_rows, validate_dense_to_center
from vmfmix.engines.rows.tensors import is_tensor
from vmfmix.fitting.best import Fit, best_fit
from vmfmix.fitting.checkpoints import Checkpoint
from vmfmix.fitting.novelty import Novelty
from vmfmix.fitting.outcome import (
    drop_empty_components,
    warn_about_novelty,
    warn_about_result,
    warn_about_zero_rows,
)
from vmfmix.fitting.progress import RowProgress
from vmfmix.fitting.sklearn_compat import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    validate_parameters_before,
    validate_weights,
    with_callbacks,
)
from vmfmix.fitting.start import (
    default_n_components_init,
    mean_of_unit_rows,
    merge_sample_size,
)
from vmfmix.fitting.state import EstimatorState, LastFit, shared_options
from vmfmix.fitting.streaming import Stream
from vmfmix.fitting.validation import (
    copies_per_unit_weight,
    restored_on_failure,
    validate_parameters,
    validate_row_count,
    validate_rows,
    validate_sample_weight,
)
from vmfmix.merging.costs import COSTS
from vmfmix.merging.history import MergeHistory
from vmfmix.merging.isotropy import own_share
from vmfmix.merging.levels import Level
from vmfmix.merging.selection import RULES
from vmfmix.model import criteria
from vmfmix.model.matrices import as_array
from vmfmix.model.statistics import (
    LARGEST_CONCENTRATION,
    ConcentrationPrior,
    FloatArray,
    MixtureParameters,
    maximize,
)
from vmfmix.neighbors.smoother import NeighborSmoother
from vmfmix.neighbors.stored import stored_attributes
from vmfmix.storage.model_format import write_model


def _can_learn_from_batches(estimator: VMFMixture) -> bool:
    if estimator.smooth:
        raise AttributeError(
            "partial_fit cannot smooth rows, whose neighbors are in all batches; pass "
            "smooth=False, or fit a NeighborSmoother to a sample and pass batches that its "
            "transform returns."
        )
    return True


class VMFMixture(
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClusterMixin,
    BaseEstimator,
):
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
    init_params : {"k-means++", "random_from_data", "random"}, default="k-means++"
        How initial mean directions are drawn: spherical k-means++ on (a sample of) the rows,
        distinct random rows, or the mean directions of a random partition.
    means_init : array-like of shape (n_components, n_features), default=None
        Initial mean directions; scaled to unit length. With `n_components_init` or
        ``n_components="auto"``, one for each component that merging starts from.
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
    verbose : int, default=0
        1: print a line for each fit; 2: print a line for each iteration.

    Attributes
    ----------
    n_components_ : int
        Number of components that own rows; smaller than `n_components` if some own none.
    weights_ : ndarray of shape (n_components_,)
        They sum to 1, together with `background_weight_` if there is a background.
    means_ : ndarray of shape (n_components_, n_features)
        Mean directions, unit rows; in the space of the smoothed rows with `smooth`.
    concentrations_ : ndarray of shape (n_components_,)
        All equal if ``concentration="tied"``.
    merge_history_ : MergeHistory
        The merges with their costs, and the score of each number of components; only if components
        were merged. ``merge_history_.plot()``, ``.plot_scores()`` and ``.plot_dendrogram()`` plot
        it, and `merge_to` returns the clusters at another number.
    levels_ : list of Level
        At most five natural numbers of clusters, as tuples ``(n_components, strength)``: the chosen
        one first, then the others, the strongest first. The strength is the share of the scales, on
        a logarithmic axis, at which a number within a factor of 1.5 is the best one; 0 if none
        favors the chosen number, and 1 for a single cluster. `merge_to` returns the clusters of
        each. Only with ``n_components="auto"``.
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
        Component of each row of `X`, the same as ``predict(X)``; -1: background.
    probabilities_ : ndarray of shape (n_samples,)
        Posterior probability of that component.
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
        Number of rows of `fit` and of all calls of `partial_fit` after it.
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

    n_components_: int
    weights_: FloatArray
    means_: FloatArray
    concentrations_: FloatArray
    merge_history_: MergeHistory
    isotropy_: float
    background_weight_: float
    smoother_: NeighborSmoother
    center_: FloatArray
    labels_: NDArray[np.int32]
    probabilities_: FloatArray
    lower_bound_: float
    lower_bounds_: FloatArray
    n_iter_: int
    converged_: bool
    n_samples_seen_: int
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    _state: EstimatorState

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

        Returns
        -------
        self : VMFMixture

        Raises
        ------
        ValueError
            If `X` contains NaN, infinity, null or masked values, has columns of several types, has
            fewer than 2 features or fewer rows with a direction than `n_components`, if an initial
            value has the wrong shape, if parameters exclude each other, or if the checkpoint is
            damaged or belongs to another fit.
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
            modularity favors.
        """
        validate_parameters(self)
        last = (self._private_state.interrupted or self._last_fit()) if self.warm_start else None
        if last and checkpoint is not None:
            raise ValueError(
                "checkpoint cannot be combined with a warm start from an earlier fit; leave out "
                "checkpoint, or pass warm_start=False."
            )
        with restored_on_failure(self, "n_features_in_", "feature_names_in_"):
            X = self._validate_rows(X, has_weights=sample_weight is not None, ensure_min_features=2)
            if last:
                last.validate_continuation(self, X.shape[1])
            weights, copies = None, 1.0
            if sample_weight is not None:
                weights = validate_sample_weight(sample_weight, X)
                copies = copies_per_unit_weight(weights, X)
                weights = copies * weights
            progress = self._init_callback_context(max_subtasks=self.n_init)
            metadata = {"sample_weight": weights}
            progress.call_on_fit_task_begin(estimator=self, X=X, y=y, metadata=metadata)
            smoother, rows = self._smoothed(X, weights) if self.smooth else (None, X)
            center = self._mean_to_subtract(X, weights) if self.center else None
            engine = self._make_engine(rows, weights, center, _device_of(X))
            validate_row_count(self, engine)
            n_rows = int(engine.all_reduce(np.array([engine.n_rows]))[0])
            warn_about_zero_rows(engine, "they do not influence the fit, and their labels")
            file = None if checkpoint is None else Checkpoint(checkpoint, self, engine)
            keep_unfinished = self._keep_unfinished if self.warm_start else None
            graph_among = smoother.graph_among if smoother and rows is not X else None
            fit = best_fit(self, engine, progress, last, file, keep_unfinished, graph_among)
            self._set_fit(
                fit, engine, smoother=smoother, center=center, copies=copies, n_rows=n_rows
            )
            if file is not None:
                file.remove()
        progress.call_on_fit_task_end(estimator=self, X=X, y=y, metadata=metadata)
        return self

    def fit_predict(
        self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.int32]:
        """Fit the mixture and return `labels_`.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
        """
        return self.fit(X, sample_weight=sample_weight).labels_

    def fit_transform(
        self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[Any]:
        """Fit the mixture and return the cosine of each row with each mean direction.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        cosines : ndarray of shape (n_samples, n_components_)
        """
        return self.fit(X, sample_weight=sample_weight).transform(X)

    @available_if(_can_learn_from_batches)
    @validate_parameters_before
    def partial_fit(
        self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> VMFMixture:
        """Update the mixture with one batch of rows by stepwise EM [1]_.

        The first rows are stored, as many as merging uses (12,000, or 20 for each component that it
        starts from), and the mixture is fitted to all of them again each time their number has
        doubled. After that, clusters keep their positions in `means_`, and a batch moves the
        running sums over rows toward its own sums by the share (weight of the batch / weight of all
        rows)^0.7. After `fit`, or on a loaded model, batches update the fitted mixture directly.
        Pass rows in random order, in batches of a few hundred or more.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : VMFMixture
            `labels_` and `probabilities_` are those of this batch, and `lower_bound_` is its mean
            log density before the update. If the mixture was fitted to all rows again,
            `lower_bound_` and the other attributes are those of that fit.

        Raises
        ------
        ValueError
            As for `fit`, or if `X` is a source of blocks, or if the first batch has too few rows.
            The model is then unchanged.

        Warns
        -----
        UserWarning
            If rows are no longer stored and many of the last ones are unlike every cluster: more
            than twice as many as of the earlier rows are in the background, or are as improbable as
            the lowest 1%, 5% or 20% of the earlier rows. They move existing clusters, and do not
            become a cluster of their own; fit again to find it. A stream in random order causes
            such a warning with a probability of about 1 in 1000, however long it is.

        References
        ----------
        .. [1] O. Cappé, E. Moulines (2009). On-line expectation-maximization algorithm for latent
           data models. Journal of the Royal Statistical Society B 71 (3), 593-613.

        Examples
        --------
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> model = VMFMixture(7, random_state=0)
        >>> for batch in load_snips().data.reshape(7, 500, -1):
        ...     model = model.partial_fit(batch)
        >>> model.n_samples_seen_, len(model.labels_)
        (3500, 500)
        """
        validate_parameters(self)
        with restored_on_failure(self, "n_features_in_", "feature_names_in_"):
            is_first = not hasattr(self, "means_")
            X = self._validate_rows(X, reset=is_first, ensure_min_features=2 if is_first else 1)
            if isinstance(X, RowSource):
                raise ValueError(
                    "partial_fit takes one batch of rows at a time; call it for each block of X."
                )
            weights = np.ones(X.shape[0])
            if sample_weight is not None:
                weights = validate_sample_weight(sample_weight, X)
            stream = self._stream_so_far()
            stream = stream.with_batch(_copy_of_batch(X) if stream.keeps else X, weights)
            if stream.needs_fit:
                self._fit_stream(stream, n_batch=X.shape[0])
            elif stream.statistics is None:
                raise ValueError(
                    f"The first batch has {X.shape[0]} rows, fewer than the {stream.next_fit} "
                    "components to start with; pass a larger first batch."
                )
            else:
                self._step(stream, X, weights)
        self._state = replace(self._state, interrupted=None)
        return self

    # --- use a fitted mixture ---------------------------------------------------------------------

    def predict(self, X: Any) -> NDArray[np.int32]:
        """Return the most probable component of each row.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            -1: background.

        Warns
        -----
        UserWarning
            If rows have no direction, whose labels are meaningless.
        """
        engine = self._engine_for_new_rows(X)
        warn_about_zero_rows(engine, "their labels")
        return self._as_labels(engine.assign(self._parameters()).labels)

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the posterior probability of each component for each row.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_components_)
            Rows sum to 1. With ``background=True``, the last column is an additional one for the
            background.
        """
        engine, parameters = self._engine_for_new_rows(X), self._parameters()
        probabilities = np.empty((engine.n_rows, len(parameters.weights)))
        for rows, log_joint in engine.log_joint(parameters):
            probabilities[rows] = softmax(log_joint, axis=1)
        return probabilities

    def transform(self, X: Any) -> NDArray[Any]:
        """Return the cosine of each row with each mean direction.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        cosines : ndarray of shape (n_samples, n_components_)
            float64 if `X` is, float32 otherwise. 0 for a row of zeros.
        """
        engine = self._engine_for_new_rows(X)
        cosines = np.empty((engine.n_rows, self.n_components_), engine.dtype)
        for rows, block in engine.cosines(self.means_):
            cosines[rows] = np.clip(block, -1.0, 1.0)
        return cosines

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log density of each row.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats with respect to surface measure on the unit sphere, as in
            `scipy.stats.vonmises_fisher.logpdf`. It is large in high dimensions, where the area of
            the sphere is tiny.
        """
        return self._assign(X).log_densities

    def score(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the mean log density of the rows, in nats.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
            Greater is better; model selection in scikit-learn maximizes it.
        """
        log_densities = self.score_samples(X)
        weights = None
        if sample_weight is not None:
            weights = validate_weights(sample_weight, log_densities[:, np.newaxis])
        return float(np.average(log_densities, weights=weights))

    def bic(self, X: Any) -> float:
        """Return the Bayesian information criterion: −2 log-likelihood + log(n) × parameters.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        float
            Lower is better. On real embeddings, the minimum is at several times the number of
            classes.
        """
        log_densities = self.score_samples(X)
        return criteria.bic(log_densities.sum(), len(log_densities), self._n_free_parameters())

    def aic(self, X: Any) -> float:
        """Return the Akaike information criterion: −2 log-likelihood + 2 × parameters.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        float
            Lower is better.
        """
        return criteria.aic(self.score_samples(X).sum(), self._n_free_parameters())

    def icl(self, X: Any) -> float:
        """Return the integrated classification likelihood: BIC + 2 × entropy of responsibilities.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        float
            Lower is better; unlike `bic`, it penalizes components that overlap.

        References
        ----------
        .. [1] C. Biernacki, G. Celeux, G. Govaert (2000). Assessing a mixture model for clustering
           with the integrated completed likelihood. IEEE TPAMI 22 (7), 719-725.
        """
        log_joints = self._engine_for_new_rows(X).log_joint(self._parameters())
        entropy = criteria.responsibility_entropy(log_joint for _, log_joint in log_joints)
        return self.bic(X) + 2.0 * entropy

    def sample(self, n_samples: int = 1) -> tuple[FloatArray, NDArray[np.int32]]:
        """Draw rows from the fitted mixture.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Unit rows, ordered by component.
        y : ndarray of shape (n_samples,), int32
            Component of each row; -1: background.

        Raises
        ------
        ValueError
            If `n_samples` is not an integer of at least 1.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(
                f"n_samples={n_samples!r} is not allowed; pass an integer of at least 1."
            )
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=4)
        rng = np.random.default_rng(seeds)
        parameters = self._parameters()
        sizes = rng.multinomial(int(n_samples), parameters.weights)
        components = zip(parameters.means, parameters.concentrations, sizes, strict=True)
        X = np.concatenate([distribution.sample(*each, rng=rng) for each in components])
        return X, self._as_labels(np.repeat(np.arange(len(sizes), dtype=np.int32), sizes))

    def merge_to(self, n_components: int, X: Any = None) -> VMFMixture:
        """Return the same fit at another number of components on its merge path.

        Parameters
        ----------
        n_components : int
            From 1 (with ``n_components="auto"``; otherwise from the number that was fitted) to
            ``merge_history_.n_components_init``.
        X : {array-like, CSR matrix} of shape (n_samples, n_features), default=None
            Rows to label in one pass, usually those of `fit`.

        Returns
        -------
        VMFMixture
            A fitted copy, without `lower_bound_` and `lower_bounds_` since EM did not run. Without
            `X`, it has neither `labels_` nor `probabilities_`.

        Raises
        ------
        ValueError
            If `n_components` is not an integer or not on the path, or if there is no path because
            nothing was merged.

        Examples
        --------
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> X = load_snips().data
        >>> model = VMFMixture(random_state=0).fit(X)
        >>> coarse = model.merge_to(3, X)
        >>> coarse.n_components_, coarse.labels_.max()
        (3, np.int32(2))
        """
        check_is_fitted(self)
        if not isinstance(n_components, Integral):
            raise ValueError(f"n_components={n_components!r} is not allowed; pass an integer.")
        if not hasattr(self, "merge_history_"):
            raise ValueError(
                "This fit merged no components, or was saved with history=False, so it has no "
                'other numbers of components; fit again with n_components="auto".'
            )
        statistics = self.merge_history_.statistics(n_components)
        prior, concentration = None, self.concentration
        if concentration in ("free", "pooled"):
            share = own_share(getattr(self, "isotropy_", None))
            prior, concentration = ConcentrationPrior.pooled(statistics, share), "free"
        parameters = maximize(statistics, concentration=concentration, prior=prior)
        model = copy(self)
        model.n_components, model.resolution = int(n_components), 1.0
        for name in ("_state", "labels_", "probabilities_", "lower_bound_", "lower_bounds_"):
            model.__dict__.pop(name, None)
        model.n_iter_, model.converged_ = 0, False
        model._set_parameters(parameters)
        if hasattr(self, "background_weight_"):
            model.weights_ = model.weights_ * (1.0 - self.background_weight_)
        if X is not None:
            model._set_assignment(model._assign(X))
        return model

    @property
    def levels_(self) -> list[Level]:
        """Natural numbers of clusters, the chosen one first."""
        history = getattr(self, "merge_history_", None)
        if history is None or len(history.levels) == 0:
            raise AttributeError(
                'levels_ exists only after a fit with n_components="auto", which compares numbers, '
                "and not if the model was saved with history=False."
            )
        pairs = zip(history.levels.tolist(), history.strengths.tolist(), strict=True)
        return [Level(*pair) for pair in pairs]

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

    # --- rows and engines -------------------------------------------------------------------------

    def _validate_rows(self, X: Any, has_weights: bool = False, **options: Any) -> Any:
        """Return rows that an engine accepts."""
        if isinstance(X, SharedRowSource):
            return X.validated(lambda rows: self._validate_rows(rows, **options), has_weights)
        progress = RowProgress() if self.verbose else None
        X = prepare_rows(X, block_size=self.block_size, device=self.device, report=progress)
        return validate_rows(self, X, **options)

    def _make_engine(
        self,
        X: Any,
        sample_weight: FloatArray | None = None,
        center: FloatArray | None = None,
        device: Any = None,
    ) -> Engine:
        return choose_engine(
            X,
            sample_weight=sample_weight,
            center=center,
            block_size=self.block_size,
            device=device if self.device is None else self.device,
            report=RowProgress() if self.verbose else None,
        )

    def _engine_for_new_rows(self, X: Any) -> Engine:
        check_is_fitted(self)
        X = X.rows if isinstance(X, SharedRowSource) else X  # the rows of this process
        X = self._validate_rows(X, reset=False)
        device = _device_of(X)
        if hasattr(self, "smoother_") and self.smoother_.restart_ < 1:
            X = self.smoother_.transform(X)
        return self._make_engine(X, center=getattr(self, "center_", None), device=device)

    def _assign(self, X: Any) -> Assignment:
        return self._engine_for_new_rows(X).assign(self._parameters())

    def _smoothed(self, X: Any, weights: FloatArray | None) -> tuple[NeighborSmoother, Any]:
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
        if self.verbose:
            print(f"Smoothing {X.shape[0]} rows", flush=True)
        smoothed = smoother.fit_transform(X, sample_weight=weights)
        del smoother.embedding_  # needed no longer
        return smoother, X if smoother.restart_ == 1 else smoothed

    def _mean_to_subtract(self, X: Any, sample_weight: FloatArray | None) -> FloatArray:
        validate_dense_to_center(X)
        return mean_of_unit_rows(self._make_engine(X, sample_weight))

    # --- streams ----------------------------------------------------------------------------------

    def _stream_so_far(self) -> Stream:
        """Return the stream of `partial_fit`, or a new one that continues the last fit, if any."""
        stream, last = self._private_state.stream, self._last_fit()
        if stream is not None:
            return stream
        if last is not None:
            return Stream.after_fit(
                self._parameters(),
                self.n_samples_seen_,
                weight=last.weight,
                prior=last.prior,
                copies=last.copies,
                novelty=last.novelty,
            )
        n_init = self.n_components_init
        n_start = n_init or default_n_components_init(self.n_components, sys.maxsize)
        n_needed = max(
            1 if self.n_components == "auto" else self.n_components,
            1 if n_init is None else n_init,
        )
        return Stream(capacity=merge_sample_size(n_start), next_fit=int(n_needed))

    def _fit_stream(self, stream: Stream, n_batch: int) -> None:
        """Fit the mixture to all rows that the stream has stored."""
        rows, weights = stream.all_rows()
        model = copy(self).set_params(warm_start=False)
        model.fit(rows, sample_weight=None if (weights == 1.0).all() else weights)
        last = model._last_fit()
        assert last is not None
        engine = model._make_engine(rows, last.copies * weights, getattr(model, "center_", None))
        statistics = engine.accumulate(model._parameters(), hard=self.assignment == "hard")
        names = vars(self).get("feature_names_in_")  # the rows of a stream have no column names
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        for name in [name for name in vars(model) if name.endswith("_")]:
            setattr(self, name, getattr(model, name))
        if names is not None:
            self.feature_names_in_ = names
        stream = stream.with_fit(statistics, last.prior, last.copies, last.novelty)
        self._state = EstimatorState(last, stream)
        self.labels_ = model.labels_[-n_batch:]
        self.probabilities_ = model.probabilities_[-n_batch:]

    def _step(self, stream: Stream, X: Any, weights: FloatArray) -> None:
        """Update the mixture with the sums of one batch."""
        engine = self._make_engine(X, stream.copies * weights, getattr(self, "center_", None))
        parameters, last = self._parameters(), self._last_fit()
        assert last is not None
        warn_about_zero_rows(engine, "they do not influence the mixture, and their labels")
        batch = engine.accumulate(parameters, hard=self.assignment == "hard")
        if not stream.keeps:  # otherwise, the next fit finds new clusters
            novelty, unusual = stream.novelty.with_batch(parameters, engine.assign(parameters))
            stream = replace(stream, novelty=novelty)
            if unusual is not None:
                warn_about_novelty(unusual, parameters.has_background)
        prior = last.prior
        if batch.weight > 0:
            stream = stream.moved_toward(batch)
            parameters, prior = stream.parameters(
                self.concentration, parameters.has_background, own_share(last.isotropy)
            )
        assignment = engine.assign(parameters)
        weight = stream.statistics.weight if stream.statistics else 0.0
        last = replace(last, parameters=parameters, prior=prior, weight=weight)
        self._state = EstimatorState(last, stream)
        self._set_parameters(parameters)
        self._set_assignment(assignment)
        self.n_samples_seen_ = stream.n_rows
        self.lower_bound_ = batch.log_likelihood / batch.weight if batch.weight else np.nan

    # --- state ------------------------------------------------------------------------------------

    @property
    def _private_state(self) -> EstimatorState:
        """The state; empty before the first fit."""
        return getattr(self, "_state", EstimatorState())

    def _last_fit(self) -> LastFit | None:
        """Return the last fit, rebuilt from fitted attributes if the model was loaded, or None."""
        last = self._private_state.last
        if last is not None or not hasattr(self, "means_"):
            return last
        return LastFit(
            self._parameters(),
            {**shared_options(self), "center": hasattr(self, "center_")},
            isotropy=getattr(self, "isotropy_", None),
            n_components=self.n_components_,
        )

    def _keep_unfinished(self, unfinished: LastFit) -> None:
        self._state = replace(self._private_state, interrupted=unfinished)

    def _set_fit(
        self,
        fit: Fit,
        engine: Engine,
        *,
        smoother: NeighborSmoother | None,
        center: FloatArray | None,
        copies: float,
        n_rows: int,
    ) -> None:
        """Set the state and the fitted attributes."""
        start, result = fit.start, fit.result
        parameters, assignment, counts = drop_empty_components(engine, result.parameters)
        # First, since a warning that is turned into an error must leave the model unchanged.
        warn_about_result(self, fit, counts)
        novelty = Novelty.after_fit(parameters, assignment, result.weight)
        self._state = EstimatorState(fit.as_last(self, copies=copies, novelty=novelty))
        outdated = ["smoother_", "center_", "background_weight_", "isotropy_"]
        for name in outdated if start.continues else [*outdated, "merge_history_"]:
            self.__dict__.pop(name, None)
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
        self._set_assignment(assignment)
        self.lower_bounds_ = np.array(result.lower_bounds)
        self.lower_bound_ = float(result.lower_bounds[-1])
        self.n_iter_ = len(result.lower_bounds)
        self.converged_ = bool(result.converged)
        self.n_samples_seen_ = n_rows

    def _set_parameters(self, parameters: MixtureParameters) -> None:
        own = parameters.own
        self.weights_ = parameters.weights[own]
        self.means_ = as_array(parameters.means[own])
        self.concentrations_ = parameters.concentrations[own]
        self.n_components_ = len(self.weights_)
        if parameters.has_background:
            self.background_weight_ = float(parameters.weights[-1])

    def _set_assignment(self, assignment: Assignment) -> None:
        self.labels_ = self._as_labels(assignment.labels)
        self.probabilities_ = assignment.probabilities

    def _as_labels(self, components: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return component numbers with -1 for the background, which is the last component."""
        if not hasattr(self, "background_weight_"):
            return components
        return np.where(components == self.n_components_, np.int32(-1), components)

    def _parameters(self) -> MixtureParameters:
        """Return the fitted mixture with the background as its last component."""
        if not hasattr(self, "background_weight_"):
            return MixtureParameters(self.weights_, self.means_, self.concentrations_)
        return MixtureParameters(
            np.append(self.weights_, self.background_weight_),
            np.vstack([self.means_, np.eye(1, self.means_.shape[1])]),
            np.append(self.concentrations_, 0.0),
            has_background=True,
        )

    def _n_free_parameters(self) -> int:
        n_components, n_features = self.means_.shape
        n_concentrations = 0  # fixed
        if isinstance(self.concentration, str):
            n_concentrations = 1 if self.concentration == "tied" else n_components
        return criteria.n_free_parameters(
            n_components,
            n_features,
            n_concentrations,
            has_background=hasattr(self, "background_weight_"),
        )

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _device_of(X: Any) -> Any:
    """Return the device of a tensor; None for other rows, which choose no device."""
    return X.device if is_tensor(X) else None


def _is_fitted_name(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def _copy_of_batch(X: Any) -> Any:
    """Copy a batch to an array in memory that the caller cannot change."""
    if not is_tensor(X):
        return X.copy()
    X = X.cpu()
    return (X if X.dtype.itemsize != 2 else X.float()).numpy().copy()
