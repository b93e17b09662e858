"""Methods that estimate the number of clusters, and the variants of the benchmark."""

from functools import partial

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from benchmarks.rivals import WITHOUT_NUMBER as RIVALS
from benchmarks.rivals import Method
from vmfmix import VMFMixture

DEFAULT = "VMFMixture"
VARIANTS = {DEFAULT: {}, "VMFMixture, smoothed": {"smooth": True}}
STEP = 1.5  # ratio of neighboring numbers in the grids of the alternatives


def fit(X, method, seed, n_components_init=None):
    """Fit one of the variants with unknown K."""
    model = VMFMixture(n_components_init=n_components_init, random_state=seed, **VARIANTS[method])
    return model.fit(X)


def automatic(X, k, seed, method):
    return fit(X, method, seed).labels_


def bayesian_mixture(X, k, seed):
    """Fit 2 K* components, of which those without rows keep a small weight."""
    model = BayesianGaussianMixture(
        n_components=2 * k, covariance_type="spherical", random_state=seed
    )
    return model.fit_predict(X)


def lowest_bic(X, k, seed):
    """Fit Gaussian mixtures and return the labels of the one with the lowest BIC."""
    models = (
        GaussianMixture(number, covariance_type="spherical", random_state=seed).fit(X)
        for number in grid(3 * k, STEP, k)
    )
    return min(models, key=lambda model: model.bic(X)).predict(X)


def best_silhouette(X, k, seed):
    """Fit k-means and return the labels with the highest silhouette score."""
    clusterings = (
        KMeans(number, random_state=seed).fit_predict(X) for number in grid(3 * k, STEP, k)
    )
    size = min(len(X), 2000)
    return max(
        clusterings,
        key=lambda labels: silhouette_score(X, labels, sample_size=size, random_state=seed),
    )


def grid(largest, step, *others):
    """Return numbers from 2 in steps of at most this ratio, and other numbers up to the largest."""
    n_steps = int(np.ceil(np.log(largest / 2) / np.log(step)))
    numbers = np.geomspace(2, largest, n_steps + 1).round().astype(int).tolist()
    return sorted({*numbers, *(other for other in others if other <= largest)})


ALTERNATIVES = {
    **{name: Method(partial(automatic, method=name)) for name in VARIANTS},
    "BayesianGaussianMixture": Method(bayesian_mixture),
    "GaussianMixture, BIC": Method(lowest_bic),
    "KMeans, silhouette": Method(best_silhouette),
}
METHODS = {**ALTERNATIVES, **RIVALS}
