"""Typical words of the texts of each cluster."""

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_consistent_length

from vmfmix.inspection.missing_values import is_missing

_WORD = r"(?u)\b[^\W\d_][\w'’-]+\b"  # a letter first, then at least one more character


def typical_words(
    texts: Sequence[object],
    labels: npt.ArrayLike,
    n_words: int = 5,
    stop_words: str | list[str] | None = "english",
) -> list[list[str]]:
    """Return words that are frequent in the texts of each cluster and rarer in other texts.

    A word scores p log(p / q), where p is its share of the words of the cluster and q its share of
    all words. This is its term of the Kullback-Leibler divergence between the two distributions of
    words [1]_.

    Parameters
    ----------
    texts : sequence of str
        Values that are not strings are converted to strings, and missing values to empty strings.
    labels : array-like of shape (n_samples,), int
        Cluster of each text. Texts of cluster -1 are left out.
    n_words : int, default=5
        Maximum number of words per cluster.
    stop_words : {"english"}, list of str or None, default="english"
        Words to ignore, as in `sklearn.feature_extraction.text.CountVectorizer`.

    Returns
    -------
    list of list of str
        At most `n_words` words in lower case for each cluster from 0, most typical first. The list
        of a cluster without words is empty.

    Raises
    ------
    ValueError
        If there are not as many labels as texts.

    References
    ----------
    .. [1] S. Kullback, R. A. Leibler (1951). On information and sufficiency. Annals of Mathematical
       Statistics 22 (1), 79-86.

    Examples
    --------
    >>> from vmfmix.inspection import typical_words
    >>> typical_words(["red apple", "green apple", "red car", "blue car"], [0, 0, 1, 1], 1)
    [['apple'], ['car']]
    """
    labels = np.asarray(labels)
    check_consistent_length(texts, labels)
    strings = as_strings(texts)
    in_clusters = np.flatnonzero(labels >= 0)
    n_clusters = int(labels.max(initial=-1)) + 1
    counter = CountVectorizer(stop_words=stop_words, token_pattern=_WORD)
    try:
        text_counts = counter.fit_transform([strings[row] for row in in_clusters])
    except ValueError:  # no word in any text
        return [[] for _ in range(n_clusters)]
    words = counter.get_feature_names_out()
    n_texts = len(in_clusters)
    ones = np.ones(n_texts, dtype=np.int64)
    members = sp.csr_array(
        (ones, (labels[in_clusters], np.arange(n_texts))), shape=(n_clusters, n_texts)
    )
    cluster_counts = members @ text_counts
    overall_shares = text_counts.sum(axis=0).A1 / text_counts.sum()
    chosen: list[list[str]] = []
    for start, end in itertools.pairwise(cluster_counts.indptr):
        indices, counts = cluster_counts.indices[start:end], cluster_counts.data[start:end]
        shares = counts / max(counts.sum(), 1)
        divergences = shares * np.log(shares / overall_shares[indices])
        best = np.argsort(-divergences, kind="stable")[:n_words]
        chosen.append(words[indices[best]].tolist())
    return chosen


def as_strings(texts: Iterable[object]) -> list[str]:
    """Return texts as a list of strings, in order of position regardless of the index of a Series.

    Parameters
    ----------
    texts : iterable
        Values that are not strings are converted to strings, and missing values to empty strings.

    Returns
    -------
    list of str
    """
    return ["" if is_missing(text) else str(text) for text in texts]
