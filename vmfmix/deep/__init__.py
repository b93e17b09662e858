"""Joint training of embeddings and clusters; needs torch, Lightning and kornia.

Install these with ``pip install ".[deep]"`` in a clone of the repository.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vmfmix.deep.row_encoder import RowEncoder

__all__ = ["RowEncoder"]


def __getattr__(name: str) -> Any:
    """Import the transformer on first use, so that the command line can do without torch."""
    if name == "RowEncoder":
        from vmfmix.deep.row_encoder import RowEncoder

        return RowEncoder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
