"""Configs of the methods: parameters, defaults and allowed values, which need no torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmfmix.deep.config import (
    Interval,
    above,
    at_least,
    config_field,
    document_fields,
    validate_fields,
)
from vmfmix.deep.objectives import OBJECTIVES

if TYPE_CHECKING:
    from vmfmix.deep.views import Views


AUTO = ("auto",)
CONDITIONALS = ("largest", "entropy")  # keys of `vmfmix.deep.mixem.CONDITIONALS`, which need torch
LARGEST_SIDE = 65_535  # pixels of an image
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")  # of Lightning's Trainer


@dataclass
class RunConfig:
    """Options of a training on the command line that are not part of the config of a method."""

    size: int | None = config_field(
        None,
        "Height and width to resize the images of a folder to. None: those of the first image.",
        Interval(1, LARGEST_SIDE),
    )
    devices: int | str = config_field(
        1, "Number of devices, or of processes on a CPU. auto: all GPUs.", at_least(1), AUTO
    )
    precision: str = config_field(
        "32-true",
        "Precision of Lightning's Trainer; 16-mixed needs a GPU.",
        words=PRECISIONS,
    )
    accumulate: int = config_field(1, "Batches per step of the optimizer.", at_least(1))

    def __post_init__(self) -> None:
        validate_fields(self)


@document_fields
@dataclass
class MethodConfig:
    """Config that all methods share."""

    epochs: int = config_field(200, "Passes over the images.", at_least(1))
    batch_size: int = config_field(256, "Images in a batch of one process.", at_least(2))
    least_area: float = config_field(
        0.2, "Smallest area of a view, as a share of the image.", Interval(0, 1, open_least=True)
    )
    flip: bool = config_field(True, "Mirror half of the views horizontally.")
    color: float = config_field(
        1.0, "Strength of changes of color or brightness; 0: none.", Interval(0, 2.5)
    )
    blur: bool = config_field(False, "Blur half of the views; for large images.")
    n_small: int = config_field(
        0, "Small crops of each image, in addition to the two views.", at_least(0)
    )
    small_size: int = config_field(
        0,
        "Height and width of the small crops, in pixels; 0: those of the two views.",
        Interval(0, LARGEST_SIDE),
    )
    seed: int = config_field(0, "Seed of all random numbers.", at_least(0))

    def __post_init__(self) -> None:
        validate_fields(self)

    @property
    def has_idle_parameters(self) -> bool:
        """Whether some parameters get no gradients in some epochs, as DDP must know."""
        return False

    def views_for(self, size: int | tuple[int, int], n_channels: int) -> "Views":
        """Return the views for images of the given height and width, and number of channels."""
        from vmfmix.deep.views import Views

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


@document_fields
@dataclass
class SiamMMConfig(MethodConfig):
    """Config of SiamMM."""

    learning_rate: float = config_field(
        0.06,
        "Learning rate of stochastic gradient descent for 256 images; it is scaled by the images "
        "per step.",
        at_least(0),
    )
    weight_decay: float = config_field(
        5e-4, "Weight decay of stochastic gradient descent.", at_least(0)
    )
    dim: int = config_field(128, "Dimension of the embeddings.", at_least(2))
    hidden: int = config_field(512, "Width of the hidden layers of the projector.", at_least(1))
    predictor_hidden: int = config_field(
        256, "Width of the hidden layer of the predictor.", at_least(1)
    )
    momentum: float | None = config_field(
        0.99,
        "Initial momentum of the target network; it grows to 1. None: the target is the network "
        "itself.",
        Interval(0, 1),
    )
    objective: str = config_field(
        "siammm",
        "How clusters enter the loss. "
        + "; ".join(f"{name}: {each.description}" for name, each in OBJECTIVES.items())
        + ".",
        words=OBJECTIVES,
    )
    share: float = config_field(
        0.7,
        "λ, the weight of the clusters in the loss, from 0 (no clusters: SimSiam, BYOL) to "
        "below 1; at 1, nothing would keep the embeddings apart.",
        Interval(0, 1, open_most=True),
    )
    warm_up: float = config_field(
        0.3, "Share of the epochs before clusters enter the loss.", Interval(0, 1)
    )
    ramp: float = config_field(0.1, "Share of the epochs in which λ then grows.", Interval(0, 1))
    n_components: int | str = config_field(
        "auto",
        "Number of clusters; auto: clusters merge, from n_components_init down to an estimate that "
        "is updated whenever the mixture is refitted.",
        at_least(1),
        AUTO,
    )
    n_components_init: int = config_field(
        100, "Initial number of clusters, if they merge.", at_least(2)
    )
    settled: float = config_field(
        0.9,
        "Share of the epochs after which the number of clusters no longer falls.",
        Interval(0, 1, open_least=True),
    )
    refits: int = config_field(8, "Number of times that the mixture is refitted.", at_least(1))
    top_m: int | None = config_field(
        5, "Number of most probable centroids that targets are drawn to; None: all.", at_least(1)
    )
    largest_concentration: float = config_field(
        20.0,
        "Upper limit of the κ of the responsibilities; the maximum-likelihood estimate is too "
        "sharp to learn from.",
        above(0),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.warm_up + self.ramp > 1.0:
            raise ValueError(
                f"warm_up={self.warm_up} and ramp={self.ramp} are shares of the epochs, so their "
                "sum must be from 0 to 1; lower one of them."
            )
        if self.settled <= self.warm_up:
            raise ValueError(
                f"settled={self.settled} is not allowed; it must be above warm_up={self.warm_up} "
                "and at most 1."
            )


@document_fields
@dataclass
class MixEMConfig(MethodConfig):
    """Config of MIX'EM; weights, learning rate and views are those of the authors' code."""

    batch_size: int = config_field(
        512, "Images in a batch of one process; at least 10 for each component.", at_least(2)
    )
    least_area: float = config_field(
        0.08, "Smallest area of a view, as a share of the image.", Interval(0, 1, open_least=True)
    )
    color: float = config_field(
        2.0, "Strength of changes of color or brightness; 0: none.", Interval(0, 2.5)
    )
    blur: bool = config_field(True, "Blur half of the views.")
    n_components: int = config_field(
        10, "Number of components; about the number of categories, or more.", at_least(2)
    )
    n_clusters: int | str | None = config_field(
        None,
        "Number of clusters of the final mixture. None: one for each component; a smaller number, "
        "or auto: components are merged.",
        at_least(1),
        AUTO,
    )
    dim: int = config_field(32, "Dimension of the embeddings.", at_least(2))
    hidden: int = config_field(512, "Width of the hidden layer of each head.", at_least(1))
    pretraining: int = config_field(
        0, "Number of initial epochs that learn a single embedding (SimCLR).", at_least(0)
    )
    learning_rate: float = config_field(1e-4, "Learning rate of Adam.", at_least(0))
    weight_decay: float = config_field(1e-5, "Weight decay of Adam.", at_least(0))
    constant: int = config_field(
        10, "Epochs before the learning rate falls along a cosine.", at_least(0)
    )
    temperature: float = config_field(0.5, "Temperature of the contrastive loss.", above(0))
    component_weight: float = config_field(
        2.0, "Weight of the entropy of the components in a batch.", at_least(0)
    )
    conditional_weight: float = config_field(
        0.1, "Weight of the entropy of the components of an image.", at_least(0)
    )
    conditional: str = config_field(
        "largest",
        "Form of the entropy of an image. largest: 1 − the largest coefficient, as in the authors' "
        "code; entropy: the entropy, as in the paper.",
        words=CONDITIONALS,
    )
    pull_weight: float = config_field(
        0.1, "Weight of the distance to the mean of the component.", at_least(0)
    )
    push_weight: float = config_field(
        0.05, "Weight of the distance between these means.", at_least(0)
    )
    association_start: int = config_field(
        0, "Epochs of the mixture before pull and push enter the loss.", at_least(0)
    )
    after_mixing: bool = config_field(
        False, "Add a layer after mixing, as in the authors' figure but not in their code."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_small:
            raise ValueError(
                f"n_small={self.n_small} is not allowed; pass 0: MIX'EM learns from two views."
            )
        if self.pretraining > self.epochs:
            raise ValueError(
                f"pretraining={self.pretraining} must be from 0 to epochs={self.epochs}."
            )
        if isinstance(self.n_clusters, int) and self.n_clusters > self.n_components:
            raise ValueError(
                f"n_clusters={self.n_clusters} must be from 1 to n_components={self.n_components}."
            )

    @property
    def has_idle_parameters(self) -> bool:
        """Whether there is pre-training, which leaves the mixture idle."""
        return self.pretraining > 0


CONFIGS: dict[str, type[MethodConfig]] = {"siammm": SiamMMConfig, "mixem": MixEMConfig}
