"""Fitted models as .npz files: arrays and one JSON text, no pickle.

The file holds ``format`` (JSON: what this is, its parameters and scalar attributes) and one array
for each array among the parameters (``parameter.<name>``) and attributes (``fitted.<name>``, and
``fitted.merge_history_.<name>`` for those of the merge history; a sparse one has the arrays
``<name>.data``, ``.indices``, ``.indptr`` and ``.shape``).

A file may come from anyone: it makes nothing run, and a model that no fit can leave is refused.
"""

import json
from contextlib import contextmanager

import numpy as np
import scipy.sparse as sp

from vmfmix.storage.archives import read_arrays
from vmfmix.storage.writing import atomic_file

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
    from vmfmix._version import __version__
    from vmfmix.merging.history import MergeHistory
    from vmfmix.mixture import VMFMixture

    model._validate_params()  # else nobody could load it
    more = model.get_params().keys() - VMFMixture().get_params().keys()
    if more:
        raise ValueError(
            f"{type(model).__name__} has parameters that VMFMixture has not: "
            f"{', '.join(sorted(more))}; only those of VMFMixture can be saved."
        )
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
            value = value.item() if isinstance(value, np.generic) else value
            if isinstance(value, np.random.RandomState):
                value = None  # a generator in the middle of its stream is not part of a model
            if name == "selection" and callable(value):
                value = "auto"  # code is not part of a model either, and the number is chosen
            if name == "device" and value is not None:
                value = str(value)  # of a torch.device
            if isinstance(value, MergeHistory):
                for key, part in vars(value).items():
                    arrays |= parts_of(f"{kind}.{name}.{key}", part)
            elif isinstance(value, (np.ndarray, list, tuple)) or hasattr(value, "__array__"):
                value = np.asarray(value)
                arrays[f"{kind}.{name}"] = value.astype(str) if value.dtype == object else value
            elif value is None or isinstance(value, (bool, int, float, str)):
                header[kind][name] = value
            else:
                raise ValueError(
                    f"{name}={value!r} cannot be saved without pickle; make it an array, a number, "
                    "a string or None."
                )
    arrays["format"] = np.array(json.dumps(header))

    with atomic_file(path) as file:
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
    with open(path, "rb") as file, _damage_named(path):
        arrays = read_arrays(file)
        header = json.loads(str(arrays.pop("format")))
        version, written_by = int(header["format"]), header["vmfmix"]
    if version > _FORMAT:
        raise ValueError(
            f"{path} was written by vmfmix {written_by}, whose format this version does not know; "
            "upgrade vmfmix."
        )
    with _damage_named(path):
        return _model(header, arrays)


@contextmanager
def _damage_named(path):
    """Whatever goes wrong with what a file holds is told as what it is."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path} is not a vmfmix model, or damaged; pass a file written by save()."
        ) from error


def parts_of(name, value):
    """An array under its name, or the arrays that a sparse one is made of."""
    if not sp.issparse(value):
        return {name: value}
    return {f"{name}.{part}": np.asarray(getattr(value, part)) for part in _SPARSE}


def joined(arrays):
    """The arrays by name, with those that are parts of sparse ones put together, and checked."""
    arrays = dict(arrays)
    for name in [name for name in arrays if name.endswith(".shape")]:
        name = name.removesuffix(".shape")
        *entries, shape = (arrays.pop(f"{name}.{part}") for part in _SPARSE)
        arrays[name] = sp.csr_array(tuple(entries), tuple(shape))
        arrays[name].check_format(full_check=True)
    return arrays


def _model(header, arrays):
    """The model that a file describes, checked."""
    from vmfmix.fitting.validation import require_sound
    from vmfmix.merging.history import MergeHistory
    from vmfmix.mixture import VMFMixture

    model, parameters, history = VMFMixture(), dict(header["parameter"]), {}
    attributes = dict(header["fitted"])
    for full_name, value in arrays.items():
        kind, name, *part = full_name.split(".")
        if kind == "parameter":
            parameters[name] = value
        elif name == "merge_history_":
            history[".".join(part)] = value
        else:
            attributes[name] = value.astype(object) if name == "feature_names_in_" else value
    model.set_params(**parameters)
    for name, value in attributes.items():
        if not name.endswith("_") or name.startswith("_") or hasattr(VMFMixture, name):
            raise ValueError(f"{name} is no attribute of a fitted model.")
        setattr(model, name, value)
    if history:
        model.merge_history_ = MergeHistory(**joined(history))
    require_sound(model)
    return model
