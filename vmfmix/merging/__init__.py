"""Merging of components: costs, the merge path and the choice of the number of components."""
