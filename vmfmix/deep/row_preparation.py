"""Preparation of rows for an encoder: unit length, fewer features, centering."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from torch import nn
from torch.nn import functional

_FEATURES_OF_SPARSE_ROWS = 256  # that remain
_LEAST_LENGTH = 1e-30  # of a row that is scaled to unit length


class RowPreparation(nn.Module):
    """Reduce sparse rows to their leading directions, center rows, and scale them to unit length.

    Parameters
    ----------
    mean : Tensor of shape (n_prepared,)
        Mean of the reduced unit rows.
    directions : Tensor of shape (n_features, n_prepared), default=None
        Rows are projected on these directions. None: they keep their features.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.deep.row_preparation import RowPreparation
    >>> rows = np.array([[0.6, 0.8], [0.8, 0.6]], dtype=np.float32)
    >>> RowPreparation.fitted(rows).prepare(rows).numpy().round(2)
    array([[-0.71,  0.71],
           [ 0.71, -0.71]], dtype=float32)
    """

    mean: torch.Tensor
    directions: torch.Tensor | None

    def __init__(self, mean: torch.Tensor, directions: torch.Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("directions", directions)

    @classmethod
    def fitted(cls, rows: Any) -> Self:
        """Return the preparation that suits some rows.

        Parameters
        ----------
        rows : ndarray or CSR matrix of shape (n_rows, n_features), float32
            Unit rows; those without a direction are zeros.

        Returns
        -------
        RowPreparation
        """
        directions = None
        n_rows, n_features = rows.shape
        if sp.issparse(rows) and n_features > _FEATURES_OF_SPARSE_ROWS:
            n_directions = min(_FEATURES_OF_SPARSE_ROWS, n_rows)
            reduction = TruncatedSVD(n_directions, random_state=0).fit(rows)
            directions = torch.from_numpy(
                np.ascontiguousarray(reduction.components_.T, dtype=np.float32)
            )
        preparation = cls(torch.zeros(1), directions)
        reduced = preparation._reduce(rows)
        n_with_direction = max(np.count_nonzero(_have_direction(rows)), 1)
        mean = reduced.sum(axis=0, dtype=np.float64) / n_with_direction
        return cls(torch.from_numpy(mean.astype(np.float32)), directions)

    @property
    def n_features(self) -> int:
        """Number of features of the rows that can be prepared."""
        return len(self.mean if self.directions is None else self.directions)

    def prepare(self, rows: Any) -> torch.Tensor:
        """Return prepared rows; rows of zeros remain zeros.

        Parameters
        ----------
        rows : ndarray or CSR matrix of shape (n_rows, n_features), float32
            Unit rows.

        Returns
        -------
        Tensor of shape (n_rows, n_prepared), float32
        """
        reduced, have_direction = map(torch.from_numpy, (self._reduce(rows), _have_direction(rows)))
        return self._centered(reduced, have_direction, self.mean.cpu())

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return prepared rows, as `prepare` does, of dense rows of any length.

        Parameters
        ----------
        rows : Tensor of shape (n_rows, n_features), float32

        Returns
        -------
        Tensor of shape (n_rows, n_prepared), float32
        """
        reduced = functional.normalize(rows, dim=1, eps=_LEAST_LENGTH)
        if self.directions is not None:
            reduced = reduced @ self.directions
        return self._centered(reduced, (rows != 0).any(dim=1), self.mean)

    @staticmethod
    def _centered(
        reduced: torch.Tensor, have_direction: torch.Tensor, mean: torch.Tensor
    ) -> torch.Tensor:
        """Return rows minus their mean, of unit length; those without a direction are zeros."""
        centered = functional.normalize(reduced - mean, dim=1, eps=_LEAST_LENGTH)
        return torch.where(have_direction[:, None], centered, 0.0)

    def _reduce(self, rows: Any) -> np.ndarray:
        """Return dense rows of the features that remain."""
        if self.directions is not None:
            rows = rows @ self.directions.cpu().numpy()
        return np.asarray(rows.toarray() if sp.issparse(rows) else rows, dtype=np.float32)


def _have_direction(rows: Any) -> NDArray[np.bool_]:
    """Return whether each row differs from zero."""
    return np.asarray(abs(rows).sum(axis=1)).ravel() > 0
