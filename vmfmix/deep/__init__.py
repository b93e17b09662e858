"""Joint training of embeddings and clusters; needs torch, Lightning and kornia.

The extra ``deep`` installs them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vmfmix.deep.row_encoder import RowEncoder
    from vmfmix.deep.trained_encoder import load_encoder

__all__ = ["RowEncoder", "load_encoder"]

_MODULES = {"RowEncoder": "row_encoder", "load_encoder": "trained_encoder"}


def __getattr__(name: str) -> Any:
    """Import what is used on first use, so that the command line can do without torch."""
    if name in _MODULES:
        return getattr(importlib.import_module(f"vmfmix.deep.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
