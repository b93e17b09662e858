"""Nearest neighbors by angle, their graph, and rows that are smoothed along it."""

from vmfmix.neighbors.graph import neighbor_graph
from vmfmix.neighbors.search import Neighbors, nearest_neighbors

__all__ = ["Neighbors", "nearest_neighbors", "neighbor_graph"]
