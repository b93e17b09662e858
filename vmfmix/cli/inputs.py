"""The input of a command, as its arguments choose it: embeddings, texts and labels."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmfmix.cli.progress import stage

if TYPE_CHECKING:
    import argparse

    from vmfmix.storage.inputs import Input

__all__ = [
    "find_images",
    "read_coordinates",
    "read_embeddings",
    "read_known_clusters",
    "read_labels",
    "read_texts",
]

_FILES = {"text_column": "texts", "label_column": "labels", "image_column": "images"}


def read_embeddings(arguments: argparse.Namespace) -> Input:
    """Return the input of a command; print what is used of it to stderr.

    Parameters
    ----------
    arguments : argparse.Namespace

    Returns
    -------
    Input

    Raises
    ------
    ValueError
        If two arguments exclude each other, or the files cannot be read.
    """
    from vmfmix.storage.inputs import InputError, read_input

    names = {name: getattr(arguments, name) for name in ("array", "columns", "embedding_column")}
    for name in ("text_column", "label_column", "id_column", "image_column"):
        names[name] = getattr(arguments, name)
        file = _FILES.get(name, "")
        if getattr(arguments, file, None) is not None:
            if names[name]:
                option = name.replace("_", "-")
                raise ValueError(f"--{option} and --{file} exclude each other; give one of them.")
            names[name] = ""  # no guess
    names["coordinate_columns"] = _coordinate_columns(getattr(arguments, "coordinates", None))

    def report(line: str) -> None:
        if not arguments.quiet:
            print(line, file=sys.stderr)

    try:
        with stage("reading", f"Reading {' '.join(arguments.embeddings)}"):
            return read_input(arguments.embeddings, **names, report=report)
    except InputError as error:
        option = error.parameter.replace("_", "-")
        raise ValueError(f"argument --{option}: {error}") from None


def read_texts(arguments: argparse.Namespace, given: Input) -> list[str] | None:
    """Return the text of each row from the file of --texts or a column, or None."""
    if arguments.texts is None:
        return given.texts
    from vmfmix.storage.inputs.values import read_values

    return [text or "" for text in read_values(arguments.texts, given.rows.shape[0], "texts")]


def read_labels(arguments: argparse.Namespace, given: Input) -> tuple[list[str | None] | None, str]:
    """Return the known label of each row, None where it is unknown, and what they are from.

    Parameters
    ----------
    arguments : argparse.Namespace
    given : Input

    Returns
    -------
    (list of str or None, str)
        None if there are no labels at all.

    Raises
    ------
    ValueError
        If the file of --labels cannot be read, or has empty lines.
    """
    if arguments.labels is None:
        labels = given.labels
        if labels is None or not any(label is not None for label in labels):
            return None, ""
        return labels, f"column {given.roles['labels']}"
    from vmfmix.storage.inputs.values import read_values

    found = read_values(arguments.labels, given.rows.shape[0], "labels")
    if "" in found:
        raise ValueError(
            f"line {found.index('') + 1} of {arguments.labels} is empty; every row needs a label."
        )
    return found, arguments.labels


def read_known_clusters(path: str | None, n_rows: int) -> list[int] | None:
    """Return the known cluster of each row from the file of --known-labels, or None.

    Parameters
    ----------
    path : str or None
    n_rows : int

    Returns
    -------
    list of int or None
        -1 where a line is empty.

    Raises
    ------
    ValueError
        If a line is not the number of a cluster.
    """
    if path is None:
        return None
    from vmfmix.storage.reading import read_lines

    lines = read_lines(path, n_rows)
    for number, line in enumerate(lines, 1):
        if not re.fullmatch(r"-1|\d*", line.strip(), re.ASCII):
            raise ValueError(
                f"line {number} of {path} is {line!r}; write the number of a cluster, from 0, or "
                "leave the line empty if it is not known."
            )
    return [int(line or -1) for line in map(str.strip, lines)]


def find_images(arguments: argparse.Namespace, given: Input) -> Any:
    """Return the images of the option --images or of a column of paths, or None.

    Parameters
    ----------
    arguments : argparse.Namespace
    given : Input

    Returns
    -------
    ndarray, list of pathlib.Path or None

    Raises
    ------
    ValueError
        If an image of the column does not exist.
    """
    if arguments.images is not None:
        from vmfmix.report.images import find_images

        return find_images(arguments.images, given.rows.shape[0], arguments.image_order)
    names = given.images
    if names is None:
        return None
    from vmfmix.storage.image_lists import existing_paths

    folder = given.paths[0].parent
    found = existing_paths(names, folder)
    if found is None:
        missing = next(name for name in names if not Path(folder, name).is_file())
        raise ValueError(
            f"argument --image-column: {missing[:100]!r} is not a file; paths are relative to the "
            "folder of the table, or to the working folder."
        )
    return found


def read_coordinates(arguments: argparse.Namespace, given: Input) -> Any:
    """Return the places of the rows on the map from the option --coordinates, or None.

    Parameters
    ----------
    arguments : argparse.Namespace
    given : Input

    Returns
    -------
    ndarray of shape (n_rows, 2) or None

    Raises
    ------
    ValueError
        If the file cannot be read, or does not have two finite numbers for each row.
    """
    path = arguments.coordinates
    if path is None or given.coordinates is not None:
        return given.coordinates
    from vmfmix.storage.inputs import read_input

    try:
        places = read_input(path, text_column="", label_column="", id_column="").rows
    except ValueError as error:
        raise ValueError(f"argument --coordinates: {error}") from None
    if places.shape != (given.rows.shape[0], 2):
        raise ValueError(
            f"argument --coordinates: {path} has {places.shape[0]} rows of {places.shape[1]} "
            f"numbers; two numbers for each of the {given.rows.shape[0]} rows of {given.source} "
            "are needed."
        )
    return places


def _coordinate_columns(option: str | None) -> list[str]:
    """Return the columns that --coordinates names; none if it names a file."""
    if option is None or Path(option).exists():
        return []
    names = [name.strip() for name in option.split(",")]
    if len(names) != 2 or not all(names):
        raise ValueError(
            f"argument --coordinates: {option} is neither a file nor two columns; give a file with "
            "two numbers for each row, or the names of two columns such as x,y."
        )
    return names
