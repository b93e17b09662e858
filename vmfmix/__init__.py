"""Cluster embeddings with von Mises-Fisher mixtures, through a scikit-learn estimator.

Public names and subpackages are imported on first use, so that ``import vmfmix`` loads neither
NumPy nor scikit-learn, numba or torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vmfmix._version import __version__

if TYPE_CHECKING:
    from vmfmix.mixture import VMFMixture
    from vmfmix.neighbors.smoother import NeighborSmoother
    from vmfmix.storage.models import load

__all__ = ["NeighborSmoother", "VMFMixture", "__version__", "load"]

_MODULE_OF = {
    "NeighborSmoother": "vmfmix.neighbors.smoother",
    "VMFMixture": "vmfmix.mixture",
    "load": "vmfmix.storage.models",
}
_SUBPACKAGES = (
    "datasets",
    "deep",
    "distribution",
    "inspection",
    "metrics",
    "neighbors",
    "plotting",
    "report",
)


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(_MODULE_OF[name]), name)
    if name in _SUBPACKAGES:
        return import_module(f"vmfmix.{name}")
    raise AttributeError(f"module 'vmfmix' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBPACKAGES])
