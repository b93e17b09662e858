"""Edits on the page: the script `edits.js`, run by Node.js, and `apply` of what it saves."""

import json
import shutil
import subprocess
from importlib.resources import files

import numpy as np
import pytest

from tests.limits import HANG
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.storage.fingerprints import fingerprint

NODE = shutil.which("node")
SCRIPT = files("vmfmix") / "report" / "template" / "edits.js"
pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")

# Runs steps such as ["rename", 3, "name"]; returns all groups, the file, and errors by step.
RUN = """
const { ClusterEdits } = require(process.argv[1]);
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const edits = new ClusterEdits(given.model, given.clusters, given.cut);
const errors = {};
given.steps.forEach(([name, ...values], step) => {
  try { edits[name](...values); } catch (error) { errors[step] = error.message; }
});
const { groups, canUndo, canRedo, isChanged } = edits;
console.log(JSON.stringify({ groups, canUndo, canRedo, isChanged, file: edits, errors }));
"""


@pytest.fixture(scope="module")
def rows():
    X, _ = make_vmf_mixture(900, 16, 6, concentration=60.0, random_state=3)
    return X


@pytest.fixture(scope="module")
def model(rows):
    fitted = VMFMixture(6, random_state=0).fit(rows)
    return fitted.rename({1: "one", 4: "four"}).annotate({4: "note"}).mark_noise(5)


def run(model, steps, cut=None):
    """Return the state of the page after some steps."""
    shown = model if cut is None else model.merge_to(cut)
    n_clusters = shown.n_components_
    none = [""] * n_clusters
    columns = (
        vars(shown).get("names_", none),
        vars(shown).get("notes_", none),
        vars(shown).get("noise_", [False] * n_clusters),
    )
    given = {
        "model": {"n_components": model.n_components_, "fingerprint": fingerprint(model)},
        "clusters": [
            {"name": str(name), "note": str(note), "noise": bool(noise)}
            for name, note, noise in zip(*columns)
        ],
        "cut": cut,
        "steps": steps,
    }
    done = subprocess.run(
        [NODE, "-e", RUN, str(SCRIPT)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def annotations_of(model):
    n_clusters = model.n_components_
    columns = (
        vars(model).get("names_", [""] * n_clusters),
        vars(model).get("notes_", [""] * n_clusters),
        vars(model).get("noise_", [False] * n_clusters),
    )
    return [(str(name), str(note), bool(noise)) for name, note, noise in zip(*columns)]


def shown_annotations(state):
    return [(group["name"], group["note"], group["noise"]) for group in state["groups"]]


STEPS = {
    "nothing": [],
    "names": [["rename", 0, " größe "], ["rename", 4, ""], ["rename", 2, "four"]],
    "names are exchanged": [["rename", 1, "x"], ["rename", 4, "one"], ["rename", 1, "four"]],
    "notes": [["note", 0, "two\nlines"], ["note", 4, None]],
    "noise": [["setNoise", 0, True], ["setNoise", 5, False]],
    "unions": [["merge", [3, 1]], ["merge", [0, 2]], ["merge", [1, 4]], ["rename", 3, "new"]],
    "unions without names": [["merge", [1, 4]], ["rename", 4, ""], ["setNoise", 4, True]],
    "noise in a union": [["merge", [0, 5]], ["note", 5, "mixed"]],
    "annotated before": [["rename", 0, "zero"], ["note", 0, "a"], ["merge", [0, 4]]],
    "separated": [["merge", [0, 1, 4]], ["rename", 0, "x"], ["separate", 1]],
    "a name that is in use": [
        ["merge", [0, 4]],
        ["rename", 0, "x"],
        ["rename", 2, "four"],
        ["separate", 0],
    ],
    "undone": [["rename", 0, "x"], ["merge", [0, 2]], ["undo"], ["undo"], ["redo"]],
    "done otherwise": [["rename", 0, "x"], ["undo"], ["rename", 0, "y"], ["redo"]],
    "reset": [["rename", 0, "x"], ["merge", [0, 2]], ["reset"]],
}


@pytest.mark.parametrize("name", STEPS)
def test_apply_makes_the_clusters_that_the_page_shows(model, name):
    state = run(model, STEPS[name])
    assert state["errors"] == {}
    edited = model.apply(state["file"])
    assert annotations_of(edited) == shown_annotations(state)
    for number, group in enumerate(state["groups"]):
        weight = model.weights_[group["clusters"]].sum()
        assert edited.weights_[number] == pytest.approx(weight)
    assert state["isChanged"] == (len(state["file"]["edits"]) > 0)
    again = run(model, [["fromJSON", json.dumps(state["file"])]])
    assert again["groups"] == state["groups"] and again["file"] == state["file"]


def test_splits_are_applied_with_rows(model, rows):
    steps = [
        ["split", 3],
        ["split", 0, "auto"],
        ["split", 1, 3],
        ["split", 0, 1],
        ["merge", [0, 2]],
    ]
    state = run(model, steps)
    assert state["errors"] == {}
    assert [group["parts"] for group in state["groups"]] == [1, 3, 2, 1, 1]
    edited = model.apply(state["file"], rows)
    assert edited.n_components_ == 5 + 2 + 1
    assert annotations_of(edited)[:5] == shown_annotations(state)


def test_edits_of_another_number_of_clusters_are_those_of_a_cut(rows):
    model = VMFMixture(random_state=0).fit(rows)
    steps = [["merge", [0, 7]], ["rename", 8, "last"]]
    state = run(model, steps, cut=9)
    edited, expected = model.apply(state["file"]), model.merge_to(9).rename({8: "last"})
    np.testing.assert_array_equal(edited.means_, expected.merge_clusters([0, 7]).means_)
    assert run(model, [["fromJSON", state["file"]]], cut=9)["groups"] == state["groups"]
    other = run(model, [["fromJSON", state["file"]]])
    assert other["errors"]["0"].startswith("The edits are of another number of clusters")


def test_undo_and_redo(model):
    state = run(model, [["rename", 0, "x"], ["merge", [2, 3]], ["undo"]])
    assert state["canUndo"] and state["canRedo"] and len(state["groups"]) == 6
    state = run(model, [["rename", 0, "x"], ["undo"], ["undo"]])
    assert not state["canUndo"] and state["canRedo"] and not state["isChanged"]
    state = run(model, [["rename", 1, "one"], ["setNoise", 5, True]])  # as they were
    assert not state["canUndo"]
    file = run(model, [["merge", [0, 2]]])["file"]
    state = run(model, [["rename", 0, "x"], ["fromJSON", file], ["undo"]])
    assert state["groups"][0]["name"] == "x" and len(state["groups"]) == 6


def edit(**fields):
    return {"format": "vmfmix edits", "version": 1, "edits": [fields]}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (["rename", 6, "x"], "Cluster 6 does not exist."),
        (["rename", 0, "four"], "Clusters 0 and 4 would have the same name."),
        (["rename", 0, 3], "A name is a text."),
        (["rename", 0, "x" * 1001], "The name has more than 1000 characters."),
        (["note", 0, "a\0b"], "The note has a character that files cannot hold."),
        (["note", 0, "\ud800"], "The note has a character that files cannot hold."),
        (["merge", [1]], "Choose at least two clusters to merge."),
        (["merge", [1, 1]], "Choose at least two clusters to merge."),
        (["separate", 1], "Cluster 1 is not merged."),
        (["split", 1, 0], "The number of parts is a positive integer"),
        (["fromJSON", "edits"], "The file is not JSON; choose a file of edits."),
        (["fromJSON", "[]"], "The file has no edits; choose a file of edits."),
        (["fromJSON", edit(edit="noise", cluster=0) | {"version": 2}], "of another version"),
        (["fromJSON", edit() | {"model": {"fingerprint": ""}}], "those of another model."),
        (["fromJSON", edit(edit="delete")], "Edit 1: This is not an edit that the page knows."),
        (["fromJSON", edit(edit="noise", name="x")], "Edit 1: The fields of noise are edit"),
        (["fromJSON", edit(edit="noise", cluster=9)], "Edit 1: Cluster 9 does not exist."),
        (["fromJSON", edit(edit="merge", clusters=[1, 1])], "Edit 1: The clusters are not a list"),
        (["fromJSON", edit(edit="cut", n_components=3)], "another number of clusters"),
        (["fromJSON", edit(edit="rename", cluster=0, name="one")], "would have the same name."),
    ],
)
def test_steps_that_are_refused_change_nothing(model, step, message):
    state = run(model, [step])
    assert message in state["errors"]["0"]
    assert not state["canUndo"] and not state["isChanged"]
