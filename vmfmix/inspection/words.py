"""What the texts of a cluster are about."""

import itertools

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_consistent_length

from vmfmix.inspection.tables import is_missing


def typical_words(texts, labels, n_words=5, stop_words="english"):
    """Words that are frequent in the texts of each cluster and rarer in those of others.

    A word counts p log(p / q), with p its share of the words of the cluster and q its share of all
    words: its part in the Kullback-Leibler divergence between the two [1]_.

    Parameters
    ----------
    texts : sequence of str
        What is no string is written as one, and what is missing is empty.
    labels : array-like of shape (n_samples,), int
        Cluster of each text; texts of cluster -1 are left out.
    n_words : int, default=5
    stop_words : {"english"}, list of str or None, default="english"
        Words that say nothing, as in `sklearn.feature_extraction.text.CountVectorizer`.

    Returns
    -------
    list of list of str
        At most `n_words` for each cluster from 0 on, most typical first, in small letters. Clusters
        without words have none.

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
    texts = as_texts(texts)
    known = np.flatnonzero(labels >= 0)
    n_clusters = int(labels.max(initial=-1)) + 1
    counter = CountVectorizer(stop_words=stop_words, token_pattern=r"(?u)\b[^\W\d_][\w'’-]+\b")
    try:
        of_texts = counter.fit_transform([texts[row] for row in known])
    except ValueError:  # no word in any text
        return [[] for _ in range(n_clusters)]
    words = counter.get_feature_names_out()
    members = (np.ones(len(known), dtype=np.int64), (labels[known], np.arange(len(known))))
    of_clusters = sp.csr_array(members, shape=(n_clusters, len(known))) @ of_texts
    everywhere = of_texts.sum(axis=0).A1 / of_texts.sum()
    chosen = []
    for start, end in itertools.pairwise(of_clusters.indptr):
        places, counts = of_clusters.indices[start:end], of_clusters.data[start:end]
        shares = counts / max(counts.sum(), 1)
        parts = shares * np.log(shares / everywhere[places])
        chosen.append(words[places[np.argsort(-parts, kind="stable")[:n_words]]].tolist())
    return chosen


def as_texts(texts):
    """Texts in the order they come, whatever index a Series has.

    Parameters
    ----------
    texts : iterable
        What is no string is written as one; what is missing is an empty text.

    Returns
    -------
    list of str
    """
    return ["" if is_missing(text) else str(text) for text in texts]
