"""The encoder and the clusters of a finished training, for new images or rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import normalize
from torch import nn

from vmfmix.deep.checkpoints import read_checkpoint
from vmfmix.deep.config import read_yaml
from vmfmix.deep.encoder_choice import make_own_encoder
from vmfmix.deep.export import write_program
from vmfmix.deep.method import Method
from vmfmix.deep.method_config import MethodConfig, config_class_of
from vmfmix.deep.networks import make_network, normalized
from vmfmix.deep.new_data import new_data
from vmfmix.deep.row_preparation import RowPreparation
from vmfmix.deep.run_folder import CHECKPOINT, CONFIG, MIXTURE, RunRecord, read_record
from vmfmix.deep.training import METHODS
from vmfmix.deep.weights import load_encoder_weights
from vmfmix.mixture import VMFMixture
from vmfmix.storage.models import load


class TrainedEncoder:
    """Map new images or rows to embeddings and clusters, as a training does.

    Made by `load_encoder`.

    Parameters
    ----------
    method : Method
        Trained.
    model : VMFMixture
    record : RunRecord

    Attributes
    ----------
    method : LightningModule
        In evaluation mode; ``method.config`` is the config of the training.
    model : VMFMixture
        The clusters of the training, fitted to its embeddings.
    record : RunRecord
        How the training was made.
    """

    def __init__(self, method: Method, model: VMFMixture, record: RunRecord) -> None:
        self.method, self.model, self.record = method.eval().requires_grad_(False), model, record

    def transform(
        self, data: Any, *, batch_size: int = 1024, skip_damaged: bool = False
    ) -> NDArray[np.float32]:
        """Return the embeddings of images or rows.

        Parameters
        ----------
        data : array-like, tensor, sparse matrix, DataFrame, Dataset, str or path-like
            Of the kind that the encoder was trained on, with the same number of channels or
            features; see `vmfmix.deep.train.train`. Images of a folder are resized as those of the
            training; others must have the same size.
        batch_size : int, default=1024
            Images or rows that are processed together. More are never in memory, apart from those
            that are passed.
        skip_damaged : bool, default=False
            Whether to leave out images of a folder that cannot be read, with a warning.

        Returns
        -------
        embeddings : ndarray of shape (n, dim), float32
            Unit rows.

        Raises
        ------
        FileNotFoundError
            If there is no such folder or file.
        ValueError
            If the data are of the other kind or shape, or contain NaN or infinity.
        """
        return self.outputs(data, batch_size=batch_size, skip_damaged=skip_damaged)["embeddings"]

    def features(
        self, data: Any, *, batch_size: int = 1024, skip_damaged: bool = False
    ) -> NDArray[np.float32]:
        """Return the output of the encoder below the layers that learn the embeddings.

        Parameters
        ----------
        data, batch_size, skip_damaged
            See `transform`.

        Returns
        -------
        features : ndarray of shape (n, n_features), float32
        """
        options: Any = {"batch_size": batch_size, "skip_damaged": skip_damaged}
        return self.outputs(data, "features", **options)["features"]

    def predict(
        self, data: Any, *, batch_size: int = 1024, skip_damaged: bool = False
    ) -> NDArray[np.int32]:
        """Return the most probable cluster of images or rows.

        Parameters
        ----------
        data, batch_size, skip_damaged
            See `transform`.

        Returns
        -------
        labels : ndarray of shape (n,), int32
        """
        embeddings = self.transform(data, batch_size=batch_size, skip_damaged=skip_damaged)
        labels: NDArray[np.int32] = self.model.predict(embeddings)
        return labels

    @torch.no_grad()
    def outputs(
        self,
        data: Any,
        *names: str,
        batch_size: int = 1024,
        skip_damaged: bool = False,
    ) -> dict[str, Any]:
        """Return several outputs of one pass over images or rows.

        Parameters
        ----------
        data : object
            See `transform`.
        *names : {"embeddings", "features", "coefficients"}
            Outputs; none: "embeddings". Only MIX'EM has coefficients, of its components.
        batch_size : int, default=1024
        skip_damaged : bool, default=False

        Returns
        -------
        dict
            An array for each name; and ``names``, the path of each image of a folder, otherwise
            None.

        Raises
        ------
        ValueError
            If the method has no such output, or the data cannot be used.
        """
        names = names or ("embeddings",)
        method = self.method
        batches = new_data(
            data,
            self.record,
            method.preparation,
            batch_size=batch_size,
            skip_damaged=skip_damaged,
        )
        parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for batch in batches:
            found = method(batch.to(method.device))
            if unknown := [name for name in names if name not in found]:
                raise ValueError(
                    f"The method {self.record.method} has no output {unknown[0]!r}; choose from "
                    f"{', '.join(name for name in found if name != 'dominant')}."
                )
            for name in names:
                part = found[name].float().cpu().numpy()
                parts[name].append(normalize(part) if name == "embeddings" else part)
        arrays = {name: np.concatenate(each) for name, each in parts.items()}
        return {**arrays, "names": batches.names}

    def export(self, path: str | Path) -> None:
        """Write the encoder as a program of `torch.export`, which runs without vmfmix.

        The program maps a batch of any number of images or rows to their embeddings, unit rows.
        Images are numbers from 0 to 1 of shape (n, channels, height, width), of the size of the
        training; rows are dense, of shape (n, n_features), and neither scaled nor centered. Both
        are of type float32. Run it with ``torch.export.load(path).module()(batch)``.

        Parameters
        ----------
        path : str or path-like
            Name of the file, which ends with .pt2.

        Raises
        ------
        ValueError
            If the name ends otherwise, or if torch cannot export an encoder of your own.
        """
        write_program(path, self.method.embedding_network, self.method.preparation, self.record)


def load_encoder(
    run: str | Path, *, encoder: nn.Module | str | None = None, device: Any = None
) -> TrainedEncoder:
    """Load the encoder and the clusters of a training.

    Parameters
    ----------
    run : str or path-like
        Folder that `vmfmix.deep.train.train` wrote (its parameter `out`), or the command
        ``python -m vmfmix.deep.train``.
    encoder : torch.nn.Module or str, default=None
        The encoder that was passed to the training, if one was, or ``package.module:callable``, a
        function that returns it; its weights are replaced by those of the training. None: it is
        built as the training built it, if it has a name. Code that a folder names is never run
        unless it is passed here.
    device : str or torch.device, default=None
        Where to compute; None: on a GPU if there is one, else on the CPU.

    Returns
    -------
    TrainedEncoder

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it is not the folder of a training that has ended, or if an encoder is needed or has
        another architecture.

    Examples
    --------
    >>> import os, tempfile
    >>> from vmfmix.datasets import load_snips
    >>> from vmfmix.deep import load_encoder
    >>> from vmfmix.deep.train import train
    >>> X = load_snips().data[:300]
    >>> small = {"epochs": 1, "batch_size": 100, "width": 16, "dim": 4, "n_components": 7}
    >>> on_cpu = {"accelerator": "cpu", "enable_progress_bar": False}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = train("simclr", X[:200], out=folder, trainer=on_cpu, **small)
    ...     encoder = load_encoder(folder, device="cpu")
    >>> encoder.transform(X[200:]).shape, encoder.features(X[200:]).shape
    ((100, 4), (100, 16))
    """
    folder = Path(run)
    record = read_record(folder)
    config_class = config_class_of(record.method, record.kind)
    config = config_class(**read_yaml(folder / CONFIG, config_class, record.method))
    encoder = normalized(_encoder_of(record, encoder, folder), config.normalization)
    path = folder / CHECKPOINT
    checkpoint = read_checkpoint(path)
    n_epochs = len(checkpoint.get("history", ()))
    if n_epochs != record.epochs:
        raise ValueError(
            f"The results in {folder} are those of {record.epochs} epochs, but {CHECKPOINT} is "
            f"that of {n_epochs}; run the same training again, which completes it."
        )
    load_encoder_weights(encoder, checkpoint, path)
    method = _method(record, encoder, config, checkpoint, path)
    model: VMFMixture = load(folder / MIXTURE)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return TrainedEncoder(method.to(device), model, record)


def _encoder_of(record: RunRecord, encoder: nn.Module | str | None, folder: Path) -> nn.Module:
    """Return the encoder of a training, whose weights are still those it is made with."""
    if isinstance(encoder, str):
        names = "n_channels", "n_features"
        shape = {name: record.encoder[name] for name in names if name in record.encoder}
        return make_own_encoder(encoder, **shape)
    if encoder is not None:
        return encoder
    if "network" in record.encoder:
        return make_network(**record.encoder)
    if "callable" in record.encoder:
        raise ValueError(
            f"The training in {folder} had an encoder made by {record.encoder['callable']}, code "
            "that is not run unless you ask for it; if you trust it, pass "
            f'encoder="{record.encoder["callable"]}".'
        )
    raise ValueError(
        f"The training in {folder} had an encoder of the class {record.encoder.get('class')}, "
        'which its files do not contain; pass encoder="package.module:callable", a function that '
        "returns one of the same architecture, or, in Python, such an encoder itself."
    )


def _method(
    record: RunRecord,
    encoder: nn.Module,
    config: MethodConfig,
    checkpoint: dict[str, Any],
    path: Path,
) -> Method:
    """Return the method of a training with the weights of its checkpoint."""
    weights = {
        name: value
        for name, value in checkpoint["state_dict"].items()
        if not name.startswith("views.")  # which only a training needs
    }
    preparation = None
    if record.kind == "rows":
        mean, directions = (weights.get(f"preparation.{name}") for name in ("mean", "directions"))
        if mean is None:
            raise ValueError(f"{path} is not the checkpoint of a training on rows.")
        preparation = RowPreparation(mean, directions)
        first = mean.new_zeros((1, len(mean)))
    else:
        first = torch.zeros((1, *record.shape))
    method = METHODS[record.method](encoder, _no_views, first, record.n, config)
    method.preparation = preparation
    method.history = checkpoint["history"]
    try:
        method.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"{path} is not the checkpoint of the training that {CONFIG} describes: {error}"
        ) from error
    return method


def _no_views(batch: torch.Tensor) -> list[torch.Tensor]:
    raise NotImplementedError("A trained encoder draws no views.")
