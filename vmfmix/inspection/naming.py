"""Names of clusters from the words of their texts."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray
from sklearn.utils.validation import check_consistent_length

from vmfmix.inspection.missing_values import as_strings, python_values
from vmfmix.inspection.phrases import terms_of_clusters
from vmfmix.inspection.stop_words import StopWords
from vmfmix.inspection.tokenization import Tokenizer
from vmfmix.inspection.word_counts import words_of_clusters
from vmfmix.inspection.words import numbered_clusters

Namer: TypeAlias = Callable[[list[str], list[str]], str]

_MAX_LENGTH = 60  # of a name
_N_MORE_TERMS = 7  # for names that would be equal, and for namers
_JOINERS = "\u200c\u200d"  # not printable, but part of words and of emoji


def name_clusters(
    texts: Sequence[object],
    labels: npt.ArrayLike,
    *,
    n_words: int = 3,
    stop_words: StopWords = "english",
    tokenizer: Tokenizer | None = None,
    phrase_length: int = 2,
    n_clusters: int | None = None,
    similarities: npt.ArrayLike | None = None,
    namer: Namer | None = None,
) -> Any:
    """Return a name for each cluster: the most typical words and phrases of its texts.

    Words are those of `typical_words`. A phrase of adjacent words replaces a word if it contains at
    least half of its occurrences in the cluster, such as "New York" in place of "York". No name
    contains a word twice, or two forms of one word. Words have their most frequent writing in the
    cluster.

    Names are different from each other and fit into one line of 60 characters. If the words of two
    clusters are the same, more words are added until they differ, or a number. A cluster without
    words, as when all are stop words, is named by its most typical text, and without texts by its
    number, such as "cluster 7".

    Parameters
    ----------
    texts : sequence of str of length n_samples
        Bytes are decoded as UTF-8, other values that are not strings are converted to strings, and
        missing values to empty strings.
    labels : array-like of shape (n_samples,)
        Cluster of each text, none missing. Texts of cluster -1 are left out. Labels that are not
        integers are names of classes.
    n_words : int, default=3
        Maximum number of words and phrases in a name.
    stop_words, tokenizer
        Words to ignore, and how words are found; see `typical_words`.
    phrase_length : int, default=2
        Maximum number of words in a phrase. 1: words only.
    n_clusters : int, default=None
        Number of names: those of the clusters from 0, with or without texts, such as
        ``model.n_components_``. By default, one more than the largest label.
    similarities : array-like of shape (n_samples,), default=None
        How typical each text is, such as its cosine with the mean direction of its cluster; the
        most typical ones have the largest values. By default, the most frequent texts are the most
        typical ones, and the first of equally frequent ones. Values of cluster -1 are not used.
    namer : callable, default=None
        ``namer(texts, words)`` returns the name of a cluster, given its different texts and its
        words, both a list of str with the most typical ones first. It may call a language model.
        Names are shortened and numbered as needed. If it raises an exception or does not return
        text, the name from words is used.

    Returns
    -------
    list of str, or dict of str
        The name of each cluster from 0, as `VMFMixture.rename` accepts them. If labels are not
        integers, a dict with the name of each label, in the order of the sorted labels.

    Raises
    ------
    ValueError
        If a label is missing, if there are not as many labels or similarities as texts, if
        `n_clusters` is too small, if a similarity is NaN, if there are no stop words of the
        language or no tokenizer of the name, or if `namer` fails for every cluster.
    ImportError
        If the stop words or the tokenizer need a package that is not installed.

    Warns
    -----
    UserWarning
        If words are pairs of characters or whole phrases, since the script has no spaces and there
        is no `tokenizer`; or if `namer` fails for some of the clusters.

    See Also
    --------
    typical_words : Typical words of each cluster, in lower case.

    Examples
    --------
    >>> from vmfmix.inspection import name_clusters
    >>> texts = ["flights to New York", "hotels in New York", "rain today", "heavy rain"]
    >>> name_clusters(texts, [0, 0, 1, 1], n_words=2)
    ['New York, flights', 'rain, heavy']
    >>> name_clusters(texts, ["travel", "travel", "weather", "weather"], n_words=1)
    {'travel': 'New York', 'weather': 'rain'}
    """
    _validate_at_least(1, n_words=n_words, phrase_length=phrase_length)
    strings = as_strings(texts)
    classes, clusters = numbered_clusters(texts, labels)
    n_used = int(clusters.max(initial=-1)) + 1
    if n_clusters is None:
        n_clusters = n_used
    elif classes is not None:
        raise ValueError("n_clusters is allowed only if labels are integers; leave it out.")
    else:
        _validate_at_least(n_used, n_clusters=n_clusters)
    texts_of = _distinct_texts(strings, clusters, n_clusters, similarities)
    words = words_of_clusters(
        strings, clusters, n_clusters, stop_words=stop_words, tokenizer=tokenizer
    )
    terms = [
        [*filter(None, map(_one_line, found))]
        for found in terms_of_clusters(words, n_words + _N_MORE_TERMS, phrase_length)
    ]
    names = [", ".join(found) for found in _different_terms(terms, n_words)]
    for cluster, name in enumerate(names):
        if not name:  # no words
            label = cluster if classes is None else classes[cluster]
            candidates = (*texts_of[cluster], f"cluster {label}")
            names[cluster] = next(filter(None, map(_one_line, candidates)), f"cluster {cluster}")
    if namer is not None:
        names = _names_of_namer(namer, texts_of, terms, names)
    names = different_names(names)
    return names if classes is None else dict(zip(classes, names, strict=True))


def _validate_at_least(minimum: int, **values: object) -> None:
    for name, value in values.items():
        is_integer = isinstance(value, Integral) and not isinstance(value, bool)
        if not is_integer or int(value) < minimum:  # type: ignore[call-overload]
            raise ValueError(
                f"{name}={value!r} is not allowed; pass an integer of at least {minimum}."
            )


def _distinct_texts(
    texts: Sequence[str],
    clusters: NDArray[np.int64],
    n_clusters: int,
    similarities: npt.ArrayLike | None,
) -> list[list[str]]:
    """Return the different texts of each cluster, the most typical first."""
    in_clusters = np.flatnonzero(clusters >= 0)
    if similarities is not None:
        values = _as_numbers(similarities, texts)
        is_nan = np.isnan(values[in_clusters])
        if is_nan.any():
            row = in_clusters[is_nan.argmax()]
            raise ValueError(f"The similarity of row {row} is NaN; pass a number for every text.")
        in_clusters = in_clusters[np.argsort(-values[in_clusters], kind="stable")]
    counts: list[Counter[str]] = [Counter() for _ in range(n_clusters)]
    for row, cluster in zip(in_clusters.tolist(), clusters[in_clusters].tolist(), strict=True):
        counts[cluster][texts[row]] += 1
    if similarities is not None:
        return [list(found) for found in counts]
    return [[text for text, _ in found.most_common()] for found in counts]


def _as_numbers(values: npt.ArrayLike, texts: Sequence[str]) -> NDArray[np.float64]:
    try:
        numbers = np.array(python_values(values), dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.empty((0, 0))
    if numbers.ndim != 1:
        raise ValueError("similarities is not a list of numbers; pass one number for each text.")
    check_consistent_length(texts, numbers)
    return numbers


def _different_terms(terms: Sequence[list[str]], n_words: int) -> list[list[str]]:
    """Return the terms in the name of each cluster: more than `n_words` if others have the same."""

    def first(cluster: int, n_terms: int) -> list[str]:
        chosen = terms[cluster][:n_terms]
        while len(", ".join(chosen)) > _MAX_LENGTH:
            chosen.pop()
        return chosen

    def key(cluster: int, n_terms: int) -> frozenset[str]:
        return frozenset(map(str.casefold, first(cluster, n_terms)))

    chosen = [first(cluster, n_words) for cluster in range(len(terms))]
    n_equal = Counter(key(cluster, n_words) for cluster in range(len(terms)))
    same = [cluster for cluster in range(len(terms)) if n_equal[key(cluster, n_words)] > 1]
    for n_terms in range(n_words + 1, n_words + _N_MORE_TERMS + 1):
        n_equal = Counter(key(cluster, n_terms) for cluster in same)
        for cluster in same:
            if n_equal[key(cluster, n_terms)] == 1:
                chosen[cluster] = first(cluster, n_terms)
        same = [cluster for cluster in same if n_equal[key(cluster, n_terms)] > 1]
    return chosen


def _names_of_namer(
    namer: Namer,
    texts_of: Sequence[list[str]],
    terms: Sequence[list[str]],
    names: Sequence[str],
) -> list[str]:
    """Return the names that a function gives to clusters with texts, and other names elsewhere."""
    named = list(names)
    errors: dict[int, Exception] = {}
    with_texts = [cluster for cluster, texts in enumerate(texts_of) if any(map(str.strip, texts))]
    for cluster in with_texts:
        try:
            name = namer(list(filter(str.strip, texts_of[cluster])), list(terms[cluster]))
            if not isinstance(name, str) or not _one_line(name):
                raise TypeError(f"it returned {name!r}, which is not a name")
            named[cluster] = _one_line(name)
        except Exception as error:  # of any kind, since it is code of the user
            errors[cluster] = error
    if errors:
        cluster, first = next(iter(errors.items()))
        reason = f"namer failed for {len(errors)} of {len(with_texts)} clusters (cluster {cluster}"
        reason += f": {type(first).__name__}: {' '.join(str(first).split())[:200]})"
        if len(errors) == len(with_texts):
            raise ValueError(f"{reason}; correct it, or leave it out.") from first
        warnings.warn(f"{reason}; they are named by words.", UserWarning, stacklevel=3)
    return named


def different_names(names: Sequence[str]) -> list[str]:
    """Return names that differ in more than capital letters, with numbers after equal ones.

    Parameters
    ----------
    names : sequence of str
        The first of several equal names stays as it is.

    Returns
    -------
    list of str
        In the same order.
    """
    numbered = []
    given, used = {name.casefold() for name in names}, set()
    next_number: dict[str, int] = {}
    for name in names:
        key = unique = name
        if name.casefold() in used:
            while unique.casefold() in given or unique.casefold() in used:
                number = next_number[key] = next_number.get(key, 1) + 1
                unique = f"{_shortened(name, _MAX_LENGTH - len(f' ({number})'))} ({number})"
        used.add(unique.casefold())
        numbered.append(unique)
    return numbered


def _one_line(text: str) -> str:
    """Return a text in one line without control characters, shortened to the length of a name."""
    shown = (c if c.isprintable() or c in _JOINERS else " " for c in text.lstrip()[:1000])
    line = " ".join("".join(shown).split())
    return _shortened(line, _MAX_LENGTH) if line.strip(f" {_JOINERS}") else ""


def _shortened(line: str, length: int) -> str:
    """Return a line of at most `length` characters, cut between words if possible."""
    if len(line) <= length:
        return line
    start = line[: length - 1]
    if " " in start[length // 2 :]:
        start = start[: start.rindex(" ")]
    return start.rstrip(f" ,;:{_JOINERS}") + "…"
