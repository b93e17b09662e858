"""Import of modules that need torch, by the commands: threads that wait passively, and errors."""

from __future__ import annotations

import importlib
import os
from types import ModuleType

from vmfmix._install import install_hint

# Threads of OpenMP wait for work by spinning, for longer than most steps of a small network take.
# On busy cores this keeps the threads with work from running. OpenMP reads these when torch loads
# it: the first is for GNU's OpenMP, the second for Intel's and LLVM's.
_PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


def import_with_torch(module: str, purpose: str) -> ModuleType:
    """Import a module that needs torch, Lightning or kornia, in a process that is a command.

    Threads of OpenMP wait passively, unless environment variables say otherwise.

    Parameters
    ----------
    module : str
    purpose : str
        What needs it, which begins the error if a package is missing.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If a package is missing.
    """
    for name, value in _PASSIVE.items():
        os.environ.setdefault(name, value)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if str(error.name).startswith("vmfmix"):
            raise
        raise ImportError(f"{purpose} needs {error.name}; {install_hint('deep')}.") from error
