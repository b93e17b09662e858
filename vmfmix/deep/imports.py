"""Import of modules that need torch, and the threads of torch in a process that is a command."""

from __future__ import annotations

import importlib
import os
from types import ModuleType

from vmfmix._install import install_hint

# Threads of OpenMP wait for work by spinning, for longer than most steps of a small network take.
# On busy cores this keeps the threads with work from running. OpenMP reads these when torch loads
# it: the first is for GNU's OpenMP, the second for Intel's and LLVM's.
_PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
_N_THREADS = "OMP_NUM_THREADS"


def import_with_torch(module: str, purpose: str) -> ModuleType:
    """Import a module that needs torch, Lightning or kornia.

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
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if str(error.name).startswith("vmfmix"):
            raise
        raise ImportError(f"{purpose} needs {error.name}; {install_hint('deep')}.") from error


def wait_passively() -> None:
    """Make threads of OpenMP wait without spinning, unless environment variables say otherwise.

    A command calls it before torch is imported; afterwards, it has no effect.
    """
    for name, value in _PASSIVE.items():
        os.environ.setdefault(name, value)


def limit_threads(n_threads: int | None, *, several_processes: bool = False) -> None:
    """Set the number of threads of torch in a process that is a command.

    Parameters
    ----------
    n_threads : int or None
        None: OMP_NUM_THREADS if it is set, otherwise one thread. More are slower for small
        networks, unless all cores are idle.
    several_processes : bool, default=False
        Whether Lightning starts further processes, for each of which it would choose a number.
    """
    import torch

    if n_threads is None and _N_THREADS in os.environ:
        return
    torch.set_num_threads(n_threads or 1)
    if several_processes:
        os.environ[_N_THREADS] = str(n_threads or 1)
