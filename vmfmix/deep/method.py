"""What the methods share: views, epochs that can be repeated, a history, and warnings in words."""

import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from lightning.pytorch import LightningModule

from vmfmix.deep import monitors
from vmfmix.deep.config import described, setting
from vmfmix.deep.networks import n_features_of
from vmfmix.deep.views import Views, as_floats
from vmfmix.mixture import VMFMixture


@described
@dataclass
class MethodConfig:
    """What every method is told."""

    epochs: int = setting(200, "Passes over the images.")
    batch_size: int = setting(256, "Images in a batch of one process.")
    least_area: float = setting(0.2, "A view shows at least this share of an image.")
    flip: bool = setting(True, "Left and right change places in half of the views.")
    color: float = setting(1.0, "Strength of changes of color, or of brightness; 0: none.")
    blur: bool = setting(False, "Half of the views are blurred; for large images.")
    n_small: int = setting(0, "Number of views of small parts of an image, beside the two.")
    small_size: int = setting(0, "Height and width of these, in pixels; 0: as the others.")
    seed: int = setting(0, "Of all random numbers.")

    def __post_init__(self):
        self.require_at_least(epochs=1, batch_size=2)

    def require_at_least(self, **least):
        """Raise ValueError where a setting is smaller than allowed."""
        for name, smallest in least.items():
            value = getattr(self, name)
            if isinstance(value, int) and value < smallest:
                raise ValueError(f"{name}={value} is not allowed; pass at least {smallest}.")

    def views_for(self, size, n_channels):
        """Views of images of this height, width and number of channels."""
        names = "least_area", "flip", "color", "blur", "n_small", "small_size"
        return Views(size, n_channels, **{name: getattr(self, name) for name in names})


class Method(LightningModule):
    """An encoder that learns from views of images.

    A method of its own defines `embed`, `training_step` and `configure_optimizers`, and says in
    `note` how an epoch went. Batches are (images or a list of their views, …, numbers of
    the images among all of them), as `vmfmix.deep.data` gives.

    Parameters
    ----------
    encoder : nn.Module
        Images to rows of features.
    views : callable
        A batch of images to a list of views.
    images : Tensor
        A few, to learn the width of the features.
    n_images : int
        Of the training part.
    config : MethodConfig
    labels : Tensor of shape (n_images,), default=None
        Only to note how often neighbors agree; nothing is learned from them.
    """

    PARTS: tuple[str, ...] = ("epoch",)  # of the time, which are noted in the history
    has_idle_parameters = False  # some learn nothing in some epochs, which processes must know

    def __init__(self, encoder, views, images, n_images, config, labels=None):
        super().__init__()
        self.config, self.n_images = config, n_images
        self.views, self.labels = views, labels
        # Convolutions are faster where the channels of a pixel lie side by side.
        self.encoder = encoder.to(memory_format=torch.channels_last)
        self.n_features = n_features_of(encoder, as_floats(images))
        self.history: list[dict] = []
        self._seconds = dict.fromkeys(self.PARTS, 0.0)
        self._start = 0.0

    # --- images and embeddings -------------------------------------------------------------------

    def forward(self, images):
        """What `vmfmix.deep.evaluate.Embedded` keeps of images as they are, by name."""
        features = self.encoder(as_floats(images))
        return {"features": features, "embeddings": self.embed(features)}

    def embed(self, features):
        """Embeddings of features; their length need not be 1."""
        raise NotImplementedError

    def clusters(self, learned):
        """A VMFMixture of the training images as they were embedded in the end."""
        return VMFMixture(random_state=self.config.seed).fit(learned.embeddings)

    def views_of(self, batch):
        """Views of a batch: its own if it has some, else random ones."""
        images = batch[0]
        if isinstance(images, (list, tuple)):
            return [as_floats(view) for view in images]
        return self.views(images)

    @property
    def images_a_step(self):
        """Images from one step of the optimizer to the next, in all processes."""
        trainer = self.trainer
        return self.config.batch_size * trainer.world_size * trainer.accumulate_grad_batches

    @property
    def share_of_steps(self):
        """How much of the training is done, from 0 to 1."""
        return min(self.global_step / max(int(self.trainer.estimated_stepping_batches), 1), 1.0)

    # --- epochs ----------------------------------------------------------------------------------

    def on_train_epoch_start(self):
        """Start the clocks."""
        self._seconds = dict.fromkeys(self._seconds, 0.0)
        self._start = time.perf_counter()

    def on_train_batch_start(self, batch, batch_idx):
        """Draw the views of an epoch as they are drawn where a training is taken up again there."""
        if batch_idx == 0:
            seed = self.config.seed * 100_003 + self.current_epoch
            torch.manual_seed(seed + 1_000_003 * self.global_rank)

    @contextmanager
    def clocked(self, part):
        """Add the seconds of what happens to those of a part of the epoch.

        On a GPU, which works on while nobody waits for it, those of the steps mean little.
        """
        start = time.perf_counter()
        yield
        self._seconds[part] += time.perf_counter() - start

    def note(self, embeddings, numbers, **row):
        """Add an epoch to the history and to the loggers.

        Parameters
        ----------
        embeddings : Tensor of shape (n, dim)
            Some, of unit length.
        numbers : Tensor of shape (n,)
            Which images they are of.
        **row
            What else to note.

        Returns
        -------
        dict
            All that was noted.
        """
        row = {
            "epoch": self.current_epoch,
            "loss": float(self.trainer.callback_metrics["loss"]),
            "spread": monitors.spread(embeddings),
            "effective_rank": monitors.effective_rank(embeddings),
            **row,
        }
        if self.labels is not None:
            labels = self.labels.to(numbers.device)[numbers]
            row["knn"] = monitors.knn_accuracy(
                embeddings[::2], labels[::2], embeddings[1::2], labels[1::2]
            )
        self._seconds["epoch"] = time.perf_counter() - self._start
        row |= {f"{part}_seconds": seconds for part, seconds in self._seconds.items()}
        self.history.append(row)
        noted = {name: float(value) for name, value in row.items() if name not in ("epoch", "loss")}
        self.log_dict(noted, rank_zero_only=True)
        return row

    def warn(self, message):
        """Say what is wrong, if anything is."""
        if message and self.global_rank == 0:
            warnings.warn(message, UserWarning, stacklevel=3)

    # --- state -----------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint):
        """Keep the history with the weights, and what a training is taken up again with."""
        checkpoint["history"] = self.history
        checkpoint["images"] = {"images": self.n_images, "images a step": self.images_a_step}

    def on_load_checkpoint(self, checkpoint):
        """Take the history up again; refuse other images."""
        before = checkpoint["images"]
        now = {"images": self.n_images, "images a step": self.images_a_step}
        if before != now:
            raise ValueError(
                f"The training that is to go on was of {_told(before)}, and now there are "
                f"{_told(now)}; pass the same, or another folder for results."
            )
        self.history = checkpoint["history"]


def _told(numbers):
    return " and ".join(f"{number} {name}" for name, number in numbers.items())
