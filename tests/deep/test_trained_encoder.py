"""The encoder of a finished training: new images and rows, export, and folders that are refused."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("kornia")

from PIL import Image  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from vmfmix.datasets import make_vmf_mixture  # noqa: E402
from vmfmix.deep import load_encoder  # noqa: E402
from vmfmix.deep.console import quiet_lightning  # noqa: E402
from vmfmix.deep.row_preparation import RowPreparation  # noqa: E402
from vmfmix.deep.rows import Rows  # noqa: E402
from vmfmix.deep.train import train  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.training]
torch.set_num_threads(1)
ON_CPU = {"accelerator": "cpu", "enable_progress_bar": False}
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, size=(60, 10, 12, 3), dtype=np.uint8)
ROWS = make_vmf_mixture(120, 12, 3, concentration=30.0, random_state=0)[0].astype(np.float32)
SPARSE = sp.random(120, 300, 0.1, format="csr", random_state=0, dtype=np.float32)
DATA = {"images": IMAGES, "rows": ROWS, "sparse": SPARSE}


def trained(data, folder, method="siammm", **options):
    small = {"epochs": 2, "batch_size": 20, "dim": 4, "hidden": 16, **options}
    with quiet_lightning():
        return train(method, data, out=folder, trainer=ON_CPU, **small)


@pytest.fixture(scope="module")
def row_run(tmp_path_factory):
    """Return the folder of a training on rows, and its result."""
    folder = tmp_path_factory.mktemp("rows")
    return folder, trained(ROWS, folder, width=16)


@pytest.fixture(scope="module")
def image_run(tmp_path_factory):
    """Return the folder of a training on images, and its result."""
    folder = tmp_path_factory.mktemp("images")
    return folder, trained(IMAGES, folder)


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("method", ["siammm", "mixem", "simclr"])
def test_outputs_are_those_of_the_training(method, kind, tmp_path):
    options = {"pretraining": 1} if method == "mixem" else {}
    data = DATA[kind]
    result = trained(data, tmp_path, method, **options)
    encoder = load_encoder(tmp_path, device="cpu")
    np.testing.assert_allclose(encoder.transform(data), result.embeddings, atol=1e-6)
    np.testing.assert_array_equal(encoder.predict(data, batch_size=7), result.model.labels_)
    found = encoder.outputs(data, "features", "embeddings", batch_size=50)
    assert found["features"].shape == (len(result.embeddings), result.method.n_features)
    np.testing.assert_allclose(found["features"], encoder.features(data), atol=1e-5)
    np.testing.assert_allclose(found["embeddings"], result.embeddings, atol=1e-6)


def test_mixem_alone_has_coefficients(tmp_path, row_run):
    trained(ROWS, tmp_path, "mixem", n_components=5, width=16)
    coefficients = load_encoder(tmp_path).outputs(ROWS, "coefficients")["coefficients"]
    np.testing.assert_allclose(coefficients.sum(axis=1), np.ones(120), atol=1e-5)
    with pytest.raises(ValueError, match="siammm has no output 'coefficients'; choose from feat"):
        load_encoder(row_run[0]).outputs(ROWS, "coefficients")


def test_rows_of_every_kind_give_the_same_embeddings(row_run, tmp_path):
    folder, _ = row_run
    encoder = load_encoder(folder)
    rows = np.maximum(ROWS, 0.0)
    rows[3] = 0.0
    expected = encoder.transform(rows)
    np.save(tmp_path / "rows.npy", rows)
    for same in (
        2.0 * rows,
        rows.tolist(),
        sp.csr_matrix(rows),
        torch.from_numpy(rows),
        pd.DataFrame(rows),
        Rows(rows),
        tmp_path / "rows.npy",
    ):
        np.testing.assert_allclose(encoder.transform(same), expected, atol=1e-5)
    np.testing.assert_allclose(encoder.transform(rows[5:6]), expected[5:6], atol=1e-5)


@pytest.fixture
def folder_of_images(tmp_path):
    """Return a folder of 20 images of several proportions, and one that is damaged."""
    (tmp_path / "images").mkdir()
    for number in range(20):
        pixels = RNG.integers(0, 256, size=(9, 8 + number % 7, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/{number:02}.png")
    (tmp_path / "images/bad.png").write_text("damaged")
    return tmp_path / "images"


def test_a_folder_that_is_read_lazily_gives_the_same_training(folder_of_images, tmp_path):
    options = {"size": 8, "skip_damaged": True, "batch_size": 10}
    in_memory = trained(folder_of_images, tmp_path / "memory", "simclr", epochs=1, **options)
    lazy = trained(folder_of_images, tmp_path / "lazy", "simclr", epochs=1, lazy=True, **options)
    weights = lazy.method.state_dict()
    for name, value in in_memory.method.state_dict().items():
        assert torch.equal(weights[name], value), name
    np.testing.assert_array_equal(lazy.embeddings, in_memory.embeddings)
    for name in ("clusters.csv", "images.txt", "skipped.csv"):
        text = (tmp_path / "lazy" / name).read_text("utf-8")
        assert text == (tmp_path / "memory" / name).read_text("utf-8")
    assert text.splitlines()[1].startswith("training,bad.png,")
    resumed = trained(
        folder_of_images, tmp_path / "memory", "simclr", epochs=2, lazy=True, **options
    )
    assert len(resumed.history) == 2


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_new_images_keep_their_proportions_as_in_the_training(folder_of_images, tmp_path, fit):
    options = {"size": 8, "fit": fit, "skip_damaged": True, "batch_size": 10, "epochs": 1}
    result = trained(folder_of_images, tmp_path / "run", **options)
    encoder = load_encoder(tmp_path / "run")
    assert encoder.record.fit == fit
    found = encoder.transform(folder_of_images, skip_damaged=True)
    np.testing.assert_allclose(found, result.embeddings, atol=1e-5)
    with pytest.raises(ValueError, match=rf"with another fit \({fit}, now stretch\)"):
        trained(folder_of_images, tmp_path / "run", **{**options, "fit": "stretch"})


def test_options_of_folders_need_a_folder():
    for options in ({"size": 8}, {"lazy": True}, {"fit": "pad"}, {"backdrop": "red"}):
        with pytest.raises(ValueError, match=f"{next(iter(options))} is for folders of images"):
            trained(IMAGES, None, **options)


@pytest.mark.parametrize("n_channels", [2, 5])
def test_images_of_many_channels_are_trained_on_and_embedded(tmp_path, n_channels):
    images = RNG.integers(0, 65536, size=(20, 9, 8, n_channels), dtype=np.uint16)
    channels = "last" if n_channels == 5 else None  # 9 x 8 pixels could be channels, too
    options = {"batch_size": 10, "epochs": 1, "channels": channels}
    result = trained(images, tmp_path / "run", **options)
    encoder = load_encoder(tmp_path / "run")
    assert encoder.record.shape == [n_channels, 9, 8]
    np.testing.assert_allclose(encoder.transform(images), result.embeddings, atol=1e-5)
    dataset = TensorDataset(torch.from_numpy(images))
    np.testing.assert_allclose(encoder.transform(dataset), result.embeddings, atol=1e-2)
    np.savez(tmp_path / "images.npz", images=images)
    if channels is None:
        with pytest.raises(ValueError, match="do not have the shape of those of the training, 2"):
            encoder.transform(np.zeros((3, 8, 8, 8), np.uint8))
    found = encoder.transform(tmp_path / "images.npz")
    np.testing.assert_allclose(found, result.embeddings, atol=1e-5)


def test_images_of_a_folder_are_resized_as_in_the_training(tmp_path):
    """A training on the same images, in a size of its own, gives their embeddings."""
    (tmp_path / "images").mkdir()
    for number in range(20):
        size = (20, 18 + number % 3, 3)
        pixels = RNG.integers(0, 256, size=size, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/{number:02}.png")
    gray = Image.fromarray(RNG.integers(0, 256, size=(9, 9), dtype=np.uint8))
    gray.save(tmp_path / "images/gray.png")
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    clear.save(tmp_path / "images/clear.png")
    options = {"size": (10, 12), "backdrop": "red", "batch_size": 10}
    result = trained(tmp_path / "images", tmp_path / "run", **options)
    encoder = load_encoder(tmp_path / "run")
    for batch_size in (1, 7, 100):
        found = encoder.transform(tmp_path / "images", batch_size=batch_size)
        np.testing.assert_allclose(found, result.embeddings, atol=1e-5)
    (tmp_path / "images/bad.png").write_text("damaged")
    with pytest.raises(ValueError, match=r"bad.png cannot be read as an image"):
        encoder.transform(tmp_path / "images")
    with pytest.warns(UserWarning, match="Skipped 1 of 23 images"):
        found = encoder.outputs(tmp_path / "images", skip_damaged=True)
    np.testing.assert_allclose(found["embeddings"], result.embeddings, atol=1e-5)
    assert len(found["names"]) == 22 and "bad.png" not in found["names"]


def test_images_in_memory_may_have_any_type(image_run):
    folder, result = image_run
    encoder = load_encoder(folder)
    channels_first = torch.from_numpy(IMAGES).permute(0, 3, 1, 2)
    for same in (IMAGES / 255.0, channels_first, TensorDataset(channels_first.float() / 255.0)):
        np.testing.assert_allclose(encoder.transform(same), result.embeddings, atol=1e-4)


def test_images_with_values_of_their_own_are_not_scaled(tmp_path):
    images = torch.randn(60, 1, 6, 6, generator=torch.Generator().manual_seed(0))

    def views(batch):
        return [batch, batch.flip(-1)]

    result = trained(images, tmp_path / "run", views=views)
    encoder = load_encoder(tmp_path / "run")
    np.testing.assert_allclose(encoder.transform(images), result.embeddings, atol=1e-6)
    (tmp_path / "images").mkdir()
    with pytest.raises(ValueError, match="images with values of their own, which files do not"):
        encoder.transform(tmp_path / "images")


def test_data_of_another_kind_or_shape_are_refused(row_run, image_run, tmp_path):
    rows, images = load_encoder(row_run[0]), load_encoder(image_run[0])
    np.savez(tmp_path / "images.npz", images=IMAGES)
    np.save(tmp_path / "rows.npy", ROWS)
    for encoder, data, message in (
        (rows, IMAGES, "The data are images, but the training was on rows; pass rows"),
        (images, ROWS, "The data are rows, but the training was on images; pass images"),
        (rows, ROWS[:, :5], "rows have 5 features, but those of the training have 12"),
        (
            rows,
            tmp_path / "images.npz",
            "images.npz has images, but the training was on rows of 12",
        ),
        (images, tmp_path / "rows.npy", "rows.npy is not a folder of images or an .npz file"),
        (images, IMAGES[..., 0], "1 channel.* but those of the training have 3 channel"),
        (images, IMAGES[:, :8], "8 × 12, but those of the training have 3 channel.* of 10 × 12"),
        (rows, np.full((3, 12), np.nan, np.float32), "NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            encoder.transform(data)
    with pytest.raises(FileNotFoundError, match="There is no folder or file"):
        images.transform(tmp_path / "nothing")


def test_color_images_for_a_training_on_gray_ones_are_refused(tmp_path):
    trained(IMAGES[..., 0], tmp_path / "run")
    encoder = load_encoder(tmp_path / "run")
    (tmp_path / "new").mkdir()
    Image.fromarray(IMAGES[0, ..., 0]).save(tmp_path / "new/a.png")
    assert encoder.transform(tmp_path / "new").shape == (1, 4)
    Image.fromarray(IMAGES[0]).save(tmp_path / "new/b.png")
    with pytest.raises(ValueError, match=r"b.png is in color, but the images of the training"):
        encoder.transform(tmp_path / "new")


# --- folders of trainings ------------------------------------------------------------------------


def test_record_says_how_a_training_was_made(tmp_path, row_run):
    record = json.loads((row_run[0] / "run.json").read_text("utf-8"))
    assert (record["method"], record["kind"], record["n"]) == ("siammm", "rows", 120)
    assert record["shape"] == [12] and record["epochs"] == 2
    np.save(tmp_path / "vectors.npy", ROWS)
    for epochs in (1, 2, 2):
        trained(tmp_path / "vectors.npy", tmp_path / "run", epochs=epochs, width=16)
        embeddings = np.load(tmp_path / "run/embeddings.npy")
    record = json.loads((tmp_path / "run/run.json").read_text("utf-8"))
    assert record["data"] == "vectors.npy" and str(tmp_path) not in json.dumps(record)
    assert len(record["sessions"]) == 3 and record["epochs"] == 2
    session = record["sessions"][0]
    assert session["call"].startswith("train('siammm', 'vectors.npy', ")
    assert session["seed"] == 0 and session["seconds"] > 0 and session["device"] == "cpu"
    assert session["versions"]["torch"] == torch.__version__
    np.testing.assert_allclose(
        load_encoder(tmp_path / "run").transform(ROWS), embeddings, atol=1e-6
    )


def test_a_finished_training_with_the_same_epochs_only_writes_results_again(tmp_path):
    result = trained(ROWS, tmp_path, width=16)
    (tmp_path / "mixture.npz").unlink()
    again = trained(ROWS, tmp_path, width=16)
    np.testing.assert_array_equal(again.embeddings, result.embeddings)
    assert len(again.history) == 2 and (tmp_path / "mixture.npz").is_file()


def test_an_encoder_of_ones_own_is_passed_again(tmp_path):
    def network(width=16):
        return nn.Sequential(nn.Linear(12, width), nn.ReLU())

    result = trained(ROWS, tmp_path, encoder=network())
    with pytest.raises(ValueError, match="had an encoder of the class Sequential, which its files"):
        load_encoder(tmp_path)
    with pytest.raises(ValueError, match=r"The encoder in .* has another architecture"):
        load_encoder(tmp_path, encoder=network(8))
    found = load_encoder(tmp_path, encoder=network()).transform(ROWS)
    np.testing.assert_allclose(found, result.embeddings, atol=1e-6)


def test_folders_that_are_not_those_of_finished_trainings_are_refused(row_run, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        load_encoder(tmp_path / "nothing")
    for name, message in (("file", "is a file; pass the folder"), ("empty", "has no last.ckpt")):
        with pytest.raises(ValueError, match=message):
            load_encoder(tmp_path / name)
    for name in ("run.json", "config.yaml", "mixture.npz"):
        folder = tmp_path / f"without {name}"
        shutil.copytree(row_run[0], folder)
        (folder / name).unlink()
        with pytest.raises(ValueError, match=f"has no {name}: its training has not ended"):
            load_encoder(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "has not ended; run the same training again"),
        ({"epochs": 1}, "are those of 1 epochs, but last.ckpt is that of 2"),
        ({"shape": [0]}, "run.json is damaged"),
        ({"shape": 3}, "run.json is damaged"),
        ({"kind": "texts"}, "run.json is damaged"),
        ({"method": "other"}, "run.json is damaged"),
        ({"encoder": {"network": "other"}}, "There is no encoder other"),
        ({"encoder": {"network": "row_network", "n_features": 5}}, "has another architecture"),
        (
            {"kind": "images", "shape": [1, 3, 4]},
            "not the checkpoint|no encoder|unknown",
        ),
    ],
)
def test_records_that_do_not_fit_are_refused(row_run, tmp_path, changes, message):
    shutil.copytree(row_run[0], tmp_path / "run")
    record = json.loads((tmp_path / "run/run.json").read_text("utf-8"))
    (tmp_path / "run/run.json").write_text(json.dumps({**record, **changes}), "utf-8")
    with pytest.raises(ValueError, match=message):
        load_encoder(tmp_path / "run")


# --- export --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DATA)
def test_exported_program_gives_the_embeddings_of_batches_of_any_size(kind, tmp_path):
    data = DATA[kind]
    result = trained(data, tmp_path, "mixem" if kind == "rows" else "siammm")
    load_encoder(tmp_path).export(tmp_path / "encoder.pt2")
    program = torch.export.load(tmp_path / "encoder.pt2").module()
    if kind == "images":
        batch = torch.from_numpy(data).permute(0, 3, 1, 2) / 255.0
    else:
        batch = torch.from_numpy(data.toarray() if sp.issparse(data) else 3.0 * data)
    for n in (1, 2, 7, len(result.embeddings)):
        np.testing.assert_allclose(program(batch[:n]), result.embeddings[:n], atol=1e-5)


def test_export_refuses_other_formats(row_run, tmp_path):
    with pytest.raises(ValueError, match=r"encoder.onnx is not named .pt2"):
        load_encoder(row_run[0]).export(tmp_path / "encoder.onnx")


def test_rows_are_prepared_alike_with_and_without_torch():
    rows = np.vstack([ROWS, np.zeros((1, 12), np.float32)])
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
    preparation = RowPreparation.fitted(unit)
    expected = preparation.prepare(unit)
    assert not expected[-1].any()
    np.testing.assert_allclose(preparation(torch.from_numpy(5.0 * rows)), expected, atol=1e-6)
