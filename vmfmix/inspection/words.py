"""Typical words of the texts of each cluster."""

import itertools
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer

from vmfmix.inspection.labels import encode_labels
from vmfmix.inspection.missing_values import as_strings
from vmfmix.inspection.tokenization import StopWords, Tokenizer, phrases_among, word_counter


def typical_words(
    texts: Sequence[object],
    labels: npt.ArrayLike,
    n_words: int = 5,
    stop_words: StopWords = "english",
    *,
    tokenizer: Tokenizer | None = None,
) -> Any:
    """Return words that are frequent in the texts of each cluster and rarer in other texts.

    A word scores p log(p / q), where p is its share of the words of the cluster and q its share of
    all words. This is its term of the Kullback-Leibler divergence between the two distributions of
    words [1]_.

    Parameters
    ----------
    texts : sequence of str
        Bytes are decoded as UTF-8, other values that are not strings are converted to strings, and
        missing values to empty strings.
    labels : array-like of shape (n_samples,)
        Cluster of each text, none missing. Texts of cluster -1 are left out. Labels that are not
        integers are names of classes.
    n_words : int, default=5
        Maximum number of words per cluster.
    stop_words : str, list of str or None, default="english"
        Words to ignore, or the name of a language, such as ``"german"``. Languages other than
        English need the package ``stop-words`` (the extra ``words``).
    tokenizer : callable, default=None
        Takes a text and returns its words. Texts in scripts without spaces between words, such as
        Chinese, Japanese and Thai, need one, such as ``jieba.lcut``. By default, words are runs of
        at least two letters, marks and digits in any script that start with a letter.

    Returns
    -------
    list of list of str, or dict of list of str
        At most `n_words` words in lower case for each cluster from 0, most typical first. The list
        of a cluster without words is empty. If labels are not integers, a dict with the words of
        each label, in the order of the sorted labels.

    Raises
    ------
    ValueError
        If a label is missing, if there are not as many labels as texts, or if there are no stop
        words of the language.
    ImportError
        If the stop words need a package that is not installed.

    Warns
    -----
    UserWarning
        If the words are whole phrases, since the script has no spaces and there is no `tokenizer`.

    References
    ----------
    .. [1] S. Kullback, R. A. Leibler (1951). On information and sufficiency. Annals of Mathematical
       Statistics 22 (1), 79-86.

    Examples
    --------
    >>> from vmfmix.inspection import typical_words
    >>> texts = ["red apple", "green apple", "red car", "blue car"]
    >>> typical_words(texts, [0, 0, 1, 1], 1)
    [['apple'], ['car']]
    >>> typical_words(texts, ["fruit", "fruit", "vehicle", "vehicle"], 1)
    {'fruit': ['apple'], 'vehicle': ['car']}
    """
    names, codes = encode_labels(texts, labels, "labels")
    has_numbers = len(names) == 0 or _are_integers(names)
    clusters = np.asarray(names, dtype=np.int64)[codes] if has_numbers else codes
    words = _words_of_clusters(
        as_strings(texts), clusters, n_words, word_counter(tokenizer, stop_words)
    )
    script = None if tokenizer else phrases_among(itertools.chain(*words))
    if script is not None:
        warnings.warn(
            f"Typical words are whole phrases, since {script} texts have no spaces between words; "
            "pass a tokenizer, such as jieba.lcut for Chinese (--tokenizer jieba:lcut on the "
            "command line).",
            UserWarning,
            stacklevel=2,
        )
    return words if has_numbers else dict(zip(names.tolist(), words, strict=True))


def _are_integers(names: np.ndarray) -> bool:
    """Return whether labels are numbers of clusters, also as floats, which missing ones cause."""
    if names.dtype.kind == "f":
        return bool((names == np.floor(names)).all() and np.isfinite(names).all())
    return names.dtype.kind in "iu"


def _words_of_clusters(
    texts: Sequence[str], clusters: NDArray[np.int64], n_words: int, words_of: Any
) -> list[list[str]]:
    """Return the typical words of each cluster from 0, given a function that lists words."""
    in_clusters = np.flatnonzero(clusters >= 0)
    n_clusters = int(clusters.max(initial=-1)) + 1
    counter = CountVectorizer(analyzer=words_of)
    try:
        text_counts = counter.fit_transform([texts[row] for row in in_clusters.tolist()])
    except ValueError as error:
        if "empty vocabulary" not in str(error):
            raise
        return [[] for _ in range(n_clusters)]  # no word in any text
    words = counter.get_feature_names_out()
    n_texts = len(in_clusters)
    ones = np.ones(n_texts, dtype=np.int64)
    members = sp.csr_array(
        (ones, (clusters[in_clusters], np.arange(n_texts))), shape=(n_clusters, n_texts)
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
