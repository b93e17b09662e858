"""Atomic writing: a file or folder appears under its name when it is complete, or not at all."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

__all__ = ["atomic_file", "atomic_folder", "output_file", "validate_writable", "write_csv"]


def validate_writable(path: str | os.PathLike[str]) -> Path:
    """Raise an error if `atomic_file` cannot write a file of this name.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    pathlib.Path
        The file that will be written. If `path` is a symbolic link, this is its target, so that the
        link is kept.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    PermissionError
        If the folder is not writable.
    ValueError
        If `path` exists and is not a regular file.
    """
    path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent}; create it first.")
    if os.path.lexists(path) and not path.is_file():
        kind = "a folder" if path.is_dir() else "a pipe or a device, not a file"
        raise ValueError(f"{path} is {kind}; give the name of a file.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(
            errno.EACCES, "You have no permission to write in this folder", str(path.parent)
        )
    return path


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a temporary file that is renamed to `path` on success and removed on failure.

    Parameters
    ----------
    path : str or path-like
        Name of the file; an existing file of that name is replaced.

    Yields
    ------
    file object
        Opened for writing bytes.

    Raises
    ------
    OSError, ValueError
        As `validate_writable`, before anything is written.
    """
    path = validate_writable(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a power failure may leave the name without the data
        temporary.replace(path)
    except OSError as error:  # write errors, as of a full disk, do not name the file
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def output_file(target: Any) -> Iterator[IO[bytes]]:
    """Open what is written to a path or to an open file, completely or not at all.

    Parameters
    ----------
    target : str, path-like or file object
        A file object must be opened for writing bytes. It is written at its current position, in
        one piece, and left open; it need not support seeking.

    Yields
    ------
    file object
        Opened for writing bytes.

    Raises
    ------
    OSError, ValueError
        As `atomic_file`, or if a file object is opened for text.
    """
    if isinstance(target, os.PathLike) or not hasattr(target, "write"):
        with atomic_file(os.fspath(target)) as file:
            yield file
        return
    buffer = io.BytesIO()
    yield buffer
    remaining = buffer.getbuffer()
    try:
        while len(remaining) > 0:
            n_written = target.write(remaining)
            # An unbuffered file may write a part; other objects need not return a number.
            remaining = remaining[len(remaining) if n_written is None else n_written :]
    except TypeError as error:
        raise ValueError(
            "The file object does not take bytes; open it for binary data, as with mode 'wb'."
        ) from error


@contextlib.contextmanager
def atomic_folder(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """Create a temporary folder whose files move to `folder` on success and vanish on failure.

    Parameters
    ----------
    folder : pathlib.Path
        Created if it does not exist.
    names : sequence of str
        Files that may be written. Those that are not written are removed from `folder`, so that no
        result of an earlier run remains beside the new ones.

    Yields
    ------
    pathlib.Path
    """
    is_new = not folder.exists()
    parent = folder.absolute().parent if is_new else folder
    parent.mkdir(parents=True, exist_ok=True)
    temporary = parent / f".vmfmix-{secrets.token_hex(4)}"
    try:
        temporary.mkdir()
        yield temporary
        if is_new:
            temporary.rename(folder)
            return
        for name in names:
            if (temporary / name).exists():
                (temporary / name).replace(folder / name)
            else:
                (folder / name).unlink(missing_ok=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_csv(
    path: str | os.PathLike[str], header: Iterable[str], rows: Iterable[Iterable[Any]]
) -> None:
    """Write a table as CSV, with floats rounded to six significant digits.

    Parameters
    ----------
    path : str or path-like
    header : iterable of str
        Names of the columns.
    rows : iterable of iterables
        None is written as an empty cell.
    """
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for row in rows:
            writer.writerow(
                f"{cell:.6g}" if isinstance(cell, (float, np.floating)) else cell for cell in row
            )
