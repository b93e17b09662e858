"""Networks: encoders for small images, and what stands on an encoder.

Any nn.Module that turns images into rows of features serves as an encoder.
"""

import copy
import itertools

import torch
from torch import nn
from torch.nn import functional


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions beside a shortcut [1]_.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun (2016). Deep residual learning for image recognition.
       CVPR.
    """

    def __init__(self, n_in, n_out, stride):
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

    def forward(self, x):
        """Images of half the size where the stride is 2."""
        return functional.relu(self.body(x) + self.shortcut(x), inplace=True)


def resnet18(n_channels=3, small_images=True):
    """ResNet-18 without its last layer: images to 512 features.

    Parameters
    ----------
    n_channels : int, default=3
    small_images : bool, default=True
        True: the stem is one 3 × 3 convolution, for images of about 32 × 32; False: a 7 × 7
        convolution of stride 2 and pooling, for 96 × 96 and more.

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
    stem = [
        nn.Conv2d(n_channels, 64, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
    ]
    if not small_images:
        stem.append(nn.MaxPool2d(3, 2, padding=1))
    widths = [64, 64, 128, 256, 512]
    stages = [
        nn.Sequential(
            ResidualBlock(n_in, n_out, 1 if n_in == n_out else 2), ResidualBlock(n_out, n_out, 1)
        )
        for n_in, n_out in itertools.pairwise(widths)
    ]
    return nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def small_convnet(n_channels=1, width=32):
    """Three convolutions for a CPU: small images to 4 × `width` features.

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
        layers += [
            nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def n_features_of(encoder, images):
    """Features that an encoder makes of images; raises ValueError where they are no rows."""
    training = encoder.training
    encoder.eval()
    with torch.no_grad():
        features = encoder(images[:1])
    encoder.train(training)
    if features.ndim != 2:
        raise ValueError(
            f"The encoder turns images of shape {tuple(images.shape[1:])} into features of shape "
            f"{tuple(features.shape[1:])}; it must give one row for each image."
        )
    return features.shape[1]


def projector(n_in, n_hidden, n_out):
    """Features to embeddings: two hidden layers, all of them normalized over the batch [1]_.

    References
    ----------
    .. [1] X. Chen, K. He (2021). Exploring simple Siamese representation learning. CVPR.
    """
    return nn.Sequential(
        nn.Linear(n_in, n_hidden, bias=False),
        nn.BatchNorm1d(n_hidden),
        nn.ReLU(inplace=True),
        nn.Linear(n_hidden, n_hidden, bias=False),
        nn.BatchNorm1d(n_hidden),
        nn.ReLU(inplace=True),
        nn.Linear(n_hidden, n_out, bias=False),
        nn.BatchNorm1d(n_out, affine=False),
    )


def predictor(n_in, n_hidden):
    """Embeddings of one view to those of the other."""
    return nn.Sequential(
        nn.Linear(n_in, n_hidden, bias=False),
        nn.BatchNorm1d(n_hidden),
        nn.ReLU(inplace=True),
        nn.Linear(n_hidden, n_in),
    )


def head(n_in, n_hidden, n_out):
    """Features to embeddings: one hidden layer."""
    return nn.Sequential(
        nn.Linear(n_in, n_hidden), nn.ReLU(inplace=True), nn.Linear(n_hidden, n_out)
    )


class MixtureOfEmbeddings(nn.Module):
    """An embedding of each component, and coefficients that mix them [1]_.

    z = Σ_k π_k e_k with unit embeddings e_k of a head for each component, and π the softmax of a
    mixing head; so ‖z‖ ≤ 1.

    Parameters
    ----------
    n_features : int
        Of the encoder.
    n_components : int
    dim : int, default=32
        Of the embeddings.
    n_hidden : int, default=512
        Of the hidden layer of each head.

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

    def __init__(self, n_features, n_components, dim=32, n_hidden=512):
        super().__init__()
        self.n_components, self.dim = n_components, dim
        self.mixing = head(n_features, n_hidden, n_components)
        # The heads side by side: a convolution in groups is a linear layer for each.
        self.components = nn.Sequential(
            nn.Linear(n_features, n_components * n_hidden),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (-1, 1)),
            nn.Conv1d(n_components * n_hidden, n_components * dim, 1, groups=n_components),
            nn.Flatten(),
        )

    def forward(self, features):
        """Mixed embeddings, those of all components, and coefficients."""
        embeddings = self.components(features).reshape(-1, self.n_components, self.dim)
        embeddings = functional.normalize(embeddings.float(), dim=2)
        coefficients = self.mixing(features).float().softmax(dim=1)
        return (coefficients[..., None] * embeddings).sum(dim=1), embeddings, coefficients


class MomentumTarget(nn.Module):
    """A network that follows another as a moving average, and gets no gradients.

    Parameters
    ----------
    online : nn.Module
        It is copied.

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

    def __init__(self, online):
        super().__init__()
        self.network = copy.deepcopy(online).requires_grad_(False)

    @torch.no_grad()
    def forward(self, x):
        """What the following network makes of it."""
        return self.network(x)

    @torch.no_grad()
    def follow(self, online, momentum):
        """θ' ← m θ' + (1 − m) θ; running averages of batch normalization are copied."""
        for mine, theirs in zip(self.network.parameters(), online.parameters()):
            mine.lerp_(theirs.detach(), 1.0 - momentum)
        for mine, theirs in zip(self.network.buffers(), online.buffers()):
            mine.copy_(theirs)
