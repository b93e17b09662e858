"""MIX'EM: a mixture of embeddings inside contrastive learning, whose components become categories.

Each component embeds an image in its own way, and coefficients mix these embeddings into the one
that views of an image have in common. Entropies and an attraction within components make the
coefficients say which category an image is of; k-means or a VMFMixture starts from there [1]_.

References
----------
.. [1] A. Varamesh, T. Tuytelaars (2020). MIX'EM: Unsupervised image classification using a mixture
   of embeddings. ACCV. Code: github.com/alivaramesh/MIXEM.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from vmfmix.deep import losses, monitors
from vmfmix.deep.components import mixture_from_coefficients
from vmfmix.deep.config import described, setting
from vmfmix.deep.method import Method, MethodConfig
from vmfmix.deep.networks import MixtureOfEmbeddings, head

CONDITIONALS = {
    "largest": losses.largest_coefficient_loss,
    "entropy": losses.conditional_entropy_loss,
}
_NOTED = 4096  # images by which an epoch is judged


@described
@dataclass
class MixEMConfig(MethodConfig):
    """How MIX'EM learns; weights, rates and views are those of the authors' code."""

    batch_size: int = setting(512, "Images in a batch of one process; 10 for each component.")
    least_area: float = setting(0.08, "A view shows at least this share of an image.")
    color: float = setting(2.0, "Strength of changes of color, or of brightness; 0: none.")
    blur: bool = setting(True, "Half of the views are blurred.")
    n_components: int = setting(10, "Components; about as many as categories, or more.")
    n_clusters: int | str | None = setting(
        None,
        "Clusters of the mixture at the end; None: one for each component; fewer, or auto: "
        "components are merged.",
    )
    dim: int = setting(32, "Width of the embeddings.")
    hidden: int = setting(512, "Width of the hidden layer of each head.")
    pretraining: int = setting(
        0, "Of the epochs, so many come first that learn one embedding (SimCLR)."
    )
    learning_rate: float = setting(1e-4, "Of Adam.")
    weight_decay: float = setting(1e-5, "Of Adam.")
    constant: int = setting(10, "Epochs before the learning rate falls along a cosine.")
    temperature: float = setting(0.5, "Of the contrastive loss.")
    component_weight: float = setting(2.0, "Of the entropy of components in a batch.")
    conditional_weight: float = setting(0.1, "Of the entropy of components of an image.")
    conditional: str = setting(
        "largest",
        "What stands for that: largest, 1 − the largest coefficient, as in the authors' code; or "
        "entropy, as in the paper.",
    )
    pull_weight: float = setting(0.1, "Of the distance to the mean of the component.")
    push_weight: float = setting(0.05, "Of the distance between these means.")
    association_start: int = setting(0, "Epochs of the mixture before pull and push count.")
    after_mixing: bool = setting(
        False, "Another layer after mixing, as in the authors' figure but not in their code."
    )

    def __post_init__(self):
        super().__post_init__()
        self.require_at_least(n_components=2)
        if self.n_small:
            raise ValueError(
                f"n_small={self.n_small} is not allowed; MIX'EM learns from two views."
            )
        if isinstance(self.n_clusters, str) and self.n_clusters != "auto":
            raise ValueError(
                f'n_clusters={self.n_clusters!r} is not allowed; pass a number, "auto" or None.'
            )
        if self.conditional not in CONDITIONALS:
            raise ValueError(
                f"conditional={self.conditional!r} is not allowed; pass one of "
                f"{', '.join(CONDITIONALS)}."
            )
        if not 0 <= self.pretraining <= self.epochs:
            raise ValueError(
                f"pretraining={self.pretraining} must be from 0 to epochs={self.epochs}."
            )
        if isinstance(self.n_clusters, int) and not 1 <= self.n_clusters <= self.n_components:
            raise ValueError(
                f"n_clusters={self.n_clusters} must be from 1 to n_components={self.n_components}."
            )


class MixEM(Method):
    """Encoder, a head for one embedding, and a mixture of embeddings.

    In several processes, all losses are those of the batches of all together.

    Parameters
    ----------
    encoder, views, images, n_images, config, labels
        See `vmfmix.deep.method.Method`.
    """

    def __init__(self, encoder, views, images, n_images, config, labels=None):
        super().__init__(encoder, views, images, n_images, config, labels)
        n_features = self.n_features
        self.single = head(n_features, config.hidden, config.dim)
        if config.pretraining == 0:
            self.single.requires_grad_(False)
        self.has_idle_parameters = config.pretraining > 0
        self.mixture = MixtureOfEmbeddings(
            n_features, config.n_components, config.dim, config.hidden
        )
        self.after = (
            head(config.dim, config.dim, config.dim) if config.after_mixing else nn.Identity()
        )
        self._recent: list = []

    def forward(self, images):
        """Features, embeddings, and those of the mixture for images as they are."""
        found = super().forward(images)
        if self.pretrains:
            return found
        _, embeddings, coefficients = self.mixture(found["features"])
        chosen = coefficients.argmax(dim=1)
        dominant = embeddings[torch.arange(len(chosen)), chosen]
        return {**found, "coefficients": coefficients, "dominant": dominant}

    def embed(self, features):
        """The mixed embedding of features, at most of unit length."""
        return self.single(features) if self.pretrains else self.mixture(features)[0]

    def clusters(self, learned):
        """A VMFMixture that starts from the coefficients."""
        if learned.coefficients is None:
            return super().clusters(learned)
        n_clusters = self.config.n_clusters
        return mixture_from_coefficients(learned.embeddings, learned.coefficients, n_clusters)

    # --- learning --------------------------------------------------------------------------------

    @property
    def pretrains(self):
        """Whether one embedding is learned, and the mixture waits, or is not wanted at all."""
        config = self.config
        return config.pretraining == config.epochs or self.current_epoch < config.pretraining

    def configure_optimizers(self):
        """Adam, with a rate that is constant at first and then falls along a cosine."""
        config = self.config
        optimizer = torch.optim.Adam(
            self.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        steps_an_epoch = max(int(self.trainer.estimated_stepping_batches), 1) / config.epochs

        def rate(step):
            epoch, length = step / steps_an_epoch, config.epochs - config.pretraining
            if epoch < config.pretraining:
                length = config.pretraining
            else:  # the mixture begins again
                epoch -= config.pretraining
            falling = max(epoch - config.constant, 0.0) / max(length, 1)
            return 0.5 * (1.0 + math.cos(math.pi * falling))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def training_step(self, batch, batch_idx):
        """The loss of one batch."""
        views, numbers = self.views_of(batch)[:2], batch[-1]
        features = [self.encoder(view) for view in views]
        with torch.autocast(self.device.type, enabled=False):
            features = [each.float() for each in features]
            if self.pretrains:
                embedded = self._of_all([self.single(each) for each in features])
                one, other = embedded
                parts = {"contrast": losses.nt_xent_loss(one, other, self.config.temperature)}
                coefficients = None
            else:
                mixed = [self.mixture(each) for each in features]
                embedded = self._of_all([each[0] for each in mixed])
                coefficients = self._of_all([each[2] for each in mixed])
                parts = self._losses(embedded, coefficients)
        loss = sum(parts.values())
        self._remember(embedded[0], coefficients, numbers)
        self.log("loss", loss, on_step=False, on_epoch=True, prog_bar=True, sync_dist=True)
        return loss

    def _losses(self, embedded, coefficients):
        """The parts of the loss, with their weights."""
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

    def _of_all(self, parts):
        """Parts of a batch of all processes, with their gradients."""
        if self.trainer.world_size == 1:
            return parts
        return [self.all_gather(part, sync_grads=True).flatten(0, 1) for part in parts]  # type: ignore[union-attr]

    # --- how an epoch went -----------------------------------------------------------------------

    @torch.no_grad()
    def _remember(self, embeddings, coefficients, numbers):
        """Keep what the last batches gave."""
        if self.trainer.world_size > 1:
            numbers = self.all_gather(numbers).flatten()  # type: ignore[union-attr]
        keep = max(_NOTED // len(numbers), 1)
        coefficients = None if coefficients is None else coefficients[0].detach()
        now = numbers, embeddings.detach(), coefficients
        self._recent = [*self._recent[-keep + 1 :], now] if keep > 1 else [now]

    def on_train_epoch_end(self):
        """Note how it goes."""
        numbers, embeddings, coefficients = zip(*self._recent)
        row: dict = {}
        if coefficients[-1] is not None:
            known = torch.cat([each for each in coefficients if each is not None])
            row = {
                "n_components": self.config.n_components,
                "usage": monitors.perplexity(known.mean(dim=0)),
                "largest_weight": float(known.mean(dim=0).max()),
                "largest_coefficient": float(known.max(dim=1).values.mean()),
            }
        self._recent = []
        self.note(functional.normalize(torch.cat(embeddings), dim=1), torch.cat(numbers), **row)
        self.warn(monitors.warning_of_usage(row.get("usage", 0.0), row.get("n_components", 0)))
