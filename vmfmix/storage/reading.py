"""Reading of text files and open files, and validation of input paths."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from typing import IO, Any

__all__ = ["input_file", "name_of", "read_lines", "validate_input_file", "validate_readable"]


@contextlib.contextmanager
def input_file(source: Any) -> Iterator[IO[bytes]]:
    """Open a path, or what remains of an open file, for reading bytes in any order.

    Parameters
    ----------
    source : str, path-like or file object
        A file object must be opened for reading bytes. It is read from its current position to its
        end, and left open; it need not support seeking.

    Yields
    ------
    file object
        It supports seeking.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If a file object is opened for text or has been read to its end, or if `source` is the
        contents of a file.
    """
    if _is_file_object(source):
        yield io.BytesIO(_remaining_bytes(source))
        return
    if isinstance(source, (bytearray, memoryview)) or (
        isinstance(source, bytes) and source.startswith(b"PK")
    ):
        raise ValueError(
            "The contents of a file were given, not its path; pass io.BytesIO(contents)."
        )
    with open(os.fspath(source), "rb") as file:
        yield file


def name_of(source: Any) -> str:
    """Return the path of a file, or a name for an open file, to begin a sentence with."""
    if not _is_file_object(source):
        return str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) and name else "The file object"


def _is_file_object(source: Any) -> bool:
    """Return whether `source` is an open file; some path-likes have a method `read` as well."""
    return hasattr(source, "read") and not isinstance(source, os.PathLike)


def _remaining_bytes(file: IO[bytes]) -> bytes:
    """Return what is left to read of an open file, or raise ValueError if it yields no bytes."""
    try:
        contents = file.read()
    except UnicodeDecodeError:
        contents = ""  # type: ignore[assignment]
    if isinstance(contents, str):
        raise ValueError(
            f"{name_of(file)} is opened for text; open it for binary data, as with mode 'rb'."
        )
    if not contents:
        raise ValueError(
            f"{name_of(file)} has no data after its current position; call seek(0) if it was just "
            "written."
        )
    return contents


def read_lines(path: str | os.PathLike[str], n_rows: int) -> list[str]:
    """Return the lines of a text file that has one line for each row.

    Parameters
    ----------
    path : str or path-like
        A text file in UTF-8.
    n_rows : int
        The number of lines that the file must have.

    Returns
    -------
    list of str
        Without line endings.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not text in UTF-8, or has another number of lines.
    """
    validate_input_file(path)
    try:
        with open(path, encoding="utf-8-sig") as file:  # drops a byte order mark
            lines = [line.rstrip("\n") for line in file]
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text in UTF-8; convert it first.") from None
    if len(lines) != n_rows:
        raise ValueError(
            f"{path} has {len(lines)} lines and the embeddings have {n_rows} rows; one line for "
            "each row is needed."
        )
    return lines


def validate_input_file(path: str | os.PathLike[str]) -> None:
    """Raise an error unless `path` is a file, or a pipe, that may be read.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    PermissionError
        If it may not be read.
    ValueError
        If `path` is a folder.
    """
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder; a file is needed.")
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is no file {path}; check the name.")
    validate_readable(path)


def validate_readable(path: str | os.PathLike[str]) -> None:
    """Raise PermissionError unless the file or folder `path` may be read."""
    needed = os.R_OK | os.X_OK if os.path.isdir(path) else os.R_OK
    if not os.access(path, needed):
        raise PermissionError(errno.EACCES, "You have no permission to read this", str(path))
