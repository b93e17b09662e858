"""Merging of components: costs, the merge path, and the choice of the number of components."""

from vmfmix.merging.history import MergeHistory

__all__ = ["MergeHistory"]
