"""The choice of an encoder: by name, or made by code of one's own; needs no torch."""

from __future__ import annotations

import inspect
import os
import pkgutil
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

# Keys of `vmfmix.deep.networks.NETWORKS`, which needs torch.
ENCODERS = {"images": ("resnet18", "small_convnet", "small_resnet"), "rows": ("row_network",)}
"""Names of encoders by the kind of the data."""

_CALLABLE = re.compile(r"[^\W\d][\w.]*:[^\W\d][\w.]*")


def is_callable_name(encoder: object) -> bool:
    """Return whether an encoder is given as ``package.module:callable``."""
    return isinstance(encoder, str) and _CALLABLE.fullmatch(encoder) is not None


def validate_encoder_name(encoder: str, kind: str | None = None) -> None:
    """Raise ValueError unless a text is ``package.module:callable``, or the name of an encoder.

    Nothing is imported.

    Parameters
    ----------
    encoder : str
    kind : {"images", "rows"}, default=None
        Kind of the data, whose encoders may be given by name. None: no name is allowed.
    """
    names = ENCODERS[kind] if kind is not None else ()
    if encoder not in names and not is_callable_name(encoder):
        allowed = f"{', '.join(names)}, or " if names else ""
        raise ValueError(
            f'encoder="{encoder}" is not allowed; pass {allowed}package.module:callable, a '
            "function that returns an encoder."
        )


def make_own_encoder(name: str, **shape: int) -> nn.Module:
    """Import a callable, from the current folder too, and return the encoder that it returns.

    Parameters
    ----------
    name : str
        ``package.module:callable``. Its code is run, so it must be code that the user names, never
        one that a file names.
    **shape : int
        ``n_channels`` of images or ``n_features`` of rows, passed if the callable has such a
        parameter.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        If there is no such callable, if it raises an error, or if it returns no encoder.

    Examples
    --------
    >>> from vmfmix.deep.encoder_choice import make_own_encoder
    >>> type(make_own_encoder("vmfmix.deep.networks:resnet18", n_channels=1))
    <class 'torch.nn.modules.container.Sequential'>
    """
    from torch import nn

    validate_encoder_name(name)
    with _current_folder_on_path():
        try:
            function: Any = pkgutil.resolve_name(name)
        except Exception as error:  # the module is code of the user
            raise ValueError(
                f"The encoder {name} cannot be imported ({_described(error)}); its module must be "
                "in the current folder or installed."
            ) from error
        try:
            encoder = function(**_accepted(function, shape))
        except Exception as error:
            raise ValueError(f"The encoder {name} cannot be made: {_described(error)}.") from error
    if not isinstance(encoder, nn.Module):
        raise ValueError(
            f"{name} returned an object of the type {type(encoder).__name__}; it must return a "
            "torch.nn.Module."
        )
    return encoder


@contextmanager
def _current_folder_on_path() -> Iterator[None]:
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _accepted(function: Any, arguments: dict[str, int]) -> dict[str, int]:
    """Return the arguments that a function has parameters for."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:  # of some functions that are not written in Python
        return {}
    return {name: value for name, value in arguments.items() if name in parameters}


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
