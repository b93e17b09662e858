"""Datasets: sentence embeddings with known classes, and mixtures with known parameters."""

from vmfmix.datasets.loaders import load_snips, make_vmf_mixture

__all__ = ["load_snips", "make_vmf_mixture"]
