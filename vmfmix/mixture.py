"""VMFMixture, the scikit-learn face of the package: parameters, validation, fitted attributes.

The formulas are in `distribution` and `statistics`, the loop in `em`, the rows in `engines`.
"""

import sys
import warnings
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import partial
from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp
from scipy.special import softmax
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from vmfmix import distribution
from vmfmix.engines.base import DTYPES, RowSource, SharedRowSource, is_tensor
from vmfmix.engines.choice import choose_engine, prepare_rows
from vmfmix.fitting.best import Fit, best_fit, own_share
from vmfmix.fitting.checkpoints import Checkpoint
from vmfmix.fitting.progress import CallbackSupportMixin, Pace, with_callbacks
from vmfmix.fitting.start import default_n_components_init, merge_sample_size
from vmfmix.fitting.streaming import Stream
from vmfmix.fitting.validation import (
    copies_per_unit_weight,
    validate_finite,
    validate_numeric,
    validate_parameters,
    validate_row_count,
    validate_sample_weight,
    validate_warm_start,
    warn_about_n_components,
)
from vmfmix.merging.costs import COSTS
from vmfmix.merging.history import MergeHistory
from vmfmix.merging.selection import RULES
from vmfmix.model import em
from vmfmix.model.matrices import as_array
from vmfmix.model.statistics import (
    LARGEST_CONCENTRATION,
    ConcentrationPrior,
    MixtureParameters,
    maximize,
)
from vmfmix.storage import models


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
    :math:`\kappa_k \ge 0`, fitted by expectation maximization [1]_. A fit begins with more
    components than are wanted, merges those that explain the rows as well together, and so finds
    good clusters from one start, and their number if it is not given. Rows are divided by their
    lengths. Dense `X` is not copied; memory beyond it is a few numbers for each row, a few arrays
    of ``n_components × n_features``, and a sample of at most 12 000 rows, or of 20 for each
    component that merging starts from.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Number of components, at most the number of rows. "auto": found by merging components down
        to one and keeping the number that `selection` prefers.
    concentration : {"pooled", "tied", "free"} or float, default="pooled"
        "tied": one concentration for all components; the labels are then close to those of
        spherical k-means. "free": one for each component, corrected for the chance agreement of a
        component's rows with their own mean and shrunk towards the pooled one by two pseudo-rows,
        so that neither small components nor copies of a row drive it to infinity. "pooled": between
        the two, as the rows are; see `isotropy_`. Where clusters scatter evenly in all directions,
        as the model says, it is near "free", and where they scatter in few directions, as those of
        text embeddings, it is near "tied", which is better there. Without merging, "free" and
        "pooled" begin with at most ten iterations of "tied", unless `concentrations_init` is given.
        A float, at most 1e12: fixed.
    background : bool, default=False
        Add a uniform component. Rows that it owns are labeled -1. It also takes clusters that got
        no seed, so give it several starts, as with ``n_init=10``.
    center : bool, default=False
        Subtract the mean of the unit rows, and scale the rows to unit length again, before
        everything else. Helps where all embeddings share a strong common direction. Not for sparse
        `X`. `means_`, and what `sample` returns, are then directions after this step.
    assignment : {"soft", "hard"}, default="soft"
        "soft": EM. "hard": classification EM, in which a row counts for its most probable component
        alone, as in spherical k-means.
    n_components_init : int, default=None
        Number of components that merging starts from. None: three times `n_components`, at most
        4000 more than that, and at least a twentieth of the rows up to 50; for "auto" an eighth of
        the rows, at most 600, but among few rows half of them up to 20. (Copies of a row count
        once.) Merging cannot find more clusters than it starts from; its time and memory grow with
        the square of this number.
    merge : {"likelihood", "icl", "jeffreys", "cosine"} or None, default="likelihood"
        What two components cost to merge. "likelihood": loss of the classification log-likelihood
        under one concentration, which is Ward's criterion on the sphere; the best on real
        embeddings. "icl": the same with concentrations and weights of their own, in the effective
        dimension of the clusters. "jeffreys": Jeffreys divergence. "cosine": cosine of the means.
        The last two are blind to the sizes of clusters. None: nothing is merged, and EM runs with
        `n_components` components. Nothing is merged either where a start is given, unless
        `n_components_init` says from how many.
    selection : str or callable, default="auto"
        Which number of components is kept with ``n_components="auto"``. "persistence": how long a
        random walk between neighboring rows remembers its cluster. "icl", "bic": likelihood
        criteria; right for von Mises-Fisher clusters, several times too many on real embeddings.
        "auto": "icl" if its clusters scatter as the model says (see `isotropy_`), otherwise
        "persistence" among the numbers up to that of "icl". "modularity" of the partition on the
        graph of nearest neighbors. "silhouette": simplified and leave-one-out. "stability": the
        largest number at which paths from three seeds agree. A callable gets (rows, labels), as
        `sklearn.metrics.calinski_harabasz_score`; the greatest value wins.
    init_params : {"k-means++", "random_from_data", "random"}, default="k-means++"
        How mean directions are seeded: spherical k-means++ on (a sample of) the rows, distinct
        random rows, or the mean directions of a random partition.
    means_init : array-like of shape (n_components, n_features), default=None
        Mean directions to start from; scaled to unit length. With `n_components_init`, or
        ``n_components="auto"``, those that merging starts from.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from, summing to 1.
    concentrations_init : array-like of shape (n_components,), default=None
        Concentrations to start from, at most 1e12. What is not given comes from the
        partition of the rows around the starting means.
    n_init : int, default=1
        Number of fits from different seeds; the one with the greatest `lower_bound_` is kept, with
        ``n_components="auto"`` among those with the median number of components. With merging, one
        is enough on most data.
    max_iter : int, default=100
        Most EM iterations of one fit.
    tol : float, default=1e-4
        EM stops when the lower bound gains no more than this, in nats per row.
    device : str or torch.device, default=None
        Where torch computes: "cuda", "cuda:1", "mps" or "cpu". None: where the rows are; numba
        computes for arrays and for tensors on the CPU. Fitted attributes are NumPy arrays in any
        case.
    block_size : int, default=None
        Rows handled together; None: chosen from the number of components. The result does not
        depend on it beyond rounding.
    random_state : int, RandomState instance or None, default=None
        Determines the seeds; pass an int for the same result on every call.
    warm_start : bool, default=False
        Let `fit` go on from where the last call ended (`n_init` then counts as 1), or where it was
        interrupted, if EM had begun.
    verbose : int, default=0
        1: a line for each fit; 2: a line for each iteration.

    Attributes
    ----------
    n_components_ : int
        Number of components that own rows; smaller than `n_components` where some came to own none.
    weights_ : ndarray of shape (n_components_,)
        They sum to 1, with `background_weight_` where there is a background.
    means_ : ndarray of shape (n_components_, n_features)
        Mean directions, unit rows.
    concentrations_ : ndarray of shape (n_components_,)
        Equal where `concentration="tied"`.
    merge_history_ : MergeHistory
        What was merged, at what cost, and the score of each number of components; only where
        merging was not ruled out. ``merge_history_.plot()``, ``.plot_scores()`` and
        ``.plot_dendrogram()`` draw it, and `merge_to` cuts it elsewhere.
    isotropy_ : float
        How evenly rows scatter within clusters: the effective dimension of their scatter as a share
        of all directions along the sphere, from 0 to 1. 1 is what the model says; text embeddings
        have 0.05 to 0.25; NaN where clusters are too small to tell. Only with
        ``concentration="pooled"``, where a component of mean size
        takes the share ``isotropy_ ** 2`` of its concentration from its own rows.
    background_weight_ : float
        Weight of the uniform component; only with ``background=True``.
    center_ : ndarray of shape (n_features,)
        The mean that was subtracted from the unit rows; only with ``center=True``.
    labels_ : ndarray of shape (n_samples,), int32
        Component of each row of `X`, the same as ``predict(X)``; -1: background.
    probabilities_ : ndarray of shape (n_samples,)
        Posterior probability of that component.
    lower_bound_ : float
        Mean log-likelihood per row (per unit of weight) in the last E step, in nats with respect to
        surface measure. With "free" or "pooled" concentrations their log prior is added; with
        ``assignment="hard"`` it is the classification log-likelihood.
    lower_bounds_ : ndarray of shape (n_iterations,)
        The same for each iteration. Beyond rounding it never falls.
    n_iter_ : int
        Number of EM iterations after merging, and after those with one concentration.
    converged_ : bool
        Whether `tol` was reached within `max_iter`.
    n_samples_seen_ : int
        Rows of `fit` and of all calls of `partial_fit` after it.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only where `X` has column names that are all strings.

    See Also
    --------
    sklearn.mixture.GaussianMixture : The same for vectors whose length matters.
    sklearn.cluster.KMeans : Squared distances instead of directions.

    Notes
    -----
    A row of zeros has no direction: it has no influence on the fit, and is labeled and scored as a
    row at right angles to all means would be. Responsibilities that together make up less than 1e-6
    of a row (float32; 1e-12 in float64) are taken as 0. As many threads are used as NumPy's BLAS is
    set to.

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
    >>> model.n_components_  # the sentences have 7 intents, of which two are much alike
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

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "concentration": [
            StrOptions({"pooled", "tied", "free"}),
            Interval(Real, 0, LARGEST_CONCENTRATION, closed="both"),
        ],
        "background": ["boolean"],
        "center": ["boolean"],
        "assignment": [StrOptions({"soft", "hard"})],
        "n_components_init": [Interval(Integral, 1, None, closed="left"), None],
        "merge": [StrOptions(set(COSTS)), None],
        "selection": [StrOptions(set(RULES)), callable],
        "init_params": [StrOptions({"k-means++", "random_from_data", "random"})],
        "means_init": ["array-like", None],
        "weights_init": ["array-like", None],
        "concentrations_init": ["array-like", None],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "device": "no_validation",  # torch says what it knows
        "block_size": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components="auto",
        *,
        concentration="pooled",
        background=False,
        center=False,
        assignment="soft",
        n_components_init=None,
        merge="likelihood",
        selection="auto",
        init_params="k-means++",
        means_init=None,
        weights_init=None,
        concentrations_init=None,
        n_init=1,
        max_iter=100,
        tol=1e-4,
        device=None,
        block_size=None,
        random_state=None,
        warm_start=False,
        verbose=0,
    ):
        self.n_components = n_components
        self.concentration = concentration
        self.background = background
        self.center = center
        self.assignment = assignment
        self.n_components_init = n_components_init
        self.merge = merge
        self.selection = selection
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

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None, checkpoint=None):
        """Fit the mixture and label the rows.

        Parameters
        ----------
        X : {array-like, CSR matrix, tensor, source} of shape (n_samples, n_features)
            Rows are taken as directions. float64, float32, float16, int8 and uint8 are used as they
            are, other types become float64. All but float64 are computed in float32. Rows may also
            come by blocks, from a dask array, an array of zarr or h5py, or a function that returns
            a fresh iterator over blocks; or be a `vmfmix.engines.collective.Shard`.
        y : Ignored
            There for scikit-learn's pipelines.
        sample_weight : array-like of shape (n_samples,), default=None
            Not negative; None: every row counts as 1. Weight 2 is the same as the row given twice;
            weights with a mean below 1 are scaled to the mean 1.
        checkpoint : str or path-like, default=None
            A file for long fits. After each EM iteration it holds how far the fit has come; if it
            is there when a fit of the same parameters to the same rows begins, the fit goes on from
            it, to what it would have come to. Seeding and merging are done again, so `random_state`
            must be an integer. At the end it is removed.

        Returns
        -------
        self : VMFMixture

        Raises
        ------
        ValueError
            If `X` holds NaN or infinity, has fewer than 2 features or fewer rows with a direction
            than `n_components`, an initial value has the wrong shape, parameters exclude each
            other, or the checkpoint is damaged or of another fit.
        OSError
            If the checkpoint cannot be written. The one before it stays.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` was reached first, or components were dropped because they owned no rows.
        UserWarning
            If "auto" found a number that may mean something else: one cluster, nearly as many as
            merging started from, or mostly clusters of very few rows.
        """
        validate_parameters(self)
        last = (vars(self).get("_unfinished") or self._last_fit()) if self.warm_start else None
        if last and checkpoint is not None:
            raise ValueError(
                "checkpoint cannot be used where warm_start=True goes on from an earlier fit; "
                "leave one of them out."
            )
        with _kept_on_failure(self, "n_features_in_", "feature_names_in_"):
            given = sample_weight is not None
            X = self._validated(X, has_weights=given, ensure_min_features=2)
            if last:
                validate_warm_start(self, last, X)
            copies = 1.0
            if given:
                sample_weight = validate_sample_weight(sample_weight, X)
                copies = copies_per_unit_weight(sample_weight, X)
                sample_weight = copies * sample_weight
            progress = self._init_callback_context(max_subtasks=self.n_init)
            progress.call_on_fit_task_begin(
                estimator=self, X=X, y=y, metadata={"sample_weight": sample_weight}
            )
            center = self._mean_row(X, sample_weight) if self.center else None
            engine = self._engine(X, sample_weight, center)
            validate_row_count(self, engine)
            n_rows = int(engine.all_reduce(np.array([engine.n_rows]))[0])
            if engine.n_zero_rows:
                warnings.warn(
                    f"{engine.n_zero_rows} of the {n_rows} rows of X have no direction (all "
                    "zeros); they do not influence the fit, and their labels mean nothing.",
                    UserWarning,
                    stacklevel=2,
                )
            if checkpoint is not None:
                checkpoint = Checkpoint(checkpoint, self, engine)
            keep = partial(setattr, self, "_unfinished") if self.warm_start else None
            fit = best_fit(self, engine, progress, last, checkpoint, keep)
            fit.copies, fit.n_rows = copies, n_rows
            self._keep(fit, engine, center)
            if checkpoint is not None:
                checkpoint.remove()
        progress.call_on_fit_task_end(
            estimator=self, X=X, y=y, metadata={"sample_weight": sample_weight}
        )
        return self

    def fit_predict(self, X, y=None, sample_weight=None):
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

    def fit_transform(self, X, y=None, sample_weight=None):
        """Fit the mixture and return the cosines of `transform`.

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

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Go on with one batch of a stream: stepwise EM [1]_.

        The first rows, as many as merging looks at (12 000, or 20 for each component that it starts
        from), are kept, and `fit` is done anew on all of them each time their number has doubled.
        From then on clusters keep their places in `means_`, and a batch moves the running sums over
        rows towards its own by the share (weight of the batch / weight of all rows)^0.7. After
        `fit`, or on a loaded model, it goes on from there at once. Give rows in random order, in
        batches of a few hundred or more.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : VMFMixture
            `labels_` and `probabilities_` are those of this batch, and `lower_bound_` its mean log
            density before it was learned from; where `fit` was done anew, they and the other
            attributes are those of that fit.

        Raises
        ------
        ValueError
            As for `fit`; the model is then as it was.

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
        with _kept_on_failure(self, "n_features_in_", "feature_names_in_"):
            first = not hasattr(self, "means_")
            X = self._validated(X, reset=first, ensure_min_features=2 if first else 1)
            if isinstance(X, RowSource):
                raise ValueError("partial_fit takes one batch of rows; pass each block by itself.")
            weights = np.ones(X.shape[0])
            if sample_weight is not None:
                weights = validate_sample_weight(sample_weight, X)
            stream = self._stream_so_far()
            stream = stream.with_rows(_own_copy(X) if stream.keeps else X, weights)
            if stream.wants_fit:
                self._fit_anew(stream, n_batch=X.shape[0])
            elif stream.statistics is None:
                raise ValueError(
                    f"The first batch has {X.shape[0]} rows, fewer than the {stream.next_fit} "
                    "components that it is to begin with; pass a larger first batch."
                )
            else:
                self._step(stream, X, weights)
        self.__dict__.pop("_unfinished", None)
        return self

    def predict(self, X):
        """Most probable component of each row.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            -1: background.
        """
        engine = self._engine_for_new_rows(X)
        return self._as_labels(engine.assign(self._parameters()).labels)

    def predict_proba(self, X):
        """Posterior probability of each component for each row.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_components_)
            Rows sum to 1. With ``background=True`` there is one more column at the end, for the
            background.
        """
        engine = self._engine_for_new_rows(X)
        parameters = self._parameters()
        probabilities = np.empty((engine.n_rows, len(parameters.weights)))
        for rows, log_joint in engine.log_joint(parameters):
            probabilities[rows] = softmax(log_joint, axis=1)
        return probabilities

    def transform(self, X):
        """Cosine of each row with each mean direction.

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

    def score_samples(self, X):
        """Log density of each row.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats with respect to surface measure on the unit sphere, as
            `scipy.stats.vonmises_fisher.logpdf`. In high dimensions it is large: the area of the
            sphere is tiny.
        """
        return self._engine_for_new_rows(X).assign(self._parameters()).log_densities

    def score(self, X, y=None, sample_weight=None):
        """Mean log density of the rows, in nats.

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
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, log_densities[:, np.newaxis], ensure_non_negative=True
            )
        return float(np.average(log_densities, weights=sample_weight))

    def bic(self, X):
        """Bayesian information criterion: −2 log-likelihood + log(n) × free parameters.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        float
            Lower is better. On real embeddings the minimum lies at several times the number of
            classes.
        """
        log_densities = self.score_samples(X)
        return float(-2.0 * log_densities.sum() + np.log(len(log_densities)) * self._n_parameters())

    def aic(self, X):
        """Akaike information criterion: −2 log-likelihood + 2 × free parameters.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        float
            Lower is better.
        """
        return float(-2.0 * self.score_samples(X).sum() + 2.0 * self._n_parameters())

    def icl(self, X):
        """Integrated classification likelihood: BIC + 2 × entropy of the responsibilities.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        float
            Lower is better; unlike `bic` it dislikes components that overlap.

        References
        ----------
        .. [1] C. Biernacki, G. Celeux, G. Govaert (2000). Assessing a mixture model for clustering
           with the integrated completed likelihood. IEEE TPAMI 22 (7), 719-725.
        """
        engine = self._engine_for_new_rows(X)
        entropy = 0.0
        for _, log_joint in engine.log_joint(self._parameters()):
            probabilities = softmax(log_joint, axis=1)
            positive = probabilities[probabilities > 0]
            entropy -= float(positive @ np.log(positive))
        return self.bic(X) + 2.0 * entropy

    def sample(self, n_samples=1):
        """Draw rows from the fitted mixture.

        Parameters
        ----------
        n_samples : int, default=1

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Unit rows, ordered by component.
        y : ndarray of shape (n_samples,)
            Component of each row; -1: background.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(
                f"n_samples={n_samples!r} is not allowed; pass an integer of at least 1."
            )
        rng = check_random_state(self.random_state)
        rng = np.random.default_rng(rng.randint(2**31 - 1, size=4))
        parameters = self._parameters()
        sizes = rng.multinomial(int(n_samples), parameters.weights)
        laws = zip(parameters.means, parameters.concentrations, sizes, strict=True)
        X = np.concatenate([distribution.sample(*law, rng=rng) for law in laws])
        return X, self._as_labels(np.repeat(np.arange(len(sizes), dtype=np.int32), sizes))

    def merge_to(self, n_components, X=None):
        """The same fit cut at another number of components on its merge path.

        Parameters
        ----------
        n_components : int
            From 1 (with ``n_components="auto"``; otherwise from the number that was fitted) to
            ``merge_history_.n_components_init``.
        X : {array-like, CSR matrix} of shape (n_samples, n_features), default=None
            Rows to label, in one pass; usually those of `fit`.

        Returns
        -------
        VMFMixture
            A fitted copy, without `lower_bound_` and `lower_bounds_`, since no EM was run; without
            `X`, it has neither `labels_` nor `probabilities_`.

        Raises
        ------
        ValueError
            If that number is not on the path, or there is none because nothing was merged.

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
                "Nothing was merged in this fit, so there is no merge path to cut; fit with "
                'n_components="auto".'
            )
        statistics = self.merge_history_.statistics(n_components)
        free = self.concentration in ("free", "pooled")
        share = own_share(getattr(self, "isotropy_", None))
        prior = ConcentrationPrior.pooled(statistics, share) if free else None
        parameters = maximize(
            statistics, concentration="free" if free else self.concentration, prior=prior
        )
        model = copy(self)
        model.n_components = int(n_components)
        for name in (
            "_fit",
            "_stream",
            "_unfinished",
            "labels_",
            "probabilities_",
            "lower_bound_",
            "lower_bounds_",
        ):
            model.__dict__.pop(name, None)
        model.n_iter_, model.converged_ = 0, False
        model._keep_parameters(parameters)
        if hasattr(self, "background_weight_"):
            model.weights_ = model.weights_ * (1.0 - self.background_weight_)
        if X is not None:
            engine = model._engine_for_new_rows(X)
            assignment = engine.assign(model._parameters())
            model.labels_ = model._as_labels(assignment.labels)
            model.probabilities_ = assignment.probabilities
        return model

    def save(self, path):
        """Write the fitted model to a file that `vmfmix.load` reads; no pickle is involved.

        Parameters
        ----------
        path : str or path-like
            Usually ending in ``.npz``. Written whole or not at all.
        """
        check_is_fitted(self)
        models.save(self, path)

    def _validated(self, X, has_weights=False, **options):
        """Rows that an engine can take; arrays are checked as scikit-learn does it."""
        if isinstance(X, SharedRowSource):
            return X.validated(lambda rows: self._validated(rows, **options), has_weights)
        pace = Pace() if self.verbose else None
        X = prepare_rows(X, block_size=self.block_size, device=self.device, report=pace)
        if not (is_tensor(X) or isinstance(X, RowSource)):
            validate_numeric(X)
            if getattr(X, "dtype", None) == np.float16:
                # scikit-learn's check of half precision makes an array of the same shape.
                validate_finite(X, type(self).__name__)
                options["ensure_all_finite"] = False
            with np.errstate(invalid="ignore"):  # it adds all numbers up, and infinities to it
                X = validate_data(self, X, accept_sparse="csr", dtype=DTYPES, **options)
            if sp.issparse(X):
                X.check_format(full_check=True)  # kernels do not look where indices lead
            return X
        options.pop("ensure_min_features", None)
        return validate_data(self, X, skip_check_array=True, **options)

    def _engine(self, X, sample_weight=None, center=None):
        return choose_engine(
            X,
            sample_weight=sample_weight,
            center=center,
            block_size=self.block_size,
            device=self.device,
            report=Pace() if self.verbose else None,
        )

    def _engine_for_new_rows(self, X):
        check_is_fitted(self)
        X = X.rows if isinstance(X, SharedRowSource) else X  # of this process
        X = self._validated(X, reset=False)
        return self._engine(X, center=getattr(self, "center_", None))

    def _mean_row(self, X, sample_weight):
        """Mean of the unit rows: the resultant of a single component, divided by its weight."""
        if X.is_sparse if isinstance(X, RowSource) else sp.issparse(X):
            raise ValueError(
                "center=True needs dense rows, and X is sparse; pass center=False, or reduce X "
                "with sklearn.decomposition.TruncatedSVD first."
            )
        engine = self._engine(X, sample_weight)
        whole = MixtureParameters(np.ones(1), np.eye(1, X.shape[1]), np.zeros(1))
        statistics = engine.accumulate(whole, hard=True)
        return statistics.resultants[0] / max(statistics.weight, np.finfo(float).tiny)

    def _stream_so_far(self):
        """What is remembered of the rows of `partial_fit`, and of those of `fit` before it."""
        if hasattr(self, "_stream"):
            return self._stream
        if hasattr(self, "means_"):
            last = self._last_fit()
            return Stream.after(
                self._parameters(),
                self.n_samples_seen_,
                weight=last.result.weight,
                prior=last.result.prior,
                copies=last.copies,
            )
        n_start = self.n_components_init or default_n_components_init(
            self.n_components, sys.maxsize
        )
        fewest = [n for n in (self.n_components, self.n_components_init) if isinstance(n, Integral)]
        return Stream(capacity=merge_sample_size(n_start), next_fit=int(max(fewest, default=1)))

    def _fit_anew(self, stream, n_batch):
        """Fit to all rows that the stream has kept."""
        rows, weights = stream.all_rows()
        model = copy(self).set_params(warm_start=False)
        model.fit(rows, sample_weight=None if (weights == 1.0).all() else weights)
        last = model._fit
        engine = model._engine(rows, last.copies * weights, getattr(model, "center_", None))
        hard = self.assignment == "hard"
        statistics = engine.accumulate(model._parameters(), hard=hard)
        names = vars(self).get("feature_names_in_")  # the model saw plain rows
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        for name, value in vars(model).items():
            if name.endswith("_"):
                setattr(self, name, value)
        if names is not None:
            self.feature_names_in_ = names
        self._fit = last
        self._stream = stream.fitted(statistics, last.result.prior, last.copies)
        self.labels_ = model.labels_[-n_batch:]
        self.probabilities_ = model.probabilities_[-n_batch:]

    def _step(self, stream, X, weights):
        """Learn from one batch."""
        weights = stream.copies * weights
        engine = self._engine(X, weights, getattr(self, "center_", None))
        parameters, last = self._parameters(), self._last_fit()
        batch = engine.accumulate(parameters, hard=self.assignment == "hard")
        prior = last.result.prior
        if batch.weight > 0:
            stream = stream.moved(batch)
            has_background = hasattr(self, "background_weight_")
            parameters, prior = stream.parameters(
                self.concentration, has_background, own_share(last.isotropy)
            )
        assignment = engine.assign(parameters)
        result = em.EMResult(parameters, prior, weight=stream.statistics.weight)
        self._fit = replace(last, result=result)
        self._stream = stream
        self._keep_parameters(parameters)
        self.labels_ = self._as_labels(assignment.labels)
        self.probabilities_ = assignment.probabilities
        self.n_samples_seen_ = stream.n_rows
        self.lower_bound_ = batch.log_likelihood / batch.weight if batch.weight else np.nan

    def _keep(self, fit, engine, center):
        """Set the fitted attributes; components that own no row are dropped."""
        result = fit.result
        parameters, assignment, counts = _owners(engine, result.parameters)
        # First, since a warning may be an error, which leaves the model as it was.
        warn_about_n_components(self, fit, counts)
        if not result.converged and not result.stopped and self.max_iter > 1:
            warnings.warn(
                f"EM did not converge within max_iter={self.max_iter} iterations. Increase "
                "max_iter or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )
        self._fit = replace(
            fit,
            result=em.EMResult(result.parameters, result.prior, weight=result.weight),
            merged=None,
            iterations=[],
            goes_on=False,
        )
        earlier = ["center_", "background_weight_", "isotropy_"]
        for name in earlier if fit.goes_on else [*earlier, "merge_history_"]:
            self.__dict__.pop(name, None)
        if center is not None:
            self.center_ = center
        self._keep_parameters(parameters)
        self.labels_ = self._as_labels(assignment.labels)
        self.probabilities_ = assignment.probabilities
        self.lower_bounds_ = np.array(result.lower_bounds)
        self.lower_bound_ = float(result.lower_bounds[-1])
        self.n_iter_ = len(result.lower_bounds)
        self.n_samples_seen_ = fit.n_rows
        for name in ("_stream", "_unfinished"):
            self.__dict__.pop(name, None)
        self.converged_ = bool(result.converged)
        if fit.isotropy is not None:
            self.isotropy_ = fit.isotropy
        if fit.merged:
            self.merge_history_ = MergeHistory.of(
                fit.merged.partitions, fit.iterations, fit.merged.scores, fit.merged.scale
            )

    def _keep_parameters(self, parameters):
        own = parameters.own
        self.weights_ = parameters.weights[own]
        self.means_ = as_array(parameters.means[own])
        self.concentrations_ = parameters.concentrations[own]
        self.n_components_ = len(self.weights_)
        if parameters.has_background:
            self.background_weight_ = float(parameters.weights[-1])

    def _as_labels(self, components):
        """Component numbers with the background, which comes last, as -1."""
        if not hasattr(self, "background_weight_"):
            return components
        return np.where(components == self.n_components_, np.int32(-1), components)

    def _parameters(self):
        """The fitted mixture as plain parameters."""
        if not hasattr(self, "background_weight_"):
            return MixtureParameters(self.weights_, self.means_, self.concentrations_)
        return MixtureParameters(
            np.append(self.weights_, self.background_weight_),
            np.vstack([self.means_, np.eye(1, self.means_.shape[1])]),
            np.append(self.concentrations_, 0.0),
            has_background=True,
        )

    def _last_fit(self):
        """Where a fit goes on: what the last one left, or what a file kept of it; None before."""
        if hasattr(self, "_fit"):
            return self._fit
        if not hasattr(self, "means_"):
            return None
        isotropy = getattr(self, "isotropy_", None)
        settings = {
            "n_components": self.n_components,
            "concentration": self.concentration,
            "center": hasattr(self, "center_"),
        }
        return Fit(em.EMResult(self._parameters()), self.n_components_, isotropy, settings)

    def _n_parameters(self):
        """Number of free parameters of the mixture."""
        own = self.n_components_
        n_concentrations = {"tied": 1, "free": own, "pooled": own}.get(self.concentration, 0)
        n_weights = self.n_components_ - 1 + hasattr(self, "background_weight_")
        return n_weights + n_concentrations + self.means_.shape[0] * (self.means_.shape[1] - 1)

    @property
    def _n_features_out(self):
        return self.n_components_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@contextmanager
def _kept_on_failure(model, *names):
    """A fit that fails leaves these attributes as they were."""
    before = {name: vars(model)[name] for name in names if hasattr(model, name)}
    try:
        yield
    except BaseException:
        for name in names:
            vars(model).pop(name, None)
        vars(model).update(before)
        raise


def _owners(engine, parameters):
    """Parameters of the components that own rows, or are a background; assignment and counts."""
    while True:
        assignment = engine.assign(parameters)
        counts = np.bincount(assignment.labels, minlength=len(parameters.weights))
        counts = engine.all_reduce(counts)
        owns = counts > 0
        owns[-1] |= parameters.has_background
        if owns.all():
            return parameters, assignment, counts[parameters.own]
        parameters = parameters.selected(owns)


def _own_copy(X):
    """A batch that nobody else can change, in memory."""
    if not is_tensor(X):
        return X.copy()
    X = X.cpu()
    return (X if X.dtype.itemsize != 2 else X.float()).numpy().copy()
