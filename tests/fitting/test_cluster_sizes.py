"""Limits on the sizes of clusters: `min_cluster_size` and `max_cluster_share`."""

import io
import warnings

import numpy as np
import pytest
import scipy.sparse as sp

from tests.fitting.test_checkpoints import interrupt_after
from vmfmix import VMFMixture, load
from vmfmix.datasets import make_vmf_mixture

KINDS = {
    "auto": {"n_components": "auto"},
    "known number": {},
    "several starts": {"n_init": 2},
    "without merging": {"merge": None},
    "free": {"concentration": "free", "merge": "icl"},
    "tied": {"concentration": "tied", "merge": "cosine"},
    "fixed": {"concentration": 40.0},
    "hard": {"assignment": "hard"},
    "background": {"background": True},
    "center": {"center": True},
    "smooth": {"smooth": True},
    "blocks": {"block_size": 100},
}


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(600, 12, 8, concentration=50.0, random_state=1)[0]


def fit(X, n_components=8, **options):
    return VMFMixture(**{"n_components": n_components, "random_state": 0} | options).fit(X)


def sizes_of(model):
    return np.bincount(model.labels_[model.labels_ >= 0], minlength=model.n_components_)


@pytest.mark.parametrize("kind", KINDS)
def test_clusters_of_every_kind_of_fit_are_within_the_limits(rows, kind):
    free = fit(rows, **KINDS[kind])
    smallest = int(np.sort(sizes_of(free))[1]) + 1
    model = fit(rows, min_cluster_size=smallest, **KINDS[kind])
    assert sizes_of(model).min() >= smallest
    assert 1 < model.n_components_ < free.n_components_
    np.testing.assert_array_equal(model.predict(rows), model.labels_)
    largest = 0.8 * sizes_of(free).max() / len(rows)
    model = fit(rows, max_cluster_share=largest, **KINDS[kind])
    assert sizes_of(model).max() <= largest * len(rows)
    assert model.n_components_ > free.n_components_
    np.testing.assert_array_equal(model.predict(rows), model.labels_)
    assert np.diff(model.lower_bounds_).min(initial=0.0) > -1e-6


def test_both_limits_hold_together(rows):
    model = fit(rows, 3, min_cluster_size=40, max_cluster_share=0.2)
    assert 40 <= sizes_of(model).min() <= sizes_of(model).max() <= 120


def test_limits_that_all_clusters_meet_change_nothing(rows):
    free = fit(rows)
    model = fit(rows, min_cluster_size=sizes_of(free).min(), max_cluster_share=0.9)
    for name in ("means_", "labels_", "concentrations_", "lower_bounds_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(free, name))


def test_limits_of_other_rows(rows):
    sparse = sp.csr_array(np.where(np.abs(rows) < 0.05, 0.0, rows))
    weights = np.linspace(0.1, 3.0, len(rows))
    for X, sample_weight in (
        (sparse, None),
        (lambda: iter(np.split(rows, 4)), None),
        (rows, weights),
    ):
        model = VMFMixture(8, min_cluster_size=90, random_state=0).fit(
            X, sample_weight=sample_weight
        )
        assert sizes_of(model).min() >= 90
        model = VMFMixture(2, max_cluster_share=0.3, random_state=0)
        assert sizes_of(model.fit(X, sample_weight=sample_weight)).max() <= 180


def test_one_cluster_is_split():
    X, _ = make_vmf_mixture(300, 6, 1, concentration=20.0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no clusters were found
        model = fit(X, "auto", max_cluster_share=0.4)
    assert sizes_of(model).max() <= 120


def test_copies_that_cannot_be_split_cause_a_warning(rows):
    X = np.vstack([np.repeat(rows[:1], 300, axis=0), rows[:150]])
    with pytest.warns(UserWarning, match="1 of the . clusters have more than the 225 rows that"):
        model = fit(X, 4, concentration="tied", max_cluster_share=0.5)
    assert sizes_of(model).max() >= 300
    assert model.n_components_ == 4  # the copies are in the way, not the other rows


def test_too_few_rows_outside_the_background_cause_a_warning(rows):
    noise = np.random.RandomState(0).standard_normal((80, 12))
    with pytest.warns(UserWarning, match="The only cluster has 60 rows, fewer than min_cluster"):
        fit(
            np.vstack([rows[np.argsort(-rows @ rows[0])[:60]], noise]),
            2,
            background=True,
            concentration=60.0,
            min_cluster_size=100,
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_cluster_size": 601}, "min_cluster_size=601 is more than the 600 rows"),
        (
            {"min_cluster_size": 61, "max_cluster_share": 0.1},
            "max_cluster_share=0.1 allows at most",
        ),
        ({"max_cluster_share": 0.001}, "max_cluster_share=0.001 allows at most 0.6 of the 600"),
        ({"min_cluster_size": 0}, "'min_cluster_size' parameter"),
        ({"min_cluster_size": 2.0}, "'min_cluster_size' parameter"),
        ({"max_cluster_share": 0}, "'max_cluster_share' parameter"),
        ({"max_cluster_share": 1.1}, "'max_cluster_share' parameter"),
    ],
)
def test_limits_that_no_cluster_can_meet_are_refused(rows, options, message):
    with pytest.raises(ValueError, match=message):
        fit(rows, **options)


@pytest.mark.parametrize("n_saved", [3, 14, 17])
def test_interrupted_fit_with_limits_resumes(rows, n_saved, monkeypatch, tmp_path):
    options = {"min_cluster_size": 60, "max_cluster_share": 0.15, "max_iter": 12, "tol": 0.0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # EM does not converge
        whole = VMFMixture(4, random_state=0, **options).fit(rows)
        path = tmp_path / "fit.ckpt"
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            interrupt_after(patch, n_saved)
            VMFMixture(4, random_state=0, **options).fit(rows, checkpoint=path)
        resumed = VMFMixture(4, random_state=0, **options).fit(rows, checkpoint=path)
    np.testing.assert_array_equal(resumed.labels_, whole.labels_)
    np.testing.assert_allclose(resumed.means_, whole.means_, atol=1e-9)
    assert not path.exists()


def test_continued_fits_keep_the_limits(rows):
    model = fit(rows, min_cluster_size=80, warm_start=True)
    n_components = model.n_components_
    assert model.fit(rows).n_components_ == n_components
    assert sizes_of(model.set_params(min_cluster_size=120).fit(rows)).min() >= 120
    stream = VMFMixture("auto", min_cluster_size=30, random_state=0).partial_fit(rows)
    assert sizes_of(stream).min() >= 30
    with pytest.raises(ValueError, match="min_cluster_size=30 is more than the 20 rows"):
        VMFMixture(4, min_cluster_size=30, random_state=0).partial_fit(rows[:20])


def test_limits_are_stored(rows):
    file = io.BytesIO()
    fit(rows, min_cluster_size=9, max_cluster_share=0.5).save(file)
    loaded = load(io.BytesIO(file.getvalue()))
    assert (loaded.min_cluster_size, loaded.max_cluster_share) == (9, 0.5)


def test_history_keeps_the_merge_path_and_later_iterations(rows):
    model = fit(rows, "auto", min_cluster_size=80)
    free = fit(rows, "auto")
    history, before = model.merge_history_, free.merge_history_
    np.testing.assert_array_equal(history.children, before.children)
    assert history.n_components[-1] == model.n_components_ < free.n_components_
    assert (np.diff(history.seconds) >= 0).all()
    assert model.levels_ == free.levels_


def test_progress_is_printed(rows, capsys):
    fit(rows, min_cluster_size=80, verbose=2)
    assert "  Limiting the sizes of clusters: merge 0, pass 1, " in capsys.readouterr().out
