"""Losses of representation learning against their equations and against each other."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.nn import functional  # noqa: E402

from vmfmix.deep import losses  # noqa: E402


def unit(n, dim=8, seed=0):
    rows = torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return functional.normalize(rows, dim=1)


def responsibilities_of(rows, means, kappa=5.0):
    return (kappa * rows @ means.T).softmax(dim=1)


def test_fused_target_without_clusters_equals_siamese_loss_exactly():
    p, z, means = unit(32, seed=1), unit(32, seed=2), unit(5, seed=3)
    r = responsibilities_of(z, means)
    assert torch.equal(losses.fused_target_loss(p, z, r, means, 0.0), losses.siamese_loss(p, z))


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_fused_target_equals_its_equation(share):
    p, z, means = unit(32, seed=1), unit(32, seed=2), unit(5, seed=3)
    r = responsibilities_of(z, means)
    target = (1 - share) * z + share * r @ means
    expected = -(p * target).sum(dim=1).mean()
    assert torch.allclose(losses.fused_target_loss(p, z, r, means, share), expected)


def test_targets_responsibilities_and_means_get_no_gradient():
    p, z, means = (each.requires_grad_() for each in (unit(9), unit(9, seed=1), unit(4, seed=2)))
    r = responsibilities_of(z, means)
    for loss in (
        losses.fused_target_loss(p, z, r, means, 0.5),
        losses.negative_centroids_loss(p, r, means, 10.0),
        losses.negative_points_loss(p, z, r, means),
    ):
        gradients = torch.autograd.grad(loss, (p, z, means), allow_unused=True, retain_graph=True)
        assert gradients[0] is not None
        assert gradients[1] is None
        assert gradients[2] is None


def test_soft_assignment_has_gradient_of_log_likelihood():
    """Fisher's identity, with the responsibilities of the same rows."""
    means, kappa = unit(6, seed=3), 7.0
    z = unit(20).requires_grad_()
    log_density = (kappa * z @ means.T - math.log(6)).logsumexp(dim=1).mean()
    (expected,) = torch.autograd.grad(log_density, z)
    r = responsibilities_of(z.detach(), means, kappa)
    (found,) = torch.autograd.grad(losses.soft_assignment_loss(z, r, means), z)
    assert torch.allclose(-kappa * found, expected)


def info_nce(p, z, temperature):
    return functional.cross_entropy(p @ z.T / temperature, torch.arange(len(p)))


def test_negative_losses_equal_info_nce_if_each_point_is_a_cluster():
    p, z = unit(16, seed=1), unit(16, seed=2)
    each = torch.eye(16, dtype=torch.float64)
    expected = info_nce(p, z, 0.1)
    assert torch.allclose(losses.negative_centroids_loss(p, each, z, 10.0), expected)
    # The centroid is the anchor; the prediction is contrasted with the other points.
    anchored = torch.stack(
        [
            functional.cross_entropy(
                torch.cat([(z[i] @ p[i])[None], (z @ z[i])[torch.arange(16) != i]])[None] / 0.1,
                torch.tensor([0]),
            )
            for i in range(16)
        ]
    ).mean()
    assert torch.allclose(losses.negative_points_loss(p, z, each, z, 0.1), anchored)


def test_points_of_same_cluster_are_not_negatives():
    p, z, means = unit(10, seed=1), unit(10, seed=2), unit(1, seed=3)
    one_cluster = torch.ones(10, 1, dtype=torch.float64)
    loss = losses.negative_points_loss(p, z, one_cluster, means)
    assert loss == pytest.approx(0.0, abs=1e-12)


def test_negative_points_equals_loops():
    p, z, means = unit(7, seed=1), unit(7, seed=2), unit(3, seed=3)
    q = responsibilities_of(z, means)
    total = 0.0
    for b in range(7):
        for k in range(3):
            own = math.exp(means[k] @ p[b] / 0.2)
            others = sum(
                (1 - q[j, k]) * math.exp(means[k] @ z[j] / 0.2) for j in range(7) if j != b
            )
            total -= q[b, k] * math.log(own / (own + others)) / 7
    assert losses.negative_points_loss(p, z, q, means, 0.2) == pytest.approx(float(total))


def test_nt_xent_equals_loops():
    one, other = 3 * unit(5, seed=1), 0.5 * unit(5, seed=2)
    both = torch.cat([unit(5, seed=1), unit(5, seed=2)]).numpy()
    total = 0.0
    for i in range(10):
        s = np.exp(both @ both[i] / 0.5)
        total -= np.log(s[(i + 5) % 10] / (s.sum() - s[i])) / 10
    assert float(losses.nt_xent_loss(one, other)) == pytest.approx(total, rel=1e-5)


def test_sinkhorn_uses_all_components_equally():
    cosines = unit(60, seed=1) @ unit(6, seed=2).T
    codes = losses.sinkhorn_codes(cosines, n_iterations=100)
    assert torch.allclose(codes.sum(dim=1), torch.ones(60), atol=1e-5)
    assert torch.allclose(codes.sum(dim=0), torch.full((6,), 10.0), rtol=0.02)


def test_losses_are_finite_at_extreme_temperatures():
    p = unit(8)
    hard = functional.one_hot(torch.arange(8) % 2, 2).double()
    for temperature in (1e-3, 1e3):
        assert torch.isfinite(losses.negative_points_loss(p, p, hard, unit(2), temperature))
        assert torch.isfinite(losses.nt_xent_loss(p, p, temperature))
