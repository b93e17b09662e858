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
    n_neighbors : int, default=15
        Number of nearest neighbors by angle; fewer if there are fewer than 20 rows for each.
    walk : float, default=30
        Mean number of steps of the walks, of which at least one is taken; 1: exactly one. After
        each step, a walk ends with probability 1 / `walk`.

    Attributes
    ----------
    distinct : Tensor of shape (n_distinct, n_features)
        The rows without copies.
    drawn : Tensor of shape (n_rows,), int64
        The distinct row at the end of the walk from each row.
    numbers : ndarray of shape (n_rows,), int64
        The distinct row that equals each row.
    edges : tuple of ndarray
        ``indptr`` and ``indices`` of the edges between distinct rows, and the sums of the weights
        of the edges before each.

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.neighbor_views import NeighborViews
    >>> rows = torch.nn.functional.normalize(torch.randn(100, 8), dim=1)
    >>> batch = torch.tensor([3, 5])
    >>> own, neighbors = NeighborViews(rows)(rows[batch], batch)
    >>> bool((own == rows[batch]).all()), neighbors.shape
    (True, torch.Size([2, 8]))
    """

    distinct: torch.Tensor
    drawn: torch.Tensor

    def __init__(self, rows: torch.Tensor, n_neighbors: int = 15, walk: float = 30.0) -> None:
        super().__init__()
        self.walk = walk
        distinct, numbers = distinct_rows(rows.cpu().numpy())
        positions = np.flatnonzero(distinct.any(axis=1))
        n_edges, ends, weights = np.zeros(len(distinct), np.int64), np.empty(0), np.empty(0)
        if len(positions) > 1:
            graph = neighbor_graph(distinct[positions], n_neighbors, weights="local")
            n_edges[positions] = np.diff(graph.indptr)
            ends, weights = positions[graph.indices], graph.data
        self.numbers = numbers.astype(np.int64)
        self.edges = (
            np.concatenate([[0], np.cumsum(n_edges)]),
            ends.astype(np.int64),
            np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)]),
        )
        # Not in checkpoints, since they follow from the rows.
        self.register_buffer("distinct", torch.from_numpy(distinct), persistent=False)
        self.register_buffer("drawn", torch.from_numpy(self.numbers), persistent=False)
        self.draw()

    @torch.no_grad()
    def draw(self) -> None:
        """Walk from each row; the ends are the second views until the next call."""
        from vmfmix.neighbors.kernels import walk_ends  # here, as it imports numba

        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        ends = np.empty(len(self.numbers), dtype=np.int64)
        walk_ends(*self.edges, self.numbers, 1 / self.walk, rng, ends)
        self.drawn = torch.from_numpy(ends).to(self.drawn.device)

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
