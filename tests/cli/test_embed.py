"""The commands `embed` and `export`, and `report` on the folder of a training."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("kornia")

from PIL import Image  # noqa: E402

from tests.cli.commands import ROOT, fails, read_rows, read_table  # noqa: E402
from tests.limits import HANG  # noqa: E402
from vmfmix.cli.main import main  # noqa: E402
from vmfmix.deep import load_encoder  # noqa: E402
from vmfmix.deep.console import quiet_lightning  # noqa: E402
from vmfmix.deep.train import train  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.training]
torch.set_num_threads(1)
SHORT = {"epochs": 1, "batch_size": 10, "dim": 4, "hidden": 16}
ON_CPU = {"accelerator": "cpu", "enable_progress_bar": False}
FILES = {"labels.npy", "probabilities.npy", "embeddings.npy"}


@pytest.fixture
def row_run(folder):
    """Return the embeddings of rows.npy of a training in run/, in a working folder."""
    with quiet_lightning():
        return train("simclr", "rows.npy", out="run", width=16, trainer=ON_CPU, **SHORT).embeddings


@pytest.fixture
def image_run(tmp_path, monkeypatch):
    """Return the embeddings of the images in images/ of a training in run/."""
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = rng.integers(0, 256, size=(8, 10, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"images/{number:02}.png")
    with quiet_lightning():
        return train("simclr", "images", out="run", trainer=ON_CPU, **SHORT).embeddings


def test_embed_writes_a_table_and_arrays_for_rows(row_run, capsys):
    assert main(["embed", "run", "rows.npy", "--out", "new", "--features"]) == 0
    assert capsys.readouterr().out.startswith("Wrote clusters.csv, ")
    assert {path.name for path in Path("new").iterdir()} == {
        *FILES,
        "clusters.csv",
        "features.npy",
    }
    np.testing.assert_allclose(np.load("new/embeddings.npy"), row_run, atol=1e-6)
    assert np.load("new/features.npy").shape == (300, 16)
    np.testing.assert_array_equal(np.load("new/labels.npy"), np.load("run/labels.npy"))
    rows = read_rows("new")
    assert list(rows[0])[:5] == ["row", "cluster", "cluster_name", "similarity", "margin"]
    expected = read_table("run/clusters.csv")
    assert [row["similarity"] for row in rows] == [row["similarity"] for row in expected]
    error = fails(capsys, "embed", "run", "rows.npy", "--out", "new")
    assert "already has clusters.csv" in error
    assert main(["embed", "run", "rows.npy", "--out", "new", "--overwrite", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_rows"] == 300
    assert not Path("new/features.npy").exists()


def test_embed_keeps_the_columns_of_a_table(row_run):
    import pyarrow as pa
    from pyarrow import parquet

    X = np.load("rows.npy")
    table = pa.table({"id": [f"r{i}" for i in range(300)], "vector": list(X)})
    parquet.write_table(table, "rows.parquet")
    options = ["--false-alarm-rate", "0.05", "--quiet"]
    assert main(["embed", "run", "rows.parquet", "--out", "new", *options]) == 0
    rows = read_rows("new")
    assert [row["id"] for row in rows] == [f"r{i}" for i in range(300)]
    assert {row["cluster"] for row in rows} > {-1}


def test_embed_lists_the_images_of_a_folder(image_run, capsys):
    Path("images/bad.png").write_text("damaged")
    error = fails(capsys, "embed", "run", "images", "--out", "new")
    assert "bad.png cannot be read as an image" in error and "--skip-damaged" in error
    options = ["--skip-damaged", "--batch-size", "5"]
    assert main(["embed", "run", "images", "--out", "new", *options]) == 0
    captured = capsys.readouterr()
    assert "warning: Skipped 1 of 13 images" in captured.err
    assert captured.out.endswith("for 12 images to new\n")
    np.testing.assert_allclose(np.load("new/embeddings.npy"), image_run, atol=1e-6)
    rows = read_rows("new")
    assert [row["image"] for row in rows] == [f"{number:02}.png" for number in range(12)]
    np.savez("images.npz", images=np.zeros((3, 8, 10, 3), np.uint8))
    assert main(["embed", "run", "images.npz", "--out", "other", "--format", "jsonl"]) == 0
    assert [row["row"] for row in read_rows("other")] == [0, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nothing rows.npy --out new", "There is no folder nothing"),
        ("rows.npy rows.npy --out new", "rows.npy is a file; pass the folder"),
        ("empty rows.npy --out new", "empty has no last.ckpt"),
        ("run nothing.npy --out new", "There is no folder or file nothing.npy"),
        ("run other.npy --out new", "rows of 5 numbers, but the training in run had rows of 12"),
        ("run images.npz --out new", "images.npz has images, but the training was on rows"),
        ("run rows.npy --out run", "--out run is the folder of the training"),
        ("run rows.npy --out new --skip-damaged", "--skip-damaged has no meaning for rows"),
        ("run rows.npy --out new --batch-size 0", "'0' is not an integer of at least 1"),
        ("run rows.npy", "required: -o/--out"),
    ],
)
def test_embed_refuses_mistakes(row_run, capsys, arguments, message):
    Path("empty").mkdir()
    np.save("other.npy", np.ones((3, 5)))
    np.savez("images.npz", images=np.zeros((3, 8, 10, 3), np.uint8))
    assert message in fails(capsys, "embed", *arguments.split())


def test_embed_refuses_options_and_files_of_rows_for_images(image_run, capsys):
    np.save("rows.npy", np.ones((3, 5)))
    error = fails(capsys, "embed", "run", "rows.npy", "--out", "new")
    assert "rows.npy is not a folder of images or an .npz file" in error
    error = fails(capsys, "embed", "run", "images", "--array", "x", "--out", "new")
    assert "--array has no meaning for images" in error
    error = fails(capsys, "embed", "run", "images", "images", "--out", "new")
    assert "2 folders or files of images are given; pass one" in error


def test_mistakes_are_reported_before_torch_is_imported(row_run):
    np.save("other.npy", np.ones((3, 5)))
    code = (
        "import sys; from vmfmix.cli.main import main; "
        "codes = [main(['embed', *words.split(), '--out', 'new']) for words in "
        "('nothing rows.npy', 'run other.npy', 'run nothing.npy')]; "
        "print(codes, 'torch' in sys.modules)"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    assert done.stdout == "[2, 2, 2] False\n", done.stderr


def test_export_writes_a_program(row_run, capsys):
    assert main(["export", "run", "-o", "encoder.pt2"]) == 0
    assert capsys.readouterr().out == "Wrote encoder.pt2; torch.export.load reads it.\n"
    program = torch.export.load("encoder.pt2").module()
    X = torch.from_numpy(np.load("rows.npy"))
    np.testing.assert_allclose(program(X[:9]), row_run[:9], atol=1e-5)
    assert "encoder.pt2 already exists" in fails(capsys, "export", "run", "-o", "encoder.pt2")
    assert main(["export", "run", "-o", "encoder.pt2", "--overwrite", "--quiet"]) == 0
    assert "not named .pt2" in fails(capsys, "export", "run", "-o", "encoder.onnx")
    assert "no folder nothing" in fails(capsys, "export", "nothing", "-o", "x.pt2")
    assert "There is no folder" in fails(capsys, "export", "run", "-o", "nowhere/x.pt2")


def test_report_finds_the_files_of_a_training(image_run, capsys):
    assert main(["report", "run", "-o", "page.html"]) == 0
    assert capsys.readouterr().out == "Wrote page.html; open it in a browser.\n"
    page = Path("page.html").read_text("utf-8")
    assert "simclr on images, 1 epoch" in page
    assert '"title":"run"' in page
    assert "data:image/" in page
    Path("empty").mkdir()
    assert "empty has no last.ckpt" in fails(capsys, "report", "empty", "-o", "x.html")
    assert "nothing" in fails(capsys, "report", "nothing", "-o", "x.html")
    error = fails(capsys, "report", "run/mixture.npz", "-o", "x.html")
    assert "needs a file of embeddings" in error


def test_report_of_a_training_on_rows_takes_texts_and_labels(row_run):
    options = ["--texts", "texts.txt", "--labels", "labels.txt", "--quiet"]
    assert main(["report", "run", "-o", "page.html", *options]) == 0
    page = Path("page.html").read_text("utf-8")
    assert "Größe 7" in page and "class 1" in page and "simclr on rows.npy" in page


def test_exported_and_embedded_rows_agree(row_run):
    new = np.random.default_rng(1).normal(size=(5, 12)).astype(np.float32)
    np.save("new.npy", new)
    assert main(["embed", "run", "new.npy", "--out", "new", "--quiet"]) == 0
    assert main(["export", "run", "-o", "encoder.pt2", "--quiet"]) == 0
    program = torch.export.load("encoder.pt2").module()
    expected = load_encoder("run").transform(new)
    np.testing.assert_allclose(np.load("new/embeddings.npy"), expected, atol=1e-6)
    np.testing.assert_allclose(program(torch.from_numpy(new)), expected, atol=1e-5)
