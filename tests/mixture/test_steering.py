"""Known labels, seed directions of some clusters, and groups of rows that stay together."""

import io

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import vmfmix
from vmfmix import NeighborSmoother, VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.base import SharedRowSource

KINDS = {
    "float64": np.asarray,
    "float32": lambda X: X.astype(np.float32),
    "sparse": lambda X: sp.csr_matrix(np.maximum(X, 0.0)),
    "tensor": lambda X: pytest.importorskip("torch").as_tensor(X),
    "table": lambda X: pd.DataFrame(X, columns=[f"e{i}" for i in range(16)]),
    "blocks": lambda X: lambda: iter([X[:100], X[100:]]),
}
OPTIONS = {
    "plain": {},
    "smooth": {"smooth": True},
    "smooth always": {"smooth": NeighborSmoother(restart=0.1)},
    "center": {"center": True},
    "background": {"background": True},
    "free": {"concentration": "free"},
    "tied, hard": {"concentration": "tied", "assignment": "hard"},
    "fixed": {"concentration": 60.0},
    "three starts": {"n_init": 3},
    "no merging": {"merge": None},
}


@pytest.fixture(scope="module")
def rows():
    X, y = make_vmf_mixture(300, 16, 4, concentration=60.0, random_state=0)
    order = np.array([2, 0, 3, 1])
    return X, order[y]


def known_of(y, n=3, classes=(0, 1, 2, 3)):
    """Return the labels of the first rows of some classes, and -1 for the others."""
    known = np.full(len(y), -1)
    for number, label in enumerate(classes):
        known[np.flatnonzero(y == label)[:n]] = number
    return known


# --- known labels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("options", OPTIONS)
def test_cluster_c_holds_the_rows_with_known_label_c(rows, options):
    X, y = rows
    known = known_of(y)
    model = VMFMixture(4, random_state=0, **OPTIONS[options]).fit(X, known_labels=known)
    np.testing.assert_array_equal(model.labels_[known >= 0], known[known >= 0])
    np.testing.assert_array_equal(model.probabilities_[known >= 0], 1.0)
    assert (model.labels_ == y).mean() > 0.98
    assert (np.diff(model.lower_bounds_) > -1e-9).all()
    assert not hasattr(model, "merge_history_")


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_any_kind_may_have_known_labels(rows, kind):
    X, y = rows
    known = known_of(y)
    model = VMFMixture(4, random_state=0).fit(KINDS[kind](X), known_labels=known)
    np.testing.assert_array_equal(model.labels_[known >= 0], known[known >= 0])
    assert (model.labels_ == y).mean() > 0.97


@pytest.mark.parametrize("n_components", [4, "auto"])
@pytest.mark.parametrize("options", ["plain", "smooth", "background"])
def test_clusters_without_known_labels_have_the_numbers_after_them(rows, n_components, options):
    X, y = rows
    known = known_of(y, classes=(3, 1))
    model = VMFMixture(n_components, random_state=0, **OPTIONS[options])
    model.fit(X, known_labels=known)
    assert model.n_components_ == 4
    assert adjusted_rand_score(y, model.labels_) > 0.97
    assert [np.bincount(model.labels_[y == label]).argmax() for label in (3, 1)] == [0, 1]
    assert model.merge_history_.n_components_init > 4


@pytest.mark.parametrize("n_components", [5, 7])
def test_an_integer_is_the_total_number_of_clusters(rows, n_components):
    X, y = rows
    model = VMFMixture(n_components, random_state=0).fit(X, known_labels=known_of(y))
    assert model.n_components_ == n_components


def test_classes_that_share_a_merged_component_get_their_own(rows):
    X, _ = rows
    halves = np.full(300, -1)
    close = np.argsort(X @ X[0])[::-1][:40]  # rows of one cluster
    halves[close[:20]], halves[close[20:]] = 0, 1
    model = VMFMixture("auto", random_state=0).fit(X, known_labels=halves)
    assert model.n_components_ == 5
    np.testing.assert_array_equal(model.labels_[halves >= 0], halves[halves >= 0])


def test_a_mixture_of_rows_that_are_all_known_has_the_class_means(rows):
    X, y = rows
    model = VMFMixture(4, random_state=0).fit(X, known_labels=y)
    means = np.stack([X[y == label].sum(axis=0) for label in range(4)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(model.means_, means, atol=1e-9)
    np.testing.assert_allclose(model.weights_, np.bincount(y) / 300, rtol=1e-9)
    np.testing.assert_array_equal(model.labels_, y)


def test_unknown_labels_only_change_nothing(rows):
    X, _ = rows
    plain = VMFMixture(random_state=0).fit(X)
    model = VMFMixture(random_state=0).fit(X, known_labels=np.full(300, -1))
    np.testing.assert_array_equal(model.means_, plain.means_)


def test_known_labels_decide_between_clusters_that_rows_alone_do_not_show():
    """Two classes on a ridge whose longer side divides none of them."""
    rng = np.random.RandomState(0)
    noise = rng.standard_normal((400, 8)) * ([0.0, 0.6, 0.1] + [0.05] * 5)
    y = np.repeat([0, 1], 200)
    X = noise + np.eye(8)[0] + np.outer(np.where(y == 0, 0.3, -0.3), np.eye(8)[2])
    plain = VMFMixture(2, random_state=0).fit(X)
    assert adjusted_rand_score(y, plain.labels_) < 0.1
    model = VMFMixture(2, random_state=0).fit(X, known_labels=known_of(y, 20, (0, 1)))
    assert (model.labels_ == y).mean() > 0.9


def test_sample_weight_of_known_rows_counts_as_copies(rows):
    X, y = rows
    known, weight = known_of(y), np.random.RandomState(0).randint(1, 3, 300)
    options = {"concentration": "tied", "random_state": 0, "tol": 1e-9}
    weighted = VMFMixture(4, **options).fit(X, sample_weight=weight, known_labels=known)
    copies = VMFMixture(4, **options)
    copies.fit(np.repeat(X, weight, axis=0), known_labels=np.repeat(known, weight))
    np.testing.assert_allclose(weighted.means_, copies.means_, atol=1e-6)


def test_a_class_needs_a_row_with_a_direction_and_a_weight(rows):
    X, y = rows
    known = known_of(y, 1)
    weight = np.where(known == 2, 0.0, 1.0)
    with pytest.raises(ValueError, match="No row with the known label 2 has a direction and a pos"):
        VMFMixture(4).fit(X, sample_weight=weight, known_labels=known)


def test_a_failed_fit_leaves_the_model_as_it_was(rows):
    X, _ = rows
    model = VMFMixture(4, random_state=0).fit(X)
    means = model.means_
    with pytest.raises(ValueError, match="known_labels"):
        model.fit(X[:, :8], known_labels=["a"] * 300)
    assert model.means_ is means and model.n_features_in_ == 16


def test_predict_is_that_of_the_mixture(rows):
    X, y = rows
    known = known_of(y)
    odd = np.flatnonzero(y == 3)[10]
    known[odd] = 0
    model = VMFMixture(4, random_state=0).fit(X, known_labels=known)
    assert model.labels_[odd] == 0 and model.predict(X)[odd] == 3
    file = io.BytesIO()
    model.save(file)
    loaded = vmfmix.load(io.BytesIO(file.getvalue()))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_labels_may_be_added_between_fits_with_a_warm_start(rows):
    X, y = rows
    model = VMFMixture(4, random_state=0, warm_start=True).fit(X, known_labels=known_of(y, 1))
    more = known_of(y, 5)
    model.fit(X, known_labels=more)
    np.testing.assert_array_equal(model.labels_[more >= 0], more[more >= 0])
    file = io.BytesIO()
    model.save(file)
    loaded = vmfmix.load(io.BytesIO(file.getvalue())).set_params(warm_start=True)
    assert (loaded.fit(X, known_labels=more).labels_ == y).mean() > 0.98


def test_a_warm_start_needs_a_component_for_each_label(rows):
    X, _ = rows
    model = VMFMixture(random_state=0, warm_start=True)
    model.fit(X)
    finer = np.arange(300) % 5
    with pytest.raises(ValueError, match="has 5 different labels, and warm_start=True continues a"):
        model.fit(X, known_labels=finer)


def test_batches_may_follow_a_fit_with_known_labels(rows):
    X, y = rows
    model = VMFMixture(4, random_state=0).fit(X[:200], known_labels=known_of(y[:200]))
    assert (model.partial_fit(X[200:]).labels_ == y[200:]).mean() > 0.95


class _Share(SharedRowSource):
    def __init__(self, X):
        self.rows, self.shape, self.is_sparse = X, X.shape, False

    engine = fail_together = gather = all_reduce = None

    def validated(self, validate, has_weights=False):
        return _Share(validate(self.rows))


@pytest.mark.parametrize("name", ["known_labels", "groups"])
def test_rows_that_are_divided_among_processes_are_refused(rows, name):
    with pytest.raises(ValueError, match=f"{name} needs all rows in one process"):
        VMFMixture(4).fit(_Share(rows[0]), **{name: rows[1]})


def test_an_interrupted_fit_with_known_labels_resumes_from_its_checkpoint(rows, tmp_path):
    X, y = rows
    known, path = known_of(y, classes=(0, 2)), tmp_path / "fit.ckpt"

    class Stopping(VMFMixture):
        def _set_fit(self, *args, **kwargs):
            raise KeyboardInterrupt

    complete = VMFMixture(5, random_state=0).fit(X, known_labels=known)
    with pytest.raises(KeyboardInterrupt):
        Stopping(5, random_state=0).fit(X, checkpoint=path, known_labels=known)
    with pytest.raises(ValueError, match="a fit with a different known_labels"):
        VMFMixture(5, random_state=0).fit(X, checkpoint=path)
    resumed = VMFMixture(5, random_state=0).fit(X, checkpoint=path, known_labels=known)
    np.testing.assert_array_equal(resumed.means_, complete.means_)
    assert not path.exists()


# --- scikit-learn ---------------------------------------------------------------------------------


def test_y_never_matters(rows):
    X, y = rows
    for known in (None, known_of(y)):
        fits = [
            VMFMixture(4, random_state=0).fit(X, labels, known_labels=known).labels_
            for labels in (None, y, y[::-1], np.full(300, "a"))
        ]
        for labels in fits[1:]:
            np.testing.assert_array_equal(labels, fits[0])


def test_a_pipeline_passes_known_labels_and_groups_that_are_requested(rows):
    X, y = rows
    known, groups = known_of(y), np.arange(300)
    expected = VMFMixture(4, random_state=0).fit(X, known_labels=known, groups=groups).labels_
    with sklearn.config_context(enable_metadata_routing=True):
        mixture = VMFMixture(4, random_state=0).set_fit_request(known_labels=True, groups=True)
        pipeline = make_pipeline(FunctionTransformer(), mixture)
        fitted = clone(pipeline).fit(X, y, known_labels=known, groups=groups)
        labels = clone(pipeline).fit_predict(X, known_labels=known, groups=groups)
    np.testing.assert_array_equal(fitted[-1].labels_, expected)
    np.testing.assert_array_equal(labels, expected)


def test_fit_predict_and_fit_transform_take_known_labels(rows):
    X, y = rows
    known = known_of(y)
    model = VMFMixture(4, random_state=0).fit(X, known_labels=known)
    labels = VMFMixture(4, random_state=0).fit_predict(X, known_labels=known)
    np.testing.assert_array_equal(labels, model.labels_)
    cosines = VMFMixture(4, random_state=0).fit_transform(X, known_labels=known)
    np.testing.assert_array_equal(cosines, model.transform(X))


# --- seed directions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"n_components": 4, "n_components_init": 30},
        {"n_components": "auto", "n_components_init": 30},
    ],
)
@pytest.mark.parametrize("kind", ["float64", "sparse"])
def test_first_clusters_are_those_of_the_given_means_after_merging(rows, options, kind):
    X, y = rows
    seeds = np.stack([X[y == label].mean(axis=0) for label in (2, 0)])
    model = VMFMixture(means_init=seeds, random_state=0, **options).fit(KINDS[kind](X))
    assert [np.bincount(model.labels_[y == label]).argmax() for label in (2, 0)] == [0, 1]
    assert model.n_components_ == 4


@pytest.mark.parametrize("init_params", ["k-means++", "random_from_data", "random"])
@pytest.mark.parametrize("kind", ["float64", "sparse"])
def test_first_clusters_start_from_the_given_means_without_merging(rows, init_params, kind):
    X, y = rows
    X = KINDS[kind](X)
    seeds = np.stack([np.ravel(X[y == label].mean(axis=0)) for label in (2, 0, 3)])
    model = VMFMixture(4, means_init=seeds, init_params=init_params, max_iter=1, random_state=0)
    model.fit(X)
    cosines = model.means_[:3] @ seeds.T
    assert cosines.argmax(axis=1).tolist() == [0, 1, 2]


def test_seeds_that_are_merged_into_one_component_get_their_own(rows):
    X, y = rows
    one, other = X[y == 1][:2]
    model = VMFMixture("auto", n_components_init=30, means_init=[one, other], random_state=0)
    model.fit(X)
    assert model.n_components_ == 5
    assert set(model.labels_[y == 1]) == {0, 1}


def test_means_and_known_labels_start_the_same_clusters(rows):
    X, y = rows
    model = VMFMixture(4, means_init=X[y == 0][:1], random_state=0)
    model.fit(X, known_labels=known_of(y))
    assert (model.labels_ == y).mean() > 0.98


# --- groups ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def documents(rows):
    """Return noisy rows in groups of three, the names of the groups, and their classes."""
    X, y = rows
    noise = np.random.RandomState(0).standard_normal((900, 16))
    return np.repeat(X, 3, axis=0) + 0.15 * noise, [f"d{i // 3}" for i in range(900)], y


@pytest.mark.parametrize("options", ["plain", "smooth always", "center", "background", "free"])
@pytest.mark.parametrize("n_components", [4, "auto"])
def test_rows_of_a_group_get_the_same_label(documents, options, n_components):
    X, groups, y = documents
    model = VMFMixture(n_components, random_state=0, **OPTIONS[options]).fit(X, groups=groups)
    labels = model.labels_.reshape(-1, 3)
    assert (labels == labels[:, :1]).all()
    assert adjusted_rand_score(y, labels[:, 0]) > 0.95
    assert model.n_samples_seen_ == 900 and len(model.probabilities_) == 900


@pytest.mark.parametrize("kind", ["float32", "sparse", "tensor", "blocks"])
def test_rows_of_any_kind_may_have_groups(documents, kind):
    X, groups, y = documents
    model = VMFMixture(4, random_state=0).fit(KINDS[kind](X), groups=groups)
    labels = model.labels_.reshape(-1, 3)
    assert (labels == labels[:, :1]).all()
    assert adjusted_rand_score(y, labels[:, 0]) > 0.9


def test_groups_are_fitted_by_their_mean_directions_and_sizes(documents):
    X, groups, _ = documents
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    sums, weight = unit.reshape(-1, 3, 16).sum(axis=1), np.full(300, 3.0)
    sums[0], weight[0] = unit[:2].sum(axis=0), 2.0  # the last row of the first group is left out
    by_hand = VMFMixture(4, random_state=0).fit(sums, sample_weight=weight)
    used = np.where(np.arange(900) == 2, 0.0, 1.0)
    model = VMFMixture(4, random_state=0).fit(X, sample_weight=used, groups=groups)
    np.testing.assert_allclose(model.means_, by_hand.means_, atol=1e-6)
    np.testing.assert_allclose(model.weights_, by_hand.weights_, atol=1e-6)
    np.testing.assert_array_equal(model.labels_, np.repeat(by_hand.labels_, 3))


def test_groups_of_one_row_change_nothing(rows):
    X, _ = rows
    model = VMFMixture(4, random_state=0).fit(X, groups=np.arange(300))
    np.testing.assert_allclose(model.means_, VMFMixture(4, random_state=0).fit(X).means_, atol=1e-9)


def test_a_known_row_makes_its_group_known(documents):
    X, groups, y = documents
    known = np.full(900, -1)
    known[1::3] = known_of(y)
    model = VMFMixture(4, random_state=0).fit(X, known_labels=known, groups=groups)
    first = known_of(y)
    np.testing.assert_array_equal(model.labels_[::3][first >= 0], first[first >= 0])
    assert (model.labels_[::3] == y).mean() > 0.98


def test_contradicting_labels_of_a_group_are_refused(documents):
    X, groups, _ = documents
    known = np.full(900, -1)
    known[[3, 5]] = 1, 0
    with pytest.raises(ValueError, match="The group 'd1' has rows with the known labels 0 and 1"):
        VMFMixture(4).fit(X, known_labels=known, groups=groups)


def test_there_must_be_as_many_groups_as_components(documents):
    X, _, _ = documents
    with pytest.raises(ValueError, match="n_components=4 is more than the 3 groups of rows that"):
        VMFMixture(4).fit(X, groups=np.arange(900) % 3)


def test_batches_after_a_fit_with_groups_are_not_unusual(documents):
    X, groups, _ = documents
    model = VMFMixture(4, random_state=0).fit(X[:600], groups=groups[:600])
    model.partial_fit(X[600:])  # would warn
    assert model.n_samples_seen_ == 900
