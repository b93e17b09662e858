"""Fitted models as .npz files: arrays and one JSON text, no pickle.

The file holds ``format`` (JSON: what this is, its parameters and scalar attributes) and one array
for each array among the parameters (``parameter.<name>``) and attributes (``fitted.<name>``, and
``fitted.merge_history_.<name>`` for those of the merge history; a sparse one has the arrays
``<name>.data``, ``.indices``, ``.indptr`` and ``.shape``).
"""

import json
import zipfile
import zlib

import numpy as np
import scipy.sparse as sp

from vmfmix.files import whole_file

_FORMAT = 3
_SPARSE = ("data", "indices", "indptr", "shape")  # what makes a sparse array


def save(model, path):
    """Write a fitted model; see `vmfmix.VMFMixture.save`.

    Parameters
    ----------
    model : VMFMixture
    path : str or path-like
        The file appears only when it is complete.
    """
    from vmfmix import __version__
    from vmfmix.path import MergeHistory

    header: dict = {"class": type(model).__name__, "format": _FORMAT, "vmfmix": __version__}
    fitted = {
        name: value
        for name, value in vars(model).items()
        if name.endswith("_") and not name.startswith("_")
    }
    arrays: dict = {}
    for kind, values in (("parameter", model.get_params()), ("fitted", fitted)):
        header[kind] = {}
        for name, value in values.items():
            if isinstance(value, np.random.RandomState):
                value = None  # a generator in the middle of its stream is not part of a model
            if name == "selection" and callable(value):
                value = "auto"  # code is not part of a model either, and the number is chosen
            if isinstance(value, MergeHistory):
                for key, part in vars(value).items():
                    arrays |= parts_of(f"{kind}.{name}.{key}", part)
            elif isinstance(value, (np.ndarray, list, tuple)):
                value = np.asarray(value)
                arrays[f"{kind}.{name}"] = value.astype(str) if value.dtype == object else value
            elif value is None or isinstance(value, (bool, int, float, str, np.generic)):
                header[kind][name] = value.item() if isinstance(value, np.generic) else value
            else:
                raise ValueError(
                    f"{name}={value!r} cannot be saved without pickle; make it an array, a number, "
                    "a string or None."
                )
    arrays["format"] = np.array(json.dumps(header))

    with whole_file(path) as file:
        np.savez_compressed(file, **arrays)


def load(path):
    """Read a model that `VMFMixture.save` wrote.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    VMFMixture
        Fitted, with the parameters and attributes it had.

    Raises
    ------
    ValueError
        If the file is not such a model, or was written by a later version of the format.

    Examples
    --------
    >>> import os, tempfile, vmfmix
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> X, _ = make_vmf_mixture(200, n_features=8, n_components=3, random_state=0)
    >>> model = vmfmix.VMFMixture(n_components=3, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.npz")
    ...     model.save(path)
    ...     again = vmfmix.load(path)
    >>> bool((again.predict(X) == model.labels_).all())
    True
    """
    from vmfmix.mixture import VMFMixture
    from vmfmix.path import MergeHistory

    header, arrays = _read(path)
    model = VMFMixture()
    model.set_params(**header["parameter"])
    for name, value in header["fitted"].items():
        setattr(model, name, value)
    history = {}
    for name, value in arrays.items():
        _, name, *part = name.split(".")
        if name == "feature_names_in_":
            value = value.astype(object)
        if part:
            history[".".join(part)] = value
        else:
            setattr(model, name, value)
    if history:
        model.merge_history_ = MergeHistory(**joined(history))
    return model


def parts_of(name, value):
    """An array under its name, or the arrays that a sparse one is made of."""
    if not sp.issparse(value):
        return {name: value}
    return {f"{name}.{part}": np.asarray(getattr(value, part)) for part in _SPARSE}


def joined(arrays):
    """The arrays by name, with those that are parts of sparse ones put together."""
    arrays = dict(arrays)
    for name in [name for name in arrays if name.endswith(".shape")]:
        name = name.removesuffix(".shape")
        *entries, shape = (arrays.pop(f"{name}.{part}") for part in _SPARSE)
        arrays[name] = sp.csr_array(tuple(entries), tuple(shape))
    return arrays


def _read(path):
    """The header and the other arrays of a model file."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = dict(stored)
        header = json.loads(str(arrays.pop("format")))
        version, written_by = int(header["format"]), header["vmfmix"]
        if version <= _FORMAT:
            header["parameter"], header["fitted"], arrays["fitted.means_"]  # all there
    except (EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error):
        raise ValueError(
            f"{path} is not a vmfmix model, or damaged; pass a file written by save()."
        ) from None
    if version > _FORMAT:
        raise ValueError(
            f"{path} was written by vmfmix {written_by}, whose format this version does not know; "
            "upgrade vmfmix."
        )
    return header, arrays
