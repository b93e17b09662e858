"""Tests of the files for Embedding Atlas; the map itself needs a browser."""

import io
import json
import re
import zipfile

import numpy as np
import pytest

from tests.clients import SECTIONS, run


@pytest.mark.slow
def test_atlas_files_contain_rows_and_cluster_names():
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    page = run("Embedding Atlas")
    model = page["model"]
    atlas, names = pd.read_parquet("atlas.parquet"), pd.read_parquet("names.parquet")
    assert list(atlas["text"]) == page["texts"]
    np.testing.assert_array_equal(atlas["cluster"].str.split().str[1].astype(int), model.labels_)
    assert np.isfinite(atlas[["x", "y"]]).all(axis=None)
    assert len(names) == model.n_components_
    for cluster, name in names["text"].items():
        assert atlas["cluster"][page["texts"].index(name)] == cluster


@pytest.mark.filterwarnings("ignore")
def test_embedding_atlas_exports_the_files():
    pytest.importorskip("embedding_atlas")
    pd = pytest.importorskip("pandas")
    from click.testing import CliRunner
    from embedding_atlas.cli import main

    page = run("Embedding Atlas")
    command = re.search(r"^embedding-atlas (.*)$", SECTIONS["Embedding Atlas"], re.MULTILINE)[1]
    options = [*command.split(), "--export-application", "map.zip"]
    result = CliRunner().invoke(main, options, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile("map.zip") as archive:
        props = json.loads(archive.read("data/metadata.json"))["props"]
        rows = pd.read_parquet(io.BytesIO(archive.read("data/dataset.parquet")))
    assert props["data"]["projection"] == {"x": "x", "y": "y"}
    assert props["data"]["text"] == "text"
    assert [name["text"] for name in props["embeddingViewLabels"]] == list(page["names"]["text"])
    for column in ("text", "x", "y", "cluster"):
        assert list(rows[column]) == list(page["atlas"][column])
