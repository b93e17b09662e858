"""Lists of paths of images: text files with one path per line, and columns of tables."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from vmfmix.storage.image_folders import IMAGE_SUFFIXES
from vmfmix.storage.reading import validate_input_file


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
        A text file with one path per line; or a .csv, .tsv or .parquet file with exactly one column
        of names of image files. Paths are relative to the folder of the file or, if they do not
        exist there, to the working folder.

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
    readers = {".csv": _csv_column, ".tsv": _csv_column, ".parquet": _parquet_column}
    reader = readers.get(path.suffix.lower(), _lines)
    names = reader(path)
    for folder in (path.parent, Path()):
        paths = [folder / name for name in names]
        if all(os.path.isfile(image) for image in paths):
            return paths
    missing = next(name for name in names if not os.path.isfile(path.parent / name))
    raise ValueError(
        f"{path} is neither a folder nor an .npz file, and as a list of images it has "
        f"{missing[:100]!r}, which is not a file; give paths relative to the folder of the list."
    )


def _relative(image: Path, folder: Path) -> str:
    try:
        return os.path.relpath(image, folder)
    except ValueError:  # on another drive of Windows
        return str(image.absolute())


def _lines(path: Path) -> list[str]:
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        return file.read().rstrip("\n").split("\n")


def _csv_column(path: Path) -> list[str]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            file.seek(0)
            delimiter = max(",;\t", key=header.count)
            table = list(csv.DictReader(file, delimiter=delimiter))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as a table in UTF-8: {error}.") from None
    names = list(table[0]) if table else []
    return _only_column({name: [row[name] for row in table] for name in names}, path)


def _parquet_column(path: Path) -> list[str]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ValueError(
            f"Reading {path} needs pyarrow, which is not installed; run 'pip install pyarrow'."
        ) from None
    try:
        names = [
            field.name
            for field in pq.read_schema(path)
            if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        ]
        table = pq.read_table(path, columns=names)
    except (pa.ArrowException, OSError):
        raise ValueError(f"{path} is not a complete .parquet file.") from None
    return _only_column({name: table[name].to_pylist() for name in names}, path)


def _only_column(columns: dict[str, list[str | None]], path: Path) -> list[str]:
    """Return the only column whose values are names of image files."""
    found = {}
    for column, values in columns.items():
        names = [value for value in values if value is not None]
        is_complete = len(names) == len(values) > 0
        if is_complete and all(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in names):
            found[column] = names
    if len(found) != 1:
        listed = f" ({', '.join(found)})" if found else ""
        raise ValueError(
            f"{path} has {len(found)} columns of names of image files{listed}; it must have "
            "exactly one, in which no value is missing."
        )
    return next(iter(found.values()))
