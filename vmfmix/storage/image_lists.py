"""Lists of paths of images: text files with one path per line, and columns of tables."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from vmfmix.storage.image_folders import IMAGE_SUFFIXES
from vmfmix.storage.reading import validate_input_file
from vmfmix.storage.tables import SUFFIXES, open_table


def write_paths(path: Path, image_paths: Sequence[Path]) -> None:
    """Write paths of images to a text file, relative to its folder, one per line.

    Parameters
    ----------
    path : pathlib.Path
    image_paths : sequence of pathlib.Path
    """
    lines = [_relative(image, path.parent) for image in image_paths]
    text = "".join(f"{line}\n" for line in lines)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")  # names may be any bytes


def read_paths(path: Path) -> list[Path]:
    """Return the paths of images in a text file or in a column of a table.

    Parameters
    ----------
    path : pathlib.Path
        A text file with one path per line; or a table, see `vmfmix.storage.tables`, with exactly
        one column of names of image files. Paths are relative to the folder of the file or, if
        they do not exist there, to the working folder.

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file has no such paths, or an image does not exist.
    """
    validate_input_file(path)
    names = _column(path) if path.suffix.lower() in SUFFIXES else _lines(path)
    found = existing_paths(names, path.parent)
    if found is not None:
        return found
    missing = next(name for name in names if not os.path.isfile(path.parent / name))
    raise ValueError(
        f"{path} is neither a folder nor an .npz file, and as a list of images it has "
        f"{missing[:100]!r}, which is not a file; give paths relative to the folder of the list."
    )


def existing_paths(names: Sequence[str], folder: Path) -> list[Path] | None:
    """Return paths relative to a folder or else to the working folder; None if some are no files.

    Parameters
    ----------
    names : sequence of str
    folder : pathlib.Path

    Returns
    -------
    list of pathlib.Path or None
    """
    for base in (folder, Path()):
        paths = [base / name for name in names]
        if all(os.path.isfile(image) for image in paths):
            return paths
    return None


def _relative(image: Path, folder: Path) -> str:
    try:
        return os.path.relpath(image, folder)
    except ValueError:  # on another drive of Windows
        return str(image.absolute())


def _lines(path: Path) -> list[str]:
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        return file.read().rstrip("\n").split("\n")


def _column(path: Path) -> list[str]:
    """Return the only column of a table whose values are names of image files."""
    table = open_table(path)
    names = [column.name for column in table.columns if table.is_text(column.name)]
    found = {}
    for name, values in table.strings(names).items():
        paths = [value for value in values if value is not None and _is_image_name(value)]
        if len(paths) == len(values) > 0:
            found[name] = paths
    if len(found) != 1:
        listed = f" ({', '.join(found)})" if found else ""
        raise ValueError(
            f"{path} has {len(found)} columns of names of image files{listed}; it must have "
            "exactly one, in which no value is missing."
        )
    return next(iter(found.values()))


def _is_image_name(value: str) -> bool:
    return Path(value).suffix.lower() in IMAGE_SUFFIXES
