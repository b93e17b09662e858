"""The command `vmfmix apply`: edits from a file, with and without embeddings."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import vmfmix
from tests.cli.commands import FIT, FIT_FILES, fails, files, read_table
from vmfmix.cli.main import main
from vmfmix.storage.fingerprints import fingerprint

EDITS = [
    {"edit": "merge", "clusters": [2, 0]},
    {"edit": "rename", "cluster": 2, "name": "größe"},
    {"edit": "note", "cluster": 2, "note": "two\nlines"},
    {"edit": "noise", "cluster": 1},
]
SPLIT = {"edit": "split", "cluster": 1}


@pytest.fixture
def model(folder, capsys):
    """Return the fitted model in out/model.npz."""
    assert main([*FIT, "--out", "out", "--quiet"]) == 0
    return vmfmix.load("out/model.npz")


def write(edits, model):
    stated = {"n_components": model.n_components_, "fingerprint": fingerprint(model)}
    contents = {"format": "vmfmix edits", "version": 1, "model": stated, "edits": edits}
    Path("edits.json").write_text(json.dumps(contents), "utf-8")


APPLY = ["apply", "edits.json", "out/model.npz"]


def test_apply_writes_the_files_of_the_edited_model(model, rows, capsys):
    write(EDITS, model)
    options = ["--texts", "texts.txt", "--labels", "labels.txt"]
    assert main([*APPLY, "rows.npy", "--out", "edited", *options]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("2 clusters (edited) in 300 rows of 12 numbers")
    assert "noise (rows in no cluster)" in captured.out and "größe" in captured.out
    assert {path.name for path in Path("edited").iterdir()} == FIT_FILES
    expected = model.apply(EDITS, rows[0])
    labels = np.load("edited/labels.npy")
    np.testing.assert_array_equal(labels, expected.labels_)
    edited = vmfmix.load("edited/model.npz")
    np.testing.assert_array_equal(edited.predict(rows[0]), labels)
    assert edited.notes_.tolist() == ["two\nlines", ""]
    union, noise, outside = read_table("edited/summary.csv")
    assert (
        union["cluster_name"] == "größe"
        and union["note"] == "two\nlines"
        and union["noise"] == "False"
    )
    assert noise["size"] == "0" and noise["noise"] == "True" and noise["similarity"] == ""
    assert outside["cluster"] == "-1" and int(outside["size"]) == (labels == -1).sum() > 50
    assert int(union["size"]) + int(outside["size"]) == 300
    names = {row["cluster"]: row["cluster_name"] for row in read_table("edited/clusters.csv")}
    assert names == {"0": "größe", "-1": ""}


def test_apply_without_embeddings_writes_the_model_alone(model, rows, capsys):
    write(EDITS, model)
    assert main([*APPLY, "-o", "edited"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "Wrote model.npz with 2 clusters to edited\n" and captured.err == ""
    assert [path.name for path in Path("edited").iterdir()] == ["model.npz"]
    assert main([*APPLY, "-o", "json", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"n_clusters": 2, "files": ["model.npz"]}
    edited = vmfmix.load("edited/model.npz")
    expected = model.apply(EDITS)
    np.testing.assert_array_equal(edited.means_, expected.means_)
    np.testing.assert_array_equal(edited.labels_, expected.labels_)
    assert main(["predict", "edited/model.npz", "rows.npy"]) == 0
    assert capsys.readouterr().out.split() == [str(label) for label in edited.predict(rows[0])]
    # Labels of the clusters before the edits are removed, since the model no longer has these.
    assert "out already has clusters.csv" in fails(capsys, *APPLY, "--out", "out")
    assert main([*APPLY, "--out", "out", "--overwrite", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert [path.name for path in Path("out").iterdir()] == ["model.npz"]


def test_apply_splits_with_embeddings_only(model, rows, capsys):
    write([SPLIT], model)
    message = fails(capsys, *APPLY, "--out", "edited")
    assert "edits.json splits cluster 1, which needs rows; give the file of embeddings" in message
    assert main([*APPLY, "rows.npy", "--out", "edited", "--quiet"]) == 0
    assert vmfmix.load("edited/model.npz").n_components_ == 4


def test_edits_may_come_from_a_pipe(model, capsys):
    write(EDITS, model)
    reading, writing = os.pipe()
    os.write(writing, Path("edits.json").read_bytes())
    os.close(writing)
    assert main(["apply", f"/dev/fd/{reading}", "out/model.npz", "--out", "edited"]) == 0
    os.close(reading)
    assert vmfmix.load("edited/model.npz").n_components_ == 2


def test_models_without_history_are_edited(model, rows, capsys):
    for edits in ([EDITS[1]], EDITS):
        for source in (vmfmix.VMFMixture(random_state=0).fit(rows[0]), model.apply(EDITS[:2])):
            source.save("out/model.npz", history=False)
            write(edits if source.n_components_ > 2 else [EDITS[3]], source)
            options = ["--out", "edited", "--overwrite"]
            assert main([*APPLY, "rows.npy", *options]) == 0
            assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ([EDITS[0], EDITS[0]], "Edit 2: Cluster 0 is merged twice"),
        ([{"edit": "noise", "cluster": 3}], "Edit 1: Cluster 3 does not exist"),
        ([{"edit": "cut", "n_components": 9999}], "n_components=9999 is not on the merge path"),
        (
            [{"edit": "rename", "cluster": i, "name": "a"} for i in (0, 1)],
            "Clusters 0 and 1 would both be named 'a'",
        ),
    ],
)
def test_apply_refuses_edits(model, capsys, edits, message):
    write(edits, model)
    for embeddings in ([], ["rows.npy"]):
        assert message in fails(capsys, *APPLY, *embeddings, "--out", "edited")


def test_apply_refuses_files(model, capsys):
    assert "There is no file edits.json" in fails(capsys, *APPLY, "--out", "edited")
    Path("edits.json").write_text("no edits")
    assert "edits.json is not a file of edits, since it is not JSON" in fails(
        capsys, *APPLY, "rows.npy", "--out", "edited"
    )
    write(EDITS, model.rename({0: "a"}).drop(1))
    assert "apply them to the model that they were made for" in fails(
        capsys, *APPLY, "rows.npy", "--out", "edited"
    )
    write(EDITS, model)
    np.save("new.npy", np.eye(5))
    assert "new.npy has rows of 5 numbers" in fails(capsys, *APPLY, "new.npy", "--out", "edited")
    assert "required: -o/--out" in fails(capsys, *APPLY, "rows.npy")
    swapped = ["apply", "out/model.npz", "edits.json", "--out", "edited"]
    assert "edits.json is damaged, or not a vmfmix model" in fails(capsys, *swapped)
    assert "edited" not in {path.parts[0] for path in files()}
