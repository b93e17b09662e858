"""MIX'EM: its losses against plain NumPy, and trainings from images to clusters."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("kornia")

from sklearn.datasets import load_digits  # noqa: E402
from sklearn.preprocessing import normalize  # noqa: E402
from torch import nn  # noqa: E402

from vmfmix.deep import losses  # noqa: E402
from vmfmix.deep import train as training  # noqa: E402
from vmfmix.deep.components import kmeans_from_components, mixture_from_coefficients  # noqa: E402
from vmfmix.deep.data import Images  # noqa: E402
from vmfmix.deep.method_config import MixEMConfig  # noqa: E402
from vmfmix.deep.mixem import MixEM  # noqa: E402
from vmfmix.deep.networks import MixtureOfEmbeddings  # noqa: E402
from vmfmix.deep.views import Views  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # from Lightning, about torch
]
torch.set_num_threads(1)  # idle threads of torch would slow down tests that run in parallel


# --- losses --------------------------------------------------------------------------------------


def coefficients_of(kind, n=24, n_components=6):
    generator = torch.Generator().manual_seed(0)
    if kind == "random":
        return (3.0 * torch.randn(n, n_components, generator=generator)).double().softmax(dim=1)
    if kind == "equal":
        return torch.full((n, n_components), 1.0 / n_components, dtype=torch.float64)
    chosen = torch.zeros(n, dtype=torch.int64) if kind == "one" else torch.arange(n) % 3
    return torch.nn.functional.one_hot(chosen, n_components).double()


def entropy(p):
    p = p[p > 0]
    return -(p * np.log(p)).sum()


def associative_in_numpy(z, chosen, n_components):
    """Return pull and push as the paper defines them, component by component."""
    means, pulls = [], []
    for component in range(n_components):
        members = np.vstack([z[chosen == component], np.zeros((1, z.shape[1]))])
        means.append(members.mean(axis=0))
        pulls.append(np.linalg.norm(members - means[-1], axis=1).mean())
    apart = [
        np.linalg.norm(means[i] - means[j])
        for i in range(n_components)
        for j in range(n_components)
        if i != j
    ]
    return np.mean(pulls), -np.sum(apart) / (n_components * (n_components - 1))


def nt_xent_in_numpy(one, other, temperature):
    z = np.vstack([one, other])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    similar = np.exp(z @ z.T / temperature)
    n, total = len(one), 0.0
    for i in range(2 * n):
        rest = similar[i].sum() - similar[i, i]
        total -= np.log(similar[i, (i + n) % (2 * n)] / rest)
    return total / (2 * n)


@pytest.mark.parametrize("kind", ["random", "equal", "one", "empty components"])
def test_losses_equal_numpy(kind):
    pi = coefficients_of(kind).requires_grad_()
    z = torch.randn(24, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    z = (z / 4.0).requires_grad_()
    p, chosen = pi.detach().numpy(), pi.detach().argmax(dim=1)
    pull, push = losses.associative_losses(z, chosen, 6)
    expected_pull, expected_push = associative_in_numpy(z.detach().numpy(), chosen.numpy(), 6)
    found = {
        losses.component_entropy_loss(pi): -entropy(p.mean(axis=0)),
        losses.conditional_entropy_loss(pi): np.mean([entropy(row) for row in p]),
        losses.largest_coefficient_loss(pi): np.mean(1.0 - p.max(axis=1)),
        pull: expected_pull,
        push: expected_push,
    }
    for loss, expected in found.items():
        assert loss.item() == pytest.approx(expected, abs=1e-6)
    one, other = z[:12], z[12:]
    contrast = losses.nt_xent_loss(one, other, 0.5)
    numpy_contrast = nt_xent_in_numpy(one.detach().numpy(), other.detach().numpy(), 0.5)
    assert contrast.item() == pytest.approx(numpy_contrast, abs=1e-6)
    gradients = torch.autograd.grad(pull + push + contrast, z)[0]
    assert gradients.isfinite().all()


@pytest.mark.parametrize("scale", [50.0, 500.0])  # with the second, some coefficients are 0
@pytest.mark.parametrize("kind", ["random", "equal", "one", "empty components"])
def test_gradients_through_the_softmax_are_finite(kind, scale):
    logits = (scale * coefficients_of(kind)).float().requires_grad_()
    pi = logits.softmax(dim=1)
    sum(
        (
            losses.component_entropy_loss(pi),
            losses.conditional_entropy_loss(pi),
            losses.largest_coefficient_loss(pi),
        )
    ).backward()
    assert logits.grad.isfinite().all()


def test_associative_losses_of_equal_embeddings_have_zero_gradient():
    z = torch.zeros(6, 4, requires_grad=True)
    pull, push = losses.associative_losses(z, torch.arange(6) % 2, 3)
    (pull + push).backward()
    assert pull.item() == push.item() == 0.0
    assert (z.grad == 0).all()


def test_losses_do_not_depend_on_order_of_components():
    pi = coefficients_of("random")
    z = torch.randn(24, 8, dtype=torch.float64)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    changed = pi[:, order]
    for loss in (
        losses.component_entropy_loss,
        losses.conditional_entropy_loss,
        losses.largest_coefficient_loss,
    ):
        assert loss(pi).item() == pytest.approx(loss(changed).item(), abs=1e-12)
    one = losses.associative_losses(z, pi.argmax(dim=1), 6)
    other = losses.associative_losses(z, changed.argmax(dim=1), 6)
    assert torch.stack(one).tolist() == pytest.approx(torch.stack(other).tolist(), abs=1e-12)


def test_mixture_of_embeddings():
    torch.manual_seed(0)
    mixture = MixtureOfEmbeddings(20, 5, dim=6, n_hidden=12)
    features = torch.randn(9, 20)
    mixed, embeddings, coefficients = mixture(features)
    assert torch.allclose(embeddings.norm(dim=2), torch.ones(9, 5))
    assert torch.allclose(coefficients.sum(dim=1), torch.ones(9))
    assert (mixed.norm(dim=1) <= 1.0 + 1e-6).all()
    # Each head uses only its own hidden units.
    first, _, _, second, _ = mixture.components
    hidden = first(features).relu().reshape(9, 5, 12)
    weight, bias = second.weight.reshape(5, 6, 12), second.bias.reshape(5, 6)
    heads = torch.einsum("bkh,kdh->bkd", hidden, weight) + bias
    assert torch.allclose(torch.nn.functional.normalize(heads, dim=2), embeddings, atol=1e-6)


# --- from components to clusters -----------------------------------------------------------------


def blobs():
    rng = np.random.default_rng(0)
    centers = normalize(rng.normal(size=(4, 10)))
    truth = rng.integers(4, size=400)
    return (centers[truth] + 0.1 * rng.normal(size=(400, 10))).astype(np.float32), truth


def test_kmeans_keeps_numbers_of_components():
    rows, truth = blobs()
    noisy = np.where(np.arange(400) % 5 == 0, (truth + 1) % 4, truth)
    fitted = kmeans_from_components(rows, noisy, 4)
    np.testing.assert_array_equal(fitted.labels_, truth)  # numbered like the components


def test_kmeans_uses_largest_components_and_random_centers_for_empty_ones():
    rows, truth = blobs()
    finer = np.where((truth == 2) & (np.arange(400) % 10 == 0), 7, truth)
    assert len(np.unique(kmeans_from_components(rows, finer, 4).labels_)) == 4
    few = np.minimum(truth, 2)
    one, other = (kmeans_from_components(rows, few, 5, 3).labels_ for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_mixture_from_coefficients_finds_clusters():
    rows, truth = blobs()
    coefficients = np.full((400, 6), 0.02)
    coefficients[np.arange(400), truth + 2 * (np.arange(400) % 2) * (truth > 1)] += 0.88
    assert mixture_from_coefficients(rows, coefficients).n_components_ >= 4
    for number in (4, "auto"):
        model = mixture_from_coefficients(rows, coefficients, number)
        assert model.n_components_ == 4
        pairs = set(zip(model.labels_.tolist(), truth.tolist()))
        assert len(pairs) == 4


# --- training ------------------------------------------------------------------------------------

SHORT = {
    "epochs": 3,
    "batch_size": 128,
    "n_components": 10,
    "dim": 8,
    "hidden": 32,
    "learning_rate": 1e-3,
}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return Images(X.reshape(-1, 8, 8) / 16.0, y)


def trained(digits, out=None, test=None, start=None, **config):
    torch.manual_seed(0)
    return training.train(
        "mixem",
        digits,
        test=test,
        start=start,
        encoder=nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU()),
        views=Views(8, 1, flip=False, least_area=0.5),
        out=out,
        trainer={"accelerator": "cpu", "enable_progress_bar": False},
        **{**SHORT, **config},
    )


@pytest.mark.training
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"conditional": "entropy", "after_mixing": True},
        {"pretraining": 1, "association_start": 1},
        {"n_components": 20, "n_clusters": 10},
        {"n_components": 20, "n_clusters": "auto"},
    ],
)
def test_training_ends_with_clusters(digits, config, tmp_path):
    result = trained(digits, tmp_path, **config)
    assert len(result.history) == 3
    assert all(np.isfinite(row["loss"]) for row in result.history)
    last = result.history[-1]
    assert last["n_components"] == config.get("n_components", 10)
    assert 1.0 < last["usage"] <= last["n_components"] + 1e-3
    assert ("usage" in result.history[0]) == ("pretraining" not in config)
    n_clusters = config.get("n_clusters", config.get("n_components", 10))
    if n_clusters != "auto":
        assert result.model.n_components_ <= n_clusters
    assert np.load(tmp_path / "labels.npy").shape == (len(digits),)


@pytest.mark.training
@pytest.mark.slow
def test_report_scores_clusterings_from_components(digits):
    part = torch.arange(len(digits)) % 4
    parts = [Images(digits.images[rows], digits.labels[rows]) for rows in (part > 0, part == 0)]
    report = trained(parts[0], test=parts[1], epochs=6).report
    names = report["clusterings"]
    for rows in ("features", "embeddings", "dominant"):
        for length in ("unit", "raw"):
            for method in ("k-means", "k-means from components"):
                assert f"{method}, on {length} {rows}" in names
        assert f"VMFMixture from coefficients, on unit {rows}" in names
    assert names["coefficients"]["adjusted_mutual_info"] > 0.2
    assert report["knn"] > 0.8


@pytest.mark.training
def test_pretraining_alone_has_no_components(digits):
    result = trained(digits, pretraining=3)
    assert "usage" not in result.history[-1]
    assert result.embeddings.shape == (len(digits), 8)


@pytest.mark.training
def test_training_starts_from_encoder_of_another(digits, tmp_path):
    first = trained(digits, tmp_path, pretraining=3)
    before = {name: value.clone() for name, value in first.method.encoder.state_dict().items()}
    again = trained(digits, start=tmp_path / "last.ckpt", learning_rate=0.0)
    for name, value in again.method.encoder.state_dict().items():
        assert torch.equal(value, before[name])
    with pytest.raises(ValueError, match="has another architecture"):
        training.train("mixem", digits, start=tmp_path / "last.ckpt", **SHORT)


@pytest.mark.training
@pytest.mark.slow
def test_resumed_training_reaches_same_results(digits, tmp_path):
    whole = trained(digits, tmp_path / "whole", pretraining=1)

    class Interrupted(Exception):
        pass

    def interrupt(self, outputs, batch, batch_idx):
        if self.current_epoch == 2 and batch_idx == 5:
            raise Interrupted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MixEM, "on_train_batch_end", interrupt)
        with pytest.raises(Interrupted):
            trained(digits, tmp_path / "cut", pretraining=1)
    again = trained(digits, tmp_path / "cut", pretraining=1)
    for one, other in zip(whole.history, again.history, strict=True):
        for row in (one, other):
            row.pop("epoch_seconds")
        assert one == pytest.approx(other, rel=1e-5)
    np.testing.assert_allclose(whole.embeddings, again.embeddings, atol=1e-4)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"conditional": "other"}, "conditional='other'"),
        ({"n_components": 1}, "n_components=1"),
        ({"pretraining": 9}, "pretraining=9"),
        ({"n_clusters": 30}, "n_clusters=30"),
        ({"n_clusters": "many"}, "n_clusters='many'"),
        ({"n_small": 2}, "learns from two views"),
    ],
)
def test_refuses_invalid_config(config, message):
    with pytest.raises(ValueError, match=message):
        MixEMConfig(**{**SHORT, **config})
