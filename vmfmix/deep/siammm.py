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
import statistics
import warnings
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from vmfmix.deep import losses, monitors
from vmfmix.deep.config import described, setting
from vmfmix.deep.method import Method, MethodConfig
from vmfmix.deep.networks import MomentumTarget, predictor, projector
from vmfmix.deep.online import OnlineVMFMixture
from vmfmix.mixture import VMFMixture

_ROWS_OF_A_FIT, _ROWS_PER_CLUSTER = 6000, 20  # at most, unless clusters would be too small
_FEWEST_A_CLUSTER = 5  # images of each cluster to begin with
OBJECTIVES = ("siammm", "nce1-memory", "nce1-batch", "nce2")


@described
@dataclass
class SiamMMConfig(MethodConfig):
    """How SiamMM learns."""

    learning_rate: float = setting(
        0.06, "Of stochastic gradient descent for 256 images; it grows with the batch."
    )
    weight_decay: float = setting(5e-4, "Of the same.")
    dim: int = setting(128, "Width of the embeddings.")
    hidden: int = setting(512, "Width of the layers of the projector.")
    predictor_hidden: int = setting(256, "Width of the layer of the predictor.")
    momentum: float | None = setting(
        0.99,
        "Of the target network at first; it grows to 1. None: the target is the network itself.",
    )
    objective: str = setting(
        "siammm",
        "siammm: no negative samples. What it is compared with: nce1-memory and nce1-batch have "
        "other centroids as negatives, with one κ, and with the nearest centroid or Sinkhorn's "
        "codes of the batch as aim; nce2 has the points of the batch.",
    )
    share: float = setting(
        0.7,
        "λ, how far targets are drawn to their centroids, from 0 (no clusters: SimSiam, BYOL) to "
        "below 1.",
    )
    warm_up: float = setting(0.3, "Share of the epochs before clusters count.")
    ramp: float = setting(0.1, "Share of the epochs in which λ then grows.")
    n_components: int | str = setting(
        "auto",
        "Number of clusters; auto: they merge, from the first number down to the one that is "
        "found in the embeddings when the mixture is fitted anew.",
    )
    n_components_init: int = setting(100, "Clusters to begin with, where they merge.")
    settled: float = setting(0.9, "Share of the epochs after which the number falls no more.")
    refits: int = setting(8, "How often the mixture is fitted anew.")
    top_m: int | None = setting(
        5, "Targets are drawn to so many of the most probable centroids; None: to all."
    )
    largest_concentration: float = setting(
        20.0, "κ of responsibilities is at most this; the likelihood's is too sharp to learn from."
    )

    def __post_init__(self):
        super().__post_init__()
        self.require_at_least(n_components=1, n_components_init=2, refits=1, top_m=1)
        if self.objective not in OBJECTIVES:
            raise ValueError(
                f"objective={self.objective!r} is not allowed; pass one of {', '.join(OBJECTIVES)}."
            )
        if not 0.0 <= self.share < 1.0:
            raise ValueError(
                f"share={self.share} is not allowed: from 0 to below 1. With 1 nothing keeps the "
                "embeddings apart."
            )
        if self.n_components != "auto" and not isinstance(self.n_components, int):
            raise ValueError(
                f'n_components={self.n_components!r} is not allowed; pass a number or "auto".'
            )
        if not 0.0 <= self.warm_up + self.ramp <= 1.0:
            raise ValueError(
                f"warm_up={self.warm_up} and ramp={self.ramp} are shares of the epochs; make their "
                "sum at most 1."
            )
        if not self.warm_up < self.settled <= 1.0:
            raise ValueError(
                f"settled={self.settled} must be above warm_up={self.warm_up} and at most 1."
            )


class SiamMM(Method):
    """Encoder, projector, predictor, target and mixture.

    In several processes, each remembers the embeddings of all images, and the first one fits and
    merges for all.

    Parameters
    ----------
    encoder, views, images, n_images, config, labels
        See `vmfmix.deep.method.Method`; the first two views of a batch are targets as well.
    """

    PARTS = ("epoch", "mixture", "refit")
    bank: torch.Tensor
    target: MomentumTarget | None

    def __init__(self, encoder, views, images, n_images, config, labels=None):
        super().__init__(encoder, views, images, n_images, config, labels)
        if isinstance(config.n_components, int) and config.n_components > n_images:
            raise ValueError(
                f"n_components={config.n_components} is more than there are images, {n_images}."
            )
        self.projector = projector(self.n_features, config.hidden, config.dim)
        self.predictor = predictor(config.dim, config.predictor_hidden)
        self.target = MomentumTarget(self.network) if config.momentum is not None else None
        self.mixture = OnlineVMFMixture(
            config.dim,
            largest_concentration=config.largest_concentration,
            top_m=config.top_m,
        )
        self.register_buffer("bank", torch.zeros(n_images, config.dim))
        self.found: list[int] = []  # number of clusters, by each fit
        # Processes share these in their own way, and not before each step.
        self._ddp_params_and_buffers_to_ignore = [
            "bank",
            *(f"mixture.{name}" for name, _ in self.mixture.named_buffers()),
        ]

    @property
    def network(self):
        """Encoder and projector."""
        return nn.Sequential(self.encoder, self.projector)

    def embed(self, features):
        """What the projector makes of features."""
        return self.projector(features)

    def clusters(self, learned):
        """The mixture as a VMFMixture, fitted to the embeddings from where it is."""
        embeddings = learned.embeddings
        if self.mixture.n_components > 0:
            means = self.mixture.means.cpu().double().numpy()
            model = VMFMixture(len(means), means_init=means, merge=None).fit(embeddings)
            empty = len(means) - model.n_components_
            if empty > 0:
                warnings.warn(
                    f"{empty} of the {len(means)} clusters hold no image when images are embedded "
                    "as they are, without random views; train for longer.",
                    UserWarning,
                    stacklevel=2,
                )
            return model
        return VMFMixture(self.config.n_components, random_state=self.config.seed).fit(embeddings)

    # --- learning --------------------------------------------------------------------------------

    def configure_optimizers(self):
        """Gradient descent with momentum and a cosine schedule; the predictor keeps its rate."""
        rate = self.config.learning_rate * self.images_a_step / 256
        groups = [
            {"params": [*self.encoder.parameters(), *self.projector.parameters()]},
            {"params": list(self.predictor.parameters())},
        ]
        optimizer = torch.optim.SGD(
            groups, lr=rate, momentum=0.9, weight_decay=self.config.weight_decay
        )
        n_steps = max(int(self.trainer.estimated_stepping_batches), 1)
        falls = [lambda step: 0.5 * (1.0 + math.cos(math.pi * step / n_steps)), lambda _: 1.0]
        # Step by step, since a schedule by epochs loses one where a training is taken up again.
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, falls)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def training_step(self, batch, batch_idx):
        """The loss of one batch; the mixture follows the targets."""
        views, numbers = self.views_of(batch), batch[-1]
        embedded = [self.projector(self.encoder(view)) for view in views]
        predicted = [functional.normalize(self.predictor(each).float(), dim=1) for each in embedded]
        targets = self._targets(views[:2], embedded[:2])
        with self.clocked("mixture"):
            responsibilities = (
                [self.mixture(each) for each in targets] if self.has_clusters else None
            )
            self._remember(targets, responsibilities, numbers)
        pairs = [(a, b) for a in range(len(views)) for b in range(2) if a != b]
        with torch.autocast(self.device.type, enabled=False):
            loss = sum(
                self._loss(predicted[a], targets[b], responsibilities and responsibilities[b])
                for a, b in pairs
            ) / len(pairs)
        self.log("loss", loss, on_step=False, on_epoch=True, prog_bar=True, sync_dist=True)
        return loss

    def optimizer_step(self, *arguments, **options):
        """A step, and the target follows; its momentum grows to 1 along a cosine."""
        super().optimizer_step(*arguments, **options)
        if self.target is not None:
            rest = (1.0 - self.config.momentum) * math.cos(0.5 * math.pi * self.share_of_steps) ** 2
            self.target.follow(self.network, 1.0 - rest)

    @torch.no_grad()
    def _targets(self, views, embedded):
        found = embedded if self.target is None else [self.target(view) for view in views]
        return [functional.normalize(each.detach().float(), dim=1) for each in found]

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
        embeddings = targets[0]
        if self.trainer.world_size > 1:
            numbers = self.all_gather(numbers).flatten()  # type: ignore[union-attr]
            embeddings = self.all_gather(embeddings).flatten(0, 1)  # type: ignore[union-attr]
        self.bank[numbers] = embeddings
        if responsibilities is not None:
            step = min(len(numbers) / self.n_images, 1.0)
            self.mixture.update(torch.cat(targets), torch.cat(responsibilities), step)

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

    def on_train_epoch_start(self):
        """Fit the mixture where it is due."""
        super().on_train_epoch_start()
        if self.config.share > 0 and self.current_epoch in self.refit_epochs:
            with self.clocked("refit"):
                if self.global_rank == 0:
                    self._refit()
                self.mixture.take_from_first()

    def _refit(self):
        """Fit the mixture to the bank; where clusters merge, keep as many as are due."""
        config = self.config
        find = config.n_components == "auto"
        n_init = self.n_components_init
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a fit warns of is in the history
            self.mixture.fit_(
                functional.normalize(self.bank, dim=1),
                config.n_components,
                max_rows=max(_ROWS_OF_A_FIT, _ROWS_PER_CLUSTER * n_init),
                cut=self._cut if find else None,
                n_components_init=n_init if find else None,
                random_state=config.seed + self.current_epoch,
            )

    @property
    def n_components_init(self):
        """Clusters to begin with: not so many that they have few images each."""
        return min(self.config.n_components_init, max(self.n_images // _FEWEST_A_CLUSTER, 2))

    def _cut(self, found):
        """How many clusters to keep of a fit that found so many."""
        self.found.append(found)
        return self._number_due(self.current_epoch)

    def _number_due(self, epoch):
        """Clusters before an epoch: a geometric way from the first number to the one found.

        Many clusters at first, since few that are wrong cannot be mended: what is drawn together
        stays together. What is found differs from fit to fit, so it is the median of all.
        """
        config, found = self.config, round(statistics.median(self.found))
        most, first = self.n_components_init, self.refit_epochs[0]
        done = (epoch - first) / max(config.settled * config.epochs - first, 1.0)
        done = min(max(done, 0.0), 1.0)
        return max(round(most ** (1.0 - done) * found**done), found)

    def on_train_epoch_end(self):
        """Drop dead clusters, merge, and note how it goes."""
        row: dict = {"share": self.share_now}
        if self.has_clusters:
            if self.config.n_components == "auto":
                with self.clocked("mixture"):
                    if self.global_rank == 0:
                        self.mixture.prune_()
                        bank = functional.normalize(self.bank, dim=1)
                        self.mixture.merge_(bank, self._number_due(self.current_epoch + 1))
                    self.mixture.take_from_first()
            row |= {
                "n_found": self.found[-1] if self.found else self.mixture.n_components,
                "n_components": self.mixture.n_components,
                "usage": monitors.perplexity(self.mixture.weights),
                "largest_weight": float(self.mixture.weights.max()),
                "concentration": float(self.mixture.concentration),
                "n_distinct": monitors.n_distinct(self.mixture.means),
            }
        numbers = torch.arange(
            0, self.n_images, max(self.n_images // 4096, 1), device=self.bank.device
        )
        row = self.note(functional.normalize(self.bank[numbers], dim=1), numbers, **row)
        self.warn(monitors.warning_of_spread(row["spread"]))
        self.warn(monitors.warning_of_usage(row.get("usage", 0.0), row.get("n_components", 0)))
        if monitors.has_collapsed(row["spread"]):
            self.trainer.should_stop = True

    # --- state -----------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint):
        """Keep the numbers of clusters that were found."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["found"] = self.found

    def on_load_checkpoint(self, checkpoint):
        """Take them up again."""
        super().on_load_checkpoint(checkpoint)
        self.found = checkpoint["found"]
