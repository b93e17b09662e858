"""After SiamMM: embeddings and a mixture of them learned together, without negative samples.

An image's view is to predict where a target network puts another view of it, drawn towards the
centroids of the clusters that it may belong to. The clusters are a von Mises-Fisher mixture of the
targets, which is fitted anew a few times, follows them in between, and loses components that
explain nothing: so it finds its number of clusters on the way.

Of SiamMM [1]_ we know the abstract, the captions of its figures and a summary. What is not in them
was completed from the statistics of mixtures, and its published numbers are not claimed.

References
----------
.. [1] X. Wang, J. Huang, X. Liang (2025). SiamMM. arXiv 2511.05462.
"""

import math
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from lightning.pytorch import LightningModule
from torch import nn
from torch.nn import functional

from vmfmix.deep import losses, monitors
from vmfmix.deep.networks import MomentumTarget, n_features_of, predictor, projector
from vmfmix.deep.online import OnlineVMFMixture

OBJECTIVES = ("siammm", "nce1-memory", "nce1-batch", "nce2")


@dataclass
class SiamMMConfig:
    """How SiamMM learns.

    Parameters
    ----------
    epochs : int
    batch_size : int
    learning_rate : float
        Of stochastic gradient descent for 256 images; it grows with the batch.
    weight_decay : float
    dim, hidden, predictor_hidden : int
        Widths of the embeddings, the projector and the predictor.
    momentum : float or None
        Of the target network at first; it grows to 1. None: the target is the network itself.
    objective : {"siammm", "nce1-memory", "nce1-batch", "nce2"}
        "siammm": no negatives. The others are what it is compared with: other centroids as
        negatives, with a memory of all images or the batch alone, and points as negatives.
    share : float
        λ, how far targets are drawn to their centroids; 0: no clusters are used (SimSiam, BYOL).
    warm_up, ramp : float
        Shares of the epochs before clusters count, and in which λ grows.
    n_components : int or "auto"
        "auto": found by merging.
    n_components_init : int
        Clusters to begin with.
    refits : int
        How often the mixture is fitted anew.
    top_m, largest_concentration
        See `OnlineVMFMixture`.
    seed : int
    """

    epochs: int = 200
    batch_size: int = 256
    learning_rate: float = 0.06
    weight_decay: float = 5e-4
    dim: int = 128
    hidden: int = 512
    predictor_hidden: int = 256
    momentum: float | None = 0.99
    objective: str = "siammm"
    share: float = 0.5
    warm_up: float = 0.3
    ramp: float = 0.1
    n_components: int | str = "auto"
    n_components_init: int = 100
    refits: int = 8
    top_m: int | None = 5
    largest_concentration: float = 20.0
    seed: int = 0

    def __post_init__(self):
        if self.objective not in OBJECTIVES:
            raise ValueError(
                f"objective={self.objective!r} is not allowed; pass one of {', '.join(OBJECTIVES)}."
            )
        if not 0.0 <= self.share < 1.0:
            raise ValueError(
                f"share={self.share} is not allowed: from 0 to below 1. With 1 nothing keeps the "
                "embeddings apart."
            )
        if not 0.0 <= self.warm_up + self.ramp <= 1.0:
            raise ValueError(
                f"warm_up={self.warm_up} and ramp={self.ramp} are shares of the epochs; make their "
                "sum at most 1."
            )


class SiamMM(LightningModule):
    """Encoder, projector, predictor, target and mixture.

    Batches are (images, …, numbers of the images among all of them), as `vmfmix.deep.data` gives.

    Parameters
    ----------
    encoder : nn.Module
        Images to rows of features.
    views : callable
        A batch of images to a list of views, of which the first two are targets as well.
    images : Tensor
        A few, to learn the width of the features.
    n_images : int
        Of the training part.
    config : SiamMMConfig
    """

    bank: torch.Tensor
    target: MomentumTarget | None

    def __init__(self, encoder, views, images, n_images, config):
        super().__init__()
        self.config, self.n_images = config, n_images
        self.encoder, self.views = encoder, views
        n_features = n_features_of(encoder, images)
        self.projector = projector(n_features, config.hidden, config.dim)
        self.predictor = predictor(config.dim, config.predictor_hidden)
        self.target = MomentumTarget(self.network) if config.momentum is not None else None
        self.mixture = OnlineVMFMixture(
            config.dim,
            largest_concentration=config.largest_concentration,
            top_m=config.top_m,
        )
        self.register_buffer("bank", torch.zeros(n_images, config.dim))
        self.history: list[dict] = []
        self._seconds = dict.fromkeys(("epoch", "mixture", "refit"), 0.0)

    @property
    def network(self):
        """Encoder and projector."""
        return nn.Sequential(self.encoder, self.projector)

    # --- learning --------------------------------------------------------------------------------

    def configure_optimizers(self):
        """Gradient descent with momentum and a cosine schedule; the predictor keeps its rate."""
        config = self.config
        rate = config.learning_rate * config.batch_size / 256
        groups = [
            {"params": [*self.encoder.parameters(), *self.projector.parameters()]},
            {"params": list(self.predictor.parameters())},
        ]
        optimizer = torch.optim.SGD(groups, lr=rate, momentum=0.9, weight_decay=config.weight_decay)
        n_steps = max(int(self.trainer.estimated_stepping_batches), 1)
        falls = [lambda step: 0.5 * (1.0 + math.cos(math.pi * step / n_steps)), lambda _: 1.0]
        # Step by step, since a schedule by epochs loses one where a training is taken up again.
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, falls)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def training_step(self, batch, batch_idx):
        """The loss of one batch; the mixture follows the targets."""
        images, numbers = batch[0], batch[-1]
        views = self.views(images)
        embedded = [self.projector(self.encoder(view)) for view in views]
        predicted = [functional.normalize(self.predictor(each), dim=1) for each in embedded]
        targets = self._targets(views[:2], embedded[:2])
        with self._clocked("mixture"):
            responsibilities = (
                [self.mixture(each) for each in targets] if self.has_clusters else None
            )
            self._remember(targets, responsibilities, numbers)
        pairs = [(a, b) for a in range(len(views)) for b in range(2) if a != b]
        loss = sum(
            self._loss(predicted[a], targets[b], responsibilities and responsibilities[b])
            for a, b in pairs
        ) / len(pairs)
        self.log("loss", loss, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    @torch.no_grad()
    def _targets(self, views, embedded):
        if self.target is None:
            return [functional.normalize(each.detach(), dim=1) for each in embedded]
        return [functional.normalize(self.target(view), dim=1) for view in views]

    def _loss(self, predicted, target, responsibilities):
        share, mixture = self.share_now, self.mixture
        if responsibilities is None or share == 0:
            return losses.siamese_loss(predicted, target)
        if self.config.objective == "siammm":
            return losses.fused_target_loss(
                predicted, target, responsibilities, mixture.means, share
            )
        if self.config.objective == "nce1-memory":
            nearest = functional.one_hot(responsibilities.argmax(dim=1), mixture.n_components)
            with_negatives = losses.negative_centroids_loss(
                predicted, nearest.float(), mixture.means, mixture.concentration
            )
        elif self.config.objective == "nce1-batch":
            codes = losses.sinkhorn_codes(target @ mixture.means.T)
            with_negatives = losses.negative_centroids_loss(predicted, codes, mixture.means, 10.0)
        else:
            with_negatives = losses.negative_points_loss(
                predicted, target, responsibilities, mixture.means
            )
        return torch.lerp(losses.siamese_loss(predicted, target), with_negatives, share)

    @torch.no_grad()
    def _remember(self, targets, responsibilities, numbers):
        """Keep the targets of one view, and let the mixture follow those of both."""
        self.bank[numbers] = targets[0].to(self.bank.dtype)
        if responsibilities is not None:
            step = min(len(numbers) / self.n_images, 1.0)
            self.mixture.update(torch.cat(targets).float(), torch.cat(responsibilities), step)

    # --- clusters --------------------------------------------------------------------------------

    @property
    def has_clusters(self):
        """Whether the mixture was fitted and takes part."""
        return self.config.share > 0 and self.mixture.n_components > 0

    @property
    def share_now(self):
        """λ in this epoch: 0 during the warm-up, then a ramp."""
        config = self.config
        first, ramp = config.warm_up * config.epochs, config.ramp * config.epochs
        done = self.current_epoch + 1 - first
        return config.share * min(max(done / max(ramp, 1.0), 0.0), 1.0)

    @property
    def refit_epochs(self):
        """Epochs before which the mixture is fitted anew."""
        first = max(math.ceil(self.config.warm_up * self.config.epochs), 1)
        every = max((self.config.epochs - first) / self.config.refits, 1.0)
        wanted = (first + round(i * every) for i in range(self.config.refits))
        return sorted({epoch for epoch in wanted if epoch < self.config.epochs})

    def on_fit_start(self):
        """Refuse several processes: each would remember, and fit the mixture to, its own images."""
        if self.trainer.world_size > 1:
            raise ValueError(
                f"SiamMM trains in one process so far, and there are {self.trainer.world_size}; "
                "pass devices=1."
            )

    def on_train_epoch_start(self):
        """Fit the mixture where it is due."""
        self._seconds = dict.fromkeys(self._seconds, 0.0)
        self._start = time.perf_counter()
        if self.config.share > 0 and self.current_epoch in self.refit_epochs:
            self._refit()

    def on_train_batch_start(self, batch, batch_idx):
        """Draw the views of an epoch as they are drawn where a training is taken up again there."""
        if batch_idx == 0:
            torch.manual_seed(self.config.seed * 100_003 + self.current_epoch)

    def _refit(self):
        """Fit the mixture to the bank, from twice as many clusters as there were."""
        config, before = self.config, self.mixture.n_components
        most = config.n_components_init
        n_start = most if before == 0 else min(max(2 * before, most // 2), most)
        find = config.n_components == "auto"
        with self._clocked("refit"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a fit warns of is in the history
            self.mixture.fit_(
                functional.normalize(self.bank, dim=1),
                "auto" if find else config.n_components,
                n_components_init=n_start if find else None,
                random_state=config.seed + self.current_epoch,
            )

    @contextmanager
    def _clocked(self, part):
        """Add the seconds of what happens to those of a part of the epoch.

        On a GPU, which works on while nobody waits for it, those of the steps mean little.
        """
        start = time.perf_counter()
        yield
        self._seconds[part] += time.perf_counter() - start

    def on_train_batch_end(self, outputs, batch, batch_idx):
        """Let the target follow; its momentum grows to 1 along a cosine."""
        if self.target is None:
            return
        done = self.global_step / max(self.trainer.estimated_stepping_batches, 1)
        rest = (1.0 - self.config.momentum) * 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))
        self.target.follow(self.network, 1.0 - rest)

    def on_train_epoch_end(self):
        """Drop dead clusters, merge, and note how it goes."""
        some = functional.normalize(self.bank[:: max(self.n_images // 4096, 1)], dim=1)
        row = {
            "epoch": self.current_epoch,
            "loss": float(self.trainer.callback_metrics["loss"]),
            "share": self.share_now,
            "spread": monitors.spread(some),
            "effective_rank": monitors.effective_rank(some),
        }
        if self.has_clusters:
            if self.config.n_components == "auto":
                self.mixture.prune_()
                with self._clocked("mixture"):
                    self.mixture.merge_(functional.normalize(self.bank, dim=1))
            usage = monitors.perplexity(self.mixture.weights)
            row |= {
                "n_components": self.mixture.n_components,
                "usage": usage,
                "largest_weight": float(self.mixture.weights.max()),
                "concentration": float(self.mixture.concentration),
                "n_distinct": monitors.n_distinct(self.mixture.means),
            }
        self._seconds["epoch"] = time.perf_counter() - self._start
        row |= {f"{part}_seconds": seconds for part, seconds in self._seconds.items()}
        self.history.append(row)
        message = monitors.warning_of(
            row["spread"], row.get("usage", 1.0), row.get("n_components", 0)
        )
        if message:
            warnings.warn(message, UserWarning, stacklevel=2)

    # --- state -----------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint):
        """Keep the history with the weights."""
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint):
        """Take the history up again."""
        self.history = checkpoint["history"]
