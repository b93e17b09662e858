"""Base of the methods: views, reproducible epochs, the history of a training, and warnings."""

import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import torch
from lightning.pytorch import LightningModule
from torch import distributed, nn
from torchmetrics import Metric

from vmfmix.deep import monitors
from vmfmix.deep.evaluate import Embedded
from vmfmix.deep.neighbor_views import NeighborViews
from vmfmix.deep.networks import n_features_of
from vmfmix.deep.row_preparation import RowPreparation
from vmfmix.deep.views import as_floats
from vmfmix.mixture import VMFMixture


class Method(LightningModule):
    """Base class of methods, which train an encoder on views of images or rows.

    A subclass defines `embed`, `training_step` and `configure_optimizers`, and calls `log_epoch` at
    the end of each epoch. Batches are (images or a list of their views, …, indices of the images),
    as the loaders of `vmfmix.deep.data` yield them.

    Parameters
    ----------
    encoder : nn.Module
        Maps images, or prepared rows, to rows of features.
    views : callable
        Maps a batch of images or rows to a list of views.
    images : Tensor
        A few images or rows, from which the number of features is determined.
    n_images : int
        Number of training images or rows.
    config : MethodConfig
    labels : Tensor of shape (n_images,), default=None
        Used only to log the accuracy of nearest neighbors; nothing is learned from them.

    Attributes
    ----------
    preparation : RowPreparation or None
        Preparation of rows; None if the method learns from images.
    """

    # Parts of an epoch that are timed; their seconds go into the history.
    TIMED_PARTS: tuple[str, ...] = ("epoch",)

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
        self.preparation: RowPreparation | None = None
        self.views, self.labels = views, labels
        # Convolutions are faster if the channels of a pixel are adjacent in memory.
        self.encoder = encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.n_features = n_features_of(encoder, as_floats(images))
        if config.freeze:
            self.encoder.requires_grad_(False).eval()
        self.history: list[dict[str, Any]] = []
        self._seconds = dict.fromkeys(self.TIMED_PARTS, 0.0)
        self._epoch_start = 0.0
        self._epoch_loss = math.nan

    def train(self, mode: bool = True) -> Self:
        """Switch to training or evaluation mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.config.freeze:
            self.encoder.eval()
        return self

    # --- images and embeddings -------------------------------------------------------------------

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the arrays of `vmfmix.deep.evaluate.Embedded` for images, by name."""
        features = self.encoder(as_floats(images))
        return {"features": features, "embeddings": self.embed(features)}

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Return embeddings of features; their length need not be 1."""
        raise NotImplementedError

    @property
    def embedding_network(self) -> nn.Sequential:
        """The network that maps images or prepared rows to embeddings."""
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
        if isinstance(self.views, NeighborViews):
            return self.views(images, batch[-1])
        return self.views(images)

    def gather(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return tensors of the batches of all processes, with their gradients."""
        if self.trainer.world_size == 1:
            return tensors
        return [self.all_gather(each, sync_grads=True).flatten(0, 1) for each in tensors]  # type: ignore[union-attr]

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
        """Seed and draw the views of an epoch, so that a resumed training has the same."""
        if batch_idx == 0:
            seed = self.config.seed * 100_003 + self.current_epoch
            torch.manual_seed(seed + 1_000_003 * self.global_rank)
            if isinstance(self.views, NeighborViews):
                self.views.draw()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Stop in all processes if a callback of one of them has stopped the training.

        Otherwise that process would leave the epoch, and the others would wait for it forever.
        """
        if self.trainer.world_size > 1:
            self.stop_training_if()

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the seconds of the enclosed block to a part of the epoch.

        A GPU works asynchronously, so seconds of blocks within a step mean little there.
        """
        start = time.perf_counter()
        yield
        self._seconds[part] += time.perf_counter() - start

    def on_train_epoch_end(self) -> None:
        """Read the metrics of the epoch, in every process; subclasses call this first.

        Lightning computes a metric when it is read. The progress bar has just read those that it
        shows, in the first process only. Those that synchronize when they are computed, such as
        the metrics of torchmetrics, must follow in the other processes before anything else is
        exchanged.

        Raises
        ------
        ValueError
            If the loss of the epoch is not finite.
        """
        self._epoch_loss = float(self.trainer.callback_metrics["loss"])
        if not math.isfinite(self._epoch_loss):
            raise ValueError(
                f"The loss of epoch {self.current_epoch} is {self._epoch_loss}: training diverged; "
                "lower learning_rate, or train from scratch in another folder."
            )
        self.stop_training_if()

    def log(self, name: str, value: Any, *arguments: Any, **options: Any) -> None:
        """Log a value, as `LightningModule.log` does, also for callbacks.

        With ``sync_dist=True``, the processes exchange the value now, where all of them log it.
        Lightning would exchange it when it is first read, which the progress bar does in the first
        process alone, while the others may already exchange something else and wait forever.
        """
        is_exchanged = options.get("sync_dist") and not options.get("rank_zero_only")
        if is_exchanged and not isinstance(value, Metric) and distributed.is_initialized():
            value = torch.as_tensor(value, dtype=torch.float32, device=self.device).detach().clone()
            reduction = options.get("reduce_fx", "mean")
            reduction = reduction if isinstance(reduction, str) else reduction.__name__
            _reduce(value, reduction, options.pop("sync_dist_group", None))
            options["sync_dist"] = False
        super().log(name, value, *arguments, **options)

    def stop_training_if(self, stops: bool = False) -> None:
        """Stop in all processes if one of them says so, here or by ``trainer.should_stop``."""
        trainer = self.trainer
        if trainer.strategy.reduce_boolean_decision(stops or trainer.should_stop, all=False):
            trainer.should_stop = True

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
            "loss": self._epoch_loss,
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

    @property
    def _numbers_of_images(self) -> dict[str, int]:
        """The numbers of images that a resumed training must have."""
        return {"images": self.n_images, "images a step": self.images_per_step}

    def validate_resumable(self, checkpoint: dict[str, Any]) -> None:
        """Raise ValueError if the images are not those of a checkpoint."""
        before, now, kind = checkpoint["images"], self._numbers_of_images, self.config.data_kind
        if before != now:
            raise ValueError(
                f"The training to resume has {before['images']} {kind}, "
                f"{before['images a step']} per step, but this one has {now['images']}, "
                f"{now['images a step']} per step; pass the same {kind}, batch_size, devices "
                "and accumulated batches, or another folder for the results."
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the history and the numbers of images."""
        checkpoint["history"] = self.history
        checkpoint["images"] = self._numbers_of_images

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Load the history."""
        self.validate_resumable(checkpoint)
        self.history = checkpoint["history"]


def _reduce(value: torch.Tensor, reduction: str, group: Any) -> None:
    """Replace a value by its mean, sum, minimum or maximum over the processes."""
    operations = {"min": distributed.ReduceOp.MIN, "max": distributed.ReduceOp.MAX}
    distributed.all_reduce(value, operations.get(reduction, distributed.ReduceOp.SUM), group)
    if reduction in ("mean", "avg"):
        value /= distributed.get_world_size(group)
