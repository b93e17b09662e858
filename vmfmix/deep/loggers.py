"""Loggers of Lightning by name, for trainings on the command line."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

_PACKAGES = ("tensorboard", "tensorboardX")  # either of them is enough


def validate_logger(name: str | None) -> None:
    """Raise ImportError if the package that a logger needs is not installed.

    Parameters
    ----------
    name : {"csv", "tensorboard"} or None
    """
    if name == "tensorboard" and not any(map(importlib.util.find_spec, _PACKAGES)):
        raise ImportError(
            "The logger tensorboard needs the package tensorboard; run pip install tensorboard."
        )


def make_logger(name: str | None, folder: Path) -> Any:
    """Return a logger that writes into a subfolder of a folder, or False if there is no name.

    Parameters
    ----------
    name : {"csv", "tensorboard"} or None
    folder : pathlib.Path
        The subfolder has the name of the logger. Each call that trains, also one that resumes,
        writes into a subfolder ``version_N`` of that.

    Returns
    -------
    lightning.pytorch.loggers.Logger or False
    """
    if name is None:
        return False
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

    loggers = {"csv": CSVLogger, "tensorboard": TensorBoardLogger}
    return loggers[name](folder, name=name)
