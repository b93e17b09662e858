"""Words of the texts of each cluster, how often they occur, and how typical they are."""

from __future__ import annotations

import itertools
import warnings
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix.inspection.stop_words import StopWords, is_stop_word, stop_words_of
from vmfmix.inspection.tokenization import (
    CHINESE_OR_JAPANESE,
    Tokenizer,
    folded,
    is_word,
    script_of_phrases,
    token_finder,
)

_GAP = -1
_FIRST = "\0"  # before the first word of a text, whose capital letter may be due to its position


@dataclass(frozen=True)
class ScoredWords:
    """The words of one cluster, the most typical first.

    Attributes
    ----------
    words : ndarray of shape (n_words,), int
        Positions in `ClusterWords.words`.
    counts : ndarray of shape (n_words,), int
        How often they occur in the cluster.
    scores : ndarray of shape (n_words,)
        Terms of the Kullback-Leibler divergence of the words of the cluster from all words.
    """

    words: NDArray[np.int64]
    counts: NDArray[np.int64]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class ClusterWords:
    """The words of the texts of clusters, in their order, as numbers.

    A token takes four bytes, which is less than the text it is in, and no phrases are counted, so
    that memory is bounded by that of the texts.

    Attributes
    ----------
    tokens : ndarray of shape (n_tokens,), int
        Positions in `writings` of the words of all texts, cluster by cluster; -1 where words are
        not adjacent, such as at stop words, punctuation, and after each text.
    starts : ndarray of shape (n_clusters + 1,), int
        Position in `tokens` of the first one of each cluster, and at the end their number.
    writings : list of str
        Different writings of the words. Those of the first word of a text start with a null
        character.
    word_of : ndarray of shape (n_writings,), int
        Position in `words` of the word of each writing.
    words : ndarray of shape (n_words,), object
        The different words, in lower case, sorted.
    in_pairs : bool
        Whether words of Chinese or Japanese are pairs of characters.
    """

    tokens: NDArray[np.int32]
    starts: NDArray[np.int64]
    writings: list[str]
    word_of: NDArray[np.int64]
    words: NDArray[np.object_]
    in_pairs: bool

    def of_cluster(self, cluster: int) -> NDArray[np.int32]:
        """Return the tokens of a cluster."""
        return self.tokens[self.starts[cluster] : self.starts[cluster + 1]]

    def scored(self, unions: Sequence[Sequence[int]] | None = None) -> Iterator[ScoredWords]:
        """Yield the words of each cluster, the most typical first.

        A word scores p log(p / q), where p is its share of the words of the cluster and q its share
        of all words. Equal scores are ordered by counts, as in a single cluster, where all are 0.

        Parameters
        ----------
        unions : list of list of int, default=None
            Clusters whose words are counted together; by default, each cluster by itself.

        Yields
        ------
        ScoredWords
        """
        of_clusters = self._counts_of_clusters
        overall = np.maximum(self._counts, 1) / max(self._counts.sum(), 1)
        for clusters in range(of_clusters.shape[0]) if unions is None else unions:
            words, counts = _summed(of_clusters, np.atleast_1d(clusters))
            shares = counts / max(counts.sum(), 1)
            scores = shares * np.log(shares / overall[words])
            order = np.lexsort((-counts, -np.round(scores, 12)))
            yield ScoredWords(words[order], counts[order], scores[order])

    def writing(self, tokens: Counter[tuple[int, ...]]) -> tuple[str, ...]:
        """Return the most frequent writing, except for those at the start of a text.

        Parameters
        ----------
        tokens : Counter of tuple of int
            How often a word or phrase occurs in each of its writings.

        Returns
        -------
        tuple of str
            The words of the phrase.
        """

        def rank(item: tuple[tuple[int, ...], int]) -> tuple[bool, int]:
            return not self.writings[item[0][0]].startswith(_FIRST), item[1]

        best, _ = max(tokens.items(), key=rank)  # the first one of those that are equal
        return tuple(self.writings[token].removeprefix(_FIRST) for token in best)

    @cached_property
    def _counts(self) -> NDArray[np.int64]:
        tokens = self.tokens[self.tokens != _GAP]
        return np.bincount(self.word_of[tokens], minlength=len(self.words))

    @cached_property
    def _counts_of_clusters(self) -> sp.csr_array:
        """How often each word occurs in each cluster, of shape (n_clusters, n_words)."""
        found = []
        for cluster in range(len(self.starts) - 1):
            tokens = self.of_cluster(cluster)
            found.append(np.unique(self.word_of[tokens[tokens != _GAP]], return_counts=True))
        none = np.empty(0, dtype=np.int64)
        words, counts = (np.concatenate([none, *(pair[i] for pair in found)]) for i in (0, 1))
        starts = np.cumsum([0, *(len(pair[0]) for pair in found)])
        return sp.csr_array((counts, words, starts), shape=(len(found), len(self.words)))


def _summed(
    counts: sp.csr_array, rows: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the columns with counts in some rows, in increasing order, and the sums of these."""
    chosen = counts[rows]
    if len(rows) == 1:
        return chosen.indices.astype(np.int64), chosen.data
    words, places = np.unique(chosen.indices, return_inverse=True)
    sums = np.bincount(places, weights=chosen.data, minlength=len(words))
    return words.astype(np.int64), sums.astype(np.int64)


def words_of_clusters(
    texts: Sequence[str],
    clusters: NDArray[np.int64],
    n_clusters: int,
    *,
    stop_words: StopWords = "english",
    tokenizer: Tokenizer | None = None,
) -> ClusterWords:
    """Return the words of the texts of each cluster.

    Parameters
    ----------
    texts : sequence of str
    clusters : ndarray of shape (n_samples,), int
        Cluster of each text; those of negative clusters are left out.
    n_clusters : int
    stop_words : str, iterable of str or None, default="english"
        See `stop_words_of`.
    tokenizer : callable or str, default=None
        See `token_finder`.

    Returns
    -------
    ClusterWords

    Warns
    -----
    UserWarning
        If words are pairs of characters or whole phrases, since the script has no spaces and there
        is no tokenizer.
    """
    ignored = stop_words_of(stop_words)  # before any work, since it may raise an error
    order = np.argsort(clusters, kind="stable")
    order = order[clusters[order] >= 0]
    of_clusters = [texts[row] for row in order.tolist()]
    vocabulary, tokens, ends = _read(of_clusters, tokenizer)
    script = None if tokenizer else script_of_phrases(vocabulary.counted(tokens))
    in_pairs = script == CHINESE_OR_JAPANESE
    if in_pairs:
        vocabulary, tokens, ends = _read(of_clusters, tokenizer, pairs=True)
    if script is not None:
        warnings.warn(
            f"Words are {'pairs of characters' if in_pairs else 'whole phrases'}, since {script} "
            'texts have no spaces between words; pass a tokenizer, such as "jieba" for Chinese, '
            '"fugashi" for Japanese or "pythainlp" for Thai (--tokenizer on the command line).',
            UserWarning,
            stacklevel=3,
        )
    word_of_writing = [folded(writing.removeprefix(_FIRST)) for writing in vocabulary.writings]
    words, word_of = np.unique(np.array(word_of_writing, dtype=object), return_inverse=True)
    if isinstance(stop_words, str) and stop_words == "auto":
        counts = np.bincount(word_of[tokens[tokens != _GAP]], minlength=len(words))
        ignored = stop_words_of(stop_words, dict(zip(words, counts.tolist(), strict=True)))
    is_ignored = np.array([is_stop_word(word, ignored) for word in words] + [False], dtype=bool)
    tokens[np.append(is_ignored[word_of], False)[tokens]] = _GAP
    n_texts = np.searchsorted(clusters[order], np.arange(n_clusters + 1))
    return ClusterWords(
        tokens, np.append(0, ends)[n_texts], vocabulary.writings, word_of, words, in_pairs
    )


class _Vocabulary(dict[str, int]):
    """Numbers of the writings of tokens; -1 for tokens that are not words."""

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        super().__init__()
        self.writings: list[str] = []
        self._tokenizer = tokenizer

    def __missing__(self, token: str) -> int:
        number = _GAP
        if is_word(token.removeprefix(_FIRST), self._tokenizer):
            number = len(self.writings)
            self.writings.append(token)
        self[token] = number
        return number

    def counted(self, tokens: NDArray[np.int32]) -> Iterator[tuple[str, int]]:
        """Return writings and how often they occur."""
        counts = np.bincount(tokens[tokens != _GAP], minlength=len(self.writings))
        return zip(self.writings, counts.tolist(), strict=True)


def _read(
    texts: Sequence[str], tokenizer: Tokenizer | None, *, pairs: bool = False
) -> tuple[_Vocabulary, NDArray[np.int32], NDArray[np.int64]]:
    """Return the vocabulary of texts, their tokens, and the end of each text among them."""
    find = token_finder(tokenizer, pairs=pairs)
    vocabulary = _Vocabulary(tokenizer)
    tokens, lengths = array("i"), array("q")
    for text in texts:
        found = find(text)
        if found:
            found[0] = _FIRST + found[0]
        tokens.extend([vocabulary[token] for token in found])
        tokens.append(_GAP)
        lengths.append(len(found) + 1)
    ends = np.fromiter(itertools.accumulate(lengths), dtype=np.int64, count=len(lengths))
    return vocabulary, np.frombuffer(tokens, dtype=np.int32), ends
