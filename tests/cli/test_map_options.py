"""The map of `vmfmix report`: its layout, and coordinates from files and columns."""

import base64
import importlib.util
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.commands import REPORT, fails
from vmfmix import VMFMixture
from vmfmix.cli.main import main
from vmfmix.report.coordinates import encoded


@pytest.fixture(scope="module")
def model_file(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.npz"
    VMFMixture(3, merge=None, random_state=0).fit(rows[0]).save(path)
    return path


@pytest.fixture
def fitted(folder, model_file):
    Path("out").mkdir()
    shutil.copy(model_file, "out/model.npz")
    return folder


@pytest.fixture
def places():
    return np.random.RandomState(0).standard_normal((300, 2))


def positions(page):
    data = re.search(r'id="data">(.*?)</script>', Path(page).read_text("utf-8"), re.DOTALL)[1]
    found = json.loads(data)
    return found["map"]["positions"], found["map_note"]


def write_table(X, name="x.csv", **columns):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import csv, parquet

    table = pa.table({f"e{j}": X[:, j] for j in range(X.shape[1])} | columns)
    (csv.write_csv if name.endswith(".csv") else parquet.write_table)(table, name)


@pytest.mark.parametrize("name", ["places.npy", "places.npz", "places.csv"])
def test_coordinates_are_read_from_a_file(fitted, places, name):
    if name.endswith(".npy"):
        np.save(name, places)
    elif name.endswith(".npz"):
        np.savez(name, places=places)
    else:
        pytest.importorskip("pyarrow")
        np.savetxt(name, places, delimiter=",", header="x,y", comments="")
    assert main([*REPORT, "--coordinates", name, "--quiet"]) == 0
    found, note = positions("page.html")
    assert found == encoded(places) and "coordinates that were passed" in note


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_coordinates_are_two_columns_of_the_table(fitted, rows, places, name, capsys):
    write_table(rows[0], name, longitude=places[:, 0], lat=np.arange(300))
    report = ["report", "out/model.npz", name, "-o", "page.html"]
    assert main([*report, "--coordinates", "longitude, lat"]) == 0
    assert "coordinates: longitude, lat" in capsys.readouterr().err
    expected = np.column_stack([places[:, 0], np.arange(300)])
    assert positions("page.html")[0] == encoded(expected)


def test_coordinates_follow_the_rows_that_are_shown(fitted, places):
    np.save("places.npy", places)
    assert main([*REPORT, "--coordinates", "places.npy", "--rows", "10", "--quiet"]) == 0
    data = re.search(r'id="data">(.*?)</script>', Path("page.html").read_text("utf-8"), re.DOTALL)
    shown = json.loads(data[1])
    assert len(shown["rows"]["row"]) < 300
    assert len(base64.b64decode(shown["map"]["positions"])) == 4 * len(shown["rows"]["row"])
    assert shown["map"]["positions"] == encoded(places[shown["rows"]["row"]])


def test_layout_neighbors_is_the_default(fitted):
    assert main([*REPORT, "--quiet"]) == 0
    found = positions("page.html")
    assert main([*REPORT, "--layout", "neighbors", "--overwrite", "--quiet"]) == 0
    assert positions("page.html") == found


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            np.zeros((299, 2)),
            "places.npy has 299 rows of 2 numbers; two numbers for each of the 300",
        ),
        (
            np.zeros((300, 3)),
            "places.npy has 300 rows of 3 numbers; two numbers for each of the 300",
        ),
        (np.zeros(300), "places.npy holds an array of shape (300,)"),
        (
            np.full((300, 2), np.nan),
            "300 of the 300 rows of places.npy have NaN or infinite values",
        ),
        (np.full((300, 2), "a"), "places.npy holds values of type"),
    ],
)
def test_coordinates_of_a_file_must_fit(fitted, capsys, values, message):
    np.save("places.npy", values)
    error = fails(capsys, *REPORT, "--coordinates", "places.npy", "--quiet")
    assert "argument --coordinates: " in error and message in error


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("x", "argument --coordinates: x is neither a file nor two columns"),
        ("x,y,z", "argument --coordinates: x,y,z is neither a file nor two columns"),
        ("x,", "argument --coordinates: x, is neither a file nor two columns"),
        ("none.npy", "argument --coordinates: none.npy is neither a file nor two columns"),
        ("x,z", "argument --coordinates: x.csv has no column 'z'"),
        ("x,word", "argument --coordinates: Column 'word' of x.csv has values of type string"),
        (
            "x,y",
            "1 of the 300 rows of columns x, y of x.csv have NaN or infinite values, first row 7",
        ),
    ],
)
def test_columns_of_coordinates_must_fit(fitted, rows, places, capsys, columns, message):
    places[7, 1] = np.inf
    write_table(rows[0], x=places[:, 0], y=places[:, 1], word=["a"] * 300)
    command = ["report", "out/model.npz", "x.csv", "-o", "page.html", "--coordinates", columns]
    assert message in fails(capsys, *command, "--quiet")


def test_columns_of_arrays_are_no_coordinates(fitted, capsys):
    error = fails(capsys, *REPORT, "--coordinates", "x,y")
    assert "argument --coordinates: rows.npy is not a table and has no columns" in error


def test_missing_umap_is_named_before_anything_is_read(folder, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *_: None if name == "umap" else find(name)
    )
    error = fails(capsys, *REPORT, "--layout", "umap")
    assert "--layout umap needs umap-learn; " in error
