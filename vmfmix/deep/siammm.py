"""SiamMM-style training: embeddings and a mixture of them, learned without negative samples.

From one view of an image, a network predicts the embedding of another view by a target network. The
targets are drawn toward the centroids of the clusters that the image may belong to. The clusters
are a von Mises-Fisher mixture of the targets: it is refitted a few times, follows the targets in
between, and merges superfluous clusters, which yields the number of clusters.

Only the abstract, the figure captions and a summary of SiamMM [1]_ were available to us. We filled
in the rest from the statistics of mixtures, and do not claim to reproduce the published numbers.

References
----------
.. [1] X. Wang, J. Huang, X. Liang (2025). SiamMM. arXiv 2511.05462.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from vmfmix.deep import losses, monitors
from vmfmix.deep.evaluate import Embedded
from vmfmix.deep.method import Method
from vmfmix.deep.method_config import SiameseConfig
from vmfmix.deep.networks import MomentumTarget, predictor, projector
from vmfmix.deep.objectives import OBJECTIVES
from vmfmix.deep.online import OnlineVMFMixture
from vmfmix.mixture import VMFMixture

_MAX_ROWS_OF_FIT = 6000  # rows that a mixture is fitted to, or more if there are many clusters
_ROWS_PER_CLUSTER = 20  # of a fit
_IMAGES_PER_INITIAL_CLUSTER = 5  # at least
_MAX_ROWS_OF_LOG = 4096  # embeddings that the logged values of an epoch are computed from


class SiamMM(Method):
    """Encoder, projector, predictor, target network and mixture.

    With `negatives`, it also learns from NT-Xent, with or without the others: BYOL, SimSiam and
    SimCLR are the same method without clusters.

    In several processes, each stores the embeddings of all images, and the first one fits and
    merges the mixture for all.

    Parameters
    ----------
    encoder, views, images, n_images, config, labels
        See `vmfmix.deep.method.Method`; the first two views of a batch are also targets.
    """

    TIMED_PARTS = ("epoch", "mixture", "refit")
    config: SiameseConfig
    bank: torch.Tensor  # the latest target embedding of each image or row

    def __init__(
        self,
        encoder: nn.Module,
        views: Callable[[torch.Tensor], list[torch.Tensor]],
        images: torch.Tensor,
        n_images: int,
        config: SiameseConfig,
        labels: torch.Tensor | None = None,
    ) -> None:
        super().__init__(encoder, views, images, n_images, config, labels)
        if isinstance(config.n_components, int) and config.n_components > n_images:
            raise ValueError(
                f"n_components={config.n_components} is more than the number of "
                f"{config.data_kind}, {n_images}; pass at most that."
            )
        self.projector = projector(
            self.n_features, config.hidden, config.dim, config.projector_layers
        )
        self.predictor: nn.Sequential | None = None
        self.target: MomentumTarget | None = None
        if config.negatives < 1:
            self.predictor = predictor(config.dim, config.predictor_hidden)
            if config.momentum is not None:
                self.target = MomentumTarget(self._averaged_network)
        concentration: Any = config.concentration
        self.mixture = OnlineVMFMixture(
            config.dim,
            fixed_concentration=None if concentration == "auto" else concentration,
            largest_concentration=config.largest_concentration,
            top_m=config.top_m,
        )
        self.register_buffer("bank", torch.zeros(n_images, config.dim))
        self.estimates: list[int] = []  # number of clusters that each fit estimated
        # Processes share these buffers themselves, so DDP need not broadcast them in each step.
        # torch documents this method as the way to exclude buffers, in spite of its underscore;
        # tests/deep/test_siammm.py fails if it disappears or no longer has an effect.
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(
            self, ["bank", *(f"mixture.{name}" for name, _ in self.mixture.named_buffers())]
        )

    @property
    def embedding_network(self) -> nn.Sequential:
        """Encoder and projector."""
        return nn.Sequential(self.encoder, self.projector)

    @property
    def _averaged_network(self) -> nn.Module:
        """The network that the target follows; it shares an encoder that is frozen."""
        return self.projector if self.config.freeze else self.embedding_network

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Return the output of the projector."""
        embeddings: torch.Tensor = self.projector(features)
        return embeddings

    def clusters(self, embedded: Embedded) -> VMFMixture:
        """Return a VMFMixture fitted to embeddings, starting from the mixture of the training."""
        embeddings = embedded.embeddings
        if self.mixture.n_components > 0:
            means = self.mixture.means.cpu().double().numpy()
            model = VMFMixture(
                len(means), means_init=means, merge=None, random_state=self.config.seed
            ).fit(embeddings)
            n_empty = len(means) - model.n_components_
            if n_empty > 0:
                warnings.warn(
                    f"{n_empty} of the {len(means)} clusters contain none of the "
                    f"{self.config.data_kind} when these are embedded without random views; train "
                    "for more epochs.",
                    UserWarning,
                    stacklevel=2,
                )
            return model
        n_components: Any = self.config.n_components
        return VMFMixture(n_components, random_state=self.config.seed).fit(embeddings)

    # --- learning --------------------------------------------------------------------------------

    def configure_optimizers(self) -> Any:
        """Return the optimizer, and a cosine schedule that leaves out the predictor.

        The schedule counts steps, since one that counts epochs skips an epoch when a training is
        resumed.
        """
        config = self.config
        groups = [{"params": [*self.encoder.parameters(), *self.projector.parameters()]}]
        if self.predictor is not None:
            groups.append({"params": list(self.predictor.parameters())})
        optimizer: torch.optim.Optimizer
        if config.optimizer == "adamw":
            optimizer = torch.optim.AdamW(
                groups, lr=config.learning_rate, weight_decay=config.weight_decay
            )
        else:
            optimizer = torch.optim.SGD(
                groups,
                lr=config.learning_rate * self.images_per_step / 256,
                momentum=0.9,
                weight_decay=config.weight_decay,
            )
        n_steps = max(int(self.trainer.estimated_stepping_batches), 1)
        factors = [lambda step: 0.5 * (1.0 + math.cos(math.pi * step / n_steps)), lambda _: 1.0]
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factors[: len(groups)])
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """Return the loss of a batch, and update the mixture with its targets."""
        views, indices = self.views_of(batch), batch[-1]
        features = [self.encoder(view) for view in views]
        embedded = [self.projector(each) for each in features]
        inputs = features if self.config.freeze else views  # of the target
        targets = self._targets(inputs[:2], embedded[:2])
        with self.timed("mixture"):
            responsibilities = [
                self.mixture(each) if self.has_clusters else None for each in targets
            ]
            self._store_targets(targets, responsibilities, indices)
        # Each view predicts the targets of the other views.
        pairs = [(a, b) for a in range(len(views)) for b in range(2) if a != b]
        negatives = self.config.negatives
        loss = embedded[0].new_zeros((), dtype=torch.float32)
        if self.predictor is not None:
            outputs = [self.predictor(each).float() for each in embedded]
            predicted = [functional.normalize(each, dim=1) for each in outputs]
            with torch.autocast(self.device.type, enabled=False):
                for a, b in pairs:
                    pair_loss = self._loss(predicted[a], targets[b], responsibilities[b])
                    loss = loss + (1.0 - negatives) / len(pairs) * pair_loss
        if negatives > 0:
            with torch.autocast(self.device.type, enabled=False):
                loss = loss + negatives * self._contrast(embedded[:2], responsibilities)
        self.log("loss", loss, on_step=False, on_epoch=True, prog_bar=True, sync_dist=True)
        return loss

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:
        """Take a step and update the target, whose momentum grows to 1 along a cosine."""
        super().optimizer_step(*arguments, **options)
        if self.target is not None and self.config.momentum is not None:
            decrease = math.cos(0.5 * math.pi * self.share_of_steps) ** 2
            self.target.follow(
                self._averaged_network, 1.0 - (1.0 - self.config.momentum) * decrease
            )

    @torch.no_grad()
    def _targets(
        self, inputs: list[torch.Tensor], embedded: list[torch.Tensor]
    ) -> list[torch.Tensor]:
        outputs = embedded if self.target is None else [self.target(each) for each in inputs]
        return [functional.normalize(each.detach().float(), dim=1) for each in outputs]

    def _loss(
        self,
        predicted: torch.Tensor,
        target: torch.Tensor,
        responsibilities: torch.Tensor | None,
    ) -> torch.Tensor:
        """Return the loss of the objective, or the Siamese loss while clusters have no weight."""
        if responsibilities is None or self.share_now == 0:
            return losses.siamese_loss(predicted, target)
        objective = OBJECTIVES[self.config.objective]
        return objective.loss(predicted, target, responsibilities, self.mixture, self.share_now)

    def _contrast(
        self, embedded: list[torch.Tensor], responsibilities: list[torch.Tensor | None]
    ) -> torch.Tensor:
        """Return NT-Xent of two views, minus λ times their similarity to each other's centroids."""
        one, other = (functional.normalize(each.float(), dim=1) for each in embedded)
        all_ones, all_others = self.gather([one, other])
        loss = losses.nt_xent_loss(all_ones, all_others, self.config.temperature)
        for view, of_other_view in zip((one, other), reversed(responsibilities)):
            if of_other_view is not None and self.share_now > 0:
                pull = losses.soft_assignment_loss(view, of_other_view, self.mixture.means)
                loss = loss + 0.5 * self.share_now * pull
        return loss

    @torch.no_grad()
    def _store_targets(
        self,
        targets: list[torch.Tensor],
        responsibilities: list[torch.Tensor | None],
        indices: torch.Tensor,
    ) -> None:
        """Store the targets of one view in the bank, and update the mixture with both views."""
        embeddings = targets[0]
        if self.trainer.world_size > 1:
            indices = self.all_gather(indices).flatten()  # type: ignore[union-attr]
            embeddings = self.all_gather(embeddings).flatten(0, 1)  # type: ignore[union-attr]
        self.bank[indices] = embeddings
        of_clusters = [each for each in responsibilities if each is not None]
        if of_clusters and self.config.updates == "online":
            step = min(len(indices) / self.n_images, 1.0)
            self.mixture.update(torch.cat(targets), torch.cat(of_clusters), step)

    # --- clusters --------------------------------------------------------------------------------

    @property
    def merges(self) -> bool:
        """Whether clusters merge gradually."""
        return self.config.n_components == "auto" and self.config.updates == "online"

    @property
    def has_clusters(self) -> bool:
        """Whether the mixture is fitted and enters the loss."""
        return self.config.share > 0 and self.mixture.n_components > 0

    @property
    def share_now(self) -> float:
        """λ in this epoch: 0 during the warm-up, then a ramp up to `share`."""
        config = self.config
        first, ramp = config.warm_up * config.epochs, config.ramp * config.epochs
        done = self.current_epoch + 1 - first
        return config.share * min(max(done / max(ramp, 1.0), 0.0), 1.0)

    @property
    def refit_epochs(self) -> list[int]:
        """Epochs before which the mixture is refitted."""
        first = max(math.ceil(self.config.warm_up * self.config.epochs), 1)
        interval = max((self.config.epochs - first) / self.config.refits, 1.0)
        epochs = (first + round(i * interval) for i in range(self.config.refits))
        return sorted({epoch for epoch in epochs if epoch < self.config.epochs})

    @property
    def n_components_init(self) -> int:
        """Initial number of clusters, limited so that each has a few images or rows."""
        most = max(self.n_images // _IMAGES_PER_INITIAL_CLUSTER, 2)
        return min(self.config.n_components_init, most)

    def on_train_epoch_start(self) -> None:
        """Refit the mixture if this is one of the epochs for it."""
        super().on_train_epoch_start()
        if self.config.share > 0 and self.current_epoch in self.refit_epochs:
            with self.timed("refit"):
                if self.global_rank == 0:
                    self._refit()
                self.mixture.take_from_first()

    def _refit(self) -> None:
        """Fit the mixture to the bank; if clusters merge, stop at the scheduled number."""
        config = self.config
        n_components: Any = config.n_components
        n_init = self.n_components_init
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the history shows what a fit would warn about
            self.mixture.fit_(
                functional.normalize(self.bank, dim=1),
                n_components,
                max_rows=max(_MAX_ROWS_OF_FIT, _ROWS_PER_CLUSTER * n_init),
                cut=self._number_after_fit if self.merges else None,
                n_components_init=n_init if n_components == "auto" else None,
                random_state=config.seed + self.current_epoch,
            )

    def _number_after_fit(self, estimate: int) -> int:
        """Record the number of clusters that a fit estimated, and return the number to keep."""
        self.estimates.append(estimate)
        return self._scheduled_number(self.current_epoch)

    def _scheduled_number(self, epoch: int) -> int:
        """Return the number of clusters before an epoch, on a geometric path to the estimate.

        There are many clusters at first, because too few wrong ones cannot be corrected: images
        that are drawn together stay together. Estimates vary from fit to fit, so the path leads to
        their median.
        """
        config, estimate = self.config, round(float(np.median(self.estimates)))
        most, first = self.n_components_init, self.refit_epochs[0]
        done = (epoch - first) / max(config.settled * config.epochs - first, 1.0)
        done = min(max(done, 0.0), 1.0)
        scheduled = float(most ** (1.0 - done) * estimate**done)
        return max(round(scheduled), estimate)

    def on_train_epoch_end(self) -> None:
        """Remove dead clusters, merge, and log the epoch; stop if embeddings have collapsed."""
        super().on_train_epoch_end()
        row: dict[str, Any] = {"share": self.share_now}
        if self.has_clusters:
            if self.merges:
                with self.timed("mixture"):
                    if self.global_rank == 0:
                        self.mixture.prune_()
                        bank = functional.normalize(self.bank, dim=1)
                        self.mixture.merge_(bank, self._scheduled_number(self.current_epoch + 1))
                    self.mixture.take_from_first()
            row |= {
                "n_found": self.estimates[-1] if self.estimates else self.mixture.n_components,
                "n_components": self.mixture.n_components,
                "usage": monitors.perplexity(self.mixture.weights),
                "largest_weight": float(self.mixture.weights.max()),
                "concentration": float(self.mixture.concentration),
                "n_distinct": monitors.n_distinct(self.mixture.means),
            }
        step = max(self.n_images // _MAX_ROWS_OF_LOG, 1)
        indices = torch.arange(0, self.n_images, step, device=self.bank.device)
        row = self.log_epoch(functional.normalize(self.bank[indices], dim=1), indices, **row)
        self.warn(monitors.spread_warning(row["spread"]))
        self.warn(monitors.usage_warning(row.get("usage", 0.0), row.get("n_components", 0)))
        self.stop_training_if(monitors.has_collapsed(row["spread"]))

    # --- state -----------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the estimated numbers of clusters."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["found"] = self.estimates

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Load the estimated numbers of clusters."""
        super().on_load_checkpoint(checkpoint)
        self.estimates = checkpoint["found"]
