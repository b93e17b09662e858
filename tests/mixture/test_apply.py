"""Edits from a file: `apply`, notes and noise."""

import copy
import io
import itertools
import json
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone

from vmfmix import VMFMixture, load
from vmfmix.datasets import make_vmf_mixture
from vmfmix.inspection import describe, exemplars, membership, outliers
from vmfmix.inspection.clusters import assigned_probabilities
from vmfmix.storage.fingerprints import fingerprint

KINDS = {
    "auto": {"n_components": "auto"},
    "known number": {},
    "tied": {"concentration": "tied"},
    "hard": {"assignment": "hard"},
    "background": {"background": True},
    "center": {"center": True},
    "smooth": {"smooth": True},
    "not merged": {"merge": None},
    "sparse": {"sparse": True},
}
EDITS = [
    {"edit": "merge", "clusters": [4, 1]},
    {"edit": "split", "cluster": 0, "n_components": 3},
    {"edit": "noise", "cluster": 2},
    {"edit": "rename", "cluster": 4, "name": "union"},
    {"edit": "rename", "cluster": 5, "name": "größe"},
    {"edit": "note", "cluster": 5, "note": "Two lines:\nthis is the second."},
]


@pytest.fixture(scope="module")
def rows():
    X, _ = make_vmf_mixture(900, 16, 6, concentration=60.0, random_state=3)
    return X


@pytest.fixture(scope="module")
def fitted(rows):
    return VMFMixture(6, random_state=0).fit(rows)


def fit(rows, kind):
    options = {"n_components": 6, "random_state": 0} | KINDS[kind]
    X = sp.csr_array(np.where(np.abs(rows) < 0.05, 0.0, rows)) if options.pop("sparse", 0) else rows
    return VMFMixture(**options).fit(X), X


def saved(model):
    file = io.BytesIO()
    model.save(file)
    return load(io.BytesIO(file.getvalue()))


def document(model, edits):
    stated = {"n_components": model.n_components_, "fingerprint": fingerprint(model)}
    return {"format": "vmfmix edits", "version": 1, "model": stated, "edits": edits}


def assert_same(model, other):
    for name in ("weights_", "means_", "concentrations_", "names_", "notes_", "noise_", "labels_"):
        assert (name in vars(model)) == (name in vars(other)), name
        if name in vars(model):
            np.testing.assert_array_equal(getattr(model, name), getattr(other, name))


@pytest.mark.parametrize("kind", KINDS)
def test_edits_of_every_kind_of_fit_are_applied_together(rows, kind):
    model, X = fit(rows, kind)
    before = dict(vars(model))
    edited = model.apply(EDITS, X)
    assert edited.n_components_ == edited.n_components == 7
    assert edited.names_.tolist() == ["", "union", "", "", "größe", "", ""]
    assert edited.notes_.tolist()[4] == "Two lines:\nthis is the second."
    assert edited.noise_.tolist() == [False, False, True, False, False, False, False]
    labels = edited.predict(X)
    np.testing.assert_array_equal(edited.labels_, labels)
    assert (labels[model.labels_ == 2] == -1).mean() > 0.95
    assert not (labels == 2).any()
    assert_same(saved(edited), edited)
    np.testing.assert_array_equal(saved(edited).predict(X), labels)
    assert vars(model).keys() == before.keys()  # unchanged
    assert all(vars(model)[name] is before[name] for name in before)


@pytest.mark.parametrize("kind", ["known number", "smooth", "background", "center"])
def test_loaded_models_are_edited_in_the_same_way(rows, kind):
    model, X = fit(rows, kind)
    loaded = saved(model)
    assert fingerprint(loaded) == fingerprint(model)
    edits = document(model, EDITS)
    assert_same(loaded.apply(edits, X), model.apply(edits, X))
    without_split = document(model, [edit for edit in EDITS if edit["edit"] != "split"])
    assert_same(loaded.apply(without_split), model.apply(without_split))


def test_the_order_of_edits_does_not_matter(rows, fitted):
    edits = [*EDITS, {"edit": "merge", "clusters": [3, 5]}]
    edits[1:3] = [{"edit": "split", "cluster": 2}, {"edit": "noise", "cluster": 0}]
    expected = fitted.apply(edits, rows)
    rng = np.random.default_rng(0)
    for _ in range(4):
        assert_same(fitted.apply([edits[i] for i in rng.permutation(len(edits))], rows), expected)
    for order in itertools.permutations(EDITS[2:5]):
        assert_same(fitted.apply(order), fitted.apply(EDITS[2:5]))


def test_edits_together_are_those_of_the_methods(rows, fitted):
    both = fitted.apply(
        [{"edit": "merge", "clusters": [1, 4]}, {"edit": "merge", "clusters": [5, 0]}]
    )
    one_by_one = fitted.merge_clusters([1, 4]).merge_clusters([0, 4])
    np.testing.assert_allclose(both.means_, one_by_one.means_, atol=1e-12)
    np.testing.assert_allclose(both.weights_, one_by_one.weights_)
    np.testing.assert_array_equal(both.labels_, one_by_one.labels_)
    split = fitted.apply([{"edit": "split", "cluster": 3, "n_components": 2}], rows)
    assert_same(split, fitted.split(3, rows))
    assert_same(fitted.apply([{"edit": "noise", "cluster": 3}]), fitted.mark_noise(3))
    named = fitted.apply([{"edit": "rename", "cluster": 3, "name": "x"}])
    assert_same(named, fitted.rename({3: "x"}))
    assert_same(fitted.apply([]), fitted)


def test_edits_are_read_from_every_kind_of_source(fitted, tmp_path):
    edits = document(fitted, EDITS[2:])
    text = json.dumps(edits, ensure_ascii=False)
    path = tmp_path / "edits.json"
    path.write_text(text, encoding="utf-8")
    (tmp_path / "marked.json").write_text(text, encoding="utf-8-sig")
    expected = fitted.apply(edits)
    sources = [path, str(path), tmp_path / "marked.json", io.StringIO(text), edits["edits"]]
    for source in (*sources, io.BytesIO(text.encode())):
        assert_same(fitted.apply(source), expected)
    with open(path, encoding="utf-8") as file:
        assert_same(fitted.apply(file), expected)
    with open(path, "rb") as file:
        assert_same(fitted.apply(file), expected)
    del edits["model"]  # not compared then
    assert_same(fitted.apply(edits), expected)


def test_names_notes_and_noise_of_a_union(fitted):
    merge = {"edit": "merge", "clusters": [4, 2]}
    named = fitted.rename({2: "two", 4: "four", 5: "five"}).annotate({2: "a", 4: "b", 3: "a"})
    union = named.apply([merge])
    assert union.names_.tolist() == ["", "", "two", "", "five"]
    assert union.notes_.tolist() == ["", "", "a\nb", "a", ""]
    renamed = named.apply([merge, {"edit": "rename", "cluster": 4, "name": "new"}])
    assert renamed.names_.tolist() == ["", "", "new", "", "five"]
    removed = named.apply(
        [
            merge,
            {"edit": "rename", "cluster": 2, "name": None},
            {"edit": "note", "cluster": 4, "note": ""},
            {"edit": "rename", "cluster": 1, "name": "four"},  # no longer the name of another
        ]
    )
    assert removed.names_.tolist() == ["", "four", "", "", "five"]
    assert removed.notes_.tolist() == ["", "", "", "a", ""]
    noise = fitted.apply([merge, {"edit": "noise", "cluster": 4}])
    assert noise.noise_.tolist() == [False, False, True, False, False]
    assert (noise.labels_ == -1).sum() == np.isin(fitted.labels_, [2, 4]).sum()


def test_edits_after_a_cut_refer_to_its_clusters(rows):
    model = VMFMixture(random_state=0).fit(rows)
    cut = model.merge_to(9)
    edits = [
        {"edit": "rename", "cluster": 8, "name": "last"},
        {"edit": "merge", "clusters": [0, 7]},
        {"edit": "cut", "n_components": 9},
    ]
    assert_same(model.apply(edits), cut.rename({8: "last"}).merge_clusters([0, 7]))
    assert model.apply(edits, rows).labels_.max() == 7
    assert_same(model.apply(edits[2:], rows), model.merge_to(9, rows))


def test_continues_from_applied_edits(rows, fitted):
    edited = fitted.apply(EDITS, rows)
    moved = copy.copy(edited).partial_fit(rows[:200])
    assert moved.names_.tolist() == edited.names_.tolist() and moved.noise_.tolist()[2]
    np.testing.assert_array_equal(moved.labels_, moved.predict(rows[:200]))
    for other in (pickle.loads(pickle.dumps(edited)), copy.deepcopy(edited)):
        assert_same(other, edited)
    again = clone(edited).fit(rows)
    assert not {"names_", "notes_", "noise_"} & vars(again).keys()
    warm = edited.set_params(warm_start=True).fit(rows)
    np.testing.assert_array_equal(warm.labels_, warm.predict(rows))
    assert warm.noise_.tolist()[2] and (warm.labels_ == -1).any()


# --- noise and notes ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_noise_are_in_no_cluster(rows, kind):
    model, X = fit(rows, kind)
    components = model.predict_proba(X).argmax(axis=1)
    marked = model.mark_noise([3, 1], X)
    expected = np.where(np.isin(components, [3, 1, model.n_components_]), -1, components)
    np.testing.assert_array_equal(marked.labels_, expected)
    np.testing.assert_array_equal(marked.predict(X), expected)
    np.testing.assert_array_equal(marked.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(marked.probabilities_, model.probabilities_)
    found = assigned_probabilities(marked, X, marked.labels_)
    np.testing.assert_allclose(found, marked.predict_proba(X).max(axis=1))
    sizes = describe(marked, X)["size"]
    assert sizes[1] == sizes[3] == 0 and sizes.sum() == (expected >= 0).sum()
    np.testing.assert_array_equal(membership(marked, X)["cluster"], expected)
    assert (exemplars(marked, X)[[1, 3]] == -1).all()
    assert not set(outliers(marked, X)["cluster"]) & {1, 3}
    _, labels = marked.sample(200)
    assert (labels == -1).sum() > 20
    np.testing.assert_allclose(marked.typicality(X), model.typicality(X))


def test_noise_can_be_marked_and_unmarked_without_rows(rows, fitted):
    marked = fitted.mark_noise(4)
    np.testing.assert_array_equal(marked.labels_, marked.predict(rows))
    assert "noise_" not in vars(fitted)
    unmarked = marked.mark_noise(4, is_noise=False)
    assert not {"noise_", "labels_", "probabilities_"} & vars(unmarked).keys()
    assert_same(marked.mark_noise(4, rows, is_noise=False), fitted)
    assert "labels_" not in vars(marked.merge_clusters([4, 5]))
    union = marked.merge_clusters([4, 5], rows)
    assert "noise_" not in vars(union)
    np.testing.assert_array_equal(union.labels_, union.predict(rows))
    still = fitted.mark_noise([4, 5]).merge_clusters([4, 5])
    assert still.noise_.tolist() == [False] * 4 + [True]
    agree = still.labels_ == still.predict(rows)
    assert agree.mean() > 0.99


def test_noise_stays_noise_in_other_edits(rows, fitted):
    marked = fitted.mark_noise(1, rows)
    split = marked.split(1, rows, 3)
    assert split.noise_.tolist() == [False, True, False, False, False, False, True, True]
    assert (split.labels_ == -1).sum() == pytest.approx((marked.labels_ == -1).sum(), abs=20)
    assert marked.drop(0).noise_.tolist() == [True, False, False, False, False]
    assert "noise_" not in vars(marked.drop(1))
    finer = marked.merge_to(12, rows)
    assert ((finer.labels_ == -1) == (marked.labels_ == -1)).mean() > 0.97
    by_size = marked.renumber_by_size()
    assert by_size.noise_.tolist() == [False] * 5 + [True]
    np.testing.assert_array_equal(by_size.labels_, by_size.predict(rows))
    other = VMFMixture(6, random_state=5).fit(rows).renumber_like(marked.annotate({1: "spam"}))
    assert other.noise_.tolist()[1] and other.notes_.tolist()[1] == "spam"
    np.testing.assert_array_equal(other.labels_, other.predict(rows))


def test_updates_keep_annotations(rows):
    new, _ = make_vmf_mixture(300, 16, 1, concentration=60.0, random_state=8)
    model = VMFMixture(6, random_state=0).fit(rows).mark_noise(2).annotate({0: "note"})
    model = model.rename({1: "name"})
    updated = copy.copy(model).update(new)
    assert updated.n_components_ == 7
    assert updated.noise_.tolist() == [False, False, True, False, False, False, False]
    assert updated.notes_.tolist() == ["note", *[""] * 6]
    assert_same(saved(updated), updated)
    grown = copy.copy(model).set_params(add_components=True)
    for _ in range(5):
        grown.partial_fit(new)
    assert grown.n_components_ == 7 and grown.names_.tolist() == ["", "name", *[""] * 5]
    np.testing.assert_array_equal(saved(grown).predict(rows), grown.predict(rows))


def test_notes_are_texts_of_their_clusters(fitted):
    noted = fitted.annotate({0: "same", 3: "same"})
    assert noted.notes_.tolist() == ["same", "", "", "same", "", ""]
    assert noted.annotate({0: None}).notes_.tolist() == ["", "", "", "same", "", ""]
    assert not hasattr(noted.annotate([None] * 6), "notes_")
    with pytest.raises(AttributeError, match="no cluster has a note; call annotate"):
        _ = fitted.notes_
    with pytest.raises(AttributeError, match="no cluster is noise; call mark_noise"):
        _ = fitted.noise_
    with pytest.raises(ValueError, match=r"The note of cluster 0 has 10,001 characters"):
        fitted.annotate({0: "x" * 10_001})
    with pytest.raises(ValueError, match=r"notes='a' is not allowed; pass a dict"):
        fitted.annotate("a")
    with pytest.raises(ValueError, match=r"is_noise=1 is not allowed; pass True or False"):
        fitted.mark_noise(0, is_noise=1)
    with pytest.raises(ValueError, match="Cluster 6 does not exist"):
        fitted.mark_noise(6)


# --- what is refused ------------------------------------------------------------------------------

MERGE = {"edit": "merge", "clusters": [1, 2]}


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ([1], "Edit 1: 1 is not an edit; give one such as"),
        ([MERGE, {}], "Edit 2: edit is None; give one of cut, merge, split, rename, note, noise"),
        ([{"edit": ["merge"]}], r"edit is \['merge'\]; give one of"),
        ([{"edit": "delete", "cluster": 1}], "edit is 'delete'; give one of"),
        (
            [{"edit": "rename", "cluster": 1}],
            "rename has no name; give it the fields edit",
        ),
        ([MERGE | {"cluster": 1}], "merge has the unknown field 'cluster'; give it only"),
        ([{"edit": "rename", "cluster": 6, "name": "a"}], "Cluster 6 does not exist; .* 0 to 5"),
        ([{"edit": "note", "cluster": -1, "note": "a"}], "Cluster -1 does not exist"),
        ([{"edit": "noise", "cluster": True}], "cluster is True; give an integer"),
        ([{"edit": "noise", "cluster": 1.0}], "cluster is 1.0; give an integer"),
        ([{"edit": "noise", "cluster": [1]}], r"cluster is \[1\]; give an integer"),
        ([{"edit": "noise", "cluster": 1, "noise": 0}], "noise is 0; give true or false"),
        ([{"edit": "merge", "clusters": 1}], "clusters is 1; give a list of numbers"),
        ([{"edit": "merge", "clusters": "12"}], "clusters is '12'; give a list of numbers"),
        ([{"edit": "merge", "clusters": [1]}], "1 clusters of 6 are given; merge at least two"),
        ([{"edit": "merge", "clusters": [1, None]}], "a cluster is None; give an integer"),
        ([{"edit": "merge", "clusters": [1, 1]}], "Cluster 1 is given twice"),
        ([{"edit": "merge", "clusters": [1] * 10**6}], "1000000 clusters of 6 are given"),
        ([MERGE, {"edit": "merge", "clusters": [2, 3]}], "Edit 2: Cluster 2 is merged twice; give"),
        ([{"edit": "split", "cluster": 2}, MERGE], "Cluster 2 is split and merged; leave one"),
        ([{"edit": "split", "cluster": 0}] * 2, "Cluster 0 is split twice; leave one"),
        ([{"edit": "split", "cluster": 0}], "The edits split cluster 0, which needs rows; pass"),
        (
            [{"edit": "split", "cluster": 0, "n_components": 1}],
            'n_components is 1; give an integer of at least 2, or "auto".',
        ),
        ([{"edit": "split", "cluster": 0, "n_components": "2"}], "n_components is '2'; give an"),
        ([{"edit": "rename", "cluster": 0, "name": "a"}] * 2, "Cluster 0 is renamed twice; leave"),
        (
            [MERGE, *({"edit": "rename", "cluster": i, "name": "a"} for i in (1, 2))],
            "Edit 3: Clusters 1 and 2, which are merged, are both renamed; leave one",
        ),
        (
            [{"edit": "rename", "cluster": i, "name": "a"} for i in (3, 5)],
            "Clusters 3 and 5 would both be named 'a'; pass a different name",
        ),
        ([{"edit": "rename", "cluster": 0, "name": 7}], "name of cluster 0 is 7; give a string"),
        ([{"edit": "rename", "cluster": 0, "name": " "}], "pass a name that is not blank"),
        ([{"edit": "note", "cluster": 0, "note": "\ud800"}], "has an unpaired surrogate"),
        ([{"edit": "note", "cluster": 0, "note": "a\0b"}], "no null characters"),
        ([{"edit": "rename", "cluster": 0, "name": "x" * 1001}], "has 1,001 characters; give at"),
        ([{"edit": "cut", "n_components": 7}] * 2, "Edit 2: The model is cut twice; leave one"),
        ([{"edit": "cut", "n_components": 0}], "n_components is 0; give an integer of at least 1"),
        ([{"edit": "cut", "n_components": 10**6}], "n_components=1000000 is not on the merge path"),
        ({"edits": []}, 'since "format" is not "vmfmix edits"; pass a file of edits'),
        ({"format": "vmfmix edits", "edits": []}, "The version of the edits is None; give an"),
        ({"version": 2}, "have the version 2, which this version of vmfmix does not read; upgrade"),
        ({"edits": {}}, '"edits" is {}, not a list'),
        ({"names": []}, "since the key 'names' is unknown"),
        ({"model": {"fingerprint": 1}}, '"model" is not {"n_components": …, "fingerprint": …}'),
        (
            {"model": {"n_components": 6, "fingerprint": "ab"}},
            "belong to a model of 6 clusters with the fingerprint 'ab', but this one has 6 and '",
        ),
        (7, "edits=7 is not allowed; pass a dict, a list of edits, a path or an open file"),
        (None, "edits=None is not allowed"),
        ('{"format"', r"contents of a file were given, not its path; pass json.loads\(contents\)"),
    ],
)
def test_edits_that_are_refused(fitted, edits, message):
    if isinstance(edits, dict) and len(edits) == 1 and "edits" not in edits:
        edits = {"format": "vmfmix edits", "version": 1, "edits": []} | edits
    elif edits == {"edits": {}}:
        edits = {"format": "vmfmix edits", "version": 1} | edits
    before = dict(vars(fitted))
    with pytest.raises(ValueError, match=message.replace("{", r"\{")) as error:
        fitted.apply(edits)
    assert len(str(error.value)) < 400 and "\n" not in str(error.value)
    assert vars(fitted) == before


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "no data|is not JSON"),
        (b"edits", r"edits.json is not a file of edits, since it is not JSON \(line 1\); pass"),
        (b'{"a": 1, "a": 1}', "since the key 'a' is given twice"),
        (b'{"edits": [{"edit": "a", "edit": "b"}]}', "since the key 'edit' is given twice"),
        (b'{"a": NaN}', "since it is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "since it is not JSON"),
        (b"[" * 100_000, "since it is not JSON"),
        ('{"größe": 1}'.encode("latin-1"), "since it is not text in UTF-8"),
        (b"[]", r"since it holds \[\], not an object"),
        (b" " * (2**24 + 1), "edits.json has more than 16 MB, too many for edits"),
    ],
)
def test_files_that_are_refused(fitted, tmp_path, contents, message):
    path = tmp_path / "edits.json"
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=message):
        fitted.apply(path)
    with pytest.raises(ValueError, match=message.replace("edits.json", "The file object")):
        fitted.apply(io.BytesIO(contents))


def test_missing_files_and_folders_are_refused(fitted, tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        fitted.apply(tmp_path / "edits.json")
    with pytest.raises(ValueError, match="is a folder; a file is needed"):
        fitted.apply(tmp_path)


def test_edits_of_another_model_are_refused(rows, fitted):
    edits = document(fitted, EDITS[2:])
    others = [
        VMFMixture(5, random_state=0).fit(rows),
        fitted.renumber_by_size(),
        copy.copy(fitted).partial_fit(rows[:50]),
    ]
    for other in others:
        with pytest.raises(ValueError, match="apply them to the model that they were made for"):
            other.apply(edits)


def test_fingerprints_are_those_of_clusters(rows, fitted):
    expected = fingerprint(fitted)
    same = fitted.rename({0: "a"}).annotate({1: "b"}).mark_noise(2)
    assert fingerprint(same) == fingerprint(saved(same)) == expected
    single = copy.copy(fitted)
    single.means_, single.weights_ = (
        values.astype(np.float32) for values in (fitted.means_, fitted.weights_)
    )
    assert fingerprint(single) == expected
    single.means_ = single.means_ + np.float32(1e-3)
    assert fingerprint(single) != expected
    assert len(expected) == 16 and int(expected, 16) >= 0
