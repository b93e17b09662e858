"""What vmfmix is timed against: bare products, iterations of other clusterings, and whole fits.

torch and faiss need not be there; what needs them is then left out.
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

MOST_SCORES = 2**28  # numbers that a product writes before it begins to overwrite them
MOST_BYTES = 4e9  # for each row and component, from which on a peer is left out
LONGEST = 60.0  # seconds of one measurement, from which on a peer is left out
BATCH = 1024  # rows, or as many as there are components: MiniBatchKMeans wants no fewer
MOST_ITERATIONS = 10  # between the two fits whose difference is taken
SHARE = 10  # one in so many rows are tried first, to learn how long all will take
ROWS_PER_COMPONENT = 4  # of these at least


def optional(name):
    """A module, or None where it is not installed."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return None


# Loaded before threads are limited, since what is loaded afterwards would not know of it.
torch: Any = optional("torch")
faiss: Any = optional("faiss")


@contextmanager
def limited_to(n_threads):
    """As many threads in BLAS, OpenMP, torch and faiss; vmfmix uses those of BLAS."""
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
    """Calls that multiply all rows by all means in float32: {library: call}.

    The scores are written to the same array each time, by many rows at once where not all fit.
    SciPy makes a new array for the product of a CSR matrix.
    """
    means_t = means.astype(np.float32).T
    if sp.issparse(X):
        made = {"numpy": partial(X.__matmul__, np.ascontiguousarray(means_t))}
        return {**made, "torch": sparse_torch_product(X, means_t)} if torch else made
    size = min(max(MOST_SCORES // means_t.shape[1], 1), len(X))
    scores = np.empty((size, means_t.shape[1]), np.float32)
    made = {"numpy": by_parts(np.matmul, X, means_t, scores)}
    if torch:
        tensors = (torch.from_numpy(array) for array in (X, means_t, scores))
        made["torch"] = by_parts(torch.mm, *tensors)
    return made


def by_parts(multiply, X, means_t, scores):
    """A call of `multiply` for as many rows as there is room for scores, to the last row."""

    def product():
        for start in range(0, len(X), len(scores)):
            part = X[start : start + len(scores)]
            multiply(part, means_t, out=scores[: len(part)])

    return product


def sparse_torch_product(X, means_t):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that CSR tensors are in beta, and not checked
        parts = (torch.from_numpy(part) for part in (X.indptr, X.indices, X.data))
        rows = torch.sparse_csr_tensor(*parts, X.shape)
    weights = torch.from_numpy(np.ascontiguousarray(means_t))
    scores = torch.empty(X.shape[0], means_t.shape[1])
    return lambda: torch.mm(rows, weights, out=scores)


# --- iterations ----------------------------------------------------------------------------------


def fit_kmeans(X, starts, max_iter, algorithm):
    model = KMeans(
        len(starts), init=starts, n_init=1, max_iter=max_iter, tol=0, algorithm=algorithm
    )
    return quiet(model.fit, X).n_iter_


def fit_gaussian_mixture(X, starts, max_iter):
    k, d = starts.shape
    model = GaussianMixture(
        k,
        covariance_type="spherical",
        weights_init=np.full(k, 1 / k, np.float32),
        means_init=starts,
        precisions_init=np.full(k, d, np.float32),
        max_iter=max_iter,
        tol=0,
    )
    return quiet(model.fit, X).n_iter_


def fit_faiss(X, starts, max_iter):
    model = spherical_kmeans(len(starts), X.shape[1], niter=max_iter)
    model.train(X, init_centroids=starts)
    return len(model.obj)


def sweep_in_batches(X, starts, max_iter):
    """All rows `max_iter` times, by batches."""
    size = max(BATCH, len(starts))
    model = MiniBatchKMeans(
        len(starts), init=starts, n_init=1, batch_size=size, compute_labels=False, random_state=0
    )
    for _ in range(max_iter):
        for start in range(0, X.shape[0], size):
            model.partial_fit(X[start : start + size])
    return max_iter


def quiet(call, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return call(*arguments)


def spherical_kmeans(k, d, **options):
    return faiss.Kmeans(
        d,
        k,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=10**9,  # its default drops rows above 256 per centroid
        **options,
    )


@dataclass(frozen=True)
class Peer:
    """A clustering that is only had as a whole fit.

    Parameters
    ----------
    fit : callable
        (rows, starting means, most iterations) to the iterations done.
    takes_sparse : bool
    bytes_per_score : int
        That it holds for each row and component.
    """

    fit: Callable
    takes_sparse: bool = True
    bytes_per_score: int = 0

    def takes(self, X, k):
        """Whether it knows such rows and has room for them."""
        fits = X.shape[0] * k * self.bytes_per_score <= MOST_BYTES
        return fits and (self.takes_sparse or not sp.issparse(X))


PEERS = {
    "KMeans lloyd": Peer(partial(fit_kmeans, algorithm="lloyd")),
    "KMeans elkan": Peer(partial(fit_kmeans, algorithm="elkan"), bytes_per_score=4),
    "MiniBatchKMeans": Peer(sweep_in_batches),
    "GaussianMixture": Peer(fit_gaussian_mixture, takes_sparse=False, bytes_per_score=8),
}
if faiss:
    PEERS["faiss spherical"] = Peer(fit_faiss, takes_sparse=False)


class Iteration:
    """Seconds of one iteration: the difference of a longer fit and one of a single iteration.

    So what a fit does before and after its iterations cancels, and the first is not counted.
    """

    def __init__(self, fit, X, starts, more):
        self._fit, self._X, self._starts, self._more = fit, X, starts, more

    def __call__(self):
        """Seconds; NaN where the fit is over too soon."""
        few, _ = self._timed(1)
        many, done = self._timed(1 + self._more)
        if done > self._more:
            return (many - few) / self._more if many > few else float("nan")
        # A fit that comes to its end leaves out its last look at the rows: stop before.
        self._more = done - 2
        return self() if self._more > 0 else float("nan")

    def _timed(self, max_iter):
        done = []
        seconds = seconds_of(lambda: done.append(self._fit(self._X, self._starts, max_iter)))
        return seconds, done[0]


def iteration_of(peer, X, starts, turns=5):
    """An `Iteration` that can be had `turns` times in the budget, if of one iteration or more.

    None where the peer does not take such rows, or a tenth of them says that it takes too long.
    """
    if not peer.takes(X, len(starts)):
        return None
    some = first_rows(X, len(starts))
    scale = X.shape[0] / some.shape[0]
    peer.fit(some, starts, 1)  # what is loaded on first use
    start_up = scale * seconds_of(peer.fit, some, starts, 1)
    each = max(scale * seconds_of(peer.fit, some, starts, 3) - start_up, 1e-6 * start_up) / 2
    if 2 * start_up + each > LONGEST:
        return None
    affordable = (BUDGET / turns - 2 * start_up) / each
    return Iteration(peer.fit, X, starts, int(np.clip(affordable, 1, MOST_ITERATIONS)))


def first_rows(X, k):
    """A tenth of the rows, or more where they would be few for so many components."""
    return X[: min(max(X.shape[0] // SHARE, ROWS_PER_COMPONENT * k, BATCH), X.shape[0])]


# --- whole fits ----------------------------------------------------------------------------------


class Fitted(NamedTuple):
    """Labels, iterations, and the seconds until EM began, where they are known."""

    labels: np.ndarray
    iterations: int
    seconds_of_start: float | None = None


def vmfmix_fit(X, k, seed, **options):
    """Iterations with those while components merged.

    Without merging, up to ten with one concentration come before, which are not counted.
    """
    model = quiet(VMFMixture(k, random_state=seed, **options).fit, X)
    history = getattr(model, "merge_history_", None)
    if history is None:
        return Fitted(model.labels_, model.n_iter_)
    merged_at = history.seconds[-model.n_iter_ - 1]
    return Fitted(model.labels_, len(history.n_components), float(merged_at))


def sklearn_fit(X, k, seed, estimator, **options):
    model = estimator(k, random_state=seed, **options)
    labels = quiet(model.fit_predict, X)
    return Fitted(labels, model.n_iter_)


def faiss_fit(X, k, seed):
    """Up to 300 iterations, as KMeans, while the objective gains a ten-thousandth of itself."""
    model = spherical_kmeans(k, X.shape[1], niter=300, early_stop_threshold=1e-4, seed=seed + 1)
    model.train(X)
    return Fitted(model.index.search(X, 1)[1][:, 0], len(model.obj))


OWN_PLAIN, OWN, RIVAL = "VMFMixture, merge=None", "VMFMixture", "KMeans n_init=1"
FITS = {
    OWN_PLAIN: partial(vmfmix_fit, merge=None),
    OWN: vmfmix_fit,
    RIVAL: partial(sklearn_fit, estimator=KMeans, n_init=1),
    "KMeans elkan": partial(sklearn_fit, estimator=KMeans, n_init=1, algorithm="elkan"),
    "MiniBatchKMeans": partial(sklearn_fit, estimator=MiniBatchKMeans, n_init=1),
}
FITS_OF_DENSE_ROWS = {
    "GaussianMixture": partial(sklearn_fit, estimator=GaussianMixture, covariance_type="spherical"),
    **({"faiss spherical": faiss_fit} if faiss else {}),
}


def fits_of(X):
    """Whole fits that take such rows."""
    return FITS if sp.issparse(X) else FITS | FITS_OF_DENSE_ROWS
