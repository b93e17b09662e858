"""The file format of fitted models: arrays and one JSON text in an .npz file, without pickle.

The array ``format`` holds the JSON text: the class, the version, the parameters and the scalar
attributes. Each array among the parameters is stored as ``parameter.<name>``, each one among the
attributes as ``fitted.<name>``, those of the merge history as ``fitted.merge_history_.<name>``,
those of the smoother as ``fitted.smoother_.<name>``, those of the last update as
``fitted.changes_.<name>``, and what further updates continue from as ``fitted.state.<name>``. A
sparse matrix is stored as ``<name>.data``, ``.indices``, ``.indptr`` and ``.shape``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from vmfmix._version import __version__
from vmfmix.storage.archives import read_arrays
from vmfmix.storage.arrays import named_arrays, restore_matrices
from vmfmix.storage.reading import input_file, name_of
from vmfmix.storage.writing import output_file

_FORMAT = 5


class StoredModel(NamedTuple):
    """The contents of a model file.

    Parameters
    ----------
    class_name : str
    parameters, attributes : dict
        By name.
    merge_history : dict of array
        The fields of the merge history; empty if there is none.
    """

    class_name: str
    parameters: dict[str, Any]
    attributes: dict[str, Any]
    merge_history: dict[str, Any]


def write_model(
    path: Any,
    class_name: str,
    parameters: Mapping[str, Any],
    attributes: Mapping[str, Any],
    merge_history: Mapping[str, Any] | None = None,
) -> None:
    """Write a model file; it appears only when it is complete.

    Parameters
    ----------
    path : str, path-like or binary file object
    class_name : str
    parameters, attributes : dict
        By name.
    merge_history : dict of array, default=None
        The fields of the merge history, if there is one.

    Raises
    ------
    ValueError
        If a value cannot be stored without pickle.
    """
    header: dict[str, Any] = {"class": class_name, "format": _FORMAT, "vmfmix": __version__}
    arrays: dict[str, Any] = {}
    for kind, values in (("parameter", parameters), ("fitted", attributes)):
        header[kind] = {}
        for name, value in values.items():
            value = value.item() if isinstance(value, np.generic) else value
            if sp.issparse(value):
                arrays |= named_arrays(f"{kind}.{name}", value)
            elif isinstance(value, (np.ndarray, list, tuple)) or hasattr(value, "__array__"):
                array = np.asarray(value)
                arrays[f"{kind}.{name}"] = array.astype(str) if array.dtype == object else array
            elif value is None or isinstance(value, (bool, int, float, str)):
                header[kind][name] = value
            else:
                raise ValueError(
                    f"{name}={value!r} cannot be saved without pickle; make it an array, a number, "
                    "a string or None."
                )
    for name, matrix in (merge_history or {}).items():
        arrays |= named_arrays(f"fitted.merge_history_.{name}", matrix)
    arrays["format"] = np.array(json.dumps(header))
    with output_file(path) as file:
        np.savez_compressed(file, **arrays)


def read_model(path: Any) -> StoredModel:
    """Read a model file without validating its contents.

    Parameters
    ----------
    path : str, path-like or binary file object

    Returns
    -------
    StoredModel

    Raises
    ------
    ValueError
        If the file is damaged, is not a model, or was written in a later version of the format.
    """
    with input_file(path) as file, damage_reported(path):
        arrays = read_arrays(file)
        header = json.loads(str(arrays.pop("format")))
        version, written_by = int(header["format"]), header["vmfmix"]
    if version > _FORMAT:
        raise ValueError(
            f"{name_of(path)} was written by vmfmix {written_by}, in a format that this version "
            "does not read; upgrade vmfmix."
        )
    with damage_reported(path):
        parameters, attributes = dict(header["parameter"]), dict(header["fitted"])
        history = {}
        for full_name, value in restore_matrices(arrays).items():
            kind, name, *part = full_name.split(".")
            if kind == "parameter":
                parameters[name] = value
            elif name == "merge_history_":
                history[".".join(part)] = value
            else:
                name = ".".join([name, *part])
                is_names = name.endswith("feature_names_in_")
                attributes[name] = value.astype(object) if is_names else value
        return StoredModel(str(header["class"]), parameters, attributes, history)


@contextmanager
def damage_reported(path: Any) -> Iterator[None]:
    """Turn any error that the contents of a file cause into one clear ValueError."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(
            f"{name_of(path)} is damaged, or not a vmfmix model; pass a file written by save()."
        ) from error
