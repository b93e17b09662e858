"""The parameter `smooth`: a mixture of smoothed rows."""

import dask.array
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline

import vmfmix
from vmfmix import NeighborSmoother, VMFMixture
from vmfmix.cli.main import main
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.fitting import start
from vmfmix.merging import selection
from vmfmix.plotting import plot_sphere
from vmfmix.report import write_report


@pytest.fixture(scope="module")
def flat():
    """Return rows that scatter in few directions around the means of their clusters."""
    rng = np.random.RandomState(0)
    classes = np.repeat(np.arange(6), 100)
    means = rng.standard_normal((6, 24))
    scatter = rng.standard_normal((600, 5)) @ rng.standard_normal((5, 24))
    return (means[classes] + 0.3 * scatter).astype(np.float32), classes


@pytest.fixture(scope="module")
def model(flat):
    return VMFMixture(6, smooth=True, random_state=0).fit(flat[0])


def test_the_labels_are_those_of_the_pipeline(flat, model):
    pipeline = make_pipeline(NeighborSmoother(), VMFMixture(6, random_state=0)).fit(flat[0])
    np.testing.assert_array_equal(model.labels_, pipeline[-1].labels_)
    of_pipeline = pipeline[-1].predict_proba(pipeline[0].transform(flat[0]), calibrated=False)
    np.testing.assert_array_equal(model.predict_proba(flat[0], calibrated=False), of_pipeline)


def test_smoothing_is_announced(flat, capsys):
    VMFMixture(6, smooth=np.True_, verbose=1, random_state=0).fit(flat[0])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("Finding nearest neighbors (")
    assert lines[2].startswith("Smoothing the rows (")


def test_predict_gives_the_labels_of_the_fit(flat, model):
    np.testing.assert_array_equal(model.predict(flat[0]), model.labels_)
    assert adjusted_rand_score(flat[1], model.labels_) > 0.95


def test_the_mixture_is_one_of_smoothed_rows(flat, model):
    n_dimensions = model.smoother_.transform(flat[0]).shape[1]
    assert model.means_.shape == (6, n_dimensions)
    assert model.sample(3)[0].shape == (3, n_dimensions)
    assert model.n_features_in_ == flat[0].shape[1]
    assert model.transform(flat[0]).shape == (600, 6)
    assert model.merge_to(8, flat[0]).labels_.max() == 7


def test_text_embeddings_get_better_clusters():
    snips = load_snips()
    X, y = snips.data[::2], snips.target[::2]
    scores = [
        adjusted_rand_score(y, VMFMixture(3, smooth=smooth, random_state=0).fit_predict(X))
        for smooth in (False, True)
    ]
    assert scores[1] > scores[0] + 0.02


def test_rows_that_need_no_smoothing_give_the_fit_to_the_rows(tmp_path):
    X, _ = make_vmf_mixture(600, 16, 4, concentration=30.0, random_state=0)
    raw = VMFMixture(4, random_state=0).fit(X)
    smoothed = VMFMixture(4, smooth=True, random_state=0).fit(X)
    np.testing.assert_array_equal(smoothed.means_, raw.means_)
    assert smoothed.smoother_.restart_ == 1
    smoothed.save(tmp_path / "model.npz")
    loaded = vmfmix.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.score_samples(X), raw.score_samples(X))


@pytest.mark.parametrize("smooth", [True, NeighborSmoother(n_neighbors=8, whiten=False)])
def test_a_model_is_saved_with_its_smoother(flat, smooth, tmp_path):
    model = VMFMixture(6, smooth=smooth, random_state=0)
    model.fit(pd.DataFrame(flat[0]).add_prefix("x"))
    model.save(tmp_path / "model.npz")
    loaded = vmfmix.load(tmp_path / "model.npz")
    new = pd.DataFrame(flat[0][:50] + np.float32(0.01)).add_prefix("x")
    np.testing.assert_array_equal(loaded.predict_proba(new), model.predict_proba(new))
    assert str(loaded.smooth) == str(smooth)
    assert loaded.get_feature_names_out().tolist() == model.get_feature_names_out().tolist()


def test_files_with_a_damaged_smoother_are_refused(model, tmp_path):
    path = tmp_path / "model.npz"
    model.save(path)
    with np.load(path) as stored:
        arrays = dict(stored)
    parts = [name for name in arrays if name.startswith("fitted.smoother_.")]
    assert len(parts) == 4  # the mean, the eigenvalues, the rows, and the smoothed rows
    changes = {name: arrays[name][:-1] for name in parts}
    changes["fitted.smoother_._rows"] = arrays["fitted.smoother_._rows"] * 2
    for name, changed in changes.items():
        for others in ({name: changed}, {}):
            if name.endswith("center_") and not others:
                continue  # a smoother need not subtract a mean
            rest = {each: arrays[each] for each in arrays if each != name}
            np.savez(path, **rest, **others)
            with pytest.raises(ValueError, match="is damaged"):
                vmfmix.load(path)
    means = {"fitted.means_": arrays["fitted.means_"][:, :-1]}
    np.savez(path, **{**arrays, **means})
    with pytest.raises(ValueError, match="is damaged"):
        vmfmix.load(path)


def test_the_given_smoother_is_not_fitted(flat):
    smooth = NeighborSmoother(n_neighbors=8)
    model = clone(VMFMixture(6, smooth=smooth)).set_params(smooth__n_neighbors=9).fit(flat[0])
    assert (smooth.n_neighbors, model.smoother_.n_neighbors_) == (8, 9)
    assert not hasattr(smooth, "restart_") and not hasattr(model.smooth, "restart_")


def test_a_later_fit_without_smoothing_forgets_the_smoother(flat):
    model = VMFMixture(6, smooth=True, random_state=0).fit(flat[0])
    model.set_params(smooth=False).fit(flat[0])
    assert not hasattr(model, "smoother_") and model.means_.shape == (6, 24)


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: dask.array.from_array(X, chunks=(250, -1)),
        lambda X: lambda: iter(np.array_split(X, 4)),
        lambda X: pytest.importorskip("torch").from_numpy(X),
        lambda X: X.astype(np.float64),
        np.asfortranarray,
    ],
    ids=["dask", "blocks", "tensor", "float64", "columns"],
)
def test_rows_of_every_kind_are_smoothed(flat, model, convert):
    other = VMFMixture(6, smooth=True, random_state=0).fit(convert(flat[0]))
    assert adjusted_rand_score(model.labels_, other.labels_) > 0.99
    np.testing.assert_array_equal(other.predict(convert(flat[0])), other.labels_)


def test_sparse_rows_are_smoothed(flat):
    X = sp.csr_matrix(np.maximum(flat[0], 0))
    model = VMFMixture(6, smooth=True, random_state=0).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_a_weight_of_two_is_the_same_as_two_copies(flat):
    weights = np.where(np.arange(600) % 3 == 0, 2.0, 1.0)
    weighted = VMFMixture(6, smooth=True, random_state=0)
    weighted.fit(flat[0], sample_weight=weights)
    repeated = VMFMixture(6, smooth=True, random_state=0)
    repeated.fit(np.repeat(flat[0], weights.astype(int), axis=0))
    np.testing.assert_allclose(weighted.score(flat[0]), repeated.score(flat[0]), rtol=1e-3)
    assert adjusted_rand_score(weighted.labels_, repeated.predict(flat[0])) == 1


def test_rows_of_weight_zero_change_nothing(flat):
    weights = (np.arange(600) % 3 > 0).astype(float)
    model = VMFMixture(6, smooth=True, random_state=0).fit(flat[0], sample_weight=weights)
    without = VMFMixture(6, smooth=True, random_state=0).fit(flat[0][weights > 0])
    np.testing.assert_array_equal(model.labels_[weights > 0], without.labels_)
    np.testing.assert_array_equal(model.labels_, without.predict(flat[0]))


def test_rows_without_a_direction_are_left_out(flat):
    X = np.vstack([flat[0], np.zeros((3, 24), np.float32)])
    with pytest.warns(UserWarning, match="3 of the 603 rows of X have no direction"):
        model = VMFMixture(6, smooth=True, random_state=0).fit(X)
    assert adjusted_rand_score(flat[1], model.labels_[:600]) > 0.95


def test_the_number_of_clusters_is_found_on_the_graph_of_the_rows(flat, monkeypatch):
    found = VMFMixture(smooth=True, random_state=0).fit(flat[0])
    assert 5 <= found.n_components_ <= 7
    assert found.merge_history_.scores.max() <= 1.0

    def search(*args, **options):
        raise AssertionError("searched for neighbors a second time")

    monkeypatch.setattr(selection, "graph_within_groups", search)
    again = VMFMixture(smooth=True, random_state=0).fit(flat[0])
    np.testing.assert_array_equal(again.labels_, found.labels_)


@pytest.mark.filterwarnings("ignore:No clusters were found")
@pytest.mark.parametrize("n_directions", [12, 40])
def test_one_stretched_cluster_stays_one(n_directions):
    rng = np.random.RandomState(0)
    lengths = np.concatenate([np.ones(n_directions), np.full(64 - n_directions, 0.1)])
    X = rng.standard_normal((1500, 64)) * lengths + rng.standard_normal(64)
    assert VMFMixture(smooth=True, random_state=0).fit(X).n_components_ == 1


def test_a_sample_of_the_rows_has_its_own_graph(flat, monkeypatch):
    monkeypatch.setattr(start, "_SAMPLE_ROWS", 300)
    model = VMFMixture(smooth=True, n_components_init=15, random_state=0).fit(flat[0])
    assert 5 <= model.n_components_ <= 7


def test_copies_do_not_change_the_number(flat):
    copies = np.repeat(flat[0], 2, axis=0)
    model = VMFMixture(smooth=True, random_state=0).fit(copies)
    expected = VMFMixture(smooth=True, random_state=0).fit(flat[0])
    assert model.n_components_ == expected.n_components_


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"center": True}, "which centers rows itself"),
        ({"warm_start": True}, "smoothed rows depend on all rows"),
        ({"smooth": "yes"}, "'smooth' parameter"),
        ({"smooth": NeighborSmoother(restart=2.0)}, "'restart' parameter"),
    ],
)
def test_parameters_that_exclude_each_other(flat, options, message):
    with pytest.raises(ValueError, match=message):
        VMFMixture(6, **{"smooth": True, **options}).fit(flat[0])


def test_batches_are_refused(flat):
    model = VMFMixture(6, smooth=True)
    assert not hasattr(model, "partial_fit") and hasattr(VMFMixture(6), "partial_fit")
    with pytest.raises(AttributeError) as raised:
        model.partial_fit(flat[0])
    assert "partial_fit and update cannot smooth" in str(raised.value.__cause__)


@pytest.mark.filterwarnings("ignore:Number of clusters found")  # some rows become equal
@pytest.mark.parametrize("n_rows", [2, 3, 5])
@pytest.mark.parametrize("whiten", [True, False])
def test_few_rows_are_smoothed(n_rows, whiten):
    X = np.eye(5, dtype=np.float32)[:n_rows] + 0.1
    model = VMFMixture(2, smooth=NeighborSmoother(whiten=whiten), random_state=0)
    np.testing.assert_array_equal(model.fit(X).predict(X), model.labels_)


def test_a_sphere_of_smoothed_rows_is_not_drawn(flat):
    rows = np.abs(flat[0][:, :3])
    model = VMFMixture(3, smooth=NeighborSmoother(restart=0.1), random_state=0).fit(rows)
    with pytest.raises(ValueError, match="The smoothed rows have"):
        plot_sphere(model, rows)


def test_a_fit_resumes_from_its_checkpoint(flat, tmp_path, monkeypatch):
    class Interrupted(Exception):
        pass

    def interrupted(*args, **options):
        raise Interrupted

    path = tmp_path / "fit.ckpt"
    expected = VMFMixture(6, smooth=True, random_state=0).fit(flat[0])
    model = VMFMixture(6, smooth=True, random_state=0)
    with monkeypatch.context() as patch:
        patch.setattr(VMFMixture, "_set_fit", interrupted)
        with pytest.raises(Interrupted):
            model.fit(flat[0], checkpoint=path)
    assert path.exists()
    model.fit(flat[0], checkpoint=path)
    np.testing.assert_array_equal(model.means_, expected.means_)


def test_the_command_and_the_report_use_the_smoother(flat, model, tmp_path, capsys):
    np.save(tmp_path / "rows.npy", flat[0])
    rows, out = str(tmp_path / "rows.npy"), tmp_path / "out"
    command = [
        "fit",
        rows,
        "--n-components",
        "6",
        "--smooth",
        "--random-state",
        "0",
        "--out",
        str(out),
    ]
    assert main(command) == 0
    labels = np.load(out / "labels.npy")
    np.testing.assert_array_equal(labels, model.labels_)
    capsys.readouterr()
    assert main(["predict", str(out / "model.npz"), rows]) == 0
    np.testing.assert_array_equal(capsys.readouterr().out.split(), labels.astype(str))
    page = tmp_path / "report.html"
    write_report(page, vmfmix.load(out / "model.npz"), flat[0])
    text = page.read_text(encoding="utf-8")
    assert "6 clusters" in text and "rows averaged with 15 neighbors" in text
