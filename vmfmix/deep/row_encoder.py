"""The transformer `RowEncoder`: rows whose clusters a trained network makes more distinct."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.preprocessing import normalize
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import nn

from vmfmix.deep.console import quiet_lightning
from vmfmix.deep.row_preparation import RowPreparation
from vmfmix.deep.rows import PreparedRows, Rows
from vmfmix.deep.training import train
from vmfmix.engines.choice import prepare_rows
from vmfmix.fitting.validation import validate_rows
from vmfmix.mixture import VMFMixture

_ROWS_PER_PART = 4096
_LARGEST_SEED = 2**31 - 1


class RowEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Map rows to embeddings that a network learns from each row and its nearest neighbors.

    This is `vmfmix.deep.train.train` on rows as a transformer, to be used in front of `VMFMixture`:
    ``make_pipeline(RowEncoder(), VMFMixture())``.

    Parameters
    ----------
    method : {"siammm", "mixem", "simclr", "byol"}, default="siammm"
        See `vmfmix.deep.train.train`.
    n_neighbors : int, default=15
        Number of nearest neighbors of a row in the graph on which a walk leads to its second view.
    epochs : int, default=100
        Passes over the rows.
    batch_size : int, default=256
        Rows in a batch; all rows if there are fewer.
    config : dict, default=None
        Other parameters of the method, see `vmfmix.deep.method_config.RowSiamMMConfig` and
        `vmfmix.deep.method_config.RowMixEMConfig`.
    trainer : dict, default=None
        Options of Lightning's Trainer, such as ``{"accelerator": "cpu"}``.
    random_state : int, RandomState instance or None, default=0
        Seed of all random numbers. With an int, a fit gives the same embeddings each time, on the
        same machine with the same number of threads.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_features_out), float32
        The embeddings of the rows of the fit, of unit length.
    mixture_ : VMFMixture
        Fitted to `embedding_`, starting from the clusters of the training if it has any.
    labels_ : ndarray of shape (n_samples,)
        The cluster of each row, as in `mixture_`.
    history_ : list of dict
        One for each epoch.
    network_ : torch.nn.Module
        Maps prepared rows to embeddings, whose length need not be 1.
    preparation_ : RowPreparation
        Scales rows to unit length after centering them, as the network expects.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if `X` has column names that are all strings.

    See Also
    --------
    vmfmix.NeighborSmoother : Averages rows with their neighbors, without a network.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import load_snips
    >>> from vmfmix.deep import RowEncoder
    >>> X = load_snips().data[:400]
    >>> small = {"width": 32, "dim": 8}
    >>> encoder = RowEncoder(epochs=2, config=small, trainer={"accelerator": "cpu"})
    >>> model = make_pipeline(encoder, VMFMixture(7, random_state=0)).fit(X)
    >>> model.predict(X[:5]).shape, encoder.transform(X[:5]).shape
    ((5,), (5, 8))
    """

    embedding_: NDArray[np.float32]
    mixture_: VMFMixture
    labels_: NDArray[np.int32]
    history_: list[dict[str, Any]]
    network_: nn.Module
    preparation_: RowPreparation
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    def __init__(
        self,
        method: str = "siammm",
        *,
        n_neighbors: int = 15,
        epochs: int = 100,
        batch_size: int = 256,
        config: dict[str, Any] | None = None,
        trainer: dict[str, Any] | None = None,
        random_state: Any = 0,
    ) -> None:
        self.method = method
        self.n_neighbors = n_neighbors
        self.epochs = epochs
        self.batch_size = batch_size
        self.config = config
        self.trainer = trainer
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> RowEncoder:
        """Train on rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor, block source} of shape (n_samples, n_features)
            Rows, of which only the directions matter.
        y : Ignored

        Returns
        -------
        self : RowEncoder

        Raises
        ------
        ValueError
            If `X` contains NaN or infinity or has fewer than two rows, or if a parameter is
            invalid.
        """
        rows = self._read(X, ensure_min_samples=2)
        config = {
            "n_neighbors": self.n_neighbors,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "seed": self._seed(),
            **(self.config or {}),
        }
        if isinstance(config["batch_size"], (int, np.integer)) and config["batch_size"] > len(rows):
            config["batch_size"] = len(rows)
        options = {"enable_progress_bar": False, **(self.trainer or {})}
        with quiet_lightning(), torch.random.fork_rng():
            result = train(self.method, rows, trainer=options, **config)
        learner: Any = result.method.cpu()
        self.network_, self.preparation_ = learner.embedding_network, learner.preparation
        self.embedding_, self.mixture_ = result.embeddings, result.model
        self.labels_, self.history_ = result.model.labels_, result.history
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Train on rows, and return their embeddings.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor, block source} of shape (n_samples, n_features)
        y : Ignored

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_features_out), float32
            Unit rows.
        """
        return self.fit(X).embedding_

    def transform(self, X: Any) -> Any:
        """Return the embeddings of rows, which need not be those of the fit.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor, block source} of shape (n_samples, n_features)

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_features_out), float32
            Unit rows.
        """
        check_is_fitted(self)
        rows = PreparedRows(self._read(X, reset=False), self.preparation_).rows
        with torch.no_grad():
            parts = [self.network_(part).float().numpy() for part in rows.split(_ROWS_PER_PART)]
        return normalize(np.concatenate(parts))

    def _read(self, X: Any, **options: Any) -> Rows:
        return Rows(validate_rows(self, prepare_rows(X), **options))

    def _seed(self) -> Any:
        if isinstance(self.random_state, (int, np.integer)):
            return self.random_state
        return int(check_random_state(self.random_state).randint(_LARGEST_SEED))

    @property
    def _n_features_out(self) -> int:
        return int(self.embedding_.shape[1])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
