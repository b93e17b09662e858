"""The arguments of the commands that choose the input: files, columns, texts and labels.

Neither NumPy nor anything that needs it is imported here, so that help is fast.
"""

from __future__ import annotations

import argparse

__all__ = ["add_input", "add_texts_and_labels"]


def add_input(
    parser: argparse.ArgumentParser, metavar: str, nargs: str = "+", *, images: bool = False
) -> None:
    """Add the files of embeddings, and the options that choose arrays and columns.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    metavar : str
        Name of the files.
    nargs : str, default="+"
        How many there are; "*" if they are optional.
    images : bool, default=False
        Whether they may be images instead.
    """
    parser.add_argument(
        "embeddings",
        metavar=metavar,
        nargs=nargs,
        help=("a folder of images, or an .npz file with an array 'images'; or " if images else "")
        + "files with one embedding per row, or a folder of them: a table with a column of "
        "vectors or one column for each feature (.parquet, .feather, .arrow, .csv, .tsv, .jsonl, "
        "or a dataset of Hugging Face), or arrays (.npy, .npz, .safetensors, .pt, .h5, .zarr). "
        "Rows need not be normalized: only their directions matter",
    )
    group = parser.add_argument_group("arrays and columns")
    group.add_argument(
        "--array",
        metavar="NAME",
        help="array of the file, or column of vectors of the table, to read; needed only if there "
        "are several",
    )
    group.add_argument(
        "--embedding-column",
        metavar="NAME",
        help="column of vectors: lists of numbers, or text such as '[0.1, 0.2]' (default: the only "
        "one)",
    )
    group.add_argument(
        "--columns",
        type=_names,
        default=(),
        metavar="NAMES",
        help="columns of the table that are the embeddings, separated by commas, where * is any "
        "characters, such as 'e*' (default: the column of vectors, or all columns of floats, if "
        "they cannot be confused with others)",
    )
    group.add_argument(
        "--text-column",
        metavar="NAME",
        help="column of texts, or '' for none (default: a column with a usual name such as 'text', "
        "or the only one with different texts of several words)",
    )
    group.add_argument(
        "--label-column",
        metavar="NAME",
        help="column of known labels, or '' for none; used only to score the clusters. Missing "
        "values and -1 are unknown (default: a column with a usual name such as 'label')",
    )
    group.add_argument(
        "--id-column",
        metavar="NAME",
        help="column of identifiers, or '' for none (default: a column with a usual name such as "
        "'id' and without repeated values)",
    )
    group.add_argument("--image-column", metavar="NAME", help="column of paths of image files")


def add_texts_and_labels(parser: argparse.ArgumentParser) -> None:
    """Add the options for texts and labels in files of their own."""
    group = parser.add_argument_group("texts and labels in other files")
    group.add_argument(
        "--texts",
        metavar="FILE",
        help="file with the text of each row, for rows without a column of texts: one per line, a "
        "table, or a list of strings in .json or .jsonl",
    )
    group.add_argument(
        "--labels",
        metavar="FILE",
        help="file with the known label of each row, in the same formats; used only to score the "
        "clusters and to find possible label errors",
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
