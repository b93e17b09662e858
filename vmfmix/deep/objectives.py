"""Objectives of SiamMM by name: how the clusters enter the loss.

All objectives are functions of the same arguments, described at `Objective`, and return the loss of
a batch. To add one, write its function and add an entry to `OBJECTIVES`. The functions import what
needs torch, so that the help and the validation of a config need none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from vmfmix.deep.online import OnlineVMFMixture


@dataclass(frozen=True)
class Objective:
    """One way in which clusters enter the loss.

    Parameters
    ----------
    loss : callable
        (predicted, target, responsibilities, mixture, share) to a scalar Tensor. Predictions and
        targets are unit rows of shape (batch, dim), responsibilities are those of the targets, of
        shape (batch, n_components), and share is λ, the weight of the clusters from 0 to 1.
    description : str
        Short text for the help of the config.
    """

    loss: Callable[
        [torch.Tensor, torch.Tensor, torch.Tensor, OnlineVMFMixture, float], torch.Tensor
    ]
    description: str


def fused_target(
    predicted: torch.Tensor,
    target: torch.Tensor,
    responsibilities: torch.Tensor,
    mixture: OnlineVMFMixture,
    share: float,
) -> torch.Tensor:
    """Return the loss without negative samples, which draws targets to their centroids."""
    from vmfmix.deep import losses

    return losses.fused_target_loss(predicted, target, responsibilities, mixture.means, share)


def nearest_centroid(
    predicted: torch.Tensor,
    target: torch.Tensor,
    responsibilities: torch.Tensor,
    mixture: OnlineVMFMixture,
    share: float,
) -> torch.Tensor:
    """Contrast the nearest centroid with all others, at the shared κ of the mixture."""
    from torch.nn import functional

    from vmfmix.deep import losses

    nearest = functional.one_hot(responsibilities.argmax(dim=1), mixture.n_components)
    contrast = losses.negative_centroids_loss(
        predicted, nearest.float(), mixture.means, mixture.concentration
    )
    return losses.siamese_loss(predicted, target).lerp(contrast, share)


def balanced_codes(
    predicted: torch.Tensor,
    target: torch.Tensor,
    responsibilities: torch.Tensor,
    mixture: OnlineVMFMixture,
    share: float,
) -> torch.Tensor:
    """Contrast the centroids of Sinkhorn's codes of the batch with all others, at κ = 10."""
    from vmfmix.deep import losses

    codes = losses.sinkhorn_codes(target @ mixture.means.T)
    contrast = losses.negative_centroids_loss(predicted, codes, mixture.means, 10.0)
    return losses.siamese_loss(predicted, target).lerp(contrast, share)


def negative_points(
    predicted: torch.Tensor,
    target: torch.Tensor,
    responsibilities: torch.Tensor,
    mixture: OnlineVMFMixture,
    share: float,
) -> torch.Tensor:
    """Contrast the members of each cluster with the other points of the batch."""
    from vmfmix.deep import losses

    contrast = losses.negative_points_loss(predicted, target, responsibilities, mixture.means)
    return losses.siamese_loss(predicted, target).lerp(contrast, share)


OBJECTIVES = {
    "siammm": Objective(fused_target, "no negative samples"),
    "nce1-memory": Objective(
        nearest_centroid, "the nearest centroid, with the others as negatives and one shared κ"
    ),
    "nce1-batch": Objective(
        balanced_codes,
        "Sinkhorn's codes of the batch, with other centroids as negatives and κ = 10",
    ),
    "nce2": Objective(negative_points, "own clusters, with points of the batch as negatives"),
}
