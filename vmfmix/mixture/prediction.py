"""Use of a fitted mixture: labels, probabilities, densities, criteria and samples."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from vmfmix import distribution
from vmfmix.fitting.outcome import warn_about_zero_rows
from vmfmix.fitting.sklearn_compat import validate_weights
from vmfmix.mixture.base import MixtureBase
from vmfmix.model import criteria
from vmfmix.model.statistics import FloatArray


class Prediction(MixtureBase):
    """Methods of `vmfmix.VMFMixture` that use the mixture and do not change it."""

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
