"""The arguments of the commands that choose what is written and printed.

Neither NumPy nor anything that needs it is imported here, so that help is fast.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vmfmix.cli.outputs import FORMATS

__all__ = ["add_output_folder", "add_page_file", "add_printing", "add_words"]


def add_output_folder(
    parser: argparse.ArgumentParser, *, required: bool, keeps_embeddings: bool = True
) -> None:
    """Add the output folder, and what is written there.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    required : bool
        Whether the folder must be given.
    keeps_embeddings : bool, default=True
        Whether there is an option that writes the embeddings of the input, too.
    """
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o", "--out", required=required, type=Path, metavar="FOLDER", help="output folder"
    )
    group.add_argument(
        "--format",
        choices=FORMATS,
        help="format of the table of rows (default: that of the input; csv for arrays, and parquet "
        "for datasets of Hugging Face)",
    )
    if keeps_embeddings:
        group.add_argument(
            "--keep-embeddings",
            action="store_true",
            help="write the embeddings to the table of rows, too; needs pyarrow",
        )
    else:
        parser.set_defaults(keep_embeddings=False)
    group.add_argument(
        "--overwrite",
        action="store_true",
        help="replace results that already exist in the output folder",
    )


def add_page_file(parser: argparse.ArgumentParser) -> None:
    """Add the file of a report."""
    parser.add_argument(
        "-o", "--out", required=True, type=Path, metavar="FILE", help="the .html file to write"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the page if it already exists"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="print nothing but warnings and errors"
    )


def add_printing(parser: argparse.ArgumentParser, *, clusters: bool) -> None:
    """Add what is printed; `clusters` says whether clusters are."""
    group = parser.add_argument_group("printing")
    if clusters:
        group.add_argument(
            "--all", action="store_true", help="print all clusters, not only the 20 largest"
        )
    group.add_argument(
        "--json", action="store_true", help="print the result as one JSON object on stdout"
    )
    group.add_argument(
        "--quiet",
        action="store_true",
        help="print neither progress nor a summary, only warnings and errors",
    )


def add_words(parser: argparse.ArgumentParser) -> None:
    """Add how the words of texts are found."""
    group = parser.add_argument_group("words of texts")
    group.add_argument(
        "--tokenizer",
        metavar="NAME",
        help="package that finds the words of texts in scripts without spaces: jieba (Chinese), "
        "fugashi or janome (Japanese), or pythainlp (Thai); or a Python function that lists the "
        "words of a text, as MODULE:FUNCTION",
    )
    group.add_argument(
        "--stop-words",
        default="english",
        metavar="WORDS",
        help="words that are not typical: a text file with one word per line, a language or "
        "several, such as german,english, 'auto' for the languages of the texts, or 'none'; "
        "languages other than English need the package stop-words (default: english)",
    )
