"""Trainings on rows: what counts as rows, views, results, files, resuming, and the transformer."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("kornia")

from sklearn.base import clone  # noqa: E402
from sklearn.metrics import adjusted_rand_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

import vmfmix  # noqa: E402
from vmfmix import VMFMixture  # noqa: E402
from vmfmix.datasets import make_vmf_mixture  # noqa: E402
from vmfmix.deep import RowEncoder, losses  # noqa: E402
from vmfmix.deep.data_kinds import kind_of  # noqa: E402
from vmfmix.deep.evaluate import embed  # noqa: E402
from vmfmix.deep.method_config import RowSiamMMConfig  # noqa: E402
from vmfmix.deep.neighbor_views import NeighborViews  # noqa: E402
from vmfmix.deep.row_preparation import RowPreparation  # noqa: E402
from vmfmix.deep.rows import PreparedRows, Rows  # noqa: E402
from vmfmix.deep.train import main, train  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # from Lightning, about torch
    pytest.mark.training,
]
torch.set_num_threads(1)  # idle threads of torch would slow down tests that run in parallel
ON_CPU = {"accelerator": "cpu", "enable_progress_bar": False}
SMALL = {"width": 16, "dim": 4}
SHORT = {"epochs": 2, "batch_size": 50, **SMALL}
TINY = {"epochs": 1, "config": SMALL, "trainer": ON_CPU}


@pytest.fixture(scope="module")
def data():
    return make_vmf_mixture(120, 8, 3, concentration=30.0, random_state=0)[:2]


def trained(rows, method="siammm", **options):
    return train(method, rows, trainer=ON_CPU, **{**SHORT, **options})


# --- kinds of data -------------------------------------------------------------------------------


def test_two_dimensional_data_are_rows_and_others_are_images(tmp_path):
    X = np.ones((4, 3))
    for rows in (X, sp.csr_matrix(X), torch.from_numpy(X), pd.DataFrame(X), Rows(X)):
        assert kind_of(rows) == "rows"
    for images in (np.ones((4, 3, 3)), torch.ones(4, 1, 3, 3), [(torch.ones(3, 3), 0)]):
        assert kind_of(images) == "images"
    np.savez(tmp_path / "images.npz", images=np.ones((4, 3, 3)))
    np.savez(tmp_path / "rows.npz", X)
    assert kind_of(tmp_path / "images.npz") == kind_of(tmp_path) == "images"
    assert kind_of(tmp_path / "rows.npz") == kind_of(str(tmp_path / "rows.csv")) == "rows"


def test_rows_of_every_kind_are_the_same_rows(data):
    X = np.maximum(data[0], 0.0)
    expected = Rows(X).rows
    for rows in (3.0 * X, torch.from_numpy(X), pd.DataFrame(X), sp.csr_matrix(X)):
        found = Rows(rows).rows
        found = found.toarray() if sp.issparse(found) else found
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_rows_that_cannot_be_used_are_refused(data):
    X, y = data
    with pytest.raises(ValueError, match="120 rows and 3 labels; pass one label for each row"):
        Rows(X, y[:3])
    for value, name in ((np.nan, "NaN"), (np.inf, "infinity")):
        with pytest.raises(ValueError, match=f"contains {name} in 1 of its 120 rows"):
            trained(np.where(np.arange(120)[:, None] == 1, value, X))
    with pytest.raises(ValueError, match="There are 20 rows, fewer than batch_size=50"):
        trained(X[:20])
    with pytest.raises(ValueError, match="siammm has no parameter flip for rows; choose from"):
        trained(X, flip=False)
    with pytest.raises(ValueError, match=r"siammm has no parameter .*n_neighbors for images"):
        trained(np.zeros((60, 8, 8), np.uint8), n_neighbors=3)
    with pytest.raises(ValueError, match="data are rows, but test are images; pass the same kind"):
        trained(X, test=np.zeros((60, 8, 8), np.uint8))
    with pytest.raises(ValueError, match="test rows have no labels to compare with; omit test, or"):
        trained(X, test=X)


def test_preparation_centers_rows_and_keeps_rows_without_direction():
    X = np.random.default_rng(0).normal(2.0, 1.0, size=(50, 6))
    X[3] = 0.0
    rows = Rows(X).rows
    prepared = RowPreparation.fitted(rows).prepare(rows).numpy()
    centered = rows - rows[np.arange(50) != 3].mean(axis=0)
    centered /= np.linalg.norm(centered, axis=1, keepdims=True)
    centered[3] = 0.0
    np.testing.assert_allclose(prepared, centered, atol=1e-5)


def test_preparation_reduces_sparse_rows_with_many_features():
    X = sp.random(60, 1000, 0.05, format="csr", random_state=0, dtype=np.float32)
    rows = Rows(X).rows
    preparation = RowPreparation.fitted(rows)
    assert preparation.n_features == 1000
    sparse, dense = preparation.prepare(rows[:9]), preparation.prepare(rows[:9].toarray())
    assert sparse.shape == (9, 60)
    torch.testing.assert_close(sparse, dense)
    with pytest.raises(ValueError, match="The rows have 7 features, but those of the training hav"):
        PreparedRows(Rows(np.ones((3, 7))), preparation)


# --- views ---------------------------------------------------------------------------------------


def test_second_views_are_neighbors_but_no_copies():
    rng = np.random.default_rng(0)
    rows = torch.from_numpy(rng.normal(size=(60, 5)).astype(np.float32))
    rows = torch.nn.functional.normalize(rows, dim=1)
    rows[1:30] = rows[0]
    rows[40] = 0.0
    views = NeighborViews(rows, 3, walk=1.0)
    batch = torch.arange(60)
    own, neighbors = views(rows, batch)
    assert torch.equal(own, rows)
    assert torch.equal(neighbors, views(rows, batch)[1])  # until the next draw
    assert not (neighbors[:30] == rows[0]).all(dim=1).any()
    assert torch.equal(neighbors[40], rows[40])
    for i in (45, 59):
        others = torch.unique(rows[batch != i], dim=0)
        j = int((others == neighbors[i]).all(dim=1).nonzero())
        nearest = (others @ rows[i]).topk(3).indices
        of_neighbor = torch.unique(rows, dim=0) @ neighbors[i]
        is_mutual = (rows[i] @ neighbors[i]) >= of_neighbor.topk(5).values[-1]
        assert j in nearest or is_mutual  # one of the two is near the other
    assert not views.state_dict()  # checkpoints need not contain the rows


def test_walks_lead_further_but_not_to_other_groups():
    angles = torch.linspace(0.0, 1.0, 50)
    rows = torch.cat(
        [
            torch.stack([angles.cos(), angles.sin(), 0 * angles], dim=1),
            torch.stack([0 * angles, angles.sin(), -angles.cos()], dim=1),
        ]
    )
    batch, distances = torch.arange(100), []
    for walk in (1.0, 20.0):
        views = NeighborViews(rows, 3, walk)
        torch.manual_seed(0)
        ends = []
        for _ in range(20):
            views.draw()
            ends.append(views(rows, batch)[1])
        ends = torch.stack(ends)
        assert bool((ends[:, :50, 2] == 0).all()) and bool((ends[:, 50:, 0] == 0).all())
        distances.append(float((ends - rows).norm(dim=2).mean()))
    assert distances[1] > 2 * distances[0]


def test_views_of_rows_without_neighbors_are_the_rows():
    for rows in (torch.ones(4, 3) / 3**0.5, torch.zeros(4, 3)):
        own, other = NeighborViews(rows, 3, 5.0)(rows, torch.arange(4))
        assert torch.equal(own, rows) and torch.equal(other, rows)


# --- trainings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["siammm", "mixem", "simclr", "byol"])
def test_every_method_trains_on_rows(data, method):
    X, _ = data
    options = {"n_components": 3} if method == "mixem" else {}
    result = trained(X, method, **options)
    assert result.embeddings.shape == (120, 4)
    np.testing.assert_allclose(np.linalg.norm(result.embeddings, axis=1), 1.0, rtol=1e-5)
    assert [row["epoch"] for row in result.history] == [0, 1]
    again = embed(result.method, X).embeddings
    np.testing.assert_allclose(
        again / np.linalg.norm(again, axis=1, keepdims=True), result.embeddings, atol=1e-6
    )
    np.testing.assert_array_equal(
        trained(X, method, **options).embeddings, result.embeddings, "same seed, same result"
    )
    assert (method == "mixem") == (not hasattr(result.method, "bank"))


@pytest.mark.slow
def test_clusters_of_trained_rows_are_the_true_ones(data):
    X, y = data
    # Long walks leave the clusters of these rows, which overlap as those of the model do.
    options = {"negatives": 1.0, "width": 64, "dim": 8, "batch_size": 40, "epochs": 40, "walk": 1.0}
    result = trained(X, n_components=3, **options)
    assert adjusted_rand_score(y, result.model.labels_) > 0.85


@pytest.mark.parametrize("updates", ["online", "refits"])
def test_mixture_follows_batches_or_stays_as_refitted(data, updates):
    shown = []

    class Recorder(pytest.importorskip("lightning").pytorch.Callback):
        def on_train_batch_end(self, trainer, learner, *_):
            if learner.mixture.n_components:
                shown.append(learner.mixture.means.clone())

    options = {"epochs": 4, "warm_up": 0.25, "refits": 1, "n_components": 3, "updates": updates}
    result = train(
        "siammm", data[0], trainer={**ON_CPU, "callbacks": [Recorder()]}, **{**SHORT, **options}
    )
    assert len(shown) == 6
    assert torch.equal(shown[0], shown[-1]) == (updates == "refits")
    assert result.model.n_components_ == 3
    assert float(result.method.mixture.concentration) == pytest.approx(10.0)


@pytest.mark.parametrize("updates", ["online", "refits"])
def test_number_of_clusters_is_estimated(data, updates):
    options = {"epochs": 3, "warm_up": 0.34, "n_components_init": 10, "updates": updates}
    result = trained(data[0], **options)
    assert result.history[-1]["n_components"] >= 1
    assert result.method.merges == (updates == "online")


def test_negatives_add_nt_xent_and_a_pull_to_centroids(data):
    """At λ = 0, the loss of a batch is NT-Xent; λ adds the similarity to centroids."""
    result = trained(data[0], "simclr", epochs=3, warm_up=0.34, n_components=3, share=2.0)
    learner = result.method
    assert learner.predictor is None and learner.target is None
    rng = torch.Generator().manual_seed(0)
    one, other = (torch.nn.functional.normalize(torch.randn(7, 4, generator=rng)) for _ in "ab")
    learner.config.ramp, learner.config.warm_up = 0.0, 0.0
    r = [learner.mixture(each) for each in (one, other)]
    contrast = losses.nt_xent_loss(one, other, learner.config.temperature)
    pull = [
        (r[1] @ learner.mixture.means * one).sum(1),
        (r[0] @ learner.mixture.means * other).sum(1),
    ]
    found = learner._contrast([one, other], r)
    torch.testing.assert_close(found, contrast - torch.cat(pull).mean() * 2.0)
    mixed = trained(data[0], "siammm", negatives=0.5, share=0.5)
    assert mixed.method.predictor is not None


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"share": 1.0}, "share=1.0 is not allowed with negatives=0.0; pass a share from 0 to bel"),
        ({"share": -0.1}, "share=-0.1 is not allowed; pass a number of at least 0"),
        ({"negatives": 1.5}, "negatives=1.5 is not allowed; pass a number from 0 to 1"),
        ({"negatives": 1, "objective": "nce2"}, "objective='nce2' has no effect with negatives=1;"),
        ({"updates": "often"}, "updates='often' is not allowed; pass one of 'online', 'refits'"),
        ({"concentration": 0.0}, "concentration=0.0 is not allowed; pass a number above 0, or 'au"),
        ({"top_m": 0}, "top_m=0 is not allowed; pass an integer of at least 1, or None"),
        ({"dropout": 1.0}, "dropout=1.0 is not allowed; pass a number from 0 to below 1"),
        ({"optimizer": "adam"}, "optimizer='adam' is not allowed; pass one of 'sgd', 'adamw'"),
    ],
)
def test_invalid_config_is_refused_in_one_sentence(config, message):
    with pytest.raises(ValueError) as error:
        RowSiamMMConfig(**config)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


# --- command line --------------------------------------------------------------------------------


def test_command_trains_on_a_file_and_resumes(data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = data
    table = pd.DataFrame(X, columns=[f"e{i}" for i in range(8)])
    table.insert(0, "label", [f"class {label}" for label in y])
    table.insert(0, "id", [f"r{i}" for i in range(len(X))])
    table.to_csv("rows.csv", index=False)
    command = ["siammm", "rows.csv", "--out", "run", "--batch-size", "50", "--width", "16"]
    command += ["--dim", "4", "--test", "rows.csv"]
    for epochs in ("1", "2"):
        assert main([*command, "--epochs", epochs]) == 0
    out = capsys.readouterr().out
    assert "of 120 rows\n120 test rows of 3 classes" in out
    lines = (tmp_path / "run/clusters.csv").read_text().splitlines()
    assert lines[0].startswith("row,cluster") and lines[1].startswith("r0,")
    assert len((tmp_path / "run/metrics.csv").read_text().splitlines()) == 3
    model = vmfmix.load("run/mixture.npz")
    embeddings = np.load("run/embeddings.npy")
    np.testing.assert_array_equal(model.predict(embeddings), np.load("run/labels.npy"))
    assert main([*command, "--epochs", "2", "--flip", "false"]) == 2
    assert "--flip has no meaning for rows; omit it, or pass images" in capsys.readouterr().err
    assert main([*command, "--label-column", "none"]) == 2
    assert "label-column" in capsys.readouterr().err


# --- transformer ---------------------------------------------------------------------------------


def test_transformer_embeds_rows_of_the_fit_and_new_ones(data):
    X, _ = data
    encoder = RowEncoder(**TINY)
    embedding = encoder.fit_transform(X[:100])
    np.testing.assert_allclose(encoder.transform(X[:100]), embedding, atol=1e-6)
    np.testing.assert_array_equal(clone(encoder).fit(X[:100]).embedding_, embedding)
    assert encoder.transform(X[100:]).shape == (20, 4)
    assert list(encoder.get_feature_names_out()) == [f"rowencoder{i}" for i in range(4)]
    restored = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(restored.transform(X[100:]), encoder.transform(X[100:]))
    np.testing.assert_array_equal(encoder.labels_, encoder.mixture_.labels_)
    pipeline = make_pipeline(RowEncoder(**TINY), VMFMixture(3, random_state=0)).fit(X)
    assert pipeline.predict(X[:7]).shape == (7,)


@pytest.mark.parametrize("kind", [sp.csr_matrix, torch.from_numpy, pd.DataFrame])
def test_transformer_takes_rows_of_every_kind(data, kind):
    X = np.maximum(data[0], 0.0)
    expected = RowEncoder(**TINY).fit(X)
    X = pd.DataFrame(X, columns=list("abcdefgh")) if kind is pd.DataFrame else kind(X)
    encoder = RowEncoder(**TINY).fit(X)
    np.testing.assert_allclose(encoder.transform(X), expected.embedding_, atol=1e-4)
    assert hasattr(encoder, "feature_names_in_") == (kind is pd.DataFrame)


def test_a_fit_leaves_the_random_state_of_torch_alone(data):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    RowEncoder(**TINY).fit(data[0])
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.slow
@parametrize_with_checks([RowEncoder(**TINY)])
def test_transformer_passes_scikit_learn_checks(estimator, check):
    check(estimator)
