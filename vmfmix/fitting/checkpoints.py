"""Checkpoints: the file from which a long fit resumes after an interruption.

A resumed fit does not repeat completed passes over all rows. It repeats seeding and merging, with
the same result, since their random choices depend on `random_state` alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vmfmix._version import __version__
from vmfmix.engines.base import Engine
from vmfmix.model.em import EMResult
from vmfmix.model.matrices import as_array
from vmfmix.model.statistics import ConcentrationPrior, FloatArray, MixtureParameters
from vmfmix.storage.archives import read_arrays
from vmfmix.storage.arrays import named_arrays, restore_matrices
from vmfmix.storage.writing import atomic_file, validate_writable

_FORMAT = 3
_SAMPLED_ROWS = 32  # first rows, whose mean is compared with the file in addition to that of all
_TOLERANCE = 1e-5  # engines may differ by this much in their means
_MAY_DIFFER = ("verbose", "block_size", "device", "warm_start")


class Checkpoint:
    """The checkpoint file of one fit.

    Parameters
    ----------
    path : str or path-like
        An existing file must belong to a fit with the same parameters to the same rows.
    estimator : VMFMixture
        With an integer `random_state`.
    engine : Engine
        Of all rows.
    known_labels, groups : ndarray of shape (n_rows,), int, default=None
        See `vmfmix.fitting.steering.Steering`.

    Raises
    ------
    ValueError
        If `random_state` is not an integer, if the file is damaged or belongs to another fit (it
        is then left unchanged), or if the path is not a file.
    OSError
        If the folder does not exist or is not writable.
    """

    def __init__(
        self,
        path: Any,
        estimator: Any,
        engine: Engine,
        *,
        known_labels: Any = None,
        groups: Any = None,
    ) -> None:
        if not isinstance(estimator.random_state, (int, np.integer)):
            raise ValueError(
                f"random_state={estimator.random_state!r} cannot be used with a checkpoint, since "
                "a resumed fit repeats its start; pass an integer."
            )
        # A link is resolved: the file is removed at the end, the link stays for the next fit.
        self.path: Path = validate_writable(path)
        self._engine = engine
        parameters = {**estimator.get_params(), "known_labels": known_labels, "groups": groups}
        self._header: dict[str, Any] = {
            "vmfmix checkpoint": _FORMAT,
            "version": __version__,
            "parameters": {
                name: _fingerprint(value)
                for name, value in parameters.items()
                if name not in _MAY_DIFFER
            },
            "rows": [int(engine.all_reduce(np.array([engine.n_rows]))[0]), int(engine.n_features)],
        }
        self._row_summary = _summarize_rows(engine)
        self._results: dict[str, EMResult] = self._in_first_process(self._read)

    def stage(self, name: str) -> StageStore:
        """Return the store of one run of EM of this fit."""
        return StageStore(self, name, self._results.get(name))

    def save(self, name: str, result: EMResult) -> None:
        """Write the progress of one run, together with that of all earlier runs."""
        self._results[name] = result
        self._in_first_process(self._write)

    def remove(self) -> None:
        """Remove the file at the end of the fit."""
        self._in_first_process(lambda: self.path.unlink(missing_ok=True))

    def _in_first_process(self, function: Callable[[], Any]) -> Any:
        """Call a function in the first process; if it fails there, fail in all processes."""
        answer = error = None
        if self._engine.is_first:
            try:
                answer = function()
            except (OSError, ValueError) as caught:
                error = caught
        answer, error = self._engine.broadcast((answer, error))
        if error is not None:
            raise error
        return answer

    def _write(self) -> None:
        arrays: dict[str, Any] = {
            "header": np.array(json.dumps(self._header)),
            "rows": self._row_summary,
        }
        for name, result in self._results.items():
            arrays |= {f"{name}.{key}": value for key, value in _encode(result).items()}
        with atomic_file(self.path) as file:
            np.savez(file, **arrays)

    def _read(self) -> dict[str, EMResult]:
        if not self.path.exists():
            return {}
        try:
            with open(self.path, "rb") as file:
                arrays = read_arrays(file)
            header, row_summary = json.loads(str(arrays.pop("header"))), arrays.pop("rows")
            names = dict.fromkeys(name.split(".")[0] for name in arrays)
            results = {name: _decode(arrays, f"{name}.") for name in names}
            file_format, version = header.pop("vmfmix checkpoint"), header.pop("version")
        except MemoryError:
            raise
        except Exception as error:  # damage raises many kinds of errors
            raise ValueError(
                f"{self.path} is damaged, or not the checkpoint of a fit; pass another path, or "
                "remove the file."
            ) from error
        if file_format != _FORMAT:
            raise ValueError(
                f"{self.path} was written by vmfmix {version}, in a format that this version does "
                "not read; remove the file, or use that version."
            )
        self._validate_same_fit(header, row_summary)
        return results

    def _validate_same_fit(self, header: Mapping[str, Any], row_summary: FloatArray) -> None:
        before, now = header["parameters"], self._header["parameters"]
        changed = [name for name in now if before.get(name) != now[name]]
        if changed:
            raise ValueError(
                f"{self.path} belongs to a fit with a different {', '.join(changed)}; pass the "
                "same parameters, or another path."
            )
        is_same = header["rows"] == self._header["rows"]
        is_same = is_same and row_summary.shape == self._row_summary.shape
        if not is_same or not np.allclose(
            row_summary, self._row_summary, rtol=_TOLERANCE, atol=_TOLERANCE
        ):
            raise ValueError(f"{self.path} belongs to a fit to other rows; pass another path.")


class StageStore:
    """Stores the progress of one run of EM in a checkpoint.

    Attributes
    ----------
    result : EMResult or None
        The progress to resume from.
    """

    def __init__(self, checkpoint: Checkpoint, name: str, result: EMResult | None) -> None:
        self._checkpoint, self._name, self.result = checkpoint, name, result

    def save(self, result: EMResult) -> None:
        """Write the result after an iteration."""
        self._checkpoint.save(self._name, result)


def _fingerprint(value: Any) -> Any:
    """Return a JSON value that identifies a parameter, such as the digest of an array.

    Addresses in memory are left out, since they change after a restart.
    """
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, partial):
        return [*map(_fingerprint, (value.func, *value.args)), _fingerprints(value.keywords)]
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    try:
        array = np.ascontiguousarray(value, dtype=np.float64)
    except (TypeError, ValueError):  # another object, such as a callable instance
        plain = {
            name: attribute
            for name, attribute in getattr(value, "__dict__", {}).items()
            if not hasattr(attribute, "__dict__")  # an object that refers to itself would recurse
        }
        return [_fingerprint(type(value)), _fingerprints(plain)]
    return [list(array.shape), hashlib.sha256(array.tobytes()).hexdigest()]


def _fingerprints(values: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): _fingerprint(value) for name, value in values.items()}


def _summarize_rows(engine: Engine) -> FloatArray:
    """Compute the mean of the first rows, and of all rows, and the mean weights of both."""
    rows, weights = engine.take(engine.used_rows[:_SAMPLED_ROWS])
    statistics = engine.accumulate(MixtureParameters.uniform(engine.n_features), hard=True)
    return np.concatenate(
        [
            np.asarray(rows.mean(axis=0), np.float64).ravel(),
            as_array(statistics.resultants).ravel() / statistics.weight,
            [weights.mean(), statistics.weight / len(engine.used_rows)],
        ]
    )


def _encode(result: EMResult) -> dict[str, Any]:
    parameters, prior = result.parameters, result.prior
    scalars = {
        "has_background": bool(parameters.has_background),
        "prior": prior and [float(prior.mean_resultant_length), float(prior.count)],
        "converged": bool(result.converged),
        "weight": float(result.weight),
    }
    return {
        "weights": parameters.weights,
        **named_arrays("means", parameters.means),
        "concentrations": parameters.concentrations,
        "lower_bounds": np.array(result.lower_bounds),
        "n_components": np.array(result.n_components),
        "scalars": np.array(json.dumps(scalars)),
    }


def _decode(arrays: Mapping[str, Any], prefix: str) -> EMResult:
    own = {
        name.removeprefix(prefix): value
        for name, value in arrays.items()
        if name.startswith(prefix)
    }
    scalars, own = json.loads(str(own.pop("scalars"))), restore_matrices(own)
    weights, means, concentrations = own["weights"], own["means"], own["concentrations"]
    if not len(weights) == means.shape[0] == len(concentrations):
        raise ValueError("The arrays have different numbers of components.")
    parameters = MixtureParameters(weights, means, concentrations, scalars["has_background"])
    return EMResult(
        parameters,
        scalars["prior"] and ConcentrationPrior(*scalars["prior"]),
        own["lower_bounds"].tolist(),
        own["n_components"].tolist(),
        converged=scalars["converged"],
        weight=scalars["weight"],
    )
