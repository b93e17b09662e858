"""Edited clusters: `merge_clusters`, `split`, `drop` and `rename`."""

import copy
import io
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from matplotlib.figure import Figure
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score

from vmfmix import VMFMixture, load
from vmfmix.datasets import make_vmf_mixture

KINDS = {
    "auto": {"n_components": "auto"},
    "known number": {},
    "tied": {"concentration": "tied"},
    "free": {"concentration": "free", "merge": None},
    "fixed": {"concentration": 40.0},
    "hard": {"assignment": "hard"},
    "background": {"background": True},
    "center": {"center": True},
    "smooth": {"smooth": True},
    "icl": {"merge": "icl"},
    "jeffreys": {"merge": "jeffreys"},
    "weighted": {"sample_weight": 0.01},
    "sparse": {"sparse": True},
    "small start": {"n_components_init": 12},
    "own start": {"means_init": "rows"},
}


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
    if options.get("means_init") == "rows":
        options["means_init"] = rows[[8, 1, 3, 0, 4, 2]]
    weight = options.pop("sample_weight", None)
    weights = None if weight is None else np.full(len(rows), weight)
    return VMFMixture(**options).fit(X, sample_weight=weights), X


def assert_complete(model, X):
    """Assert that everything of an edited model works."""
    labels = model.predict(X)
    assert set(np.unique(labels)) <= {-1, *range(model.n_components_)}
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(1.0)
    assert np.isfinite([model.score(X), model.bic(X), model.icl(X)]).all()
    assert model.weights_.sum() + getattr(model, "background_weight_", 0.0) == pytest.approx(1.0)
    assert len(model.get_feature_names_out()) == model.transform(X).shape[1] == model.n_components_
    assert model.sample(50)[0].shape == (50, model.means_.shape[1])
    file = io.BytesIO()
    model.save(file)
    loaded = load(io.BytesIO(file.getvalue()))
    np.testing.assert_array_equal(loaded.predict(X), labels)
    for other in (loaded, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert hasattr(other, "labels_") == hasattr(model, "labels_")
        assert other.merge_to(1).n_components_ == 1
    assert model.merge_history_.n_components_init == model.n_components_
    assert not hasattr(model, "levels_") and not hasattr(model, "lower_bound_")
    model.merge_history_.plot_dendrogram(ax=Figure().subplots())
    if not model.smooth:
        assert copy.copy(model).partial_fit(X[:100]).n_components_ == model.n_components_
        warm = clone(model).set_params(warm_start=True)
        vars(warm).update({name: vars(model)[name] for name in vars(model) if name.endswith("_")})
        warm._state = model._state
        assert warm.fit(X).n_components_ == model.n_components_
    assert clone(model).fit(X).n_components_ == model.n_components_


@pytest.mark.parametrize("kind", KINDS)
def test_edits_of_every_kind_of_fit_are_complete_models(rows, kind):
    model, X = fit(rows, kind)
    before = {name: copy.deepcopy(value) for name, value in model.get_params().items()}
    attributes = dict(vars(model))
    edited = {
        "merged": model.merge_clusters([4, 1], X),
        "split": model.split(2, X),
        "dropped": model.drop([0, 5], X),
    }
    numbers = {"merged": 5, "split": 7, "dropped": 4}
    for name, each in edited.items():
        assert each.n_components_ == each.n_components == numbers[name]
        np.testing.assert_array_equal(each.labels_, each.predict(X))
        differences = np.abs(each.probabilities_ - each.predict_proba(X).max(axis=1))
        assert (differences > 1e-6).mean() < 0.005  # but for ranks that rounding changes
    assert_complete(edited["split"], X)
    assert_complete(model.merge_clusters([0, 2, 3]), X)
    assert_complete(model.drop(3), X)
    assert vars(model).keys() == attributes.keys()  # unchanged
    assert all(vars(model)[name] is attributes[name] for name in attributes)
    assert str(model.get_params()) == str(before)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tied"])
@pytest.mark.parametrize("is_loaded", [False, True])
def test_other_clusters_keep_their_parameters_exactly(rows, kind, is_loaded):
    model, X = fit(rows, kind)
    if is_loaded:
        file = io.BytesIO()
        model.save(file)
        model = load(io.BytesIO(file.getvalue()))
    merged, split = model.merge_clusters([1, 4]), model.split(1, X, 3)
    pairs = [(merged, [0, 2, 3, 4], [0, 2, 3, 5]), (split, [0, 2, 3, 4, 5], [0, 2, 3, 4, 5])]
    for edited, after, before in pairs:
        for name in ("means_", "weights_", "concentrations_"):
            now, then = getattr(edited, name)[after], getattr(model, name)[before]
            np.testing.assert_array_equal(now, then)
    dropped = model.drop(1)
    for name in ("means_", "concentrations_"):
        expected = np.delete(getattr(model, name), 1, axis=0)
        np.testing.assert_array_equal(getattr(dropped, name), expected)


def test_tied_concentration_is_estimated_again(rows):
    model = VMFMixture(6, concentration="tied", random_state=0).fit(rows)
    merged, split = model.merge_clusters([0, 1]), model.split(0, rows)
    for edited in (merged, split):
        assert np.ptp(edited.concentrations_) == 0
    assert merged.concentrations_[0] < model.concentrations_[0] < split.concentrations_[0]


def test_merged_cluster_has_the_sums_of_its_parts(rows, fitted):
    merged = fitted.merge_clusters([3, 5], rows)
    assert merged.weights_[3] == pytest.approx(fitted.weights_[[3, 5]].sum())
    members = np.isin(fitted.labels_, [3, 5])
    direction = rows[members].sum(axis=0)
    assert merged.means_[3] @ direction / np.linalg.norm(direction) == pytest.approx(1, abs=1e-3)
    assert merged.concentrations_[3] < fitted.concentrations_[[3, 5]].min()


def test_labels_without_rows_are_those_of_the_union(rows, fitted):
    merged = fitted.merge_clusters([5, 2])
    expected = np.array([0, 1, 2, 3, 4, 2])[fitted.labels_]
    np.testing.assert_array_equal(merged.labels_, expected)
    assert merged.labels_.dtype == np.int32
    assert not hasattr(merged, "probabilities_")
    with_rows = fitted.merge_clusters([5, 2], rows)
    assert (with_rows.labels_ == merged.labels_).mean() > 0.99
    noisy = VMFMixture(4, background=True, random_state=0).fit(rows)
    is_background = noisy.labels_ < 0
    np.testing.assert_array_equal(noisy.merge_clusters([0, 3]).labels_ < 0, is_background)
    for edited in (fitted.drop(0), fitted.merge_to(6), fitted.merge_to(7).merge_clusters([0, 1])):
        assert not hasattr(edited, "labels_")


def test_splitting_a_union_finds_its_parts(rows, fitted):
    merged = fitted.merge_clusters([1, 4], rows)
    for number in (2, "auto"):
        split = merged.split(1, rows, number)
        assert split.n_components_ == 6
        assert adjusted_rand_score(split.labels_, fitted.labels_) > 0.98
        assert split.weights_[1] >= split.weights_[5]  # the largest part keeps the number


def test_split_leaves_other_clusters_and_their_rows(rows, fitted):
    split = fitted.merge_clusters([0, 1], rows).split(0, rows, "auto")
    is_other = fitted.labels_ > 1
    assert (split.labels_[is_other] == fitted.labels_[is_other] - 1).mean() > 0.98


def test_auto_split_of_one_cluster_changes_nothing_and_warns(rows, fitted):
    with pytest.warns(UserWarning, match="Cluster 3 was not split: its rows form a single cluster"):
        same = fitted.split(3, rows, "auto")
    for name in ("means_", "weights_", "concentrations_", "labels_"):
        np.testing.assert_array_equal(getattr(same, name), getattr(fitted, name))


def test_dropped_clusters_give_their_rows_to_others_or_to_the_background(rows):
    model = VMFMixture(6, random_state=0).fit(rows)
    others = np.delete(model.predict_proba(rows, calibrated=False), 2, axis=1)
    np.testing.assert_array_equal(model.drop(2, rows).labels_, others.argmax(axis=1))
    noisy = VMFMixture(6, background=True, concentration=200.0, random_state=0).fit(rows)
    dropped = noisy.drop(2, rows)
    assert (dropped.labels_[noisy.labels_ == 2] == -1).mean() > 0.5
    assert dropped.background_weight_ > noisy.background_weight_


def test_partial_fit_and_warm_start_continue_from_edited_clusters(rows, fitted):
    edited = fitted.merge_clusters([0, 1], rows)
    means = edited.means_.copy()
    edited.partial_fit(rows[:200])
    assert edited.n_samples_seen_ == 1100
    assert np.einsum("ij,ij->i", means, edited.means_).min() > 0.99
    stream = VMFMixture(6, random_state=0).partial_fit(rows[:600])  # stores its rows
    edited = stream.merge_clusters([2, 3]).partial_fit(rows[600:])
    assert edited.n_components_ == 5
    warm = fitted.merge_clusters([0, 1]).set_params(warm_start=True)
    before = warm.means_
    assert np.einsum("ij,ij->i", before, warm.fit(rows).means_).min() > 0.99
    assert warm.n_components_ == 5


def test_edits_chain(rows, fitted):
    model = fitted.merge_clusters([3, 5]).rename({3: "refunds"}).split(0, rows).drop([1, 2])
    assert model.n_components_ == 4
    assert model.names_.tolist() == ["", "refunds", "", ""]


def test_edited_models_have_their_own_merge_tree(fitted):
    merged = fitted.merge_clusters([1, 4])
    history = merged.merge_history_
    np.testing.assert_array_equal(history.rounds, [5, 1])
    assert history.children.shape == (4, 2)
    assert history.is_consistent(16)
    assert len(history.candidates) == len(history.n_components) == 0
    counts = merged.weights_ * 900
    np.testing.assert_allclose(np.sort(history.statistics(5).counts), np.sort(counts))
    single = fitted.drop([0, 1, 2, 3, 4])
    assert single.merge_to(1).n_components_ == 1
    assert repr(single.merge_history_).startswith("MergeHistory(1 components")


def test_rename_keeps_everything_else(rows):
    model = VMFMixture(random_state=0).fit(rows)
    named = model.rename({2: "music", 0: "weather"})
    assert named.names_.tolist()[:3] == ["weather", "", "music"]
    assert not hasattr(model, "names_")
    for name in vars(model).keys() - {"_state"}:
        assert vars(named)[name] is vars(model)[name]
    assert named.rename({0: "music", 2: "weather"}).names_.tolist()[:3] == ["music", "", "weather"]
    assert not hasattr(clone(named), "names_")
    assert not hasattr(named.fit(rows), "names_")


def test_a_list_names_every_cluster(fitted):
    pandas = pytest.importorskip("pandas")
    names = [*"abcde", "größe"]
    forms = (names, tuple(names), np.array(names), pandas.Series(names, index=range(9, 3, -1)))
    for form in (*forms, iter(names), dict(enumerate(names))):
        assert fitted.rename(form).names_.tolist() == names
    # Names are exchanged, not added one by one.
    assert fitted.rename(names).rename(names[::-1]).names_.tolist() == names[::-1]


def test_none_or_an_empty_name_removes_a_name(fitted, tmp_path):
    named = fitted.rename([*"abcdef"])
    for empty in (None, "", np.nan):
        model = named.rename({0: empty, 3: empty})
        assert model.names_.tolist() == ["", "b", "c", "", "e", "f"]
    assert named.rename(["x", None, "", "a", "", None]).names_.tolist() == [
        "x",
        "",
        "",
        "a",
        "",
        "",
    ]
    unnamed = named.rename([None] * 6)
    assert not hasattr(unnamed, "names_")
    unnamed.save(tmp_path / "model.npz")
    assert not hasattr(load(tmp_path / "model.npz"), "names_")
    assert named.names_.tolist() == [*"abcdef"]


def test_names_follow_their_clusters(rows, fitted):
    named = fitted.rename({1: "b", 4: "e", 5: "f"})
    assert named.merge_clusters([4, 1, 2]).names_.tolist() == ["", "b", "", "f"]
    assert named.merge_clusters([0, 4]).names_.tolist() == ["e", "b", "", "", "f"]
    assert named.split(4, rows).names_.tolist() == ["", "b", "", "", "e", "f", ""]
    assert named.drop([0, 1]).names_.tolist() == ["", "", "e", "f"]
    assert not hasattr(named.drop([1, 4, 5]), "names_")
    named.partial_fit(rows[:100])
    assert named.names_.tolist() == ["", "b", "", "", "e", "f"]
    stream = VMFMixture(6, random_state=0).partial_fit(rows[:300]).rename({0: "a"})
    for _ in range(3):  # without names, the rows would be fitted again
        stream.partial_fit(rows[300:])
    assert stream.names_.tolist() == ["a", *[""] * 5]
    warm = fitted.rename({0: "a"}).set_params(warm_start=True).fit(rows)
    assert warm.names_.tolist() == ["a", *[""] * 5]


def test_merge_to_keeps_the_names_of_clusters_that_stay(rows):
    model = VMFMixture(random_state=0).fit(rows)
    names = {cluster: f"number {cluster}" for cluster in range(model.n_components_)}
    model = model.rename(names)
    for number in (4, 5, 6, 7, 9):
        other = model.merge_to(number, rows)
        named = [cluster for cluster in range(number) if other.names_[cluster]]
        assert len(named) >= 2 * min(number, 6) - max(number, 6)
        for cluster in named:
            members = other.labels_ == cluster
            original = int(other.names_[cluster].split()[1])
            assert (model.labels_[members] == original).mean() > 0.95
    assert not hasattr(model.merge_to(1), "names_")
    assert model.merge_to(6).names_.tolist() == list(names.values())


def test_names_are_stored_and_copied(fitted, tmp_path):
    long = "a long name " * 30
    named = fitted.rename({0: long, 3: "ß€ 😀 <b>"})
    named.save(tmp_path / "model.npz")
    for other in (load(tmp_path / "model.npz"), copy.deepcopy(named)):
        assert other.names_.tolist() == named.names_.tolist() == [long, "", "", "ß€ 😀 <b>", "", ""]
        assert other.rename({1: "x" * 999}).names_[1] == "x" * 999


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda m, X: m.merge_clusters([0, 6]), "Cluster 6 does not exist; .* numbers 0 to 5"),
        (lambda m, X: m.merge_clusters([0, -1]), "Cluster -1 does not exist"),
        (lambda m, X: m.merge_clusters([1, 1]), "Cluster 1 is given twice"),
        (lambda m, X: m.merge_clusters([1]), "pass at least two clusters"),
        (lambda m, X: m.merge_clusters(1), "pass at least two clusters"),
        (lambda m, X: m.merge_clusters([]), "pass at least two clusters"),
        (lambda m, X: m.merge_clusters([0.0, 1.0]), "pass numbers of clusters"),
        (lambda m, X: m.merge_clusters([True, False]), "pass numbers of clusters"),
        (lambda m, X: m.merge_clusters("01"), "pass numbers of clusters"),
        (lambda m, X: m.merge_clusters(None), "pass numbers of clusters"),
        (lambda m, X: m.drop([]), "pass at least one of the 6 clusters, and not all"),
        (lambda m, X: m.drop(range(6)), "pass at least one of the 6 clusters, and not all"),
        (lambda m, X: m.drop(7), "Cluster 7 does not exist"),
        (lambda m, X: m.split(6, X), "Cluster 6 does not exist"),
        (lambda m, X: m.split([0, 1], X), "pass the number of one cluster"),
        (lambda m, X: m.split(0, X, 1), "n_components=1 is not allowed"),
        (lambda m, X: m.split(0, X, 2.0), r"n_components=2\.0 is not allowed"),
        (lambda m, X: m.split(0, X, "icl"), "n_components='icl' is not allowed"),
        (lambda m, X: m.split(0, X[m.labels_ == 1]), "X has no rows of cluster 0"),
        (lambda m, X: m.split(0, X[m.labels_ == 0][:2], 3), "X has 2 rows of cluster 0, too few"),
        (lambda m, X: m.split(0, X[m.labels_ == 0][[0] * 9], 2), "Cluster 0 has 1 of the 2 parts"),
        (lambda m, X: m.rename({6: "a"}), "Cluster 6 does not exist"),
        (lambda m, X: m.rename({0: 7}), "The name of cluster 0 is 7; pass a string, or None"),
        (lambda m, X: m.rename({0: "  "}), "The name of cluster 0 is '  '"),
        (lambda m, X: m.rename({0: "a\0"}), "no null characters"),
        (lambda m, X: m.rename({0: "a", 2: "a"}), "Clusters 0 and 2 would both be named 'a'"),
        (lambda m, X: m.rename({"0": "a"}), "pass numbers of clusters"),
        (lambda m, X: m.rename(["a"]), "There are 1 names for 6 clusters; pass one name for each"),
        (lambda m, X: m.rename([*"abcdea"]), "Clusters 0 and 5 would both be named 'a'"),
        (lambda m, X: m.rename([*"abcde", ["f"]]), r"The name of cluster 5 is \['f'\]"),
        (lambda m, X: m.rename("abcdef"), "names='abcdef' is not allowed; pass a dict"),
        (lambda m, X: m.rename({*"abcdef"}), "is not allowed; pass a dict"),
        (lambda m, X: m.rename(None), "names=None is not allowed; pass a dict"),
    ],
)
def test_impossible_edits_are_refused(rows, fitted, edit, message):
    before = dict(vars(fitted))
    with pytest.raises(ValueError, match=message):
        edit(fitted, rows)
    assert vars(fitted) == before


def test_edits_need_a_fitted_model(rows):
    model = VMFMixture()
    for edit in (
        lambda: model.merge_clusters([0, 1]),
        lambda: model.split(0, rows),
        lambda: model.drop(0),
        lambda: model.rename({0: "a"}),
    ):
        with pytest.raises(NotFittedError):
            edit()


def test_edits_accept_frames_tensors_and_blocks(rows, fitted):
    pandas = pytest.importorskip("pandas")
    torch = pytest.importorskip("torch")
    expected = fitted.split(1, rows)
    forms = (pandas.DataFrame(rows), torch.from_numpy(rows), lambda: iter(np.split(rows, 3)))
    for X in forms:
        model = VMFMixture(6, random_state=0).fit(X)
        split = model.split(1, X)
        assert adjusted_rand_score(split.labels_, expected.labels_) > 0.98
        assert model.merge_clusters([0, 1], X).n_components_ == 5
        assert model.drop(np.array([0, 1]), X).n_components_ == 4


def test_edits_of_few_rows():
    X = np.eye(3)
    model = VMFMixture(2, merge=None, concentration=50.0, random_state=0).fit(X)
    assert model.merge_clusters([0, 1]).labels_.tolist() == [0, 0, 0]
    single = model.merge_clusters([0, 1], X)
    split = single.split(0, X, 3)
    assert sorted(split.labels_.tolist()) == [0, 1, 2]
    with pytest.warns(UserWarning, match="was not split"):
        assert single.split(0, X[:1], "auto").n_components_ == 1


def test_scikit_learn_routes_no_metadata_to_split():
    assert hasattr(VMFMixture, "set_fit_request")
    assert not hasattr(VMFMixture, "set_split_request")
