"""Losses of representation learning, each a pure function with its equation.

All embeddings are unit rows of shape (batch, dim). Predictions p receive gradients, and targets z'
are constants. r are responsibilities of K components with mean directions μ. An argument that is
documented as a constant is detached; all others pass gradients on.
"""

import torch
from torch.nn import functional


def siamese_loss(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return −(1/B) Σ_b p_b·z'_b, the loss of SimSiam [1]_ and, up to a constant, of BYOL.

    Parameters
    ----------
    predicted, target : Tensor of shape (batch, dim)
        Unit rows; the target is a constant.

    Returns
    -------
    Tensor
        From −1 to 1.

    References
    ----------
    .. [1] X. Chen, K. He (2021). Exploring simple Siamese representation learning. CVPR.
    """
    return -(predicted * target.detach()).sum(dim=1).mean()


def soft_assignment_loss(
    predicted: torch.Tensor, responsibilities: torch.Tensor, means: torch.Tensor
) -> torch.Tensor:
    """Return −(1/B) Σ_b Σ_k r_bk μ_k·p_b, which draws predictions to their centroids.

    This is the negative expected complete-data log-likelihood of the predictions under one shared
    concentration, divided by it, up to a constant. There are no negative samples: by Fisher's
    identity, with the responsibilities of the same embeddings it has the gradient of the mixture's
    negative log-likelihood.

    Parameters
    ----------
    predicted : Tensor of shape (batch, dim)
        Unit rows.
    responsibilities : Tensor of shape (batch, n_components)
        Of the targets; a constant.
    means : Tensor of shape (n_components, dim)
        Unit rows; a constant.

    Returns
    -------
    Tensor
        From −1 to 1.
    """
    return siamese_loss(predicted, responsibilities.detach() @ means.detach())


def fused_target_loss(
    predicted: torch.Tensor,
    target: torch.Tensor,
    responsibilities: torch.Tensor,
    means: torch.Tensor,
    share: float,
) -> torch.Tensor:
    """Return −(1/B) Σ_b p_b·[(1 − λ) z'_b + λ Σ_k r_bk μ_k]: targets drawn to their centroids.

    λ = 0 is `siamese_loss`, and λ = 1 is `soft_assignment_loss`.

    Parameters
    ----------
    predicted, target : Tensor of shape (batch, dim)
        Unit rows; the target is a constant.
    responsibilities : Tensor of shape (batch, n_components)
        Of the targets.
    means : Tensor of shape (n_components, dim)
    share : float
        λ, from 0 to 1.

    Returns
    -------
    Tensor
        From −1 to 1.
    """
    if share == 0:
        return siamese_loss(predicted, target)
    return torch.lerp(
        siamese_loss(predicted, target),
        soft_assignment_loss(predicted, responsibilities, means),
        share,
    )


def negative_centroids_loss(
    predicted: torch.Tensor,
    assignment: torch.Tensor,
    means: torch.Tensor,
    concentrations: float | torch.Tensor,
) -> torch.Tensor:
    """Return −(1/B) Σ_b Σ_k q_bk log softmax_k(κ_k μ_k·p_b), with other centroids as negatives.

    If q is the nearest centroid of the target and κ comes from the scatter of each cluster, this is
    the prototype part of PCL [1]_ with all centroids as negatives; if q are the codes of
    `sinkhorn_codes` and κ is shared, it is the loss of SwAV [2]_.

    Parameters
    ----------
    predicted : Tensor of shape (batch, dim)
        Unit rows.
    assignment : Tensor of shape (batch, n_components)
        q; rows sum to 1. A constant.
    means : Tensor of shape (n_components, dim)
        Unit rows; a constant.
    concentrations : float or Tensor of shape (n_components,)
        κ.

    Returns
    -------
    Tensor
        At least 0.

    References
    ----------
    .. [1] J. Li, P. Zhou, C. Xiong, S. Hoi (2021). Prototypical contrastive learning of
       unsupervised representations. ICLR.
    .. [2] M. Caron, I. Misra, J. Mairal, P. Goyal, P. Bojanowski, A. Joulin (2020). Unsupervised
       learning of visual features by contrasting cluster assignments. NeurIPS.
    """
    logits = predicted @ means.detach().T * concentrations
    return -(assignment.detach() * functional.log_softmax(logits, dim=1)).sum(dim=1).mean()


def negative_points_loss(
    predicted: torch.Tensor,
    targets: torch.Tensor,
    responsibilities: torch.Tensor,
    means: torch.Tensor,
    temperature: float = 0.1,
) -> torch.Tensor:
    """Contrast the members of a cluster with the points outside it, as seen from its centroid.

    −(1/B) Σ_b Σ_k q_bk log [e^{μ_k·p_b/τ} / (e^{μ_k·p_b/τ} + Σ_{j≠b} (1 − q_jk) e^{μ_k·z'_j/τ})].

    Parameters
    ----------
    predicted, targets : Tensor of shape (batch, dim)
        Unit rows of one view and of the other; the targets are constants.
    responsibilities : Tensor of shape (batch, n_components)
        q, of the targets; a constant.
    means : Tensor of shape (n_components, dim)
        Unit rows; a constant.
    temperature : float, default=0.1
        τ.

    Returns
    -------
    Tensor
        At least 0.
    """
    means, q = means.detach(), responsibilities.detach()
    positive = predicted @ means.T / temperature
    # log Σ_{j≠b} (1 − q_jk) e^{μ_k·z'_j/τ}, over all other targets, weighted by 1 − q.
    negative = targets.detach() @ means.T / temperature + (1.0 - q).clamp(min=0.0).log()
    batch = len(q)
    others = ~torch.eye(batch, dtype=torch.bool, device=q.device)
    spread = negative.expand(batch, *negative.shape).masked_fill(~others[..., None], -torch.inf)
    log_negatives = spread.logsumexp(dim=1)
    return (q * (torch.logaddexp(positive, log_negatives) - positive)).sum(dim=1).mean()


def nt_xent_loss(one: torch.Tensor, other: torch.Tensor, temperature: float = 0.5) -> torch.Tensor:
    """Return the normalized temperature-scaled cross-entropy of SimCLR [1]_.

    −(1/2B) Σ_i log [e^{s_ii'/τ} / Σ_{j≠i} e^{s_ij/τ}] over the 2B embeddings of both views, with
    cosines s and i' the other view of i.

    Parameters
    ----------
    one, other : Tensor of shape (batch, dim)
        Embeddings of two views; they need not have unit length.
    temperature : float, default=0.5
        τ.

    Returns
    -------
    Tensor
        At least 0.

    References
    ----------
    .. [1] T. Chen, S. Kornblith, M. Norouzi, G. Hinton (2020). A simple framework for contrastive
       learning of visual representations. ICML.
    """
    both = functional.normalize(torch.cat([one, other]).float(), dim=1)
    logits = both @ both.T / temperature
    logits.fill_diagonal_(-torch.inf)
    batch = len(one)
    partners = torch.arange(2 * batch, device=both.device).roll(batch)
    return functional.cross_entropy(logits, partners)


@torch.no_grad()
def sinkhorn_codes(
    cosines: torch.Tensor, epsilon: float = 0.05, n_iterations: int = 3
) -> torch.Tensor:
    """Assign a batch so that all components are used equally, by Sinkhorn's iteration [1]_.

    Parameters
    ----------
    cosines : Tensor of shape (batch, n_components)
    epsilon : float, default=0.05
        Weight of the entropy; smaller values give harder assignments.
    n_iterations : int, default=3

    Returns
    -------
    Tensor of shape (batch, n_components)
        Rows sum to 1, columns nearly to batch / n_components.

    References
    ----------
    .. [1] M. Cuturi (2013). Sinkhorn distances: lightspeed computation of optimal transport. NIPS.
    """
    log_codes = cosines.float() / epsilon
    for _ in range(n_iterations):
        log_codes = log_codes - log_codes.logsumexp(dim=0, keepdim=True)
        log_codes = log_codes - log_codes.logsumexp(dim=1, keepdim=True)
    return log_codes.exp()


def component_entropy_loss(coefficients: torch.Tensor) -> torch.Tensor:
    """Return Σ_k p_k log p_k with p_k = (1/B) Σ_b π_bk, the negative entropy of a whole batch.

    It is smallest if the batch uses all components equally.

    Parameters
    ----------
    coefficients : Tensor of shape (batch, n_components)
        π; rows sum to 1.

    Returns
    -------
    Tensor
        From −log n_components to 0.
    """
    return -_entropies(coefficients.mean(dim=0)).sum()


def conditional_entropy_loss(coefficients: torch.Tensor) -> torch.Tensor:
    """Return −(1/B) Σ_b Σ_k π_bk log π_bk, the mean entropy of an image.

    It is smallest if each image uses one component.

    Parameters
    ----------
    coefficients : Tensor of shape (batch, n_components)
        π; rows sum to 1.

    Returns
    -------
    Tensor
        From 0 to log n_components.
    """
    return _entropies(coefficients).sum(dim=1).mean()


def _entropies(shares: torch.Tensor) -> torch.Tensor:
    """Return −x log x, with a gradient of 0 at 0 in place of infinity."""
    entropies: torch.Tensor = torch.special.entr(shares.clamp_min(torch.finfo(shares.dtype).tiny))
    return entropies


def largest_coefficient_loss(coefficients: torch.Tensor) -> torch.Tensor:
    """Return (1/B) Σ_b (1 − max_k π_bk), used for the conditional entropy in the code of MIX'EM.

    Parameters
    ----------
    coefficients : Tensor of shape (batch, n_components)
        π; rows sum to 1.

    Returns
    -------
    Tensor
        From 0 to 1 − 1 / n_components.
    """
    return (1.0 - coefficients.max(dim=1).values).mean()


def associative_losses(
    embeddings: torch.Tensor, components: torch.Tensor, n_components: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return losses that pull embeddings to the mean of their component and push means apart.

    pull = (1/K) Σ_c (1/n_c) Σ_{z ∈ M_c} ‖z − m_c‖ and push = −(1/(K(K−1))) Σ_{c≠c'} ‖m_c − m_c'‖,
    where M_c are the embeddings of component c and one zero vector, so that no component is empty,
    n_c = |M_c|, and m_c is their mean [1]_.

    Parameters
    ----------
    embeddings : Tensor of shape (batch, dim)
    components : Tensor of shape (batch,), int64
        Component of each embedding; a constant.
    n_components : int
        K, at least 2.

    Returns
    -------
    pull : Tensor
        At least 0.
    push : Tensor
        At most 0.

    References
    ----------
    .. [1] A. Varamesh, T. Tuytelaars (2020). MIX'EM: Unsupervised image classification using a
       mixture of embeddings. ACCV.
    """
    one_hot = functional.one_hot(components, n_components).to(embeddings.dtype)
    sizes = one_hot.sum(dim=0) + 1.0  # with the zero vector
    means = one_hot.T @ embeddings / sizes[:, None]
    distances = one_hot.T @ _length(embeddings - means[components])
    # The zero vector is at distance ‖m_c‖ from the mean.
    pull = ((distances + _length(means)) / sizes).mean()
    between = _length(means[:, None] - means[None])
    return pull, -between.sum() / (n_components * (n_components - 1))


def _length(vectors: torch.Tensor) -> torch.Tensor:
    """Return Euclidean lengths, with a gradient of 0 at 0."""
    squares = (vectors * vectors).sum(dim=-1)
    zero = squares == 0
    lengths = torch.where(zero, 1.0, squares).sqrt()
    return torch.where(zero, 0.0, lengths)
