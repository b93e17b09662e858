"""Clustering of embeddings with von Mises-Fisher mixtures, in scikit-learn's shape.

The public names are loaded on first use, so that ``import vmfmix`` compiles nothing and imports
neither numba nor torch nor scikit-learn.
"""

from importlib import import_module

__version__ = "0.1.0.dev0"

__all__ = ["VMFMixture", "__version__", "load"]

_HOMES = {"VMFMixture": "vmfmix.mixture", "load": "vmfmix.persistence"}


def __getattr__(name):
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'vmfmix' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
