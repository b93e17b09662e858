"""Base of the methods: views, reproducible epochs, the history of a training, and warnings."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import nn

from vmfmix.deep import monitors
from vmfmix.deep.config import config_field, document_fields
from vmfmix.deep.evaluate import Embedded
from vmfmix.deep.networks import n_features_of
from vmfmix.deep.views import Views, as_floats
from vmfmix.mixture import VMFMixture


@document_fields
@dataclass
class MethodConfig:
    """Config that all methods share."""

    epochs: int = config_field(200, "Passes over the images.")
    batch_size: int = config_field(256, "Images in a batch of one process.")
    least_area: float = config_field(0.2, "Smallest area of a view, as a share of the image.")
    flip: bool = config_field(True, "Mirror half of the views horizontally.")
    color: float = config_field(1.0, "Strength of changes of color or brightness; 0: none.")
    blur: bool = config_field(False, "Blur half of the views; for large images.")
    n_small: int = config_field(0, "Small crops of each image, in addition to the two views.")
    small_size: int = config_field(
        0, "Height and width of the small crops, in pixels; 0: those of the two views."
    )
    seed: int = config_field(0, "Seed of all random numbers.")

    def __post_init__(self) -> None:
        self.require_at_least(epochs=1, batch_size=2)

    def require_at_least(self, **minima: int) -> None:
        """Raise ValueError if a parameter is smaller than its minimum."""
        for name, smallest in minima.items():
            value = getattr(self, name)
            if isinstance(value, int) and value < smallest:
                raise ValueError(f"{name}={value} is not allowed; pass at least {smallest}.")

    def views_for(self, size: int | tuple[int, int], n_channels: int) -> Views:
        """Return the views for images of the given height and width, and number of channels."""
        return Views(
            size,
            n_channels,
            least_area=self.least_area,
            flip=self.flip,
            color=self.color,
            blur=self.blur,
            n_small=self.n_small,
            small_size=self.small_size,
        )


class Method(LightningModule):
    """Base class of methods, which train an encoder on views of images.

    A subclass defines `embed`, `training_step` and `configure_optimizers`, and calls `log_epoch` at
    the end of each epoch. Batches are (images or a list of their views, …, indices of the images),
    as the loaders of `vmfmix.deep.data` yield them.

    Parameters
    ----------
    encoder : nn.Module
        Maps images to rows of features.
    views : callable
        Maps a batch of images to a list of views.
    images : Tensor
        A few images, from which the number of features is determined.
    n_images : int
        Number of training images.
    config : MethodConfig
    labels : Tensor of shape (n_images,), default=None
        Used only to log the accuracy of nearest neighbors; nothing is learned from them.
    """

    # Parts of an epoch that are timed; their seconds go into the history.
    TIMED_PARTS: tuple[str, ...] = ("epoch",)
    # Whether some parameters get no gradients in some epochs; distributed training must know.
    has_idle_parameters = False

    def __init__(
        self,
        encoder: nn.Module,
        views: Callable[[torch.Tensor], list[torch.Tensor]],
        images: torch.Tensor,
        n_images: int,
        config: Any,
        labels: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        self.config, self.n_images = config, n_images
        self.views, self.labels = views, labels
        # Convolutions are faster if the channels of a pixel are adjacent in memory.
        self.encoder = encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.n_features = n_features_of(encoder, as_floats(images))
        self.history: list[dict[str, Any]] = []
        self._seconds = dict.fromkeys(self.TIMED_PARTS, 0.0)
        self._epoch_start = 0.0

    # --- images and embeddings -------------------------------------------------------------------

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the arrays of `vmfmix.deep.evaluate.Embedded` for images, by name."""
        features = self.encoder(as_floats(images))
        return {"features": features, "embeddings": self.embed(features)}

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Return embeddings of features; their length need not be 1."""
        raise NotImplementedError

    def clusters(self, embedded: Embedded) -> VMFMixture:
        """Return a VMFMixture fitted to the final embeddings of the training images.

        Parameters
        ----------
        embedded : Embedded
            The training images, with embeddings of unit length.
        """
        return VMFMixture(random_state=self.config.seed).fit(embedded.embeddings)

    def views_of(self, batch: Any) -> list[torch.Tensor]:
        """Return the views that a batch contains, or random views of its images."""
        images = batch[0]
        if isinstance(images, (list, tuple)):
            return [as_floats(view) for view in images]
        return self.views(images)

    @property
    def images_per_step(self) -> int:
        """Number of images per step of the optimizer, over all processes."""
        trainer = self.trainer
        n_batches = trainer.world_size * trainer.accumulate_grad_batches
        return int(self.config.batch_size * n_batches)

    @property
    def share_of_steps(self) -> float:
        """Share of the training that is done, from 0 to 1."""
        return min(self.global_step / max(int(self.trainer.estimated_stepping_batches), 1), 1.0)

    # --- epochs ----------------------------------------------------------------------------------

    def on_train_epoch_start(self) -> None:
        """Reset the timers."""
        self._seconds = dict.fromkeys(self._seconds, 0.0)
        self._epoch_start = time.perf_counter()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed the views at the start of an epoch, so that a resumed training draws the same."""
        if batch_idx == 0:
            seed = self.config.seed * 100_003 + self.current_epoch
            torch.manual_seed(seed + 1_000_003 * self.global_rank)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the seconds of the enclosed block to a part of the epoch.

        A GPU works asynchronously, so seconds of blocks within a step mean little there.
        """
        start = time.perf_counter()
        yield
        self._seconds[part] += time.perf_counter() - start

    def log_epoch(
        self, embeddings: torch.Tensor, indices: torch.Tensor, **row: Any
    ) -> dict[str, Any]:
        """Add an epoch to the history, and log it with Lightning's loggers.

        Parameters
        ----------
        embeddings : Tensor of shape (n, dim)
            Unit rows, of a sample of the images.
        indices : Tensor of shape (n,)
            Indices of these images.
        **row
            Further values to log.

        Returns
        -------
        dict
            The new row of the history.
        """
        row = {
            "epoch": self.current_epoch,
            "loss": float(self.trainer.callback_metrics["loss"]),
            "spread": monitors.spread(embeddings),
            "effective_rank": monitors.effective_rank(embeddings),
            **row,
        }
        if self.labels is not None:
            labels = self.labels.to(indices.device)[indices]
            row["knn"] = monitors.knn_accuracy(
                embeddings[::2], labels[::2], embeddings[1::2], labels[1::2]
            )
        self._seconds["epoch"] = time.perf_counter() - self._epoch_start
        row |= {f"{part}_seconds": seconds for part, seconds in self._seconds.items()}
        self.history.append(row)
        logged = {
            name: float(value) for name, value in row.items() if name not in ("epoch", "loss")
        }
        self.log_dict(logged, rank_zero_only=True)
        return row

    def warn(self, message: str | None) -> None:
        """Warn in the first process, unless the message is None."""
        if message and self.global_rank == 0:
            warnings.warn(message, UserWarning, stacklevel=3)

    # --- state -----------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the history, and the numbers of images that a resumed training must have."""
        checkpoint["history"] = self.history
        checkpoint["images"] = {"images": self.n_images, "images a step": self.images_per_step}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Load the history; raise ValueError if the images are not those of the checkpoint."""
        before = checkpoint["images"]
        now = {"images": self.n_images, "images a step": self.images_per_step}
        if before != now:
            raise ValueError(
                f"The training to resume has {before['images']} images, "
                f"{before['images a step']} per step, but this one has {now['images']}, "
                f"{now['images a step']} per step; pass the same images, batch_size and devices, "
                "or another folder for the results."
            )
        self.history = checkpoint["history"]
