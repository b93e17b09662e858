"""Weights of encoders from files of several kinds, read without running code from them."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vmfmix.deep.run_folder import checkpoint_of
from vmfmix.storage.reading import validate_input_file
from vmfmix.storage.requirements import validate_installed
from vmfmix.storage.tensor_files import load_torch

Weights = dict[str, torch.Tensor]

_NESTED = ("state_dict", "model_state_dict", "model")  # keys of weights beside other values
_PREFIXES = ("module.", "model.", "encoder.", "backbone.", "network.")
_CLASSIFIERS = ("fc.", "classifier.", "head.")
_OPTIONAL = ".num_batches_tracked"  # of batch normalization; PyTorch before 0.4.1 did not write it
_N_NAMES = 3  # in a message


def read_weights(path: str | Path) -> Weights:
    """Read weights by name.

    Parameters
    ----------
    path : str or path-like
        A state dict that torch.save wrote, alone or within a checkpoint, such as one of Lightning;
        a .safetensors file; or the folder of a training of vmfmix.

    Returns
    -------
    dict of str to Tensor
        On the CPU.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If the file has no weights, is damaged, or could run code when loaded.
    """
    path = checkpoint_of(path)
    validate_input_file(path)
    if _is_safetensors(path):
        validate_installed("safetensors", path)
    try:
        content = _read_safetensors(path) if _is_safetensors(path) else load_torch(path, old=True)
        for key in _NESTED:
            if isinstance(content.get(key), dict):
                content = content[key]
                break
        weights = {
            name: value
            for name, value in content.items()
            if isinstance(name, str) and isinstance(value, torch.Tensor)
        }
        if not weights:
            raise ValueError("There are no tensors with names.")
    except MemoryError:
        raise
    except Exception as error:  # damage raises errors of many types
        raise ValueError(
            f"{path} has no weights that can be read: it is damaged, of another kind, or contains "
            "objects that could run code; pass a state dict that torch.save or safetensors wrote, "
            "a checkpoint, or the folder of a training."
        ) from error
    return weights


def load_start(encoder: nn.Module, weights: Weights, path: str | Path) -> None:
    """Load weights that may have other names than those of the encoder.

    Typical prefixes such as ``module.`` and ``encoder.`` are removed if the names then fit, and
    other weights beside those with the prefix are left out.

    Parameters
    ----------
    encoder : torch.nn.Module
        Its weights are replaced.
    weights : dict of str to Tensor
        See `read_weights`.
    path : str or path-like
        Their file, for messages.

    Raises
    ------
    ValueError
        If the weights are those of another architecture.

    Warns
    -----
    UserWarning
        If a classification layer that the encoder lacks is left out.
    """
    expected = encoder.state_dict()
    fitting = min(_without_prefixes(weights), key=lambda each: len(_problems(expected, each)))
    classifier = [name for name in fitting if _is_classifier(name, expected)]
    load_weights(encoder, {n: fitting[n] for n in fitting if n not in classifier}, path)
    if classifier:
        warnings.warn(
            f"{path}: left out {_few(classifier)}, a classification layer that the encoder lacks.",
            UserWarning,
            stacklevel=2,
        )


def load_encoder_weights(encoder: nn.Module, checkpoint: dict[str, Any], path: str | Path) -> None:
    """Load the encoder weights of a checkpoint of any method.

    Parameters
    ----------
    encoder : torch.nn.Module
        Its weights are replaced.
    checkpoint : dict
    path : str or path-like
        Its file, for messages.

    Raises
    ------
    ValueError
        If the encoder of the checkpoint has another architecture.
    """
    load_weights(encoder, _below(checkpoint["state_dict"], "encoder."), path)


def load_weights(encoder: nn.Module, weights: Weights, path: str | Path) -> None:
    """Replace the weights of an encoder; raise ValueError if they are not those of its layers."""
    expected = encoder.state_dict()
    problems = _problems(expected, weights)
    if problems:
        missing = [name for name in problems if name not in weights]
        unexpected = [name for name in problems if name not in expected]
        reshaped = [
            f"{name} of shape {tuple(weights[name].shape)} in place of "
            f"{tuple(expected[name].shape)}"
            for name in problems
            if name in weights and name in expected
        ]
        parts = {"lacks ": missing, "has in addition ": unexpected, "has ": reshaped}
        text = "; it ".join(f"{verb}{_few(names)}" for verb, names in parts.items() if names)
        raise ValueError(
            f"The encoder in {path} has another architecture: it {text}. Pass weights of the same "
            "architecture, or another encoder."
        )
    encoder.load_state_dict(weights)


def _problems(expected: Weights, weights: Weights) -> list[str]:
    """Return the names of weights that are missing, unexpected, or of another shape."""
    missing = [name for name in expected if name not in weights and not name.endswith(_OPTIONAL)]
    wrong = [
        name
        for name, value in weights.items()
        if name not in expected or value.shape != expected[name].shape
    ]
    return missing + wrong


def _without_prefixes(weights: Weights) -> Iterator[Weights]:
    """Yield the weights, and those below each typical prefix, without it."""
    yield weights
    for prefix in _PREFIXES:
        if inner := _below(weights, prefix):
            yield from _without_prefixes(inner)


def _below(weights: Weights, prefix: str) -> Weights:
    return {
        name.removeprefix(prefix): value
        for name, value in weights.items()
        if name.startswith(prefix)
    }


def _is_classifier(name: str, expected: Collection[str]) -> bool:
    """Return whether a name is that of a classification layer that an encoder lacks."""
    prefix = next((each for each in _CLASSIFIERS if name.startswith(each)), None)
    return prefix is not None and not any(each.startswith(prefix) for each in expected)


def _few(names: list[str]) -> str:
    """Return the first names of a list as text, and the number of the others."""
    more = len(names) - _N_NAMES
    return ", ".join(names[:_N_NAMES]) + (f" and {more} more" if more > 0 else "")


def _is_safetensors(path: Path) -> bool:
    return path.suffix.lower() == ".safetensors"


def _read_safetensors(path: Path) -> Weights:
    from safetensors.torch import load_file

    weights: Weights = load_file(path)
    return weights
