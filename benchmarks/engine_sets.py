"""Rows for the engine benchmarks: mixtures like embeddings, TF-IDF rows, overlapping clusters."""

import os
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfTransformer

from benchmarks.labeled_sets import text_sets
from benchmarks.planted_sets import planted_means
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.start import initial_parameters
from vmfmix.model.statistics import MixtureParameters

CONCENTRATION = 0.8  # per feature, as in sentence embeddings
CONCENTRATION_OF_FITS = 0.35  # per feature; siblings overlap, so that fits need many iterations


class Shape(NamedTuple):
    """Numbers of rows, features and components, and the target number of entries per CSR row."""

    rows: int
    features: int
    components: int
    entries: int | None = None  # None: dense

    def __str__(self):
        kind = "dense" if self.entries is None else f"CSR, {self.entries} entries per row"
        return f"{self.rows} × {self.features}, K = {self.components}, {kind}"


SHAPES = {
    "full": {
        "pass": [
            Shape(50_000, 384, 20),
            Shape(50_000, 384, 150),
            Shape(100_000, 768, 1000),
            Shape(200_000, 128, 8192),
            Shape(20_000, 30_000, 100, entries=100),
            Shape(100_000, 128, 64),
        ],
        "fit": [
            Shape(50_000, 384, 20),
            Shape(50_000, 384, 150),
            Shape(100_000, 768, 1000),
            Shape(20_000, 1_000_000, 50, entries=100),
        ],
        "components": [Shape(200_000, 128, k) for k in (1000, 2000, 4000, 8192)],
        "memory": Shape(1_000_000, 128, 1000),
    },
    "few": {  # components
        "pass": [
            Shape(50_000, 384, 20),
            Shape(100_000, 128, 64),
            Shape(200_000, 50, 10),
            Shape(20_000, 1536, 30),
        ],
        "fit": [
            Shape(50_000, 384, 20),
            Shape(100_000, 128, 64),
            Shape(200_000, 50, 10),
            Shape(20_000, 1536, 30),
        ],
        "methods": ["KMeans lloyd", "KMeans elkan", "faiss spherical"],  # instead of all
        "methods of fits": [
            "VMFMixture, merge=None",
            "VMFMixture",
            "KMeans n_init=1",
            "KMeans elkan",
        ],
    },
    "small": {  # checks quickly that everything runs
        "pass": [Shape(3000, 32, 20), Shape(2000, 500, 10, entries=20)],
        "fit": [Shape(2000, 32, 10), Shape(2000, 500, 10, entries=20)],
        "components": [Shape(3000, 16, k) for k in (20, 40)],
        "memory": Shape(3000, 32, 20),
    },
}
THREADS = (1, 2)


def rows_and_parameters(shape):
    """Return unit rows in float32 and the parameters of their mixture in float64."""
    n, d, k, entries = shape
    if entries is not None:
        X, y = tfidf_rows(n, d, k, entries)
        return X, parameters_of(X, y)
    X, _, truth = make_vmf_mixture(
        n,
        d,
        k,
        concentration=CONCENTRATION * d,
        dtype=np.float32,
        random_state=0,
        return_parameters=True,
    )
    return X, MixtureParameters(truth.weights, truth.means, truth.concentrations)


def tfidf_rows(n_rows, n_words, n_topics, entries, seed=0):
    """Return TF-IDF vectors of texts about one topic each, as CSR unit rows, and their topics.

    Half of the words of a text are drawn from a list shared by all texts and half from the list of
    its topic, in both cases following Zipf's law. Each list is a random order of all words.
    """
    rng = np.random.default_rng(seed)
    probabilities = 1.0 / np.arange(1, n_words + 1)
    probabilities /= probabilities.sum()
    length = text_length(probabilities, entries / 2)
    cumulative = np.cumsum(probabilities)
    cumulative[-1] = 1.0  # regardless of rounding
    ranks = np.searchsorted(cumulative, rng.random((n_rows, 2, length)), side="right")
    lists = np.stack([rng.permutation(n_words) for _ in range(1 + n_topics)])
    topics = rng.integers(n_topics, size=n_rows)
    topic_words = lists[1 + topics[:, np.newaxis], ranks[:, 1]]
    words = np.concatenate([lists[0][ranks[:, 0]], topic_words], axis=1)
    row_ends = np.arange(n_rows + 1) * words.shape[1]
    ones = np.ones(words.size, np.float32)
    counts = sp.csr_matrix((ones, words.ravel(), row_ends), (n_rows, n_words))
    counts.sum_duplicates()
    return TfidfTransformer().fit_transform(counts), topics


def text_length(probabilities, n_distinct):
    """Return the number of words to draw to expect `n_distinct` different ones among them."""
    length = round(n_distinct)
    while np.sum(1.0 - (1.0 - probabilities) ** length) < n_distinct:
        length += 1
    return length


def parameters_of(X, y):
    """Return initial parameters whose means are the mean directions of the classes."""
    means = np.asarray((indicator(y).T @ X).todense(), np.float64)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return initial_parameters(choose_engine(X), means)


def indicator(labels):
    """Return the CSR matrix with a 1 for each row in the column of its label."""
    names, codes = np.unique(labels, return_inverse=True)
    shape = (len(codes), len(names))
    return sp.csr_matrix((np.ones(len(codes), np.float32), (np.arange(len(codes)), codes)), shape)


def overlapping_rows(shape):
    """Return float32 unit rows and their components, whose means form about √K families."""
    n, d, k, _ = shape
    means = planted_means("hierarchical", k, d, np.random.default_rng(0))
    return make_vmf_mixture(
        n,
        means=means,
        concentration=CONCENTRATION_OF_FITS * d,
        dtype=np.float32,
        random_state=0,
    )


def rows_to_fit(shape):
    """Return float32 unit rows, dense or CSR, and their components or topics."""
    return overlapping_rows(shape) if shape.entries is None else tfidf_rows(*shape)


def sets_to_fit(shapes):
    """Iterate over (name, rows, classes): mixtures, TF-IDF, and clinc150 if it is available."""
    for shape in shapes:
        yield "mixture" if shape.entries is None else "TF-IDF, CSR", *rows_to_fit(shape)
    if "VMFMIX_DATA" in os.environ:
        yield from text_sets(["clinc150"])
