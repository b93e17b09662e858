"""VMFMixture, the scikit-learn face of the package: parameters, validation, fitted attributes.

The formulas are in `distribution` and `statistics`, the loop in `em`, the rows in `engines`.
"""

import warnings
from numbers import Integral, Real

import numpy as np
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

from vmfmix import distribution, em, persistence
from vmfmix.callbacks import CallbackSupportMixin, with_callbacks
from vmfmix.engines import choose_engine
from vmfmix.seeding import given_start, seed_means, starting_parameters
from vmfmix.statistics import LARGEST_CONCENTRATION, MixtureParameters

# Used as they are, without a copy; what is none of these becomes float64, the first.
_DTYPES = [np.float64, np.float32, np.float16, np.int8, np.uint8]
_LARGEST_WEIGHT = 1e15
_TIED_FIRST = 10  # iterations with one concentration before each component gets its own


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
    :math:`\kappa_k \ge 0`, fitted by expectation maximisation [1]_. Rows are divided by their
    lengths. Dense `X` is not copied; memory beyond it is a few numbers for each row, a few arrays
    of ``n_components × n_features``, and a sample of 50 rows for each component.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Number of components, at most the number of rows. "auto", which finds the number by merging,
        is not available yet.
    concentration : {"tied", "free"} or float, default="tied"
        "tied": one concentration for all components; the labels are then close to those of
        spherical k-means, and on text embeddings this is usually the best choice. "free": one for
        each component, corrected for the chance agreement of a component's rows with their own mean
        and shrunk towards the pooled one by two pseudo-rows, so that neither small components nor
        copies of a row drive it to infinity; the better choice where clusters differ in width. Such
        a fit begins with ten iterations of "tied", unless `concentrations_init` is given.
        A float, at most 1e12: fixed.
    background : bool, default=False
        Add a uniform component. Rows that it owns are labelled -1. It also takes clusters that got
        no seed, so give it several starts, as with ``n_init=10``.
    center : bool, default=False
        Subtract the mean of the unit rows, and scale the rows to unit length again, before
        everything else. Helps where all embeddings share a strong common direction. Not for sparse
        `X`. `means_`, and what `sample` returns, are then directions after this step.
    assignment : {"soft", "hard"}, default="soft"
        "soft": EM. "hard": classification EM, in which a row counts for its most probable component
        alone, as in spherical k-means.
    n_components_init : None
        Reserved for merging, which is not available yet.
    merge : None
        Reserved for merging, which is not available yet; None is EM with `n_components` components.
    selection : "auto"
        Reserved for merging, which is not available yet.
    init_params : {"k-means++", "random_from_data", "random"}, default="k-means++"
        How mean directions are seeded: spherical k-means++ on (a sample of) the rows, distinct
        random rows, or the mean directions of a random partition.
    means_init : array-like of shape (n_components, n_features), default=None
        Mean directions to start from; scaled to unit length.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from, summing to 1.
    concentrations_init : array-like of shape (n_components,), default=None
        Concentrations to start from, at most 1e12. What is not given comes from the
        partition of the rows around the starting means.
    n_init : int, default=1
        Number of fits from different seeds; the one with the greatest `lower_bound_` is kept.
    max_iter : int, default=100
        Most EM iterations of one fit.
    tol : float, default=1e-4
        EM stops when the lower bound gains no more than this, in nats per row.
    device : None
        Reserved for other devices than the CPU, which are not available yet.
    block_size : int, default=None
        Rows handled together; None: chosen from the number of components. The result does not
        depend on it beyond rounding.
    random_state : int, RandomState instance or None, default=None
        Determines the seeds; pass an int for the same result on every call.
    warm_start : bool, default=False
        Let `fit` go on from where the last call ended (`n_init` then counts as 1).
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
        surface measure. With ``concentration="free"`` the log prior of the
        concentrations is added; with ``assignment="hard"`` it is the classification
        log-likelihood.
    lower_bounds_ : ndarray of shape (n_iterations,)
        The same for each iteration. Beyond rounding it never falls.
    n_iter_ : int
        Number of EM iterations, after those that a "free" fit begins with.
    converged_ : bool
        Whether `tol` was reached within `max_iter`.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only where `X` has column names that are all strings.

    See Also
    --------
    sklearn.mixture.GaussianMixture : The same for vectors whose length matters.
    sklearn.cluster.KMeans : Squared distances instead of directions.

    Notes
    -----
    A row of zeros has no direction: it has no influence on the fit, and is labelled and scored as a
    row at right angles to all means would be. Responsibilities that together make up less than 1e-7
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
    >>> model = VMFMixture(n_components=7, random_state=0).fit(snips.data)
    >>> model.means_.shape
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
            StrOptions({"tied", "free"}),
            Interval(Real, 0, LARGEST_CONCENTRATION, closed="both"),
        ],
        "background": ["boolean"],
        "center": ["boolean"],
        "assignment": [StrOptions({"soft", "hard"})],
        "n_components_init": [Interval(Integral, 1, None, closed="left"), None],
        "merge": [StrOptions({"likelihood", "icl", "jeffreys", "cosine"}), None],
        "selection": [
            StrOptions({"auto", "modularity", "stability", "silhouette", "bic", "icl"}),
            callable,
        ],
        "init_params": [StrOptions({"k-means++", "random_from_data", "random"})],
        "means_init": ["array-like", None],
        "weights_init": ["array-like", None],
        "concentrations_init": ["array-like", None],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "device": [str, None],
        "block_size": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components="auto",
        *,
        concentration="tied",
        background=False,
        center=False,
        assignment="soft",
        n_components_init=None,
        merge=None,
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
    def fit(self, X, y=None, sample_weight=None):
        """Fit the mixture and label the rows.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows are taken as directions. float64, float32, float16, int8 and uint8 are used as they
            are, other types become float64. All but float64 are computed in float32.
        y : Ignored
            There for scikit-learn's pipelines.
        sample_weight : array-like of shape (n_samples,), default=None
            Not negative; None: every row counts as 1. Weight 2 is the same as the row given twice;
            weights with a mean below 1 are scaled to the mean 1.

        Returns
        -------
        self : VMFMixture

        Raises
        ------
        ValueError
            If `X` holds NaN or infinity, has fewer than 2 features or fewer rows with a direction
            than `n_components`, or an initial value has the wrong shape.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` was reached first, or components were dropped because they owned no rows.
        """
        self._refuse_what_is_not_available()
        going_on = self.warm_start and hasattr(self, "means_")
        X = validate_data(self, X, accept_sparse="csr", dtype=_DTYPES, ensure_min_features=2)
        if going_on:
            self._require_same_shape(X)
        if sample_weight is not None:
            sample_weight = _checked_weight(sample_weight, X)
        progress = self._init_callback_context(max_subtasks=self.n_init)
        progress.call_on_fit_task_begin(
            estimator=self, X=X, y=y, metadata={"sample_weight": sample_weight}
        )
        center = self._mean_row(X, sample_weight) if self.center else None
        engine = self._engine(X, sample_weight, center)
        self._require_enough_rows(engine)
        if engine.n_zero_rows:
            warnings.warn(
                f"{engine.n_zero_rows} of the {engine.n_rows} rows of X have no direction (all "
                "zeros); they do not influence the fit, and their labels mean nothing.",
                UserWarning,
                stacklevel=2,
            )
        result = self._best_of_n_init(engine, progress, going_on)
        self._keep(result, engine, center)
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
            Greater is better; model selection in scikit-learn maximises it.
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

    def save(self, path):
        """Write the fitted model to a file that `vmfmix.load` reads; no pickle is involved.

        Parameters
        ----------
        path : str or path-like
            Usually ending in ``.npz``. Written whole or not at all.
        """
        check_is_fitted(self)
        persistence.save(self, path)

    def _refuse_what_is_not_available(self):
        """Parameters of the public face whose rooms are not built yet."""
        if self.n_components == "auto":
            raise NotImplementedError(
                "n_components='auto' is not available yet: finding the number of clusters by "
                "merging comes with the next version; pass an integer."
            )
        for name, default in (("merge", None), ("n_components_init", None), ("selection", "auto")):
            if getattr(self, name) != default:
                raise NotImplementedError(
                    f"{name}={getattr(self, name)!r} is not available yet: merging comes with the "
                    f"next version; leave {name}={default!r}."
                )

    def _engine(self, X, sample_weight=None, center=None):
        return choose_engine(
            X,
            sample_weight=sample_weight,
            center=center,
            block_size=self.block_size,
            device=self.device,
        )

    def _engine_for_new_rows(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=_DTYPES, reset=False)
        return self._engine(X, center=getattr(self, "center_", None))

    def _mean_row(self, X, sample_weight):
        """Mean of the unit rows: the resultant of a single component, divided by its weight."""
        if not isinstance(X, np.ndarray):
            raise ValueError(
                "center=True needs dense rows, and X is sparse; pass center=False, or reduce X "
                "with sklearn.decomposition.TruncatedSVD first."
            )
        engine = self._engine(X, sample_weight)
        whole = MixtureParameters(np.ones(1), np.eye(1, X.shape[1]), np.zeros(1))
        statistics = engine.accumulate(whole, hard=True)
        return statistics.resultants[0] / max(statistics.weight, np.finfo(float).tiny)

    def _require_same_shape(self, X):
        """A warm start needs a fit of the same kind to go on from."""
        parameters, _, n_components = self._warm_state()
        fitted = n_components, parameters.has_background, hasattr(self, "center_")
        wanted = self.n_components, self.background, self.center
        if fitted != wanted or X.shape[1] != self.means_.shape[1]:
            raise ValueError(
                "warm_start=True cannot go on from the last fit, which had other n_components, "
                "background, center or features; set warm_start=False."
            )

    def _require_enough_rows(self, engine):
        if engine.n_used_rows == 0:
            centred = ", or equal to their mean, which center=True takes out" if self.center else ""
            raise ValueError(
                f"No row of X has a direction and a positive weight: all are zeros{centred}."
            )
        if self.n_components > engine.n_used_rows:
            raise ValueError(
                f"n_components={self.n_components} is more than the {engine.n_used_rows} rows of X "
                f"that have a direction and a positive weight; pass at most {engine.n_used_rows}."
            )

    def _best_of_n_init(self, engine, progress, going_on):
        """The EM result with the greatest lower bound over `n_init` starts."""
        rng = check_random_state(self.random_state)
        best = None
        for init in range(1 if going_on else self.n_init):
            task = progress.subcontext(task_name="initialization", max_subtasks=self.max_iter)
            task.call_on_fit_task_begin(estimator=self)
            start, prior = self._warm_state()[:2] if going_on else (self._start(engine, rng), None)
            result = em.fit(
                engine,
                start,
                concentration=self.concentration,
                hard=self.assignment == "hard",
                max_iter=self.max_iter,
                tol=self.tol,
                prior=prior,
                on_iteration=self._reporter(task, init),
            )
            if best is None or result.lower_bounds[-1] > best.lower_bounds[-1]:
                best = result
            if self.verbose:
                state = "converged" if result.converged else "did not converge"
                print(
                    f"Initialization {init}: {state} in {len(result.lower_bounds)} iterations, "
                    f"lower bound {result.lower_bounds[-1]:.6f}"
                )
            if task.call_on_fit_task_end(estimator=self):
                break
        return best

    def _start(self, engine, rng):
        """Parameters to start from: those given, and what they leave open."""
        means, weights, concentrations = given_start(
            self.n_components,
            engine.n_features,
            means_init=self.means_init,
            weights_init=self.weights_init,
            concentrations_init=self.concentrations_init,
        )
        if means is None:
            means = seed_means(engine, self.n_components, self.init_params, rng)
        start = starting_parameters(
            engine,
            means,
            weights=weights,
            concentrations=concentrations,
            concentration=self.concentration,
            has_background=self.background,
        )
        if self.concentration == "free" and concentrations is None:
            # Widths of clusters are worth estimating once there are clusters.
            hard = self.assignment == "hard"
            start = em.fit(engine, start, hard=hard, max_iter=_TIED_FIRST, tol=self.tol).parameters
        return start

    def _reporter(self, task, init):
        """What happens after each E step: scikit-learn's callbacks, and a line if asked for."""

        def report(iteration, bound, n_components):
            if self.verbose > 1:
                print(
                    f"  Initialization {init}, iteration {iteration}: "
                    f"lower bound {bound:.6f}, {n_components} components"
                )
            step = task.subcontext(task_name="iteration")
            step.call_on_fit_task_begin(estimator=self)
            return step.call_on_fit_task_end(estimator=self)

        return report

    def _keep(self, result, engine, center):
        """Set the fitted attributes; components that own no row are dropped."""
        # Where a warm start goes on.
        self._state = result.parameters, result.prior, self.n_components
        parameters = result.parameters
        while True:
            assignment = engine.assign(parameters)
            n_all = len(parameters.weights)
            owns = np.bincount(assignment.labels, minlength=n_all) > 0
            owns[-1] |= parameters.has_background
            if owns.all():
                break
            parameters = parameters.selected(owns)

        for name in ("center_", "background_weight_"):  # of a fit with other parameters
            self.__dict__.pop(name, None)
        if center is not None:
            self.center_ = center
        n_components = n_all - parameters.has_background
        self.n_components_ = n_components
        self.weights_ = parameters.weights[:n_components]
        self.means_ = parameters.means[:n_components]
        self.concentrations_ = parameters.concentrations[:n_components]
        if parameters.has_background:
            self.background_weight_ = float(parameters.weights[-1])
        self.labels_ = self._as_labels(assignment.labels)
        self.probabilities_ = assignment.probabilities
        self.lower_bounds_ = np.array(result.lower_bounds)
        self.lower_bound_ = float(result.lower_bounds[-1])
        self.n_iter_ = len(result.lower_bounds)
        self.converged_ = bool(result.converged)
        if n_components == 0:
            warnings.warn(
                "All rows belong to the background, and no cluster is left; pass background=False, "
                "or a smaller concentration.",
                ConvergenceWarning,
                stacklevel=3,
            )
        elif n_components < self.n_components:
            warnings.warn(
                f"Number of clusters found ({n_components}) is smaller than "
                f"n_components={self.n_components}: the others came to own no rows. There may be "
                "too few distinct rows in X; pass a smaller n_components, or another random_state.",
                ConvergenceWarning,
                stacklevel=3,
            )
        if not self.converged_ and not result.stopped and self.max_iter > 1:
            warnings.warn(
                f"EM did not converge within max_iter={self.max_iter} iterations. Increase "
                "max_iter or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )

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

    def _warm_state(self):
        """Parameters, prior and asked number of components of the last fit, or what a file kept."""
        return getattr(self, "_state", (self._parameters(), None, self.n_components))

    def _n_parameters(self):
        """Number of free parameters of the mixture."""
        n_concentrations = {"tied": 1, "free": self.n_components_}.get(self.concentration, 0)
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


def _checked_weight(sample_weight, X):
    """Weights of the rows as numbers of copies."""
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not 0.0 < weight.max() <= _LARGEST_WEIGHT:
        raise ValueError(
            f"The largest sample_weight is {weight.max():g}; make it more than 0 and at most "
            f"{_LARGEST_WEIGHT:g}."
        )
    # Numbers of copies are 1 or more on average; anything less is relative.
    return weight / min(weight[weight > 0].mean(), 1.0)
