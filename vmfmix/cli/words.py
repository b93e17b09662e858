"""The options of the command line for the words of texts: a tokenizer and stop words."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import argparse

    from vmfmix.inspection.stop_words import StopWords
    from vmfmix.inspection.tokenization import Tokenizer

__all__ = [
    "WordOptions",
    "find_stop_words",
    "find_tokenizer",
    "find_words",
    "typical_words_of",
    "with_names",
]

_N_WORDS = 10  # in summary.csv


class WordOptions(NamedTuple):
    """How the words of texts are found.

    Parameters
    ----------
    tokenizer, stop_words
        See `vmfmix.inspection.typical_words`.
    """

    tokenizer: Tokenizer | None
    stop_words: StopWords


def find_words(arguments: argparse.Namespace) -> WordOptions:
    """Return what the arguments ``--tokenizer`` and ``--stop-words`` stand for.

    Parameters
    ----------
    arguments : argparse.Namespace
        Commands without these arguments use no words.

    Returns
    -------
    WordOptions

    Raises
    ------
    ValueError
        As `find_tokenizer` and `find_stop_words`.
    """
    stop_words = find_stop_words(getattr(arguments, "stop_words", "none"))
    return WordOptions(find_tokenizer(getattr(arguments, "tokenizer", None)), stop_words)


def with_names(model: Any, texts: list[str], columns: dict[str, Any], words: WordOptions) -> Any:
    """Return the model with names from words for all clusters that have none.

    Parameters
    ----------
    model : VMFMixture
    texts : list of str
        Text of each row.
    columns : dict of array or list
        From `vmfmix.inspection.cluster_columns.columns_of_clusters`; its names are replaced.
    words : WordOptions

    Returns
    -------
    VMFMixture
    """
    from vmfmix.inspection import name_clusters
    from vmfmix.inspection.cluster_columns import names_of_rows
    from vmfmix.inspection.cluster_names import given_names
    from vmfmix.inspection.naming import different_names

    labels, n_clusters = columns["cluster"], model.n_components_
    found = name_clusters(
        texts,
        labels,
        n_clusters=n_clusters,
        similarities=columns["similarity"],
        stop_words=words.stop_words,
        tokenizer=words.tokenizer,
    )
    given = given_names(model) or [""] * n_clusters
    # Names that were given come first, so that they stay as they are.
    order = sorted(range(n_clusters), key=lambda cluster: not given[cluster])
    names = different_names([given[cluster] or found[cluster] for cluster in order])
    model = model.rename(dict(zip(order, names, strict=True)))
    columns["cluster_name"] = names_of_rows(model, labels)
    return model


def typical_words_of(model: Any, texts: list[str], words: WordOptions) -> list[list[str]]:
    """Return the typical words of each cluster.

    Parameters
    ----------
    model : VMFMixture
    texts : list of str
        Text of each row.
    words : WordOptions

    Returns
    -------
    list of list of str
    """
    import warnings

    from vmfmix.inspection import typical_words

    with warnings.catch_warnings(action="ignore"):  # given for the names already
        found = typical_words(
            texts, model.labels_, _N_WORDS, words.stop_words, tokenizer=words.tokenizer
        )
    return [*found, *[[]] * (model.n_components_ - len(found))]


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
