"""Nearest-neighbor graphs of rows."""

from vmfmix.neighbors.graph import neighbor_graph

__all__ = ["neighbor_graph"]
