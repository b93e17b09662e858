"""What vmfmix is compared with: matrix products, iterations of other methods, and whole fits.

torch and faiss are optional; what needs them is left out if they are not installed.
"""

import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from benchmarks.alternating import BUDGET, seconds_of
from vmfmix import VMFMixture

MAX_SCORES = 2**28  # size of the array of scores that a product writes to
MAX_SCORE_BYTES = 4e9  # methods that keep more for all rows and components are left out
MAX_SECONDS = 60.0  # methods that need longer for one measurement are left out
BATCH = 1024  # rows; the number of components if that is larger, as MiniBatchKMeans requires
MAX_ITERATIONS = 10  # by which the two fits differ whose times are subtracted
SAMPLE_DIVISOR = 10  # the first tenth of the rows is timed to estimate the time of all rows
ROWS_PER_COMPONENT = 4  # minimum in that sample


def optional(name):
    """Return a module, or None if it is not installed."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return None


# Imported before threads are limited, because the limit does not reach libraries loaded later.
torch: Any = optional("torch")
faiss: Any = optional("faiss")


@contextmanager
def limited_to(n_threads):
    """Limit the threads of BLAS, OpenMP, torch and faiss; vmfmix uses as many as BLAS."""
    before = torch.get_num_threads() if torch else None
    with threadpool_limits(n_threads):
        if torch:
            torch.set_num_threads(n_threads)
        if faiss:
            faiss.omp_set_num_threads(n_threads)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)


# --- products ------------------------------------------------------------------------------------


def products(X, means):
    """Return callables that multiply all rows by all means in float32: {library: callable}.

    Scores are written to the same array every time, in blocks of rows if not all of them fit. SciPy
    allocates a new array for the product of a CSR matrix.
    """
    means_t = means.astype(np.float32).T
    if sp.issparse(X):
        calls = {"numpy": partial(X.__matmul__, np.ascontiguousarray(means_t))}
        return {**calls, "torch": sparse_torch_product(X, means_t)} if torch else calls
    size = min(max(MAX_SCORES // means_t.shape[1], 1), len(X))
    scores = np.empty((size, means_t.shape[1]), np.float32)
    calls = {"numpy": product_in_blocks(np.matmul, X, means_t, scores)}
    if torch:
        tensors = (torch.from_numpy(array) for array in (X, means_t, scores))
        calls["torch"] = product_in_blocks(torch.mm, *tensors)
    return calls


def product_in_blocks(multiply, X, means_t, scores):
    """Return a callable that multiplies all rows in blocks of as many rows as `scores` has."""

    def product():
        for start in range(0, len(X), len(scores)):
            part = X[start : start + len(scores)]
            multiply(part, means_t, out=scores[: len(part)])

    return product


def sparse_torch_product(X, means_t):
    """Return a callable that multiplies CSR rows with torch."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # CSR tensors are in beta and their invariants are not checked
        parts = (torch.from_numpy(part) for part in (X.indptr, X.indices, X.data))
        rows = torch.sparse_csr_tensor(*parts, X.shape)
    weights = torch.from_numpy(np.ascontiguousarray(means_t))
    scores = torch.empty(X.shape[0], means_t.shape[1])
    return lambda: torch.mm(rows, weights, out=scores)


# --- iterations ----------------------------------------------------------------------------------


def fit_kmeans(X, initial_means, max_iter, algorithm):
    model = KMeans(
        len(initial_means),
        init=initial_means,
        n_init=1,
        max_iter=max_iter,
        tol=0,
        algorithm=algorithm,
    )
    return without_warnings(model.fit, X).n_iter_


def fit_gaussian_mixture(X, initial_means, max_iter):
    k, d = initial_means.shape
    model = GaussianMixture(
        k,
        covariance_type="spherical",
        weights_init=np.full(k, 1 / k, np.float32),
        means_init=initial_means,
        precisions_init=np.full(k, d, np.float32),
        max_iter=max_iter,
        tol=0,
    )
    return without_warnings(model.fit, X).n_iter_


def fit_faiss(X, initial_means, max_iter):
    model = spherical_kmeans(len(initial_means), X.shape[1], niter=max_iter)
    model.train(X, init_centroids=initial_means)
    return len(model.obj)


def fit_in_batches(X, initial_means, max_iter):
    """Pass all rows to MiniBatchKMeans `max_iter` times, in batches."""
    size = max(BATCH, len(initial_means))
    model = MiniBatchKMeans(
        len(initial_means),
        init=initial_means,
        n_init=1,
        batch_size=size,
        compute_labels=False,
        random_state=0,
    )
    for _ in range(max_iter):
        for start in range(0, X.shape[0], size):
            model.partial_fit(X[start : start + size])
    return max_iter


def without_warnings(call, *arguments):
    """Call without warnings that a fit did not converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return call(*arguments)


def spherical_kmeans(k, d, **options):
    """Return a spherical k-means of faiss that uses all rows."""
    return faiss.Kmeans(
        d,
        k,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=10**9,  # by default faiss uses at most 256 rows per centroid
        **options,
    )


@dataclass(frozen=True)
class IterativeMethod:
    """A clustering method whose iterations can only be run as part of a whole fit.

    Parameters
    ----------
    fit : callable
        (rows, initial means, maximum number of iterations) to the number of iterations done.
    supports_sparse : bool
    bytes_per_score : int
        Memory that it keeps for each pair of row and component.
    """

    fit: Callable
    supports_sparse: bool = True
    bytes_per_score: int = 0

    def supports(self, X, k):
        """Return whether the method supports such rows and its memory suffices for them."""
        fits_in_memory = X.shape[0] * k * self.bytes_per_score <= MAX_SCORE_BYTES
        return fits_in_memory and (self.supports_sparse or not sp.issparse(X))


ITERATIVE_METHODS = {
    "KMeans lloyd": IterativeMethod(partial(fit_kmeans, algorithm="lloyd")),
    "KMeans elkan": IterativeMethod(partial(fit_kmeans, algorithm="elkan"), bytes_per_score=4),
    "MiniBatchKMeans": IterativeMethod(fit_in_batches),
    "GaussianMixture": IterativeMethod(
        fit_gaussian_mixture, supports_sparse=False, bytes_per_score=8
    ),
}
if faiss:
    ITERATIVE_METHODS["faiss spherical"] = IterativeMethod(fit_faiss, supports_sparse=False)


class IterationTimer:
    """Seconds per iteration: the difference between a longer fit and one of a single iteration.

    What a fit does before and after its iterations thus cancels, and the first is not counted.
    """

    def __init__(self, fit, X, initial_means, n_more):
        self._fit, self._X, self._initial_means, self._n_more = fit, X, initial_means, n_more

    def __call__(self):
        """Return the seconds, or NaN if the fit converges too early."""
        short, _ = self._timed(1)
        long, done = self._timed(1 + self._n_more)
        if done > self._n_more:
            return (long - short) / self._n_more if long > short else float("nan")
        # A fit that converges skips its final pass over the rows, so stop before that.
        self._n_more = done - 2
        return self() if self._n_more > 0 else float("nan")

    def _timed(self, max_iter):
        done = []
        seconds = seconds_of(lambda: done.append(self._fit(self._X, self._initial_means, max_iter)))
        return seconds, done[0]


def iteration_timer(method, X, initial_means, turns=5):
    """Return an `IterationTimer` of as many iterations as allow `turns` calls in the budget.

    Returns None if the method does not support such rows, or if a sample of the rows shows that it
    would take too long.
    """
    if not method.supports(X, len(initial_means)):
        return None
    sample = first_rows(X, len(initial_means))
    scale = X.shape[0] / sample.shape[0]
    method.fit(sample, initial_means, 1)  # loads what is loaded on first use
    one = scale * seconds_of(method.fit, sample, initial_means, 1)
    three = scale * seconds_of(method.fit, sample, initial_means, 3)
    each = max(three - one, 1e-6 * one) / 2
    if 2 * one + each > MAX_SECONDS:
        return None
    affordable = (BUDGET / turns - 2 * one) / each
    n_more = int(np.clip(affordable, 1, MAX_ITERATIONS))
    return IterationTimer(method.fit, X, initial_means, n_more)


def first_rows(X, k):
    """Return a tenth of the rows, or more if they would be too few for k components."""
    return X[: min(max(X.shape[0] // SAMPLE_DIVISOR, ROWS_PER_COMPONENT * k, BATCH), X.shape[0])]


# --- whole fits ----------------------------------------------------------------------------------


class Fitted(NamedTuple):
    """Labels, number of iterations, and the seconds before EM began, if they are known."""

    labels: np.ndarray
    iterations: int
    seconds_before_em: float | None = None


def vmfmix_fit(X, k, seed, **options):
    """Fit VMFMixture; its iterations include those during merging.

    Without merging, up to ten iterations with one concentration come first and are not counted.
    """
    model = without_warnings(VMFMixture(k, random_state=seed, **options).fit, X)
    history = getattr(model, "merge_history_", None)
    if history is None:
        return Fitted(model.labels_, model.n_iter_)
    seconds_before_em = history.seconds[-model.n_iter_ - 1]
    return Fitted(model.labels_, len(history.n_components), float(seconds_before_em))


def sklearn_fit(X, k, seed, estimator, **options):
    """Fit an estimator of scikit-learn."""
    model = estimator(k, random_state=seed, **options)
    labels = without_warnings(model.fit_predict, X)
    return Fitted(labels, model.n_iter_)


def faiss_fit(X, k, seed):
    """Fit with at most 300 iterations, as KMeans does, and a relative tolerance of 1e-4."""
    model = spherical_kmeans(k, X.shape[1], niter=300, early_stop_threshold=1e-4, seed=seed + 1)
    model.train(X)
    return Fitted(model.index.search(X, 1)[1][:, 0], len(model.obj))


REFERENCE = "KMeans n_init=1"  # times are shown as multiples of this method's
FITS = {
    "VMFMixture, merge=None": partial(vmfmix_fit, merge=None),
    "VMFMixture": vmfmix_fit,
    REFERENCE: partial(sklearn_fit, estimator=KMeans, n_init=1),
    "KMeans elkan": partial(sklearn_fit, estimator=KMeans, n_init=1, algorithm="elkan"),
    "MiniBatchKMeans": partial(sklearn_fit, estimator=MiniBatchKMeans, n_init=1),
}
FITS_OF_DENSE_ROWS = {
    "GaussianMixture": partial(sklearn_fit, estimator=GaussianMixture, covariance_type="spherical"),
    **({"faiss spherical": faiss_fit} if faiss else {}),
}


def fits_of(X):
    """Return the whole fits that support such rows: {method: fit}."""
    return FITS if sp.issparse(X) else FITS | FITS_OF_DENSE_ROWS
