"""Small tables of pages are those of the results files, and the code about large data runs."""

import re

import numpy as np
import pytest

from benchmarks import page_tables
from tests.project.layers import ROOT
from vmfmix import VMFMixture
from vmfmix.datasets import load_snips


def page(name):
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def test_the_table_of_strengths_is_that_of_the_results_file():
    assert page_tables.strengths() in page("number_of_clusters")


def test_three_quarters_of_the_sets_have_a_level_near_the_number_of_classes():
    assert "about three quarters of these sets" in page("number_of_clusters")
    for share in page_tables.shares_with_level():
        assert share == pytest.approx(0.75, abs=0.05)


def test_the_table_of_sizes_is_that_of_the_results_files():
    assert page_tables.sizes() in page("large_data")


@pytest.mark.slow
def test_the_code_about_large_data_runs(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    h5py = pytest.importorskip("h5py")
    pytest.importorskip("torch")
    import pyarrow as pa

    monkeypatch.chdir(tmp_path)
    rows = load_snips().data.astype(np.float32)
    np.save("embeddings.npy", rows)
    (tmp_path / "parts").mkdir()
    np.save("parts/1.npy", rows)
    with h5py.File("embeddings.h5", "w") as file:
        file["rows"] = rows
    table = pa.table({"embedding": list(rows), "id": np.arange(len(rows))})
    parquet.write_table(table, "embeddings.parquet", row_group_size=700)
    text = page("large_data").split("## Multiple processes")[0]
    text = text.replace('"cuda"', '"cpu"').replace(".cuda()", "")
    names = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, names)
        if "ParquetFile" in code:
            np.testing.assert_allclose(np.load("embeddings.npy"), rows, rtol=1e-3, atol=1e-6)
            np.save("embeddings.npy", rows)
    assert len(names["smoothed"]) == len(rows)
    assert names["again"].n_components_ > 1


def test_numbers_of_clusters_by_resolution_are_those_of_the_page():
    columns = [
        [cell.strip() for cell in line.split("|")[2:-1]]
        for line in page("faq").splitlines()
        if line.startswith(("| `resolution` |", "| clusters |"))
    ]
    assert len(columns[0]) == len(columns[1]) > 4
    X = load_snips().data
    for resolution, expected in zip(*columns, strict=True):
        resolution = float(resolution.removesuffix(" (default)"))
        model = VMFMixture(smooth=True, resolution=resolution, random_state=0).fit(X)
        assert model.n_components_ == int(expected)
