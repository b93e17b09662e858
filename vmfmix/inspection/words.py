"""Typical words of the texts of each cluster."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from vmfmix.inspection.labels import encode_labels
from vmfmix.inspection.missing_values import as_strings
from vmfmix.inspection.stop_words import StopWords
from vmfmix.inspection.tokenization import Tokenizer
from vmfmix.inspection.word_counts import words_of_clusters


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
        Words to ignore; the name of a language, or several, such as ``"german,english"``; or
        "auto", the languages of the texts. Languages other than English need the package
        ``stop-words`` (the extra ``words``).
    tokenizer : callable or str, default=None
        Takes a text and returns its words; or the name of a package that has one, which must be
        installed: "jieba", "fugashi", "janome" or "pythainlp". Texts in scripts without spaces
        between words, such as Chinese, Japanese and Thai, need one. By default, words are runs of
        at least two letters, marks and digits in any script that start with a letter; those of
        Chinese and Japanese are pairs of characters.

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
        words of the language or no tokenizer of the name.
    ImportError
        If the stop words or the tokenizer need a package that is not installed.

    Warns
    -----
    UserWarning
        If words are pairs of characters or whole phrases, since the script has no spaces and there
        is no `tokenizer`.

    See Also
    --------
    name_clusters : Names of clusters from their typical words.

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
    names, clusters = numbered_clusters(texts, labels)
    n_clusters = int(clusters.max(initial=-1)) + 1
    found = words_of_clusters(
        as_strings(texts), clusters, n_clusters, stop_words=stop_words, tokenizer=tokenizer
    )
    words = [found.words[scored.words[:n_words]].tolist() for scored in found.scored()]
    return words if names is None else dict(zip(names, words, strict=True))


def words_of_unions(
    texts: Sequence[str],
    clusters: NDArray[np.int64],
    unions: Sequence[Sequence[int]],
    n_words: int = 5,
    stop_words: StopWords = "english",
    *,
    tokenizer: Tokenizer | None = None,
) -> list[list[str]]:
    """Return the typical words of unions of clusters, reading each text once.

    Parameters
    ----------
    texts : list of str of length n_samples
    clusters : ndarray of shape (n_samples,), int
        Cluster of each text; those of negative clusters are left out.
    unions : list of list of int
        Clusters of each union; a single cluster has the words of `typical_words`.
    n_words, stop_words, tokenizer
        See `typical_words`.

    Returns
    -------
    list of list of str
        At most `n_words` words for each union, most typical first.
    """
    n_clusters = max((cluster for union in unions for cluster in union), default=-1) + 1
    n_clusters = max(n_clusters, int(clusters.max(initial=-1)) + 1)
    found = words_of_clusters(
        texts, clusters, n_clusters, stop_words=stop_words, tokenizer=tokenizer
    )
    return [found.words[scored.words[:n_words]].tolist() for scored in found.scored(unions)]


def numbered_clusters(
    texts: Sequence[object], labels: npt.ArrayLike
) -> tuple[list[Any] | None, NDArray[np.int64]]:
    """Return the numbers of clusters, and their names if labels are not integers.

    Parameters
    ----------
    texts : sequence
        Only its length is used.
    labels : array-like of shape (n_samples,)

    Returns
    -------
    names : list or None
        The different labels, sorted, unless they are integers.
    clusters : ndarray of shape (n_samples,), int
        The labels, or their positions in `names`.

    Raises
    ------
    ValueError
        If a label is missing, or if there are not as many labels as texts.
    """
    names, codes = encode_labels(texts, labels, "labels")
    if len(names) == 0 or _are_integers(names):
        return None, np.asarray(names, dtype=np.int64)[codes]
    return names.tolist(), codes


def _are_integers(names: np.ndarray) -> bool:
    """Return whether labels are numbers of clusters, also as floats, which missing ones cause."""
    if names.dtype.kind == "f":
        return bool((names == np.floor(names)).all() and np.isfinite(names).all())
    return names.dtype.kind in "iu"
