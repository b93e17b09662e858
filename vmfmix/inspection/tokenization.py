"""Words of texts in any script, and the words to ignore."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from typing import TypeAlias

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from vmfmix._install import install_hint

Tokenizer: TypeAlias = Callable[[str], Iterable[object]]
StopWords: TypeAlias = str | Iterable[str] | None

# Characters that join the parts of one word: apostrophes, hyphens, the middle dot of Catalan, the
# punctuation of Hebrew abbreviations, and the (non-)joiners of Persian and of Indic scripts.
_JOINERS = "'’ʹ\\-‐‑·־׳״\u200c\u200d"
_SOFT_HYPHEN = "\u00ad"

# Scripts without spaces between words, and the mean number of letters of their words at and above
# which the words must be whole phrases: about twice that of ordinary words.
_WITHOUT_SPACES = {
    "Chinese or Japanese": ("\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff", 4),
    "Thai, Lao, Burmese or Khmer": ("\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff", 8),
}


def word_counter(
    tokenizer: Tokenizer | None = None, stop_words: StopWords = "english"
) -> Callable[[str], list[str]]:
    """Return a function that lists the words of a text, in the order of the text.

    Parameters
    ----------
    tokenizer : callable, default=None
        Returns the words of a text; those without a letter are dropped. By default, a word starts
        with a letter and has at least one more letter, digit, mark or underscore; apostrophes,
        hyphens and joiners do not end it.
    stop_words : str, iterable of str or None, default="english"
        See `stop_words_of`.

    Returns
    -------
    callable
        Words are in lower case and in Unicode's composed form NFC.
    """
    ignored = stop_words_of(stop_words)

    def words(text: str) -> list[str]:
        text = _normalized(text.replace(_SOFT_HYPHEN, ""))
        found = _words(text) if tokenizer is None else _tokens(tokenizer(text))
        return [word for word in found if word not in ignored]

    return words


def stop_words_of(stop_words: StopWords) -> frozenset[str]:
    """Return words to ignore, in the form of the words of a text.

    Parameters
    ----------
    stop_words : str, iterable of str or None
        Words, or the name of a language. Languages other than English need the package
        ``stop-words``.

    Returns
    -------
    frozenset of str

    Raises
    ------
    ImportError
        If the package ``stop-words`` is needed and not installed.
    ValueError
        If there are no stop words of the language.
    """
    if stop_words is None:
        return frozenset()
    if stop_words == "english":
        stop_words = ENGLISH_STOP_WORDS
    elif isinstance(stop_words, str):
        stop_words = _stop_words_of_language(stop_words)
    return frozenset(_normalized(word) for word in stop_words)


def phrases_among(words: Iterable[str]) -> str | None:
    """Return the script of words that must be whole phrases, since it has no spaces, or None."""
    text = " ".join(words)
    for script, (characters, n_letters) in _WITHOUT_SPACES.items():
        of_script = re.findall(f"\\S*[{characters}]\\S*", text)
        lengths = [sum(map(str.isalpha, word)) for word in of_script]
        if lengths and sum(lengths) >= n_letters * len(lengths):
            return script
    return None


def _words(text: str) -> list[str]:
    return _pattern().findall(text)


def _tokens(tokens: Iterable[object]) -> list[str]:
    """Return the words that a tokenizer found, without spaces around them."""
    if isinstance(tokens, str):
        raise ValueError("tokenizer returned a string; it must return a list of words.")
    words = (_normalized(str(token)).strip() for token in tokens)
    return [word for word in words if any(map(str.isalpha, word))]


def _normalized(text: str) -> str:
    return unicodedata.normalize("NFC", text.lower())


@cache
def _pattern() -> re.Pattern[str]:
    r"""Return the pattern of a word; ``\w`` leaves out marks, such as vowel signs and accents."""
    # All marks are below U+20000, except for the variation selectors of U+E0100 and above.
    is_mark = [unicodedata.category(chr(code))[0] == "M" for code in range(0x20000)]
    edges = [code for code in range(1, len(is_mark)) if is_mark[code] != is_mark[code - 1]]
    ranges = zip(edges[::2], edges[1::2], strict=True)
    marks = "".join(f"{chr(first)}-{chr(end - 1)}" for first, end in ranges)
    marks += "\U000e0100-\U000e01ef"
    inner = rf"[\w{marks}]"
    return re.compile(rf"(?<!{inner})[^\W\d_](?:{inner}|[{_JOINERS}]+(?={inner}))+")


def _stop_words_of_language(language: str) -> list[str]:
    try:
        from stop_words import StopWordError, get_stop_words
    except ImportError:
        raise ImportError(
            f"stop_words={language!r} needs the package stop-words; {install_hint('words')}, or "
            "pass a list of words, or None."
        ) from None
    try:
        return list(get_stop_words(language))
    except StopWordError as error:
        raise ValueError(
            f"stop_words={language!r} is not allowed; pass a list of words, None, or a language: "
            f"{str(error).partition(': ')[2]}."
        ) from None
