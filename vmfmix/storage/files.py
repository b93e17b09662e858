"""Rows, texts and labels from files, and results into files and folders.

What is wrong with a file or folder is said in one clear sentence. Nothing is ever unpickled, and
what is written appears when it is complete.
"""

import contextlib
import csv
import errno
import os
import secrets
import shutil
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from vmfmix.storage import archives

__all__ = [
    "atomic_file",
    "atomic_folder",
    "read_embeddings",
    "read_lines",
    "validate_file",
    "validate_output_folder",
    "validate_writable",
    "write_csv",
]

_ROWS_PER_BLOCK = 8192


def read_embeddings(path, array=None):
    """Rows of numbers from a .npy, .npz or .parquet file.

    Parameters
    ----------
    path : str or path-like
        A .npy file is opened, not read: its rows come from disk when they are used. A .npz file
        holds arrays, or one sparse matrix that ``scipy.sparse.save_npz`` wrote. A .parquet file
        holds a column of lists of equal length, or columns of numbers; it needs pyarrow. What
        pandas wrote as its index is left out.
    array : str, default=None
        Name of the array or column of lists. None: the only two-dimensional array, the only column
        of lists, or all columns of numbers together.

    Returns
    -------
    ndarray or CSR matrix of shape (n_rows, n_features)
        Finite real numbers, at least one row of at least two.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it does not hold such rows.
    """
    path = Path(path)
    readers = {".npy": _from_npy, ".npz": _from_npz, ".parquet": _from_parquet}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path} is not named .npy, .npz or .parquet; give one of these files.")
    validate_file(path)
    if not path.is_file():  # of which parts could not be read in any order
        raise ValueError(f"{path} is a pipe or a device; write the rows to a file first.")
    rows = readers[path.suffix.lower()](path, array)
    _require_rows(rows, path)
    _require_finite(rows, path)
    return rows


def read_lines(path, n_rows):
    """Lines of a text file that has one for each row.

    Parameters
    ----------
    path : str or path-like
        UTF-8.
    n_rows : int
        How many lines there must be.

    Returns
    -------
    list of str
        Without line ends.
    """
    validate_file(path)
    try:
        with open(path, encoding="utf-8-sig") as file:  # drops a byte order mark
            lines = [line.rstrip("\n") for line in file]
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text in UTF-8; convert it first.") from None
    if len(lines) != n_rows:
        raise ValueError(
            f"{path} has {len(lines)} lines and the embeddings have {n_rows} rows; "
            "give one line for each row."
        )
    return lines


def validate_file(path):
    """Refuse what is no file.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    FileNotFoundError
        If there is nothing.
    ValueError
        If there is a folder.
    """
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder; give a file.")
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no file {path}; check the name.")


def validate_output_folder(folder, names, *, overwrite=False):
    """Refuse a folder that results cannot go to, before they are computed.

    Parameters
    ----------
    folder : pathlib.Path
    names : sequence of str
        Files that may be written.
    overwrite : bool, default=False
        Whether such files may be there already.

    Raises
    ------
    ValueError
        If the folder is a file, is not writable, or has results in it, or what is no file and would
        be in their way.
    """
    if folder.suffix in {".npy", ".npz", ".csv"} and not folder.is_dir():
        raise ValueError(f"--out {folder} looks like a file; give a folder.")
    places = (folder, *folder.absolute().parents)
    nearest = next(place for place in places if os.path.lexists(place))
    if not nearest.is_dir():
        found = "a file" if nearest.exists() else "a link to nothing"
        raise ValueError(f"--out {folder} cannot be made: {nearest} is {found}; give a folder.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ValueError(
            f"--out {folder} cannot be written: you may not write in {nearest}; "
            "give another folder."
        )
    there = [name for name in names if os.path.lexists(folder / name)]
    others = [name for name in there if not (folder / name).is_file()]
    if others:
        raise ValueError(
            f"--out {folder} has {_listed(others)}, which is no file and is not replaced; give "
            "another folder."
        )
    if there and not overwrite:
        raise ValueError(
            f"--out {folder} already has {_listed(there)}; give another folder, "
            "or --overwrite to replace them."
        )


@contextlib.contextmanager
def atomic_folder(folder, names):
    """A folder to write in, whose files move to `folder` if nothing goes wrong, and else vanish.

    Parameters
    ----------
    folder : pathlib.Path
        Made if it is not there.
    names : sequence of str
        Files that may be written. Those not written are removed from `folder`, so that no result
        of an earlier run stays beside the new ones.

    Yields
    ------
    pathlib.Path
    """
    is_new = not folder.exists()
    home = folder.absolute().parent if is_new else folder
    home.mkdir(parents=True, exist_ok=True)
    temporary = home / f".vmfmix-{secrets.token_hex(4)}"
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


def validate_writable(path):
    """Refuse a name that `atomic_file` cannot give to a file.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    pathlib.Path
        Where the file will be: where a link leads to, so that a link stays a link.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    PermissionError
        If nothing may be written in it.
    ValueError
        If there is something else than a file, which would be lost.
    """
    path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent}; make it first.")
    if os.path.lexists(path) and not path.is_file():
        found = "a folder" if path.is_dir() else "a pipe or a device, not a file"
        raise ValueError(f"{path} is {found}; give the name of a file.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "You may not write in this folder", str(path.parent))
    return path


@contextlib.contextmanager
def atomic_file(path):
    """A file to write bytes to, which takes its place if nothing goes wrong, and else vanishes.

    Parameters
    ----------
    path : str or path-like
        What it is to be called; a file of that name is replaced, and nothing else is.

    Yields
    ------
    file object

    Raises
    ------
    OSError, ValueError
        Those of `validate_writable`, before anything is written.
    """
    path = validate_writable(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a power cut may leave the name without the bytes
        temporary.replace(path)
    except OSError as error:  # one of writing, as on a full disk, does not name its file
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_csv(path, head, rows):
    """Write a table, numbers with six digits.

    Parameters
    ----------
    path : str or path-like
    head : iterable of str
        Names of the columns.
    rows : iterable of iterables
        None becomes an empty place.
    """
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for row in rows:
            writer.writerow(
                f"{cell:.6g}" if isinstance(cell, (float, np.floating)) else cell for cell in row
            )


def _from_npy(path, array):
    if array is not None:
        raise ValueError(f"{path} holds a single array without a name; leave out --array.")
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (OSError, MemoryError):
        raise
    except Exception as error:  # NumPy stumbles over damaged headers in many ways
        if "Python objects" in str(error):
            raise _objects(path) from None
        raise ValueError(f"{path} is not a whole .npy file; write it with numpy.save.") from None


def _from_npz(path, array):
    there = _read_npz(path, archives.arrays_in)
    if {"format", "shape", "data"} <= there.keys():
        return _from_sparse_npz(path, array)
    name = _name_of_rows(there, path) if array is None else array
    if name not in there:
        raise _unknown(path, "array", name, there)
    if there[name][1].hasobject:
        raise _objects(path)
    return _read_npz(path, archives.read_array, name)


def _name_of_rows(there, path):
    """The only array, or the only one of two dimensions."""
    names = list(there)
    if len(names) != 1:
        names = [
            name
            for name, (shape, dtype) in there.items()
            if len(shape) == 2 and not dtype.hasobject
        ]
    if len(names) != 1:
        raise ValueError(
            f"{path} has {len(names)} two-dimensional arrays; choose one with --array from "
            f"{_listed(there)}."
        )
    return names[0]


def _read_npz(path, read, *args):
    with open(path, "rb") as file:
        try:
            with archives.opened(file) as archive:
                return read(archive, *args)
        except MemoryError:
            raise
        except Exception:  # damage shows in many ways
            raise ValueError(
                f"{path} is not a whole .npz file; write it with numpy.savez."
            ) from None


def _from_sparse_npz(path, array):
    if array is not None:
        raise ValueError(f"{path} holds a single sparse matrix; leave out --array.")
    try:
        rows = sp.load_npz(path)
        if rows.shape[0] > archives.MOST_INFLATED * os.path.getsize(path):
            raise ValueError("It claims more rows than a file of its size can hold.")
        rows = rows.tocsr()
        rows.check_format(full_check=True)  # indices outside of the shape would crash the kernels
    except MemoryError:
        raise
    except Exception:  # damage shows in many ways
        raise ValueError(
            f"{path} is not a sparse matrix; write it with scipy.sparse.save_npz."
        ) from None
    return rows


def _from_parquet(path, array):
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ValueError(
            f"reading {path} needs pyarrow, which is not installed; run 'pip install pyarrow'."
        ) from None
    try:
        names, are_lists = _columns_of_rows(pq.read_schema(path), path, array)
        columns = pq.read_table(path, columns=names).columns
    except (pa.ArrowException, OSError):
        raise ValueError(f"{path} is not a whole .parquet file.") from None
    if are_lists:
        return _from_lists(columns[0], names[0], path)
    return np.column_stack([column.to_numpy() for column in columns])


def _columns_of_rows(schema, path, array):
    """Names of the columns to read, and whether it is one column of lists."""
    index = _index_of_pandas(schema)
    fields = [field for field in schema if field.name not in index]
    lists = [field.name for field in fields if _is_list_of_numbers(field.type)]
    if array is not None:
        if array not in lists:
            raise _unknown(path, "column of lists of numbers", array, lists)
        return [array], True
    if len(lists) > 1:
        raise ValueError(
            f"{path} has {len(lists)} columns of lists of numbers; choose one with --array from "
            f"{_listed(lists)}."
        )
    if lists:
        return lists, True
    numbers = [field.name for field in fields if _is_number(field.type)]
    if not numbers:
        raise ValueError(f"{path} has no column of numbers or of lists of numbers.")
    return numbers, False


def _index_of_pandas(schema):
    """Names of the columns that name rows, and are none of their numbers."""
    try:
        # One that is a dict is a range, and no column.
        return list(schema.pandas_metadata["index_columns"])
    except Exception:  # there is none, or it is not as pandas writes it
        return []


def _is_number(kind):
    import pyarrow as pa

    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _is_list_of_numbers(kind):
    import pyarrow as pa

    is_list = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(check(kind) for check in is_list) and _is_number(kind.value_type)


def _from_lists(column, name, path):
    """A column of lists as rows. An empty place in a list becomes NaN, an empty list a length 0."""
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    if len(lengths) == 0:
        return np.empty((0, 0))
    others = np.flatnonzero(lengths != lengths[0])
    if others.size:
        raise ValueError(
            f"column '{name}' of {path} has lists of different lengths: {lengths[0]} in row 0, "
            f"{lengths[others[0]]} in row {others[0]}; make them equally long."
        )
    values = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate(values).reshape(len(lengths), lengths[0])


def _require_rows(rows, path):
    if rows.dtype.hasobject:
        raise _objects(path)
    if rows.dtype.kind not in "fiu":
        raise ValueError(f"{path} holds values of type {rows.dtype}; give real numbers.")
    if rows.ndim != 2:
        raise ValueError(
            f"{path} holds an array of shape {rows.shape}; give two dimensions: "
            "a row for each embedding."
        )
    if rows.shape[0] < 1 or rows.shape[1] < 2:
        raise ValueError(
            f"{path} holds {rows.shape[0]} rows of {rows.shape[1]} numbers; give at least one row, "
            "and rows of at least 2."
        )


def _require_finite(rows, path):
    bad = _rows_not_finite(rows)
    if bad.size:
        raise ValueError(
            f"{bad.size} of the {rows.shape[0]} rows of {path} have NaN or infinity in them, first "
            f"row {bad[0]} (counted from 0); repair these rows or leave them out."
        )


def _rows_not_finite(rows):
    if sp.issparse(rows):
        places = np.flatnonzero(~np.isfinite(rows.data))
        return np.unique(np.searchsorted(rows.indptr, places, side="right") - 1)
    if rows.dtype.kind != "f":
        return np.empty(0, dtype=int)
    starts = range(0, len(rows), _ROWS_PER_BLOCK)
    blocks = (np.isfinite(rows[start : start + _ROWS_PER_BLOCK]).all(axis=1) for start in starts)
    return np.flatnonzero(~np.concatenate(list(blocks)))


def _objects(path):
    return ValueError(
        f"{path} holds Python objects, which are not read because that could run any code; "
        "save numbers, for example with numpy.save(path, numpy.stack(rows))."
    )


def _unknown(path, kind, name, names):
    there = f"choose from {_listed(names)}" if names else "there is none at all"
    return ValueError(f"{path} has no {kind} named '{name}'; {there}.")


def _listed(names):
    return ", ".join(names)
