"""Views of rows: each row, and one that a walk along its nearest neighbors leads to."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from vmfmix.model.copies import distinct_rows
from vmfmix.neighbors.graph import neighbor_graph


class NeighborViews(nn.Module):
    """Two views of each row: the row itself, and the end of a random walk to similar rows.

    The walk follows edges of the graph of nearest neighbors, nearer ones more often. Copies of a
    row are not its neighbors. A row of zeros has no neighbors, and is both views.

    Parameters
    ----------
    rows : Tensor of shape (n_rows, n_features), float32
        Unit rows, or zeros.
    n_neighbors : int, default=10
        Number of nearest neighbors by angle; fewer if there are fewer than 20 rows for each.
    walk : float, default=1
        Mean number of steps of the walks, of which at least one is taken; 1: exactly one. After
        each step, a walk ends with probability 1 / `walk`.

    Attributes
    ----------
    drawn : Tensor of shape (n_rows,), int64
        The distinct row at the end of the walk from each row.
    ends, sums : Tensor of shape (n_edges,) and (n_edges + 1,)
        Rows at the ends of the edges, among the distinct rows, and sums of the weights of the
        edges before each.
    starts : Tensor of shape (n_distinct + 1,), int64
        Number of the first edge of each distinct row.

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.neighbor_views import NeighborViews
    >>> rows = torch.nn.functional.normalize(torch.randn(100, 8), dim=1)
    >>> batch = torch.tensor([3, 5])
    >>> own, neighbors = NeighborViews(rows)(rows[batch], batch)
    >>> bool((own == rows[batch]).all()), bool((neighbors == own).all(dim=1).any())
    (True, False)
    """

    distinct: torch.Tensor
    drawn: torch.Tensor
    numbers: torch.Tensor
    starts: torch.Tensor
    ends: torch.Tensor
    sums: torch.Tensor

    def __init__(self, rows: torch.Tensor, n_neighbors: int = 10, walk: float = 1.0) -> None:
        super().__init__()
        self.walk = walk
        distinct, numbers = distinct_rows(rows.cpu().numpy())
        positions = np.flatnonzero(distinct.any(axis=1))
        n_edges, ends, weights = np.zeros(len(distinct), np.int64), np.empty(0), np.empty(0)
        if len(positions) > 1:
            graph = neighbor_graph(distinct[positions], n_neighbors, weights="local")
            n_edges[positions] = np.diff(graph.indptr)
            ends, weights = positions[graph.indices], graph.data
        arrays = {
            "distinct": distinct,
            "numbers": numbers.astype(np.int64),
            "starts": np.concatenate([[0], np.cumsum(n_edges)]),
            "ends": ends.astype(np.int64),
            "sums": np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)]),
        }
        for name, array in arrays.items():
            # Not in checkpoints, since they follow from the rows.
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        self.register_buffer("drawn", self.numbers, persistent=False)
        self.draw()

    @torch.no_grad()
    def draw(self) -> None:
        """Walk from each row; the ends are the second views until the next call.

        Walks from all rows at once take as many operations as those from a batch.
        """
        places = self.numbers.clone()
        going = torch.arange(len(places), device=places.device)
        while len(going):
            places[going] = self._neighbor_of(places[going])
            going = going[torch.rand(len(going), device=going.device) >= 1 / self.walk]
        self.drawn = places

    @torch.no_grad()
    def forward(self, rows: torch.Tensor, indices: torch.Tensor) -> list[torch.Tensor]:
        """Return a batch of rows, and the row at the end of the walk from each.

        Parameters
        ----------
        rows : Tensor of shape (batch, n_features)
        indices : Tensor of shape (batch,), int64
            Numbers of these rows among all rows.

        Returns
        -------
        list of Tensor
        """
        return [rows, self.distinct[self.drawn[indices]]]

    def _neighbor_of(self, places: torch.Tensor) -> torch.Tensor:
        """Return a random neighbor of each distinct row, or the row itself if it has none."""
        first, end = self.starts[places], self.starts[places + 1]
        below, above = self.sums[first], self.sums[end]
        drawn = below + torch.rand_like(below) * (above - below)
        edges = torch.searchsorted(self.sums, drawn, right=True) - 1
        edges = torch.minimum(edges, end - 1).clamp(min=0)
        return torch.where(end > first, self.ends[edges], places) if len(self.ends) else places
