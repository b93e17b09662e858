"""Configs of the methods: parameters, defaults and allowed values, which need no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vmfmix.deep.config import (
    Interval,
    above,
    at_least,
    config_field,
    document_fields,
    new_defaults,
    validate_fields,
)
from vmfmix.deep.objectives import OBJECTIVES

if TYPE_CHECKING:
    from vmfmix.deep.rows import PreparedRows


AUTO = ("auto",)
# Mean and standard deviation of each channel, of images with values from 0 to 1.
NORMALIZATIONS = {"imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))}
CONDITIONALS = ("largest", "entropy")  # keys of `vmfmix.deep.mixem.CONDITIONALS`, which need torch
LARGEST_SIDE = 65_535  # pixels of an image
LOGGERS = ("csv", "tensorboard")
OPTIMIZERS = ("sgd", "adamw")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")  # of Lightning's Trainer
UPDATES = ("online", "refits")
_LARGE_IMAGE = 64  # pixels; at and above, the first layers of a ResNet halve an image twice


@dataclass
class RunConfig:
    """Options of a training on the command line that are not part of the config of a method."""

    size: int | None = config_field(
        None,
        "Height and width to resize the images of a folder to. None: those of the first image.",
        Interval(1, LARGEST_SIDE),
    )
    workers: int = config_field(
        0, "Processes that decode images, for --lazy. 0: the process that trains.", at_least(0)
    )
    devices: int | str = config_field(
        1, "Number of devices, or of processes on a CPU. auto: all GPUs.", at_least(1), AUTO
    )
    precision: str = config_field(
        "32-true",
        "Precision of Lightning's Trainer; 16-mixed needs a GPU.",
        words=PRECISIONS,
    )
    accumulate: int = config_field(
        1,
        "Batches per step of the optimizer, which takes the mean of their gradients; negative "
        "samples come from one batch alone.",
        at_least(1),
    )
    logger: str | None = config_field(
        None,
        "Logger of Lightning, which writes into a subfolder of the results: csv, or tensorboard, "
        "which needs the package tensorboard.",
        words=LOGGERS,
    )
    threads: int | None = config_field(
        None,
        "Threads of torch in each process. None: OMP_NUM_THREADS if it is set, else 1; more are "
        "slower for small networks, unless all cores are idle.",
        at_least(1),
    )

    def __post_init__(self) -> None:
        validate_fields(self)


@dataclass
class MethodConfig:
    """Config that all methods share, for data of any kind."""

    data_kind: ClassVar[str]  # "images" or "rows", also in messages

    epochs: int = config_field(200, "Passes over the data.", at_least(1))
    batch_size: int = config_field(256, "Images or rows in a batch of one process.", at_least(2))
    seed: int = config_field(0, "Seed of all random numbers.", at_least(0))
    freeze: bool = config_field(
        False,
        "Leave the weights of the encoder and its batch-normalization statistics unchanged, so "
        "that only the layers above it learn; for an encoder with weights of an earlier training.",
    )

    def __post_init__(self) -> None:
        validate_fields(self)

    @property
    def normalization(self) -> tuple[Sequence[float], Sequence[float]] | None:
        """Mean and standard deviation by which the encoder normalizes channels, or None."""
        return None

    @property
    def has_idle_parameters(self) -> bool:
        """Whether some parameters get no gradients in some epochs, as DDP must know."""
        return False

    def network_for(self, data: Any, name: str | None = None) -> dict[str, Any]:
        """Return an encoder for a dataset, as arguments of `make_network`.

        Parameters
        ----------
        data : Images, DatasetImages or PreparedRows
        name : str, default=None
            One of `vmfmix.deep.encoder_choice.ENCODERS`; None: the default.

        Returns
        -------
        dict
        """
        raise NotImplementedError

    def views_for(self, data: Any) -> Callable[..., Any]:
        """Return the default views for a dataset."""
        raise NotImplementedError


@dataclass
class ImageConfig(MethodConfig):
    """Config of the views of images."""

    data_kind = "images"

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
    normalize: str | None = config_field(
        None,
        "Normalization of the channels in the encoder. imagenet: by their mean and standard "
        "deviation in ImageNet, which pretrained encoders usually expect.",
        words=NORMALIZATIONS,
    )

    @property
    def normalization(self) -> tuple[Sequence[float], Sequence[float]] | None:
        """Mean and standard deviation by which the encoder normalizes channels, or None."""
        return None if self.normalize is None else NORMALIZATIONS[self.normalize]

    def network_for(self, data: Any, name: str | None = None) -> dict[str, Any]:
        """Return the encoder of a name, or one that suits images and the hardware."""
        import torch

        if name is None:
            name = "resnet18" if torch.cuda.is_available() else "small_convnet"
        n_channels, *sides = data.first.shape[1:]
        network = {"network": name, "n_channels": n_channels}
        if name == "resnet18":
            network["small_images"] = min(sides) < _LARGE_IMAGE
        return network

    def views_for(self, data: Any) -> Callable[..., Any]:
        """Return random crops of images."""
        from vmfmix.deep.views import Views

        n_channels, height, width = data.first.shape[1:]
        return Views(
            (height, width),
            n_channels,
            least_area=self.least_area,
            flip=self.flip,
            color=self.color,
            blur=self.blur,
            n_small=self.n_small,
            small_size=self.small_size,
        )


@dataclass
class RowConfig(MethodConfig):
    """Config of the views and of the encoder of rows."""

    data_kind = "rows"

    n_neighbors: int = config_field(
        15,
        "Number of nearest neighbors of a row in the graph that second views are taken from; fewer "
        "if there are fewer than 20 rows for each.",
        at_least(1),
    )
    walk: float = config_field(
        30.0,
        "Mean number of steps, of at least 1, of the random walk along this graph that leads from "
        "a row to its second view. 1: a neighbor.",
        at_least(1),
    )
    dropout: float = config_field(
        0.1, "Share of the features of a view that are set to 0.", Interval(0, 1, open_most=True)
    )
    noise: float = config_field(
        0.02, "Standard deviation of the noise in each feature of a view.", at_least(0)
    )
    width: int = config_field(512, "Width of the hidden layers of the encoder.", at_least(1))
    depth: int = config_field(1, "Number of hidden layers of the encoder.", at_least(1))

    def network_for(self, data: "PreparedRows", name: str | None = None) -> dict[str, Any]:
        """Return a network of fully connected layers."""
        return {
            "network": name or "row_network",
            "n_features": data.first.shape[1],
            "width": self.width,
            "depth": self.depth,
            "dropout": self.dropout,
            "noise": self.noise,
        }

    def views_for(self, data: "PreparedRows") -> Callable[..., Any]:
        """Return each row and the end of a walk from it."""
        from vmfmix.deep.neighbor_views import NeighborViews

        return NeighborViews(data.rows, self.n_neighbors, self.walk)


@dataclass
class SiameseConfig(MethodConfig):
    """Config of SiamMM that is the same for images and rows."""

    optimizer: str = config_field(
        "sgd",
        "Optimizer, with a rate that falls along a cosine. sgd: stochastic gradient descent with "
        "momentum; adamw: AdamW.",
        words=OPTIMIZERS,
    )
    learning_rate: float = config_field(
        0.06,
        "Learning rate; that of sgd is for 256 images and scaled by the images per step.",
        at_least(0),
    )
    weight_decay: float = config_field(5e-4, "Weight decay of the optimizer.", at_least(0))
    dim: int = config_field(128, "Dimension of the embeddings.", at_least(2))
    projector_layers: int = config_field(3, "Number of layers of the projector.", at_least(1))
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
    negatives: float = config_field(
        0.0,
        "Share of the loss that uses negative samples, from 0 (none: SiamMM, BYOL) to 1 (SimCLR, "
        "without predictor and target): NT-Xent − λ times the similarity of each view to the "
        "centroids of the other.",
        Interval(0, 1),
    )
    temperature: float = config_field(0.5, "Temperature of NT-Xent.", above(0))
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
        "below 1; at 1, nothing would keep the embeddings apart. With negatives=1, it may be any "
        "number of at least 0.",
        at_least(0),
    )
    warm_up: float = config_field(
        0.3, "Share of the epochs before clusters enter the loss.", Interval(0, 1)
    )
    ramp: float = config_field(0.1, "Share of the epochs in which λ then grows.", Interval(0, 1))
    n_components: int | str = config_field(
        "auto",
        "Number of clusters; auto: it is estimated whenever the mixture is refitted.",
        at_least(1),
        AUTO,
    )
    n_components_init: int = config_field(
        100, "Initial number of clusters of a refit that estimates their number.", at_least(2)
    )
    updates: str = config_field(
        "online",
        "How the mixture follows the embeddings. online: each batch updates it between refits, "
        "and, with n_components=auto, its clusters merge once per epoch, from n_components_init "
        "down to the estimates; refits: it stays as each refit fits it.",
        words=UPDATES,
    )
    settled: float = config_field(
        0.9,
        "Share of the epochs after which the number of merging clusters no longer falls.",
        Interval(0, 1, open_least=True),
    )
    refits: int = config_field(
        8, "Number of times that the mixture is refitted, from the end of warm_up on.", at_least(1)
    )
    top_m: int | None = config_field(
        5,
        "Number of most probable centroids that targets are drawn to, in proportion to their "
        "responsibilities; None: all; 1: the nearest.",
        at_least(1),
    )
    concentration: float | str = config_field(
        "auto",
        "κ of the responsibilities, the softmax of κ times the cosines to the centroids. auto: the "
        "estimate of the last refit, but at most largest_concentration.",
        above(0),
        AUTO,
    )
    largest_concentration: float = config_field(
        20.0,
        "Upper limit of the κ of the responsibilities, if it is estimated; the maximum-likelihood "
        "estimate is too sharp to learn from.",
        above(0),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.warm_up + self.ramp > 1.0:
            raise ValueError(
                f"warm_up={self.warm_up} and ramp={self.ramp} are shares of the epochs, so their "
                "sum must be from 0 to 1; lower one of them."
            )
        merges = self.n_components == "auto" and self.updates == "online"
        if merges and self.settled <= self.warm_up:
            raise ValueError(
                f"settled={self.settled} is not allowed; it must be above warm_up={self.warm_up} "
                "and at most 1."
            )
        if self.share >= 1 and self.negatives < 1:
            raise ValueError(
                f"share={self.share} is not allowed with negatives={self.negatives}; pass a share "
                "from 0 to below 1, or negatives=1."
            )
        if self.negatives == 1 and self.objective != "siammm":
            raise ValueError(
                f"objective={self.objective!r} has no effect with negatives=1; pass "
                "objective='siammm', or negatives below 1."
            )


@document_fields
@dataclass
class SiamMMConfig(SiameseConfig, ImageConfig):
    """Config of SiamMM for images."""


@document_fields
@dataclass
@new_defaults(share=0.0)
class BYOLConfig(SiamMMConfig):
    """Config of BYOL for images: SiamMM without clusters."""


@document_fields
@dataclass
@new_defaults(share=0.0, negatives=1.0)
class SimCLRConfig(SiamMMConfig):
    """Config of SimCLR for images: NT-Xent; with a positive share, also a pull to clusters."""


@document_fields
@dataclass
@new_defaults(
    epochs=100,
    optimizer="adamw",
    learning_rate=1e-3,
    weight_decay=1e-2,
    dim=64,
    projector_layers=1,
    predictor_hidden=512,
    temperature=0.2,
    share=0.5,
    warm_up=0.5,
    ramp=0.0,
    updates="refits",
    refits=4,
    top_m=None,
    concentration=10.0,
)
class RowSiamMMConfig(SiameseConfig, RowConfig):
    """Config of SiamMM for rows."""


@document_fields
@dataclass
@new_defaults(share=0.0)
class RowBYOLConfig(RowSiamMMConfig):
    """Config of BYOL for rows: SiamMM without clusters."""


@document_fields
@dataclass
@new_defaults(share=0.0, negatives=1.0)
class RowSimCLRConfig(RowSiamMMConfig):
    """Config of SimCLR for rows: NT-Xent; with a positive share, also a pull to clusters."""


@dataclass
class MixtureOfEmbeddingsConfig(MethodConfig):
    """Config of MIX'EM that is the same for images and rows."""

    batch_size: int = config_field(
        512,
        "Images or rows in a batch of one process; at least 10 for each component.",
        at_least(2),
    )
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


@document_fields
@dataclass
@new_defaults(least_area=0.08, color=2.0, blur=True)
class MixEMConfig(MixtureOfEmbeddingsConfig, ImageConfig):
    """Config of MIX'EM for images; weights, rate and views are those of the authors' code."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_small:
            raise ValueError(
                f"n_small={self.n_small} is not allowed; pass 0: MIX'EM learns from two views."
            )


@document_fields
@dataclass
@new_defaults(epochs=100, learning_rate=1e-3, constant=0, temperature=0.2)
class RowMixEMConfig(MixtureOfEmbeddingsConfig, RowConfig):
    """Config of MIX'EM for rows; weights are those of the authors' code for images."""


CONFIGS: dict[str, dict[str, type[MethodConfig]]] = {
    "images": {
        "siammm": SiamMMConfig,
        "mixem": MixEMConfig,
        "simclr": SimCLRConfig,
        "byol": BYOLConfig,
    },
    "rows": {
        "siammm": RowSiamMMConfig,
        "mixem": RowMixEMConfig,
        "simclr": RowSimCLRConfig,
        "byol": RowBYOLConfig,
    },
}
"""Config classes by the kind of the data and the name of the method."""


def config_class_of(method: str, kind: str) -> type[MethodConfig]:
    """Return the config class of a method for data of a kind.

    Raises
    ------
    ValueError
        If there is no such method.
    """
    classes = CONFIGS[kind]
    if method not in classes:
        raise ValueError(f"method={method!r} is unknown; pass one of {', '.join(classes)}.")
    return classes[method]
