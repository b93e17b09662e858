"""Views of rows: each row, and one of its nearest neighbors."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from vmfmix.model.copies import distinct_rows
from vmfmix.neighbors.graph import suitable_n_neighbors
from vmfmix.neighbors.search import nearest_neighbors


class NeighborViews(nn.Module):
    """Two views of each row: the row itself, and a random one of its nearest neighbors.

    Copies of a row are not its neighbors. A row of zeros is its own neighbor.

    Parameters
    ----------
    rows : Tensor of shape (n_rows, n_features), float32
        Unit rows, or zeros.
    n_neighbors : int, default=10
        Number of nearest neighbors by angle; fewer if there are fewer than 20 rows for each.

    Attributes
    ----------
    neighbors : Tensor of shape (n_distinct, n_neighbors), int64
        Numbers of the nearest neighbors of each distinct row.

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
    neighbors: torch.Tensor
    numbers: torch.Tensor

    def __init__(self, rows: torch.Tensor, n_neighbors: int = 10) -> None:
        super().__init__()
        distinct, numbers = distinct_rows(rows.cpu().numpy())
        n_distinct = len(distinct)
        neighbors = np.arange(n_distinct)[:, np.newaxis]
        if n_distinct > 1:
            n_neighbors = suitable_n_neighbors(n_distinct, n_neighbors)
            found = nearest_neighbors(distinct, n_neighbors).rows
            has_direction = distinct.any(axis=1, keepdims=True)
            neighbors = np.where(has_direction, found, neighbors)
        arrays = {"distinct": distinct, "neighbors": neighbors, "numbers": numbers}
        for name, array in arrays.items():
            tensor = torch.from_numpy(np.ascontiguousarray(array))
            tensor = tensor if name == "distinct" else tensor.long()
            # Not in checkpoints, since they follow from the rows.
            self.register_buffer(name, tensor, persistent=False)

    @torch.no_grad()
    def forward(self, rows: torch.Tensor, indices: torch.Tensor) -> list[torch.Tensor]:
        """Return a batch of rows and one neighbor of each.

        Parameters
        ----------
        rows : Tensor of shape (batch, n_features)
        indices : Tensor of shape (batch,), int64
            Numbers of these rows among all rows.

        Returns
        -------
        list of Tensor
        """
        neighbors = self.neighbors[self.numbers[indices]]
        drawn = torch.randint(neighbors.shape[1], (len(rows), 1), device=neighbors.device)
        return [rows, self.distinct[neighbors.gather(1, drawn).squeeze(1)]]
