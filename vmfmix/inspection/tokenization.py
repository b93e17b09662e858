"""Words of texts in any script."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from typing import TypeAlias

from vmfmix.inspection.tokenizers import tokenizer_of

Tokenizer: TypeAlias = str | Callable[[str], Iterable[object]]

# Characters that join the parts of one word: apostrophes, hyphens, the middle dot of Catalan, the
# punctuation of Hebrew abbreviations, and the (non-)joiners of Persian and of Indic scripts.
_JOINERS = "'’ʹ\\-‐‑·־׳״\u200c\u200d"
_SOFT_HYPHEN = "\u00ad"

_IDEOGRAPHS = "\u3005\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HIRAGANA = "\u3040-\u309f"
_KATAKANA = "\u30a0-\u30ff"
# Scripts without spaces between words, and the mean number of letters of their words at and above
# which the words must be whole phrases: about twice that of ordinary words.
CHINESE_OR_JAPANESE = "Chinese or Japanese"
_WITHOUT_SPACES = {
    CHINESE_OR_JAPANESE: (_IDEOGRAPHS + _HIRAGANA + _KATAKANA, 4),
    "Thai, Lao, Burmese or Khmer": ("\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff", 8),
}
_MIN_SHARE = 0.01  # of all letters, for a script to be more than a few names in other texts
_OF_SCRIPTS_WITHOUT_SPACES = "".join(characters for characters, _ in _WITHOUT_SPACES.values())
_NO_SPACE = re.compile(f"(?<=[{_OF_SCRIPTS_WITHOUT_SPACES}]) (?=[{_OF_SCRIPTS_WITHOUT_SPACES}])")
_PAIR = re.compile(f"[{_IDEOGRAPHS}]{{2}}")
_PARTICLES = _HIRAGANA + "的吗呢吧"
_RUNS = re.compile(
    f"[{_PARTICLES}]|(?:(?![{_PARTICLES}])[{_IDEOGRAPHS}])+|[{_KATAKANA}]+"
    f"|[^{_PARTICLES}{_IDEOGRAPHS}{_KATAKANA}]+"
)


def token_finder(
    tokenizer: Tokenizer | None = None, *, pairs: bool = False
) -> Callable[[str], list[str]]:
    """Return a function that splits a text into tokens: words, and what is between them.

    Parameters
    ----------
    tokenizer : callable or str, default=None
        Returns the words of a text, or the name of one, see `tokenizer_of`. By default, a word
        starts with a letter and has at least one more letter, digit, mark or underscore;
        apostrophes, hyphens and joiners do not end it. Every other character, except for spaces, is
        a token of its own.
    pairs : bool, default=False
        Whether to split runs of ideographs into pairs of adjacent characters, so that a word of two
        characters is a token. Runs end at hiragana and Chinese particles, which are no words.

    Returns
    -------
    callable
        Tokens have the writing of the text, in Unicode's composed form NFC; `is_word` says which
        of them are words.
    """
    if tokenizer is not None:
        split = tokenizer_of(tokenizer)
        return lambda text: _tokens(split(_composed(text)))
    if pairs:
        return lambda text: [token for found in _found(text) for token in _in_pairs(found)]
    return _found


def is_word(token: str, tokenizer: Tokenizer | None = None) -> bool:
    """Return whether a token that `token_finder` found is a word."""
    if tokenizer is None:
        return len(token) > 1 and token[0].isalpha()
    return any(map(str.isalpha, token))


def folded(text: str) -> str:
    """Return a text in lower case and in Unicode's composed form NFC."""
    return unicodedata.normalize("NFC", text.lower())


def phrase_of(words: Iterable[str], *, pairs: bool = False) -> str:
    """Return adjacent words as they are written: with a space, if the script has spaces.

    Parameters
    ----------
    words : iterable of str
    pairs : bool, default=False
        Whether words may be pairs of ideographs that overlap in one character.

    Returns
    -------
    str

    Examples
    --------
    >>> from vmfmix.inspection.tokenization import phrase_of
    >>> phrase_of(["New", "York"]), phrase_of(["机器", "学习"])
    ('New York', '机器学习')
    >>> phrase_of(["机器", "器学", "学习"], pairs=True)
    '机器学习'
    """
    phrase = ""
    for word in words:
        overlaps = pairs and is_pair(word) and phrase[-1:] == word[0]
        phrase += word[1:] if overlaps else f" {word}"
    return _NO_SPACE.sub("", phrase[1:])


def script_of_phrases(words: Iterable[tuple[str, int]]) -> str | None:
    """Return the script of words that must be whole phrases, since it has no spaces, or None.

    Parameters
    ----------
    words : iterable of (str, int)
        Words, and how often each occurs.

    Returns
    -------
    str or None
        None also if less than one percent of the letters are of such a script.
    """
    counted = [(word, count, sum(map(str.isalpha, word))) for word, count in words]
    n_letters = sum(count * letters for _, count, letters in counted)
    for script, (characters, phrase_letters) in _WITHOUT_SPACES.items():
        is_of_script = re.compile(f"[{characters}]").search
        of_script = [entry for entry in counted if is_of_script(entry[0])]
        n_words = sum(count for _, count, _ in of_script)
        of_words = sum(count * letters for _, count, letters in of_script)
        if n_words > 0 and of_words >= max(phrase_letters * n_words, _MIN_SHARE * n_letters):
            return script
    return None


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text.replace(_SOFT_HYPHEN, ""))


def _found(text: str) -> list[str]:
    """Return the tokens of a text without a tokenizer."""
    return (_ASCII_TOKEN if text.isascii() else _token()).findall(_composed(text))


def _tokens(tokens: Iterable[object]) -> list[str]:
    """Return the words that a tokenizer found, without spaces around them."""
    if isinstance(tokens, str):
        raise ValueError("tokenizer returned a string; it must return a list of words.")
    return [_composed(str(token)).strip() for token in tokens]


def is_pair(word: str) -> bool:
    """Return whether a word is two ideographs."""
    return len(word) == 2 and _PAIR.match(word) is not None


def _in_pairs(token: str) -> list[str]:
    tokens = []
    for run in _RUNS.findall(token):
        if is_pair(run[:2]):
            tokens += [run[start : start + 2] for start in range(len(run) - 1)]
        else:
            tokens.append(run)
    return tokens


def _token_pattern(marks: str) -> re.Pattern[str]:
    r"""Return the pattern of a word or another character; ``\w`` leaves out marks."""
    inner = rf"[\w{marks}]"
    return re.compile(rf"(?<!{inner})[^\W\d_](?:{inner}|[{_JOINERS}]+(?={inner}))+|\S")


_ASCII_TOKEN = _token_pattern("")  # about twice as fast as the other one


@cache
def _token() -> re.Pattern[str]:
    """Return the pattern of a token in any script, with marks, such as vowel signs and accents."""
    # All marks are below U+20000, except for the variation selectors of U+E0100 and above.
    is_mark = [unicodedata.category(chr(code))[0] == "M" for code in range(0x20000)]
    edges = [code for code in range(1, len(is_mark)) if is_mark[code] != is_mark[code - 1]]
    ranges = zip(edges[::2], edges[1::2], strict=True)
    marks = "".join(f"{chr(first)}-{chr(end - 1)}" for first, end in ranges)
    return _token_pattern(marks + "\U000e0100-\U000e01ef")
