"""Tokenizers of other packages by name, for languages without spaces between words."""

import importlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

_Split = Callable[[str], Iterable[object]]


class _Package(NamedTuple):
    module: str
    packages: str  # to install, including a dictionary
    tokenizer: Callable[[Any], _Split]  # given the module


def _fugashi(module: Any) -> _Split:
    tagger = module.Tagger()
    return lambda text: [word.surface for word in tagger(text)]


def _janome(module: Any) -> _Split:
    tokenizer = module.Tokenizer()
    return lambda text: list(tokenizer.tokenize(text, wakati=True))


_PACKAGES = {
    "jieba": _Package("jieba", "jieba", lambda module: module.lcut),  # Chinese
    "fugashi": _Package("fugashi", "fugashi unidic-lite", _fugashi),  # Japanese
    "janome": _Package("janome.tokenizer", "janome", _janome),  # Japanese
    "pythainlp": _Package("pythainlp", "pythainlp", lambda module: module.word_tokenize),  # Thai
}
NAMES = tuple(_PACKAGES)


def tokenizer_of(tokenizer: str | _Split) -> _Split:
    """Return a tokenizer, which may be given by its name.

    Parameters
    ----------
    tokenizer : callable or {"jieba", "fugashi", "janome", "pythainlp"}

    Returns
    -------
    callable
        Takes a text and returns its words.

    Raises
    ------
    ValueError
        If there is no tokenizer of this name.
    ImportError
        If its package, or the dictionary that the package needs, is not installed.

    Examples
    --------
    >>> from vmfmix.inspection.tokenizers import tokenizer_of
    >>> tokenizer_of(str.split)("red apple")
    ['red', 'apple']
    """
    if callable(tokenizer):
        return tokenizer
    if tokenizer not in NAMES:
        raise ValueError(
            f"tokenizer={tokenizer!r} is not allowed; pass a function that returns the words of a "
            f"text, or the name of a package: {', '.join(NAMES)}."
        )
    name, packages, split = _PACKAGES[tokenizer]
    try:
        return split(importlib.import_module(name))
    except (ImportError, RuntimeError) as error:  # fugashi's error without a dictionary
        raise ImportError(
            f"tokenizer={tokenizer!r} needs packages that cannot be imported "
            f"({' '.join(str(error).split())[:100]}); run pip install {packages}."
        ) from error
