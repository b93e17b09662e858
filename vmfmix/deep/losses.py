"""One pure function for each objective of representation learning, with its equation.

All embeddings are unit rows of shape (batch, dim): p are predictions, which gradients go into, and
z' targets, which are constants. r are responsibilities of K components with mean directions μ.
Whoever calls these functions decides what is a constant; only what is said to be one is detached.
"""

import torch
from torch.nn import functional


def siamese_loss(predicted, target):
    """−(1/B) Σ_b p_b·z'_b, the loss of SimSiam [1]_ and, up to a constant, of BYOL.

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


def soft_assignment_loss(predicted, responsibilities, means):
    """−(1/B) Σ_b Σ_k r_bk μ_k·p_b: the distance to the own centroid, or the nearest ones.

    The expected complete-data log-likelihood of the predictions under one shared concentration,
    divided by it. There are no negatives: by Fisher's identity, its gradient with the
    responsibilities of the same embeddings is that of the mixture's log-likelihood.

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


def fused_target_loss(predicted, target, responsibilities, means, share):
    """−(1/B) Σ_b p_b·[(1 − λ) z'_b + λ Σ_k r_bk μ_k]: a target that is drawn to its centroids.

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


def negative_centroids_loss(predicted, assignment, means, concentrations):
    """−(1/B) Σ_b Σ_k q_bk log softmax_k(κ_k μ_k·p_b): other centroids are negatives.

    With q the nearest centroid of the target and κ from the scatter of each cluster, it is the
    prototype part of PCL [1]_ with all centroids as negatives; with q the codes of
    `sinkhorn_codes` and one κ, that of SwAV [2]_.

    Parameters
    ----------
    predicted : Tensor of shape (batch, dim)
        Unit rows.
    assignment : Tensor of shape (batch, n_components)
        q; rows sum to 1. A constant.
    means : Tensor of shape (n_components, dim)
        Unit rows; a constant.
    concentrations : float or Tensor of shape (n_components,)

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


def negative_points_loss(predicted, targets, responsibilities, means, temperature=0.1):
    """Members of a cluster against the points outside it, from the centroid's place.

    −(1/B) Σ_b Σ_k q_bk log [e^{μ_k·p_b/τ} / (e^{μ_k·p_b/τ} + Σ_{j≠b} (1 − q_jk) e^{μ_k·z'_j/τ})].

    Parameters
    ----------
    predicted, targets : Tensor of shape (batch, dim)
        Unit rows of one view, and of the other as constants.
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
    # Of all targets but the own one, those outside the cluster, as log Σ e^….
    negative = targets.detach() @ means.T / temperature + (1.0 - q).clamp(min=0.0).log()
    batch = len(q)
    others = ~torch.eye(batch, dtype=torch.bool, device=q.device)
    spread = negative.expand(batch, *negative.shape).masked_fill(~others[..., None], -torch.inf)
    log_negatives = spread.logsumexp(dim=1)
    return (q * (torch.logaddexp(positive, log_negatives) - positive)).sum(dim=1).mean()


def nt_xent_loss(one, other, temperature=0.5):
    """Normalized temperature-scaled cross-entropy of SimCLR [1]_.

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
def sinkhorn_codes(cosines, epsilon=0.05, n_iterations=3):
    """Assignment of a batch that uses all components equally, by Sinkhorn's iteration [1]_.

    Parameters
    ----------
    cosines : Tensor of shape (batch, n_components)
    epsilon : float, default=0.05
        Entropy; less is harder.
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


def component_entropy_loss(coefficients):
    """Σ_k p_k log p_k with p_k = (1/B) Σ_b π_bk: less where a batch uses all components equally.

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


def conditional_entropy_loss(coefficients):
    """−(1/B) Σ_b Σ_k π_bk log π_bk: less where each image has one component.

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


def _entropies(shares):
    """−x log x, whose gradient at 0, where it is infinite, is 0."""
    return torch.special.entr(shares.clamp_min(torch.finfo(shares.dtype).tiny))


def largest_coefficient_loss(coefficients):
    """(1/B) Σ_b (1 − max_k π_bk), which stands for the conditional entropy in MIX'EM's code.

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


def associative_losses(embeddings, components, n_components):
    """How far embeddings are from the mean of their component, and how near these means are.

    With M_c the embeddings of component c and one zero vector, so that no component is empty,
    n_c = |M_c| and m_c their mean [1]_:

    pull = (1/K) Σ_c (1/n_c) Σ_{z ∈ M_c} ‖z − m_c‖ and push = −(1/(K(K−1))) Σ_{c≠c'} ‖m_c − m_c'‖.

    Parameters
    ----------
    embeddings : Tensor of shape (batch, dim)
    components : Tensor of shape (batch,), int64
        The component of each; a constant.
    n_components : int
        K, at least 2.

    Returns
    -------
    pull, push : Tensor

    References
    ----------
    .. [1] A. Varamesh, T. Tuytelaars (2020). MIX'EM: Unsupervised image classification using a
       mixture of embeddings. ACCV.
    """
    one_hot = functional.one_hot(components, n_components).to(embeddings.dtype)
    sizes = one_hot.sum(dim=0) + 1.0  # with the zero vector
    means = one_hot.T @ embeddings / sizes[:, None]
    distances = one_hot.T @ _length(embeddings - means[components])
    pull = ((distances + _length(means)) / sizes).mean()
    between = _length(means[:, None] - means[None])
    return pull, -between.sum() / (n_components * (n_components - 1))


def _length(vectors):
    """Euclidean lengths, whose gradient at 0 is 0."""
    squares = (vectors * vectors).sum(dim=-1)
    zero = squares == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, squares).sqrt())
