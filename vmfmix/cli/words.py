"""The options of the command line for the words of texts: a tokenizer and stop words."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmfmix.inspection.stop_words import StopWords
    from vmfmix.inspection.tokenization import Tokenizer

__all__ = ["find_stop_words", "find_tokenizer"]


def find_tokenizer(name: str | None) -> Tokenizer | None:
    """Return the tokenizer of a name such as ``jieba`` or ``own_words:cut``.

    Parameters
    ----------
    name : str or None
        A package that `tokenizer_of` knows; or a module, which may be a file of the current folder,
        and one of its functions.

    Returns
    -------
    callable or None

    Raises
    ------
    ValueError
        If there is no such function, or if the package is not installed.
    """
    if name is None:
        return None
    if ":" not in name:
        return _tokenizer_of_package(name)
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise ValueError(f"--tokenizer {name} is not of the form MODULE:FUNCTION, as jieba:lcut.")
    folder = os.getcwd()
    sys.path.append(folder)  # last, so that installed modules come first
    try:
        found = importlib.import_module(module_name)
        for part in function_name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"--tokenizer {name} cannot be imported: {error}; install the package, or give "
            "MODULE:FUNCTION with a module in the current folder."
        ) from error
    finally:
        sys.path.remove(folder)
    if not callable(found):
        raise ValueError(f"--tokenizer {name} is not a function; give MODULE:FUNCTION.")
    tokenizer: Tokenizer = found
    return tokenizer


def _tokenizer_of_package(name: str) -> Tokenizer:
    from vmfmix.inspection.tokenizers import NAMES, tokenizer_of

    if name not in NAMES:
        raise ValueError(
            f"--tokenizer {name} is not allowed; give {', '.join(NAMES)}, or MODULE:FUNCTION."
        )
    try:
        return tokenizer_of(name)
    except ImportError as error:
        raise ValueError(str(error).replace(f"tokenizer={name!r}", f"--tokenizer {name}")) from None


def find_stop_words(name: str) -> StopWords:
    """Return the words of a file with one word per line, or the names of languages.

    Parameters
    ----------
    name : str
        A file, a language or several with commas between them, "auto", or "none".

    Returns
    -------
    str, list of str or None

    Raises
    ------
    ValueError
        If it is neither a file nor a language with stop words, or the file is not text in UTF-8.
    """
    from vmfmix.inspection.stop_words import stop_words_of

    path = Path(name)
    if name == "none":
        return None
    if path.is_file():
        try:
            return path.read_text(encoding="utf-8-sig").split()
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not text in UTF-8; convert it first.") from None
    try:
        stop_words_of(name)
    except (ImportError, ValueError) as error:
        raise ValueError(f"--stop-words {name} is no file with words: {error}") from None
    return name
