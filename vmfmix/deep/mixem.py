"""MIX'EM: a mixture of embeddings in contrastive learning, whose components become categories.

Each component gives an image its own embedding, and coefficients mix these embeddings into the one
that the views of an image should share. Entropies, and an attraction within components, make the
coefficients indicate the category of an image; k-means or a VMFMixture starts from them [1]_.

References
----------
.. [1] A. Varamesh, T. Tuytelaars (2020). MIX'EM: Unsupervised image classification using a mixture
   of embeddings. ACCV. Code: github.com/alivaramesh/MIXEM.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from vmfmix.deep import losses, monitors
from vmfmix.deep.components import mixture_from_coefficients
from vmfmix.deep.evaluate import Embedded
from vmfmix.deep.method import Method
from vmfmix.deep.method_config import MixtureOfEmbeddingsConfig
from vmfmix.deep.networks import Mixed, MixtureOfEmbeddings, head
from vmfmix.mixture import VMFMixture

CONDITIONALS = {
    "largest": losses.largest_coefficient_loss,
    "entropy": losses.conditional_entropy_loss,
}
_IMAGES_OF_LOG = 4096  # number of recent images that the logged values are computed from


class MixEM(Method):
    """Encoder, a head for a single embedding, and a mixture of embeddings.

    In several processes, all losses are those of the batches of all processes together.

    Parameters
    ----------
    encoder, views, images, n_images, config, labels
        See `vmfmix.deep.method.Method`.
    """

    config: MixtureOfEmbeddingsConfig

    def __init__(
        self,
        encoder: nn.Module,
        views: Callable[[torch.Tensor], list[torch.Tensor]],
        images: torch.Tensor,
        n_images: int,
        config: MixtureOfEmbeddingsConfig,
        labels: torch.Tensor | None = None,
    ) -> None:
        super().__init__(encoder, views, images, n_images, config, labels)
        n_features = self.n_features
        self.single = head(n_features, config.hidden, config.dim)
        if config.pretraining == 0:
            self.single.requires_grad_(False)
        self.mixture = MixtureOfEmbeddings(
            n_features, config.n_components, config.dim, config.hidden
        )
        self.after = (
            head(config.dim, config.dim, config.dim) if config.after_mixing else nn.Identity()
        )
        # (indices, embeddings, coefficients or None) of the last batches.
        self._recent: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]] = []

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return features and embeddings and, after pre-training, the outputs of the mixture."""
        outputs = super().forward(images)
        if self.pretrains:
            return outputs
        _, embeddings, coefficients = self.mixture(outputs["features"])
        largest = coefficients.argmax(dim=1)
        dominant = embeddings[torch.arange(len(largest)), largest]
        return {**outputs, "coefficients": coefficients, "dominant": dominant}

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Return the mixed embedding of features, with a length of at most 1."""
        embeddings: torch.Tensor = (
            self.single(features) if self.pretrains else self.mixture(features)[0]
        )
        return embeddings

    @property
    def embedding_network(self) -> nn.Sequential:
        """Encoder, and the single embedding or the mixture of embeddings."""
        return nn.Sequential(self.encoder, self.single if self.pretrains else Mixed(self.mixture))

    def clusters(self, embedded: Embedded) -> VMFMixture:
        """Return a VMFMixture that starts from the coefficients, if there are any."""
        if embedded.coefficients is None:
            return super().clusters(embedded)
        n_clusters: Any = self.config.n_clusters
        return mixture_from_coefficients(
            embedded.embeddings, embedded.coefficients, n_clusters, random_state=self.config.seed
        )

    # --- learning --------------------------------------------------------------------------------

    @property
    def pretrains(self) -> bool:
        """Whether a single embedding is learned now, or in the whole training."""
        config = self.config
        # The history has the epochs that are done, also without a Trainer.
        return config.pretraining == config.epochs or len(self.history) < config.pretraining

    def configure_optimizers(self) -> Any:
        """Return Adam with a rate that is constant at first and then falls along a cosine.

        The schedule starts again after pre-training.
        """
        config = self.config
        optimizer = torch.optim.Adam(
            self.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        steps_per_epoch = max(int(self.trainer.estimated_stepping_batches), 1) / config.epochs

        def rate(step: int) -> float:
            epoch, length = step / steps_per_epoch, config.epochs - config.pretraining
            if epoch < config.pretraining:
                length = config.pretraining
            else:
                epoch -= config.pretraining
            falling = max(epoch - config.constant, 0.0) / max(length, 1)
            return 0.5 * (1.0 + math.cos(math.pi * falling))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """Return the loss of a batch."""
        views, indices = self.views_of(batch)[:2], batch[-1]
        features = [self.encoder(view) for view in views]
        coefficients: list[torch.Tensor] | None = None
        with torch.autocast(self.device.type, enabled=False):
            features = [each.float() for each in features]
            if self.pretrains:
                embedded = self.gather([self.single(each) for each in features])
                one, other = embedded
                parts = {"contrast": losses.nt_xent_loss(one, other, self.config.temperature)}
            else:
                mixed = [self.mixture(each) for each in features]
                embedded = self.gather([each[0] for each in mixed])
                coefficients = self.gather([each[2] for each in mixed])
                parts = self._losses(embedded, coefficients)
        total: Any = sum(parts.values())
        loss: torch.Tensor = total
        self._store(embedded[0], coefficients, indices)
        self.log("loss", loss, on_step=False, on_epoch=True, prog_bar=True, sync_dist=True)
        return loss

    def _losses(
        self, embedded: list[torch.Tensor], coefficients: list[torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Return the weighted parts of the loss."""
        config = self.config
        one, other = (self.after(each) for each in embedded)
        parts = {"contrast": losses.nt_xent_loss(one, other, config.temperature)}
        associates = self.current_epoch - config.pretraining >= config.association_start
        for view, (z, pi) in enumerate(zip(embedded, coefficients)):
            pull, push = losses.associative_losses(z, pi.argmax(dim=1), config.n_components)
            weighted = {
                "component": config.component_weight * losses.component_entropy_loss(pi),
                "conditional": config.conditional_weight * CONDITIONALS[config.conditional](pi),
                "pull": config.pull_weight * associates * pull,
                "push": config.push_weight * associates * push,
            }
            parts |= {f"{name} {view}": value for name, value in weighted.items()}
        return parts

    # --- log of an epoch -------------------------------------------------------------------------

    @torch.no_grad()
    def _store(
        self,
        embeddings: torch.Tensor,
        coefficients: list[torch.Tensor] | None,
        indices: torch.Tensor,
    ) -> None:
        """Store the outputs of the last batches for the log of the epoch."""
        if self.trainer.world_size > 1:
            indices = self.all_gather(indices).flatten()  # type: ignore[union-attr]
        n_batches = max(_IMAGES_OF_LOG // len(indices), 1)
        first_view = None if coefficients is None else coefficients[0].detach()
        latest = indices, embeddings.detach(), first_view
        self._recent = [*self._recent, latest][-n_batches:]

    def on_train_epoch_end(self) -> None:
        """Log the epoch."""
        super().on_train_epoch_end()
        indices, embeddings, coefficients = zip(*self._recent)
        row: dict[str, Any] = {}
        if coefficients[-1] is not None:
            stored = torch.cat([each for each in coefficients if each is not None])
            row = {
                "n_components": self.config.n_components,
                "usage": monitors.perplexity(stored.mean(dim=0)),
                "largest_weight": float(stored.mean(dim=0).max()),
                "largest_coefficient": float(stored.max(dim=1).values.mean()),
            }
        self._recent = []
        self.log_epoch(
            functional.normalize(torch.cat(embeddings), dim=1), torch.cat(indices), **row
        )
        self.warn(monitors.usage_warning(row.get("usage", 0.0), row.get("n_components", 0)))
