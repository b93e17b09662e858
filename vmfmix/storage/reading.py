"""Reading of text files, and validation of input paths."""

from __future__ import annotations

import errno
import os

__all__ = ["read_lines", "validate_input_file", "validate_readable"]


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
