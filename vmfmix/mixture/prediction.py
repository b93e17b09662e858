"""Use of a fitted mixture: labels, probabilities, densities, criteria and samples."""

from __future__ import annotations

import warnings
from copy import copy
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from vmfmix import distribution
from vmfmix.engines.base import RowSource
from vmfmix.fitting.calibration import best_power, matched_labels
from vmfmix.fitting.outcome import warn_about_zero_rows
from vmfmix.fitting.sklearn_compat import validate_weights
from vmfmix.fitting.typicality import tempered
from vmfmix.mixture.base import MixtureBase
from vmfmix.model import criteria
from vmfmix.model.statistics import FloatArray

_ROWS_PER_COMPONENT = 4  # for each cluster, in `calibrate`
_MAX_COMPARED_ROWS = 500  # for each cluster, in `calibrate`


class Prediction(MixtureBase):
    """Methods of `vmfmix.VMFMixture` that use the mixture and do not change it."""

    def predict(self, X: Any, *, false_alarm_rate: float | None = None) -> NDArray[np.int32]:
        """Return the most probable component of each row.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
        false_alarm_rate : float, default=None
            Label rows that are unlike those of the fit -1: those with a `typicality` of at most
            this number, between 0 and 1. It is the share of rows from the distribution of the fit
            that are rejected as well. None: give every row its most probable component.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            -1: background, noise (see `mark_noise`), or rejected.

        Raises
        ------
        ValueError
            If `false_alarm_rate` is not between 0 and 1, or as for `typicality`.

        Warns
        -----
        UserWarning
            If rows have no direction, whose labels are meaningless.

        Examples
        --------
        Requests about films and music, by a model that knows only those about other things:

        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> snips = load_snips()
        >>> is_new = snips.target >= 5
        >>> model = VMFMixture(5, random_state=0).fit(snips.data[~is_new])
        >>> labels = model.predict(snips.data[is_new], false_alarm_rate=0.05)
        >>> float((labels == -1).mean()) > 0.05
        True
        """
        if false_alarm_rate is not None and not 0.0 < false_alarm_rate < 1.0:
            raise ValueError(
                f"false_alarm_rate={false_alarm_rate!r} is not allowed; pass a number between 0 "
                "and 1, or None."
            )
        engine, parameters = self._engine_for_new_rows(X), self._parameters()
        warn_about_zero_rows(engine, "their labels")
        assignment = engine.assign(parameters)
        labels = self._as_labels(assignment.labels)
        if false_alarm_rate is not None:
            labels[self._typicality(assignment, self._unsmoothed(X)) <= false_alarm_rate] = -1
        return labels

    def predict_proba(self, X: Any, *, calibrated: bool = True) -> FloatArray:
        """Return the probability of each component for each row.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
        calibrated : bool, default=True
            Whether probabilities are proportional to the joint densities to the power of
            `probability_power_`, and the more alike, the less typical the row is, if it is less
            typical than 99% of the rows of the fit. False: return the posterior probabilities of
            the mixture, which are close to 0 or 1 for nearly all rows of real embeddings, also
            for those in the wrong cluster.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_components_)
            Rows sum to 1, and the greatest probability is that of the label. With
            ``background=True``, the last column is an additional one for the background. Clusters
            that are noise have a column as well; rows for which it is the greatest are labeled -1.
        """
        engine = self._engine_for_new_rows(X)
        parameters = self._calibrated_parameters() if calibrated else self._parameters()
        shares = None
        if calibrated and hasattr(self, "reference_densities_"):
            shares = self._typicality(engine.assign(self._parameters()), self._unsmoothed(X))
        n_components = len(parameters.weights)
        probabilities = np.empty((engine.n_rows, n_components))
        for rows, log_joint in engine.log_joint(parameters):
            block = softmax(log_joint, axis=1)
            if shares is not None:
                block = tempered(block, shares[rows], n_components)
            probabilities[rows] = block
        return probabilities

    def typicality(self, X: Any) -> FloatArray:
        """Return the share of the rows of the fit that are at most as typical as each row.

        A row is less typical than another one if its log density is lower, that of rows of the fit
        being computed without the row itself. The typicality is a p-value of the hypothesis that a
        row is from the distribution of the rows of the fit [1]_: a share of about α of such rows
        has a typicality of at most α.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        typicality : ndarray of shape (n_samples,)
            From 1 / (n + 1), for rows unlike all of the n rows of `reference_densities_`, to 1.

        Raises
        ------
        ValueError
            If the model has no `reference_densities_`, as its clusters were changed without rows,
            or it was saved by an earlier version.

        References
        ----------
        .. [1] V. Vovk, A. Gammerman, G. Shafer (2005). Algorithmic Learning in a Random World.
           Springer.

        Examples
        --------
        >>> import numpy as np
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> model = VMFMixture(7, random_state=0).fit(load_snips().data)
        >>> random_rows = np.random.default_rng(0).standard_normal((100, 384))
        >>> float(np.median(model.typicality(random_rows))) < 0.001
        True
        """
        check_is_fitted(self)
        unsmoothed = self._unsmoothed(X)
        return self._typicality(None if unsmoothed else self._assign(X), unsmoothed)

    def calibrate(self, X: Any, *, n_resamples: int = 2) -> Self:
        """Return the model with probabilities that account for how stable its clusters are.

        Clusters are found again in `n_resamples` random halves of the rows, with the same
        parameters and number of clusters, and label the rows of the other half. Where they
        disagree with this model more than its probabilities say, `probability_power_` is lowered to
        the one under which the new labels are most probable. It takes about as long as
        `n_resamples` fits to half of the rows.

        Parameters
        ----------
        X : {array-like, CSR matrix, tensor} of shape (n_samples, n_features)
            Rows, usually those of `fit`; at least four for each cluster. All count the same.
        n_resamples : int, default=2
            Number of random halves.

        Returns
        -------
        VMFMixture
            A fitted copy, with the labels and probabilities of the rows of `X`.

        Raises
        ------
        ValueError
            If `X` is a source of blocks or has too few rows, or if `n_resamples` is not positive.

        Examples
        --------
        >>> import numpy as np
        >>> from vmfmix import VMFMixture
        >>> X = np.random.default_rng(0).standard_normal((500, 64))  # without clusters
        >>> model = VMFMixture(5, random_state=0).fit(X)
        >>> calibrated = model.calibrate(X)
        >>> float(calibrated.probabilities_.mean()) < 0.8 * float(model.probabilities_.mean())
        True
        """
        check_is_fitted(self)
        if not isinstance(n_resamples, Integral) or n_resamples < 1:
            raise ValueError(
                f"n_resamples={n_resamples!r} is not allowed; pass an integer of at least 1."
            )
        rows = self._validate_rows(X, reset=False)
        n_rows, n_components = rows.shape[0], self.n_components_
        if isinstance(rows, RowSource) or n_rows < _ROWS_PER_COMPONENT * n_components:
            raise ValueError(
                f"calibrate needs rows in memory, at least {_ROWS_PER_COMPONENT} for each of the "
                f"{n_components} clusters; pass a sample of the rows, or more rows."
            )
        rng = check_random_state(self.random_state)
        model = copy(self)
        names = vars(model).pop("feature_names_in_", None)  # validated rows have no names
        powers = [model._power_by_resampling(rows, rng) for _ in range(n_resamples)]
        power = float(np.exp(np.mean(np.log(powers))))
        model.probability_power_ = min(power, getattr(self, "probability_power_", 1.0))
        model._set_results(model._engines(rows))
        if names is not None:
            model.feature_names_in_ = names
        return model

    def _power_by_resampling(self, X: Any, rng: np.random.RandomState) -> float:
        """Return the power that predicts the labels of a fit to a random half of the rows."""
        order = rng.permutation(X.shape[0])
        half, others = np.split(order, [len(order) // 2])
        n_components = self.n_components_
        again = clone(self).set_params(
            n_components=n_components,
            n_components_init=None,
            means_init=None,
            weights_init=None,
            concentrations_init=None,
            resolution=1.0,
            min_cluster_size=1,
            max_cluster_share=1.0,
            warm_start=False,
            verbose=0,
            random_state=rng.randint(2**31 - 1),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the fit to a half
            again.fit(X[np.sort(half)])
        compared = X[np.sort(others[: _MAX_COMPARED_ROWS * n_components])]
        engine, parameters = self._engine_for_new_rows(compared), self._parameters()
        log_joints = np.concatenate([block.copy() for _, block in engine.log_joint(parameters)])
        own = self._as_clusters(engine.assign(parameters).labels)
        labels = matched_labels(own, again.predict(compared), n_components)
        is_known = labels >= 0
        return best_power(log_joints[is_known], labels[is_known]) if is_known.any() else 1.0

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
            Component of each row; -1: background or noise.

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
