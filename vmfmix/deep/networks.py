"""Encoders for small images and for rows, and the networks on top of an encoder.

Any nn.Module that maps images or rows to rows of features can serve as an encoder.
"""

import copy
import itertools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions with a shortcut [1]_.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun (2016). Deep residual learning for image recognition.
       CVPR.
    """

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return feature maps, of half the height and width if the stride is 2."""
        return functional.relu(self.body(x) + self.shortcut(x), inplace=True)


def resnet18(n_channels: int = 3, small_images: bool = True) -> nn.Sequential:
    """Return a ResNet-18 without its last layer, which maps images to 512 features.

    Parameters
    ----------
    n_channels : int, default=3
    small_images : bool, default=True
        True: the stem is one 3 × 3 convolution, for images of about 32 × 32. False: the stem is a
        7 × 7 convolution of stride 2 and a pooling layer, for images of 96 × 96 and more.

    Returns
    -------
    nn.Sequential

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.networks import resnet18
    >>> resnet18()(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 512])
    """
    size, stride = (3, 1) if small_images else (7, 2)
    stem = _convolution(n_channels, 64, size, stride)
    if not small_images:
        stem.append(nn.MaxPool2d(3, 2, padding=1))
    return _residual_network(stem, width=64, n_blocks=2)


def small_resnet(n_channels: int = 3, width: int = 32, stride: int = 2) -> nn.Sequential:
    """Return a narrow residual network for CPUs, which maps images to 8 × `width` features.

    It has four stages of one block each. With the defaults, an image of 32 × 32 takes 16 million
    multiplications, a 35th of those of `resnet18`.

    Parameters
    ----------
    n_channels : int, default=3
    width : int, default=32
        Number of channels of the first stage; each further stage has twice as many.
    stride : int, default=2
        Stride of the first convolution.

    Returns
    -------
    nn.Sequential

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.networks import small_resnet
    >>> small_resnet()(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 256])
    """
    return _residual_network(_convolution(n_channels, width, 3, stride), width, n_blocks=1)


def _convolution(n_in: int, n_out: int, size: int, stride: int) -> list[nn.Module]:
    """Return a convolution of a size × size window, batch normalization, and ReLU."""
    return [
        nn.Conv2d(n_in, n_out, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    ]


def _residual_network(stem: list[nn.Module], width: int, n_blocks: int) -> nn.Sequential:
    """Return a stem, four stages of residual blocks, and average pooling.

    All stages but the first halve the height and width, and double the channels.
    """
    widths = [width, width, 2 * width, 4 * width, 8 * width]
    stages = [
        nn.Sequential(
            ResidualBlock(n_in, n_out, 1 if n_in == n_out else 2),
            *(ResidualBlock(n_out, n_out, 1) for _ in range(n_blocks - 1)),
        )
        for n_in, n_out in itertools.pairwise(widths)
    ]
    return nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def small_convnet(n_channels: int = 1, width: int = 32) -> nn.Sequential:
    """Return a small network, fast on a CPU, that maps small images to 4 × `width` features.

    It has three convolutions.

    Parameters
    ----------
    n_channels : int, default=1
    width : int, default=32

    Returns
    -------
    nn.Sequential

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.networks import small_convnet
    >>> small_convnet()(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 128])
    """
    widths = [n_channels, width, 2 * width, 4 * width]
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += _convolution(n_in, n_out, 3, stride=2)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Normalization(nn.Module):
    """Subtract a mean from each channel of images, and divide by a standard deviation.

    Parameters
    ----------
    mean, std : sequence of float
        One number for each channel.

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.networks import Normalization
    >>> Normalization([0.5, 0.4, 0.3], [0.25, 0.2, 0.1])(torch.ones(1, 3, 1, 1)).flatten()
    tensor([2., 3., 7.])
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        # They are part of the config, and checkpoints need not contain them.
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return normalized images."""
        return (images - self.mean) / self.std


def normalized(
    encoder: nn.Module, normalization: tuple[Sequence[float], Sequence[float]] | None
) -> nn.Module:
    """Return an encoder of images that are normalized first, or the same if there is no need.

    Parameters
    ----------
    encoder : nn.Module
    normalization : (mean, std) or None
        See `Normalization`.

    Returns
    -------
    nn.Module
    """
    if normalization is None:
        return encoder
    layers = {"normalization": Normalization(*normalization), "network": encoder}
    return nn.Sequential(OrderedDict(layers))


class Perturbation(nn.Module):
    """Random changes of rows while training: features set to 0, and noise.

    Parameters
    ----------
    dropout : float
        Share of the features that are set to 0; the others are scaled up accordingly.
    noise : float
        Standard deviation of the noise that is then added.

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.networks import Perturbation
    >>> rows, perturbation = torch.ones(2, 5), Perturbation(0.1, 0.02)
    >>> bool((perturbation(rows) == rows).all()), bool((perturbation.eval()(rows) == rows).all())
    (False, True)
    """

    def __init__(self, dropout: float, noise: float) -> None:
        super().__init__()
        self.dropout, self.noise = dropout, noise

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return changed rows while training, and the rows otherwise."""
        if not self.training:
            return rows
        rows = functional.dropout(rows, self.dropout)
        return rows + self.noise * torch.randn_like(rows)


def row_network(
    n_features: int, width: int = 512, depth: int = 1, *, dropout: float = 0.0, noise: float = 0.0
) -> nn.Sequential:
    """Return an encoder of rows: fully connected layers with batch normalization.

    Parameters
    ----------
    n_features : int
    width : int, default=512
        Width of the hidden layers, and number of features that rows are mapped to.
    depth : int, default=1
        Number of hidden layers.
    dropout, noise : float, default=0.0
        See `Perturbation`.

    Returns
    -------
    nn.Sequential

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.networks import row_network
    >>> row_network(384)(torch.zeros(2, 384)).shape
    torch.Size([2, 512])
    """
    layers: list[nn.Module] = [Perturbation(dropout, noise)]
    for n_in in [n_features, *[width] * (depth - 1)]:
        layers += [
            nn.Linear(n_in, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "resnet18": resnet18,
    "row_network": row_network,
    "small_convnet": small_convnet,
    "small_resnet": small_resnet,
}
"""Encoders by name."""


def make_network(network: str, **parameters: Any) -> nn.Module:
    """Return a new encoder of a name with some parameters, as a training records them.

    Raises
    ------
    ValueError
        If there is no such encoder, or it has no such parameter.
    """
    try:
        return NETWORKS[network](**parameters)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"There is no encoder {network} with the parameters {', '.join(parameters)}; use the "
            "version of vmfmix that trained it."
        ) from error


def n_features_of(encoder: nn.Module, images: torch.Tensor) -> int:
    """Return the number of features of an encoder.

    Parameters
    ----------
    encoder : nn.Module
    images : Tensor of shape (n, channels, height, width) or (n, n_features)
        The first image or row is encoded.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If the encoder does not return one row for each image.
    """
    training, shape = encoder.training, tuple(images.shape[1:])
    encoder.eval()
    try:
        with torch.no_grad():
            features = encoder(images[:1])
    except RuntimeError as error:
        raise ValueError(
            f"The encoder cannot be applied to inputs of shape {shape}: {error}"
        ) from error
    encoder.train(training)
    if not isinstance(features, torch.Tensor) or features.ndim != 2:
        returned = (
            f"features of shape {tuple(features.shape[1:])}"
            if isinstance(features, torch.Tensor)
            else f"an object of the type {type(features).__name__}"
        )
        raise ValueError(
            f"The encoder maps inputs of shape {shape} to {returned}; it must return one row for "
            "each input."
        )
    return int(features.shape[1])


def projector(n_in: int, n_hidden: int, n_out: int, n_layers: int = 3) -> nn.Sequential:
    """Return a network with batch normalization, from features to embeddings [1]_.

    Parameters
    ----------
    n_in, n_hidden, n_out : int
        Number of features, width of the hidden layers, and dimension of the embeddings.
    n_layers : int, default=3
        Number of layers, of which all but the last one are hidden.

    Returns
    -------
    nn.Sequential

    References
    ----------
    .. [1] X. Chen, K. He (2021). Exploring simple Siamese representation learning. CVPR.
    """
    layers: list[nn.Module] = []
    for n_inputs in [n_in, *[n_hidden] * (n_layers - 1)][: n_layers - 1]:
        layers += [
            nn.Linear(n_inputs, n_hidden, bias=False),
            nn.BatchNorm1d(n_hidden),
            nn.ReLU(inplace=True),
        ]
    last = nn.Linear(n_in if n_layers == 1 else n_hidden, n_out, bias=False)
    return nn.Sequential(*layers, last, nn.BatchNorm1d(n_out, affine=False))


def predictor(n_in: int, n_hidden: int) -> nn.Sequential:
    """Return a two-layer network that predicts the embedding of one view from another."""
    return nn.Sequential(
        nn.Linear(n_in, n_hidden, bias=False),
        nn.BatchNorm1d(n_hidden),
        nn.ReLU(inplace=True),
        nn.Linear(n_hidden, n_in),
    )


def head(n_in: int, n_hidden: int, n_out: int) -> nn.Sequential:
    """Return a network with one hidden layer that maps features to embeddings."""
    return nn.Sequential(
        nn.Linear(n_in, n_hidden), nn.ReLU(inplace=True), nn.Linear(n_hidden, n_out)
    )


class MixtureOfEmbeddings(nn.Module):
    """One embedding for each component, and coefficients that mix them [1]_.

    z = Σ_k π_k e_k, where each unit embedding e_k comes from a separate head, and π is the softmax
    of a mixing head; hence ‖z‖ ≤ 1.

    Parameters
    ----------
    n_features : int
        Number of features of the encoder.
    n_components : int
    dim : int, default=32
        Dimension of the embeddings.
    n_hidden : int, default=512
        Width of the hidden layer of each head.

    References
    ----------
    .. [1] A. Varamesh, T. Tuytelaars (2020). MIX'EM: Unsupervised image classification using a
       mixture of embeddings. ACCV.

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.networks import MixtureOfEmbeddings
    >>> mixed, embeddings, coefficients = MixtureOfEmbeddings(128, 10)(torch.randn(4, 128))
    >>> mixed.shape, embeddings.shape, coefficients.shape
    (torch.Size([4, 32]), torch.Size([4, 10, 32]), torch.Size([4, 10]))
    """

    def __init__(
        self, n_features: int, n_components: int, dim: int = 32, n_hidden: int = 512
    ) -> None:
        super().__init__()
        self.n_components, self.dim = n_components, dim
        self.mixing = head(n_features, n_hidden, n_components)
        # All heads at once: a grouped convolution is a separate linear layer for each group.
        self.components = nn.Sequential(
            nn.Linear(n_features, n_components * n_hidden),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (-1, 1)),
            nn.Conv1d(n_components * n_hidden, n_components * dim, 1, groups=n_components),
            nn.Flatten(),
        )

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return mixed embeddings, the embeddings of all components, and coefficients."""
        embeddings = self.components(features).reshape(-1, self.n_components, self.dim)
        embeddings = functional.normalize(embeddings.float(), dim=2)
        coefficients = self.mixing(features).float().softmax(dim=1)
        return (coefficients[..., None] * embeddings).sum(dim=1), embeddings, coefficients


class Mixed(nn.Module):
    """The mixed embedding alone of a `MixtureOfEmbeddings`."""

    def __init__(self, mixture: MixtureOfEmbeddings) -> None:
        super().__init__()
        self.mixture = mixture

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return mixed embeddings."""
        mixed: torch.Tensor = self.mixture(features)[0]
        return mixed


class MomentumTarget(nn.Module):
    """A copy of a network that follows it as a moving average and gets no gradients.

    ``torch.optim.swa_utils.AveragedModel`` computes the same averages, but is not used: it copies
    the weights at the first update unless its counter is changed, expects a fixed momentum where
    this one changes with each step, and checkpoints of trainings do not contain its counter.

    Parameters
    ----------
    online : nn.Module
        The network to copy and follow.

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.networks import MomentumTarget
    >>> online = torch.nn.Linear(2, 2)
    >>> target = MomentumTarget(online)
    >>> with torch.no_grad():
    ...     _ = online.weight.add_(1.0)
    >>> target.follow(online, momentum=0.75)
    >>> torch.allclose(online.weight - target.network.weight, torch.tensor(0.75))
    True
    """

    def __init__(self, online: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(online).requires_grad_(False)

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of the averaged network."""
        output: torch.Tensor = self.network(x)
        return output

    @torch.no_grad()
    def follow(self, online: nn.Module, momentum: float) -> None:
        """Average the parameters, θ' ← m θ' + (1 − m) θ, and copy batch-normalization statistics.

        Parameters
        ----------
        online : nn.Module
            θ.
        momentum : float
            m, from 0 to 1.
        """
        for averaged, current in zip(self.network.parameters(), online.parameters()):
            averaged.lerp_(current.detach(), 1.0 - momentum)
        for own_buffer, buffer in zip(self.network.buffers(), online.buffers()):
            own_buffer.copy_(buffer)
