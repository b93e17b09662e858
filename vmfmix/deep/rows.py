"""Rows to train on: arrays, sparse matrices, tensors and DataFrames, or a file of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from sklearn.base import BaseEstimator

from vmfmix.deep.labels import LabeledDataset, plain_labels
from vmfmix.deep.row_preparation import RowPreparation
from vmfmix.engines.choice import choose_engine, prepare_rows
from vmfmix.engines.unit_rows import all_unit_rows
from vmfmix.fitting.validation import validate_rows
from vmfmix.storage.inputs import read_input


class Rows(LabeledDataset):
    """Rows in memory, of unit length.

    Parameters
    ----------
    rows : {array-like, sparse matrix, tensor, DataFrame, block source} of shape (n, n_features)
        Only their directions matter.
    labels : array-like of shape (n,), default=None
        Classes, for reports; nothing is learned from them.
    names : list of str, default=None
        Name of each row, such as an identifier in its file.

    Attributes
    ----------
    rows : ndarray or CSR matrix of shape (n, n_features), float32
        Unit rows; those without a direction are zeros.
    classes : list or None
        The distinct labels, in order.
    labels : Tensor of shape (n,), int64, or None
        Indices into `classes`.
    source : pathlib.Path or None
        File that the rows were read from.

    Raises
    ------
    ValueError
        If the rows are not finite numbers in two dimensions, or if there is not one label for each
        row.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.deep.rows import Rows
    >>> Rows(np.array([[3.0, 4.0], [0.0, 2.0]]), ["a", "b"]).rows
    array([[0.6, 0.8],
           [0. , 1. ]], dtype=float32)
    """

    data_kind = "rows"

    def __init__(self, rows: Any, labels: Any = None, names: Sequence[str] | None = None) -> None:
        self.source: Path | None = None
        valid = validate_rows(Training(), prepare_rows(rows), ensure_min_features=2)
        self.rows = all_unit_rows(choose_engine(valid))
        self.names = None if names is None else list(names)
        if labels is None:
            return
        n_rows = len(self)
        if len(labels) != n_rows:
            raise ValueError(
                f"There are {n_rows} rows and {len(labels)} labels; pass one label for each row."
            )
        self.set_labels(lambda: plain_labels(labels, n_rows))

    def __len__(self) -> int:
        return int(self.rows.shape[0])


class PreparedRows(LabeledDataset):
    """Rows as an encoder sees them, in batches that end with indices.

    Parameters
    ----------
    source : Rows
    preparation : RowPreparation

    Attributes
    ----------
    rows : Tensor of shape (n, n_prepared), float32
    n_features : int
        Number of features before the preparation.

    Raises
    ------
    ValueError
        If the rows do not have the number of features of the preparation.
    """

    data_kind = "rows"
    in_memory = True

    def __init__(self, source: Rows, preparation: RowPreparation) -> None:
        if source.rows.shape[1] != preparation.n_features:
            raise ValueError(
                f"The rows have {source.rows.shape[1]} features, but those of the training have "
                f"{preparation.n_features}; pass rows of the same features."
            )
        self.rows = preparation.prepare(source.rows)
        self.n_features = preparation.n_features
        self.names, self.paths = source.names, None
        self.labels, self.classes = source.labels, source.classes
        self.unusable_labels = source.unusable_labels

    @property
    def first(self) -> torch.Tensor:
        """The first row, as an array of one row."""
        return self.rows[:1]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.rows[index], index

    def __getitems__(self, indices: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a whole batch at once."""
        batch = torch.as_tensor(indices)
        return self.rows[batch], batch


class Training(BaseEstimator):
    """Names the training in messages of scikit-learn about rows that cannot be used."""


def as_rows(data: Any) -> Rows:
    """Return rows of any kind as Rows.

    Parameters
    ----------
    data : Rows, {array-like, sparse matrix, tensor, DataFrame, block source}, str or path-like
        A file is read by `read_rows`.

    Returns
    -------
    Rows
    """
    if isinstance(data, Rows):
        return data
    return read_rows(data) if isinstance(data, (str, Path)) else Rows(data)


def read_rows(path: str | Path, **options: Any) -> Rows:
    """Read rows, and the labels and identifiers beside them, from a file of embeddings.

    Parameters
    ----------
    path : str or path-like
        A file of any format that `vmfmix fit` reads.
    **options
        Parameters of `vmfmix.storage.inputs.read_input`, such as ``label_column``.

    Returns
    -------
    Rows

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file has no embeddings, or several that can be meant.
    """
    found = read_input(path, **options)
    rows = Rows(found.rows, found.labels, found.ids)
    rows.source = Path(found.paths[0] if len(found.paths) == 1 else found.source)
    return rows


def prepared(data: Any, preparation: RowPreparation) -> PreparedRows:
    """Return rows of any kind, prepared as those of a training."""
    return data if isinstance(data, PreparedRows) else PreparedRows(as_rows(data), preparation)
