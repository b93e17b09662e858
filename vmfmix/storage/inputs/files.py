"""The files of an input: one file, several, a folder of shards, or a dataset of Hugging Face."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vmfmix.storage import table_parts
from vmfmix.storage.array_formats import ARRAY_FORMATS
from vmfmix.storage.natural_order import natural_key
from vmfmix.storage.reading import validate_input_file, validate_readable
from vmfmix.storage.requirements import validate_installed

SUFFIXES = (*table_parts.SUFFIXES, *ARRAY_FORMATS)
_ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")


class Files(NamedTuple):
    """The files of an input, all of one format.

    Parameters
    ----------
    source : str
        What was given, for messages.
    paths : list of pathlib.Path
        In the order of the rows.
    suffix : str
        The format, in lower case, such as ".parquet".
    """

    source: str
    paths: list[Path]
    suffix: str


def find_files(paths: Sequence[Path]) -> Files:
    """Return the files of an input, in the order of the rows.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Files or folders.

    Returns
    -------
    Files

    Raises
    ------
    FileNotFoundError
        If a file or folder does not exist.
    ValueError
        If a name has an unknown suffix, a package that reads the format is not installed, files
        have different formats, or a folder has no files.
    """
    found = [file for path in paths for file in _files_of(path)]
    suffixes = list(dict.fromkeys(_suffix(path) for path in found))
    if len(suffixes) > 1:
        raise ValueError(
            f"{_listed(paths)} has files of several formats: {', '.join(suffixes)}; give files of "
            "one format."
        )
    is_table = suffixes[0] in table_parts.SUFFIXES
    package = "pyarrow" if is_table else ARRAY_FORMATS[suffixes[0]].package
    if package is not None:
        validate_installed(package, found[0])
    for number, path in enumerate(found):
        if path in found[:number]:
            raise ValueError(f"{path} is given twice; give each file once.")
        if suffixes[0] != ".zarr":
            _validate_file(path)
    return Files(_listed(paths), found, suffixes[0])


def _files_of(path: Path) -> list[Path]:
    """Return the files of a path, which may be a folder."""
    if not path.is_dir():
        if _suffix(path) not in SUFFIXES:
            if not path.suffix and not path.exists():
                raise FileNotFoundError(f"There is no file or folder {path}; check the name.")
            raise ValueError(
                f"{path} is not named {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}; pass such a "
                "file."
            )
        return [path]
    validate_readable(path)
    if _is_zarr(path):
        return [path]
    if (path / "dataset_dict.json").is_file():
        splits = sorted((each.name for each in path.iterdir() if each.is_dir()), key=str)
        raise ValueError(
            f"{path} is a dataset with several splits ({', '.join(splits)}); give the folder of "
            f"one of them, such as {path / splits[0] if splits else path}."
        )
    if (path / "state.json").is_file():
        return _dataset_files(path)
    shards = [
        each
        for each in path.iterdir()
        if not each.name.startswith((".", "_"))
        and _suffix(each) in SUFFIXES
        and (each.is_file() or _is_zarr(each))
    ]
    if not shards:
        raise ValueError(
            f"{path} is a folder without files of embeddings, which are named "
            f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}; give a file or another folder."
        )
    return sorted(shards, key=lambda shard: (natural_key(Path(shard.name)), shard.name))


def _dataset_files(folder: Path) -> list[Path]:
    """Return the files of a dataset that was written by ``Dataset.save_to_disk``."""
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        names = [file["filename"] for file in state["_data_files"]]
        paths = [folder / name for name in names]
        if not all(path.parent == folder and path.suffix == ".arrow" for path in paths):
            raise ValueError("A file is outside the folder, or of another format.")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(
            f"{folder / 'state.json'} does not list the files of a dataset; write the dataset "
            "with Dataset.save_to_disk."
        ) from None
    if not paths:
        raise ValueError(f"{folder} is a dataset without rows; at least one row is needed.")
    return paths


def _is_zarr(path: Path) -> bool:
    return path.is_dir() and any((path / name).is_file() for name in _ZARR_FILES)


def _suffix(path: Path) -> str:
    """Return the suffix in lower case; that of a folder of zarr is always ".zarr"."""
    return ".zarr" if _is_zarr(path) else path.suffix.lower()


def _validate_file(path: Path) -> None:
    validate_input_file(path)
    if not path.is_file():  # rows are read in any order, which a pipe does not allow
        raise ValueError(f"{path} is a pipe or a device; write the rows to a file first.")


def _listed(paths: Sequence[Path]) -> str:
    """Return a name for all paths that can begin a sentence."""
    if len(paths) <= 2:
        return " and ".join(map(str, paths))
    return f"{paths[0]} and {len(paths) - 1} other files"
