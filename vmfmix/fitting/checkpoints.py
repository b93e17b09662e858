"""What a long fit keeps in a file, so that it goes on there after it was broken off.

Passes over all rows are not repeated. What comes before them, seeding and merging, is done again,
which gives the same since it depends on `random_state` alone.
"""

import hashlib
import json
from functools import partial

import numpy as np

from vmfmix.model.em import EMResult
from vmfmix.model.matrices import as_array
from vmfmix.model.statistics import ConcentrationPrior, MixtureParameters
from vmfmix.storage.archives import read_arrays
from vmfmix.storage.models import joined, parts_of
from vmfmix.storage.writing import atomic_file, validate_writable

_FORMAT = 2
_PROBED = 32  # first rows by which others are told from those of the file, beside all of them
_CLOSE = 1e-5  # as far as engines may differ in their means
_FREE = ("verbose", "block_size", "device", "warm_start")  # parameters that may be other ones


class Checkpoint:
    """The file of one fit.

    Parameters
    ----------
    path : str or path-like
        A file that is there must be of a fit with the same parameters to the same rows.
    settings : VMFMixture
        Whose `random_state` is an integer.
    engine : Engine

    Raises
    ------
    ValueError
        If `random_state` is no integer, or the file is damaged or of another fit. It stays as it
        is. Also if there is something else than a file.
    OSError
        If there is no such folder, or nothing may be written in it.
    """

    def __init__(self, path, settings, engine):
        from vmfmix._version import __version__

        if not isinstance(settings.random_state, (int, np.integer)):
            raise ValueError(
                f"random_state={settings.random_state!r} cannot be used with a checkpoint, since "
                "the start of the fit is done again; pass an integer."
            )
        # The file itself, which is removed in the end; a link to it stays, for the next fit.
        self.path, self._engine = validate_writable(path), engine
        self._header: dict = {
            "vmfmix checkpoint": _FORMAT,
            "version": __version__,
            "parameters": {
                name: _told(value)
                for name, value in settings.get_params().items()
                if name not in _FREE
            },
            "rows": [int(engine.all_reduce(np.array([engine.n_rows]))[0]), int(engine.n_features)],
        }
        self._probe = _probe_of(engine)
        # One process reads and writes; what goes wrong there goes wrong in all.
        self._memories = self._together(self._read)

    def memory(self, name):
        """The `Memory` of one run of EM in this fit."""
        return Memory(self, name, self._memories.get(name))

    def keep(self, name, result):
        """Write how far that run has come, and all before it."""
        self._memories[name] = result
        self._together(self._write)

    def remove(self):
        """The fit is done, and the file is not needed."""
        self._together(lambda: self.path.unlink(missing_ok=True))

    def _together(self, act):
        answer = error = None
        if self._engine.is_first:
            try:
                answer = act()
            except (OSError, ValueError) as failed:
                error = failed
        answer, error = self._engine.broadcast((answer, error))
        if error is not None:
            raise error
        return answer

    def _write(self):
        arrays = {"header": np.array(json.dumps(self._header)), "probe": self._probe}
        for name, result in self._memories.items():
            arrays |= {f"{name}.{key}": value for key, value in _arrays_of(result).items()}
        with atomic_file(self.path) as file:
            np.savez(file, **arrays)

    def _read(self):
        if not self.path.exists():
            return {}
        try:
            with open(self.path, "rb") as file:
                arrays = read_arrays(file)
            header, probe = json.loads(str(arrays.pop("header"))), arrays.pop("probe")
            names = dict.fromkeys(name.split(".")[0] for name in arrays)
            memories = {name: _result_of(arrays, f"{name}.") for name in names}
            known = header.pop("vmfmix checkpoint"), header.pop("version")
        except MemoryError:
            raise
        except Exception as error:  # damage shows in many ways
            raise ValueError(
                f"{self.path} is no checkpoint of a fit, or damaged; pass another path, or remove "
                "it."
            ) from error
        if known[0] != _FORMAT:
            raise ValueError(
                f"{self.path} was written by vmfmix {known[1]}, in a format that this version does "
                "not know; remove it, or use that version."
            )
        self._require_same(header, probe)
        return memories

    def _require_same(self, header, probe):
        before, now = header["parameters"], self._header["parameters"]
        other = [name for name in now if before.get(name) != now[name]]
        if other:
            raise ValueError(
                f"{self.path} is of a fit with another {', '.join(other)}; pass the same "
                "parameters, or another path."
            )
        same = header["rows"] == self._header["rows"] and probe.shape == self._probe.shape
        if not same or not np.allclose(probe, self._probe, rtol=_CLOSE, atol=_CLOSE):
            raise ValueError(f"{self.path} is of a fit to other rows; pass another path.")


class Memory:
    """How far one run of EM had come, and where that is kept.

    Attributes
    ----------
    result : EMResult or None
        To go on from.
    """

    def __init__(self, checkpoint, name, result):
        self._checkpoint, self._name, self.result = checkpoint, name, result

    def keep(self, result):
        """Keep an EMResult."""
        self._checkpoint.keep(self._name, result)


def _told(value):
    """A parameter as JSON has it; of arrays and functions what tells them apart.

    No address in memory, which is another one after a restart.
    """
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, partial):
        return [*map(_told, (value.func, *value.args)), _told_by_name(value.keywords)]
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    try:
        value = np.ascontiguousarray(value, dtype=np.float64)
    except (TypeError, ValueError):  # an object, such as one that can be called
        plain = {
            name: part
            for name, part in getattr(value, "__dict__", {}).items()
            if not hasattr(part, "__dict__")  # or what knows itself would be told for ever
        }
        return [_told(type(value)), _told_by_name(plain)]
    return [list(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]


def _told_by_name(values):
    return {str(name): _told(value) for name, value in values.items()}


def _probe_of(engine):
    """Means of the first rows and of all rows, of unit length before, and of their weights."""
    rows, weights = engine.take(engine.used_rows[:_PROBED])
    whole = MixtureParameters(np.ones(1), np.eye(1, engine.n_features), np.zeros(1))
    statistics = engine.accumulate(whole, hard=True)
    return np.concatenate(
        [
            np.asarray(rows.mean(axis=0), np.float64).ravel(),
            as_array(statistics.resultants).ravel() / statistics.weight,
            [weights.mean(), statistics.weight / len(engine.used_rows)],
        ]
    )


def _arrays_of(result):
    parameters, prior = result.parameters, result.prior
    more = {
        "has_background": bool(parameters.has_background),
        "prior": prior and [float(prior.mean_resultant_length), float(prior.count)],
        "converged": bool(result.converged),
        "weight": float(result.weight),
    }
    return {
        "weights": parameters.weights,
        **parts_of("means", parameters.means),
        "concentrations": parameters.concentrations,
        "lower_bounds": np.array(result.lower_bounds),
        "n_components": np.array(result.n_components),
        "more": np.array(json.dumps(more)),
    }


def _result_of(arrays, prefix):
    arrays = {
        name.removeprefix(prefix): value
        for name, value in arrays.items()
        if name.startswith(prefix)
    }
    more, arrays = json.loads(str(arrays.pop("more"))), joined(arrays)
    names = "weights", "means", "concentrations"
    weights, means, concentrations = (arrays[name] for name in names)
    parameters = MixtureParameters(weights, means, concentrations, more["has_background"])
    if not len(weights) == means.shape[0] == len(concentrations):
        raise ValueError
    return EMResult(
        parameters,
        more["prior"] and ConcentrationPrior(*more["prior"]),
        arrays["lower_bounds"].tolist(),
        arrays["n_components"].tolist(),
        converged=more["converged"],
        weight=more["weight"],
    )
