"""The online mixture: its buffers, updates from batches, merging, and state dict."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.nn import functional  # noqa: E402

from vmfmix.datasets import make_vmf_mixture  # noqa: E402
from vmfmix.deep.online import OnlineVMFMixture  # noqa: E402
from vmfmix.engines.choice import choose_engine  # noqa: E402
from vmfmix.model.statistics import MixtureParameters  # noqa: E402


@pytest.fixture(scope="module")
def planted():
    return make_vmf_mixture(12_000, 32, 10, concentration=60.0, dtype=np.float32, random_state=0)


@pytest.fixture
def fitted(planted):
    mixture = OnlineVMFMixture(32)
    mixture.fit_(torch.from_numpy(planted[0]), 10, random_state=0)
    return mixture


def test_fit_sets_statistics(planted, fitted):
    X, _ = planted
    assert fitted.n_components == 10
    assert float(fitted.counts.sum()) == pytest.approx(1.0)
    assert torch.allclose(fitted.means.norm(dim=1), torch.ones(10))
    assert float(fitted.concentration) == 20.0  # the upper limit; the data have 60
    again = choose_engine(X).accumulate(
        MixtureParameters.nearest(fitted.means.double().numpy()), hard=True
    )
    np.testing.assert_allclose(fitted.counts, again.counts / len(X), atol=2e-3)


def test_fit_estimates_number_of_clusters(planted):
    mixture = OnlineVMFMixture(32)
    model = mixture.fit_(torch.from_numpy(planted[0]), n_components_init=60, random_state=0)
    assert mixture.n_components == model.n_components_ == 10


def test_responsibilities_equal_softmax(planted, fitted):
    z = torch.from_numpy(planted[0][:50])
    logits = 20.0 * z @ fitted.means.T
    fitted.top_m = None
    assert torch.allclose(fitted(z), logits.softmax(dim=1))
    fitted.top_m = 3
    r = fitted(z)
    assert ((r > 0).sum(dim=1) == 3).all()
    assert torch.allclose(r.sum(dim=1), torch.ones(50))
    assert (r.argmax(dim=1) == logits.argmax(dim=1)).all()
    fitted.top_m = 1
    assert torch.equal(fitted(z), functional.one_hot(logits.argmax(dim=1), 10).float())
    fitted.top_m, fitted.learned_weights = None, True
    expected = (logits + fitted.weights.log()).softmax(dim=1)
    assert torch.allclose(fitted(z), expected)


def test_update_with_step_one_equals_batch(planted, fitted):
    z = torch.from_numpy(planted[0][:500])
    r = fitted(z)
    fitted.update(z, r, 1.0)
    assert torch.allclose(fitted.counts, r.mean(dim=0), atol=1e-6)
    assert torch.allclose(fitted.resultants, r.T @ z / 500, atol=1e-6)


def test_stepwise_em_converges_to_batch_em(planted):
    """On fixed rows with decreasing steps, the means are those of EM."""
    X, _ = planted
    rows = torch.from_numpy(X)
    mixture = OnlineVMFMixture(32, top_m=None, largest_concentration=60.0)
    mixture.fit_(rows, 10, random_state=0)
    expected = mixture.means.clone()
    for _ in range(50):  # EM with all rows
        mixture.update(rows, mixture(rows), 1.0)
    expected = mixture.means.clone()
    mixture.resultants += 0.01 * torch.randn(10, 32, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    for t in range(600):
        batch = torch.randint(len(rows), (200,), generator=generator)
        mixture.update(rows[batch], mixture(rows[batch]), (t + 2) ** -0.6)
    assert (mixture.means - expected).norm(dim=1).max() < 0.05


def test_means_follow_rotating_rows(planted, fitted):
    X, _ = planted
    rows = torch.from_numpy(X)
    rotation = torch.linalg.qr(torch.eye(32) + 0.05 * torch.randn(32, 32))[0]
    rotation = rotation * torch.sign(torch.diagonal(rotation))
    rows = rows @ rotation
    before = fitted.means @ rotation
    for _ in range(3):  # epochs
        for batch in rows.split(100):
            fitted.update(batch, fitted(batch), 100 / len(rows))
    assert (fitted.means * before).sum(dim=1).min() > 0.98


def test_merging_joins_copies_and_keeps_clusters(planted):
    X, _ = planted
    rows = torch.from_numpy(X)
    mixture = OnlineVMFMixture(32, top_m=1)
    mixture.fit_(rows, 25, merge=None, random_state=0)
    assert mixture.n_components > 15
    n_left = mixture.merge_(rows)  # and a few with too few rows to be merged
    assert 10 <= n_left <= 13
    assert ((mixture.weights > 0.05) & (mixture.weights < 0.15)).sum() == 10
    assert 10 <= mixture.merge_(rows) <= n_left
    assert float(mixture.counts.sum()) == pytest.approx(1.0, abs=1e-5)


def test_clusters_with_few_rows_do_not_merge(planted):
    mixture = OnlineVMFMixture(32)
    mixture.fit_(torch.from_numpy(planted[0][:200]), 25, merge=None, random_state=0)
    mixture.effective_dimension.fill_(31)
    n_before = mixture.n_components
    assert mixture.merge_(torch.from_numpy(planted[0][:200])) == n_before


def test_merging_uses_nearest_means_not_soft_statistics(planted):
    rows = torch.from_numpy(planted[0])
    mixture = OnlineVMFMixture(32, top_m=None, largest_concentration=3.0)
    mixture.fit_(rows, 10, random_state=0)
    for _ in range(5):
        mixture.update(rows, mixture(rows), 1.0)  # now all components are nearly equal
    assert mixture.merge_(rows) == 10


def test_prune_removes_dead_components(fitted):
    fitted.counts[3] = 1e-4
    expected = fitted.means[[0, 1, 2, 4, 5, 6, 7, 8, 9]]
    assert fitted.prune_() == 1
    assert torch.equal(fitted.means, expected)
    assert fitted.prune_() == 0


def test_state_dict_restores_any_number_of_components(fitted, planted):
    other = OnlineVMFMixture(32)
    other.load_state_dict(fitted.state_dict())
    assert torch.equal(other.means, fitted.means)
    z = torch.from_numpy(planted[0][:10])
    assert torch.equal(other(z), fitted(z))
    fitted.prune_(least=1.1)
    other.load_state_dict(fitted.state_dict())
    assert other.n_components == fitted.n_components < 10
    assert float(other.concentration) == float(fitted.concentration)
