"""Terms that describe a cluster: its typical words, or phrases in place of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from vmfmix.inspection.tokenization import is_pair, phrase_of
from vmfmix.inspection.word_counts import ClusterWords, ScoredWords

_MIN_SHARE = 0.5  # of the occurrences of a word in the cluster, for a phrase that replaces it
_MIN_COUNT = 2
_PAIRS_PER_PHRASE = 3  # of characters, which overlap: phrases of up to four characters
_WORDS_PER_TERM = 4  # words that are considered for each term

Phrase = tuple[int, ...]
"""Positions of adjacent words in `ClusterWords.words`."""


def terms_of_clusters(words: ClusterWords, n_terms: int, phrase_length: int) -> Iterator[list[str]]:
    """Yield the terms of each cluster, the most typical first, in their usual writing.

    A phrase replaces a typical word if it contains at least half of its occurrences in the cluster.
    The longest such phrase is used, and among equally long ones the most frequent. No two terms
    contain the same word or forms of one word.

    Parameters
    ----------
    words : ClusterWords
    n_terms : int
        Maximum number of terms for each cluster.
    phrase_length : int
        Maximum number of words in a phrase.

    Yields
    ------
    list of str
    """
    if words.in_pairs and phrase_length > 1:
        phrase_length = max(phrase_length, _PAIRS_PER_PHRASE)
    for cluster, scored in enumerate(words.scored()):
        n_candidates = min(_WORDS_PER_TERM * n_terms, int((scored.scores >= -1e-12).sum()))
        candidates = scored.words[:n_candidates]
        written = _phrases(words, words.of_cluster(cluster), scored, candidates, phrase_length)
        terms: list[str] = []
        used: list[str] = []
        for alternatives in _alternatives(candidates, scored.counts[:n_candidates], written):
            for phrase in alternatives:
                parts = [str(words.words[word]) for word in phrase]
                if _are_new(parts, used, in_pairs=words.in_pairs):
                    used += parts
                    terms.append(phrase_of(words.writing(written[phrase]), pairs=words.in_pairs))
                    break
            if len(terms) == n_terms:
                break
        yield terms


def are_similar(word: str, other: str) -> bool:
    """Return whether two words are nearly the same, such as singular and plural.

    One contains the other, or both have the same beginning and differ in at most three letters at
    the end.

    Examples
    --------
    >>> from vmfmix.inspection.phrases import are_similar
    >>> are_similar("movie", "movies"), are_similar("city", "cities"), are_similar("car", "scar")
    (True, True, False)
    """
    short, long = sorted((word, other), key=len)
    if short in long:
        n_more = len(long) - len(short)
        is_ending = long.startswith(short) and n_more <= 2
        return is_ending or len(short) >= 4 or is_pair(short[:2])
    n_same = max(5, len(long) - 3)
    return short[:n_same] == long[:n_same] or (short.endswith("y") and long == f"{short[:-1]}ies")


def _phrases(
    words: ClusterWords,
    tokens: NDArray[np.int32],
    scored: ScoredWords,
    candidates: NDArray[np.int64],
    phrase_length: int,
) -> dict[Phrase, Counter[tuple[int, ...]]]:
    """Return how often candidates, and phrases with at least one, occur in each writing.

    Phrases with words that are too rare to replace a candidate are left out, which bounds their
    number.
    """
    is_word = tokens >= 0
    word_of_token = np.full(len(tokens), -1)
    word_of_token[is_word] = words.word_of[tokens[is_word]]
    by_number = np.argsort(scored.words)
    places = np.searchsorted(scored.words, word_of_token[is_word], sorter=by_number)
    counts = np.zeros(len(tokens))  # 0 at gaps, so that no phrase contains one
    counts[is_word] = scored.counts[by_number[places]]
    needed = np.where(np.isin(word_of_token, candidates), _MIN_SHARE * counts, np.inf)
    written: dict[Phrase, Counter[tuple[int, ...]]] = defaultdict(Counter)
    for length in range(1, min(phrase_length, len(tokens)) + 1):
        rarest = sliding_window_view(counts, length).min(axis=1)
        starts = np.flatnonzero(rarest >= sliding_window_view(needed, length).min(axis=1))
        positions = starts[:, None] + np.arange(length)
        numbers = Counter(zip(*tokens[positions].T.tolist(), strict=True))
        writings = np.array(list(numbers), dtype=np.int64).reshape(-1, length)
        phrases = zip(*words.word_of[writings].T.tolist(), strict=True)
        for phrase, (writing, count) in zip(phrases, numbers.items(), strict=True):
            written[phrase][writing] += count
    return written


def _alternatives(
    candidates: NDArray[np.int64],
    counts: NDArray[np.int64],
    written: dict[Phrase, Counter[tuple[int, ...]]],
) -> Iterator[list[Phrase]]:
    """Yield, for each candidate, the phrases that may replace it, the best first, and itself."""
    phrases_with: dict[int, list[tuple[int, int, Phrase]]] = defaultdict(list)
    for phrase, writings in written.items():
        if len(set(phrase)) == len(phrase) > 1:
            for word in phrase:
                phrases_with[word].append((-len(phrase), -writings.total(), phrase))
    for word, count in zip(candidates.tolist(), counts.tolist(), strict=True):
        enough = max(_MIN_COUNT, _MIN_SHARE * count)
        found = sorted(entry for entry in phrases_with[word] if -entry[1] >= enough)
        yield [*(phrase for _, _, phrase in found), (word,)]


def _are_new(parts: Sequence[str], used: Sequence[str], *, in_pairs: bool) -> bool:
    """Return whether the words of a term are unlike each other and those of other terms."""

    def are_alike(word: str, other: str) -> bool:
        if in_pairs and is_pair(word) and is_pair(other):
            return not set(word).isdisjoint(other)
        return are_similar(word, other)

    if not in_pairs and any(are_similar(*pair) for pair in combinations(parts, 2)):
        return False
    return not any(are_alike(part, other) for part in parts for other in used)
