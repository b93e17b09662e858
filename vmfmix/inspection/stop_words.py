"""Words to ignore: lists of words, and those of languages."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from vmfmix._install import install_hint
from vmfmix.inspection.tokenization import folded

StopWords: TypeAlias = str | Iterable[str] | None

# scikit-learn's list lacks forms of "do" and "have" that it has the infinitive of.
_ENGLISH = ENGLISH_STOP_WORDS | {"did", "does", "doing", "having"}

# A language is recognized by the share of its stop words among all words, if these are several
# different ones. Lists overlap, so languages other than the one with the largest share need at
# least half of it.
_MIN_SHARE, _MIN_DIFFERENT, _OF_LARGEST_SHARE = 0.1, 3, 0.5
_CONTRACTION = re.compile(r"(.+?)(?:n['’]t|['’]\w{1,2})")


def stop_words_of(stop_words: StopWords, counts: Mapping[str, int] | None = None) -> frozenset[str]:
    """Return words to ignore, in the form that `folded` returns.

    Parameters
    ----------
    stop_words : str, iterable of str or None
        Words; or the name of a language, or several separated by commas; or "auto", the languages
        of the texts. Languages other than English need the package ``stop-words``.
    counts : mapping of str to int, default=None
        How often each word of the texts occurs, for "auto".

    Returns
    -------
    frozenset of str

    Raises
    ------
    ImportError
        If the package ``stop-words`` is needed and not installed.
    ValueError
        If there are no stop words of the language, or a word is not a string.

    Examples
    --------
    >>> from vmfmix.inspection.stop_words import stop_words_of
    >>> "the" in stop_words_of("english")
    True
    """
    if stop_words is None:
        return frozenset()
    if isinstance(stop_words, str):
        if stop_words == "auto":
            return _of_languages_among(counts or {})
        languages = [language.strip() for language in stop_words.split(",")]
        return frozenset().union(*(_of_language(language, stop_words) for language in languages))
    words = list(stop_words)
    for word in words:
        if not isinstance(word, str):
            raise ValueError(f"stop_words contains {word!r}; pass strings.")
    return frozenset(map(folded, words))


def is_stop_word(word: str, stop_words: frozenset[str]) -> bool:
    """Return whether a word, or the first part of a contraction such as "what's", is ignored."""
    if word in stop_words:
        return True
    contraction = _CONTRACTION.fullmatch(word)
    return contraction is not None and contraction[1] in stop_words


def _of_languages_among(counts: Mapping[str, int]) -> frozenset[str]:
    """Return the stop words of the languages that counted words are in."""
    total = sum(counts.values())
    shares = {}
    for language in _package("auto").AVAILABLE_LANGUAGES:
        words = _of_language(language, "auto")
        found = [counts[word] for word in words if word in counts]
        if len(found) >= _MIN_DIFFERENT and sum(found) >= _MIN_SHARE * total:
            shares[words] = sum(found) / total
    largest = max(shares.values(), default=0.0)
    used = (words for words, share in shares.items() if share >= _OF_LARGEST_SHARE * largest)
    return frozenset().union(*used)


def _of_language(language: str, stop_words: str) -> frozenset[str]:
    if language == "english":
        return _ENGLISH
    package = _package(stop_words)
    try:
        return frozenset(map(folded, package.get_stop_words(language)))
    except package.StopWordError as error:
        raise ValueError(
            f'stop_words={stop_words!r} is not allowed; pass a list of words, None, "auto", or a '
            f"language: {str(error).partition(': ')[2]}."
        ) from None


def _package(stop_words: str) -> Any:
    try:
        import stop_words as package
    except ImportError:
        raise ImportError(
            f"stop_words={stop_words!r} needs the package stop-words; {install_hint('words')}, or "
            "pass a list of words, or None."
        ) from None
    return package
