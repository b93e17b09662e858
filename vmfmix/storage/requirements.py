"""Packages that files of some formats need, and the message if one is not installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from vmfmix._install import install_hint

_EXTRAS = {"torch": "torch"}  # of other packages than those of the extra "files"


def validate_installed(package: str, path: Path, action: str = "Reading") -> None:
    """Raise ValueError if the package that reads or writes a file is not installed.

    Parameters
    ----------
    package : str
    path : pathlib.Path
    action : {"Reading", "Writing"}, default="Reading"
    """
    if importlib.util.find_spec(package) is None:
        hint = install_hint(_EXTRAS.get(package, "files"))
        raise ValueError(f"{action} {path} needs {package}, which is not installed; {hint}.")
