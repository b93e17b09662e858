"""Tests of the table of rows: the input, and the cluster of each row."""

import json

import numpy as np
import pytest

import vmfmix
from tests.cli.commands import FIT, fails, read_rows
from vmfmix.cli.main import main
from vmfmix.cli.outputs import FORMATS
from vmfmix.datasets import make_vmf_mixture
from vmfmix.storage.table_writing import TABLE_SUFFIXES

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

NAMES = ["cluster", "cluster_name", "similarity", "margin", "probability", "typicality"]
TEXTS = ["line\nbreak", 'quotes " and, commas', "tab\there", "שלום", "emoji 🙂", ""] * 50


@pytest.fixture
def columns(rows):
    """Return the columns of a table, with names that the outputs also have."""
    X, y = rows
    return {
        "id": [f"{row:03}" for row in range(300)],
        "text": TEXTS,
        "cluster": y,
        "weight": np.linspace(0.0, 1.0, 300),
        "tags": [["a", "b"], []] * 150,
        "vector": list(X),
    }


def write(columns):
    pq.write_table(pa.table(columns), "table.parquet")
    return ["fit", "table.parquet", "--n-components", "3", "--quiet"]


def test_formats_are_those_that_can_be_written():
    assert tuple(f".{format}" for format in FORMATS) == TABLE_SUFFIXES


@pytest.mark.parametrize("format", FORMATS)
def test_columns_of_the_input_arrive_unharmed_in_every_format(folder, columns, format):
    command = write(columns)
    assert main([*command, "--out", "out", "--format", format]) == 0
    listed = read_rows("out")
    assert list(listed[0]) == ["id", "text", "cluster_before", "weight", "tags", *NAMES]
    assert [row["id"] for row in listed] == columns["id"]
    assert [row["text"] for row in listed] == TEXTS
    assert [int(row["cluster_before"]) for row in listed] == columns["cluster"].tolist()
    assert [float(row["weight"]) for row in listed] == columns["weight"].tolist()
    tags = [row["tags"] for row in listed]
    assert [json.loads(each) if isinstance(each, str) else each for each in tags] == columns["tags"]


def test_the_format_is_that_of_the_input(folder, columns):
    command = write(columns)
    assert main([*command, "--out", "out"]) == 0
    assert main(["predict", "out/model.npz", "table.parquet", "--out", "new", "--quiet"]) == 0
    for out in ("out", "new"):
        assert (folder / out / "clusters.parquet").is_file()
    assert main([*command, "--out", "lines", "--format", "jsonl"]) == 0
    assert main([*FIT, "--out", "arrays", "--quiet"]) == 0
    assert (folder / "arrays" / "clusters.csv").is_file()


def test_values_are_those_of_the_model(folder, rows, columns):
    X, _ = rows
    assert main([*write(columns), "--out", "out"]) == 0
    model = vmfmix.load("out/model.npz")
    listed = read_rows("out")
    cosines = np.sort(model.transform(X), axis=1)
    expected = {
        "cluster": model.labels_,
        "similarity": cosines[:, -1],
        "margin": cosines[:, -1] - cosines[:, -2],
        "probability": model.probabilities_,
        "typicality": model.typicality(X),
    }
    for name, values in expected.items():
        np.testing.assert_allclose([row[name] for row in listed], values, atol=1e-5)


def test_embeddings_are_kept_on_request(folder, rows, columns):
    command = write(columns)
    assert main([*command, "--out", "out", "--keep-embeddings"]) == 0
    np.testing.assert_array_equal([row["vector"] for row in read_rows("out")], rows[0])
    assert main([*FIT, "--out", "arrays", "--keep-embeddings", "--format", "parquet"]) == 0
    np.testing.assert_array_equal([row["embedding"] for row in read_rows("arrays")], rows[0])
    # The output is an input again.
    options = ["--n-components", "3", "--quiet", "--out", "again"]
    assert main(["fit", "out/clusters.parquet", *options]) == 0
    assert {"cluster_before", "cluster_before_before"} < set(read_rows("again")[0])
    np.testing.assert_array_equal(np.load("again/labels.npy"), np.load("out/labels.npy"))


def test_rows_that_are_unlike_those_of_the_fit_have_no_cluster(folder, rows, capsys):
    assert main([*FIT, "--out", "out", "--quiet"]) == 0
    others = make_vmf_mixture(100, 12, 1, concentration=1.0, random_state=3)[0]
    np.save("new.npy", np.concatenate([rows[0], others]))
    options = ["--false-alarm-rate", "0.05", "--out", "new", "--quiet"]
    assert main(["predict", "out/model.npz", "new.npy", *options]) == 0
    labels = np.load("new/labels.npy")
    expected = vmfmix.load("out/model.npz").predict(np.load("new.npy"), false_alarm_rate=0.05)
    np.testing.assert_array_equal(labels, expected)
    assert (labels[:300] == -1).mean() < 0.1 and (labels[300:] == -1).mean() > 0.8
    listed = read_rows("new")
    rejected = next(row for row in listed if row["cluster"] == "-1")
    assert rejected["cluster_name"] == rejected["similarity"] == rejected["probability"] == ""
    assert float(rejected["typicality"]) <= 0.05
    for rate in ("0", "1", "x"):
        error = fails(capsys, "predict", "out/model.npz", "new.npy", "--false-alarm-rate", rate)
        assert f"'{rate}' is not a number between 0 and 1" in error


def test_pyarrow_is_named_before_any_work(folder, capsys, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *_: None if name == "pyarrow" else find(name)
    )
    monkeypatch.setattr(vmfmix.VMFMixture, "fit", lambda *args, **kwargs: pytest.fail("too late"))
    for options in (["--format", "parquet"], ["--keep-embeddings"]):
        error = fails(capsys, *FIT, "--out", "out", *options)
        assert "needs pyarrow, which is not installed; run pip install" in error


def test_a_column_of_text_gives_way_to_a_file_of_texts(folder, columns):
    command = write(columns)
    assert main([*command, "--texts", "texts.txt", "--out", "out"]) == 0
    first = read_rows("out")[0]
    assert first["text"] == "text 0, Größe 0" and first["text_before"] == TEXTS[0]
