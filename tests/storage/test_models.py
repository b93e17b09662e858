"""Saving and loading of models."""

import gzip
import io
import json
import os

import numpy as np
import pytest

import vmfmix
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(500, 12, 3, concentration=50.0, background=0.05, random_state=0)[0]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"concentration": "free", "background": True},
        {"center": True, "concentration": 40.0},
        {"means_init": np.eye(3, 12), "weights_init": np.array([0.2, 0.3, 0.5])},
    ],
)
def test_load_restores_the_saved_model(rows, tmp_path, options):
    model = VMFMixture(3, random_state=0, **options).fit(rows)
    model.save(tmp_path / "model.npz")
    loaded = vmfmix.load(tmp_path / "model.npz")
    assert type(loaded) is VMFMixture
    assert repr(loaded) == repr(model)
    fitted = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
    assert fitted == {name for name in vars(loaded) if name.endswith("_")}
    assert ("merge_history_" in fitted) == ("means_init" not in options)
    if "merge_history_" in fitted:
        fitted.remove("merge_history_")
        for name, value in vars(model.merge_history_).items():
            np.testing.assert_array_equal(getattr(loaded.merge_history_, name), value)
        np.testing.assert_array_equal(loaded.merge_to(5).means_, model.merge_to(5).means_)
    for name in fitted:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(model, name))
        assert type(getattr(loaded, name)) is type(getattr(model, name)), name
    np.testing.assert_array_equal(loaded.predict(rows), model.labels_)
    np.testing.assert_array_equal(loaded.predict_proba(rows), model.predict_proba(rows))


def test_loaded_model_continues_with_warm_start(rows, tmp_path):
    model = VMFMixture(3, concentration="free", random_state=0).fit(rows)
    model.save(tmp_path / "model.npz")
    loaded = vmfmix.load(tmp_path / "model.npz").set_params(warm_start=True).fit(rows)
    assert loaded.lower_bound_ >= model.lower_bound_ - 5e-3  # the prior is estimated again
    assert loaded.n_iter_ <= 5


def test_save_keeps_feature_names_and_drops_generators(rows, tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rows, columns=[f"e{j}" for j in range(12)])
    model = VMFMixture(3, random_state=np.random.RandomState(0)).fit(frame)
    model.save(tmp_path / "model.npz")
    loaded = vmfmix.load(tmp_path / "model.npz")
    assert loaded.feature_names_in_.dtype == object
    assert list(loaded.feature_names_in_) == list(frame.columns)
    assert loaded.random_state is None
    np.testing.assert_array_equal(loaded.predict(frame), model.labels_)


def test_save_pickles_nothing_and_writes_completely_or_not_at_all(rows, tmp_path, monkeypatch):
    model = VMFMixture(3, random_state=0).fit(rows)
    path = tmp_path / "model.npz"
    model.save(path)
    before = path.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]
    with np.load(path, allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored)

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        model.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes need POSIX")
def test_save_refuses_folders_and_pipes(rows, tmp_path):
    model = VMFMixture(3, random_state=0).fit(rows)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    before = {path: path.lstat().st_ino for path in tmp_path.iterdir()}
    for name in ("folder", "pipe", "link"):
        with pytest.raises(ValueError, match="give the name of a file"):
            model.save(tmp_path / name)
    assert {path: path.lstat().st_ino for path in tmp_path.iterdir()} == before


def test_save_follows_links(rows, tmp_path):
    (tmp_path / "link").symlink_to("model.npz")
    VMFMixture(3, random_state=0).fit(rows).save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "model.npz").is_file()


def test_load_refuses_other_files(rows, tmp_path):
    path = tmp_path / "other.npz"
    path.write_text("no archive")
    with pytest.raises(ValueError, match="is damaged, or not a vmfmix model"):
        vmfmix.load(path)
    np.savez(path, means=np.eye(3))
    with pytest.raises(ValueError, match="is damaged, or not a vmfmix model"):
        vmfmix.load(path)
    for header in ({"format": 1, "vmfmix": "x"}, {"format": "a", "vmfmix": "x"}, 3):
        np.savez(path, format=np.array(json.dumps(header)))
        with pytest.raises(ValueError, match="is damaged, or not a vmfmix model"):
            vmfmix.load(path)
    np.savez(path, format=np.array(json.dumps({"format": 99, "vmfmix": "9.0"})))
    with pytest.raises(ValueError, match=r"written by vmfmix 9\.0"):
        vmfmix.load(path)
    with pytest.raises(FileNotFoundError):
        vmfmix.load(tmp_path / "missing.npz")


def test_save_refuses_unfitted_models(tmp_path):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        VMFMixture(3).save(tmp_path / "model.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        {"n_components": np.int64(3), "max_iter": np.int32(50), "tol": np.float32(1e-3)},
        {"concentration": np.float64(40.0), "background": np.bool_(True)},
        {"concentration": np.str_("tied"), "random_state": np.int64(3)},
    ],
)
def test_save_accepts_numpy_scalars(rows, tmp_path, options):
    """A grid search over np.arange sets such parameters."""
    model = VMFMixture(**{"n_components": 3, "random_state": 0} | options).fit(rows)
    model.save(tmp_path / "model.npz")
    loaded = vmfmix.load(tmp_path / "model.npz")
    assert loaded.get_params() == model.get_params()
    np.testing.assert_array_equal(loaded.predict(rows), model.labels_)


def test_save_refuses_models_that_could_not_be_loaded(rows, tmp_path):
    class More(VMFMixture):
        def __init__(self, n_components="auto", more=1):
            super().__init__(n_components)
            self.more = more

    model = VMFMixture(3, random_state=0).fit(rows)
    with pytest.raises(ValueError, match="'n_components' parameter"):
        model.set_params(n_components=-3).save(tmp_path / "model.npz")
    with pytest.raises(ValueError, match="More has parameters that VMFMixture does not have: more"):
        More(3).fit(rows).save(tmp_path / "model.npz")
    assert not list(tmp_path.iterdir())


class Sink:
    """A file object that can only be written, a few bytes at a time, as to a network."""

    def __init__(self):
        self.contents = b""

    def write(self, data):
        self.contents += bytes(data[:1000])
        return len(data[:1000])


class Source:
    """A file object that can only be read."""

    def __init__(self, contents):
        self.read = lambda: contents


def test_models_are_saved_to_and_loaded_from_open_files(rows, tmp_path):
    model = VMFMixture(3, random_state=0).fit(rows)
    sink, buffer = Sink(), io.BytesIO()
    model.save(sink)
    buffer.write(b"before")
    model.save(buffer)
    buffer.seek(6)
    with gzip.open(tmp_path / "model.gz", "wb") as file:
        model.save(file)
    with gzip.open(tmp_path / "model.gz") as file:
        for source in (Source(sink.contents), buffer, file):
            loaded = vmfmix.load(source)
            np.testing.assert_array_equal(loaded.predict(rows), model.labels_)
            np.testing.assert_array_equal(loaded.merge_to(5).means_, model.merge_to(5).means_)


def test_a_smoother_is_saved_to_and_loaded_from_open_files(rows):
    smoother, buffer = vmfmix.NeighborSmoother().fit(rows), io.BytesIO()
    smoother.save(buffer)
    buffer.seek(0)
    with pytest.raises(ValueError, match="The file object holds a NeighborSmoother"):
        vmfmix.load(buffer)
    buffer.seek(0)
    loaded = vmfmix.NeighborSmoother.load(buffer)
    np.testing.assert_array_equal(loaded.transform(rows), smoother.transform(rows))


def test_open_files_of_text_and_contents_are_refused_in_one_sentence(rows, tmp_path):
    model, buffer = VMFMixture(3, random_state=0).fit(rows), io.BytesIO()
    model.save(buffer)
    (tmp_path / "text").write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match="does not take bytes; open it for binary data"):
        model.save(io.StringIO())
    with (
        open(tmp_path / "text", encoding="utf-8") as file,
        pytest.raises(ValueError, match="text is opened for text"),
    ):
        vmfmix.load(file)
    with pytest.raises(ValueError, match=r"no data after its current position; call seek\(0\)"):
        vmfmix.load(buffer)
    with pytest.raises(ValueError, match=r"pass io\.BytesIO"):
        vmfmix.load(buffer.getvalue())
    with pytest.raises(ValueError, match="The file object is damaged"):
        vmfmix.load(io.BytesIO(b"no archive"))


def test_a_model_without_history_is_small_and_predicts_the_same(rows, tmp_path):
    model = VMFMixture(random_state=0).fit(rows)
    model.save(tmp_path / "large.npz")
    model.save(tmp_path / "small.npz", history=False)
    sizes = [os.path.getsize(tmp_path / f"{name}.npz") for name in ("small", "large")]
    assert sizes[0] < sizes[1] / 2
    loaded = vmfmix.load(tmp_path / "small.npz")
    np.testing.assert_array_equal(loaded.predict(rows), model.labels_)
    assert hasattr(model, "merge_history_") and not hasattr(loaded, "merge_history_")
    with pytest.raises(ValueError, match="saved with history=False"):
        loaded.merge_to(2)
    with pytest.raises(AttributeError, match="saved with history=False"):
        _ = loaded.levels_
