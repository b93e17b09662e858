"""Errors, warnings and printed lines of `VMFMixture`."""

import re

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "'n_components' parameter"),
        ({"n_components": 5000}, "n_components=5000 is more than the 900 rows"),
        ({"n_components": 4, "concentration": -1.0}, "'concentration' parameter"),
        ({"n_components": 4, "concentration": "tight"}, "'concentration' parameter"),
        ({"n_components": 4, "assignment": "fuzzy"}, "'assignment' parameter"),
        ({"n_components": 4, "means_init": np.eye(4)}, r"means_init has shape \(4, 4\)"),
        ({"n_components": 4, "means_init": np.zeros((4, 16))}, "means_init has a row of zeros"),
        ({"n_components": 4, "means_init": np.full((4, 16), np.nan)}, "means_init contains NaN"),
        ({"n_components": 4, "weights_init": [1.0, 1, 1, 1]}, "weights_init sums to 4"),
        ({"n_components": 4, "concentrations_init": [1.0, 1, 1, 1e13]}, "from 1 to 1e.13"),
        ({"n_components": 4, "concentration": 1e13}, "'concentration' parameter"),
        (
            {"n_components": 4, "weights_init": [2.0, -1, 0, 0]},
            "weights_init has values from -1 to 2",
        ),
        (
            {"n_components": 4, "concentrations_init": [1.0]},
            r"concentrations_init has shape \(1,\)",
        ),
    ],
)
def test_fit_rejects_invalid_parameters(planted, options, message):
    with pytest.raises(ValueError, match=message):
        VMFMixture(**options).fit(planted[0])


def test_fit_rejects_rows_without_direction():
    with pytest.raises(ValueError, match=r"No row of X has a direction .*all are zeros\."):
        VMFMixture(2).fit(np.zeros((5, 3)))
    with pytest.raises(ValueError, match="equal to their mean, which center=True subtracts"):
        VMFMixture(1, center=True).fit(np.ones((5, 3)))
    lengths = np.linspace(0.1, 3.0, 50)[:, np.newaxis]  # directions differ by rounding
    alike = (lengths * np.random.default_rng(0).standard_normal(40)).astype(np.float32)
    with pytest.raises(ValueError, match="equal to their mean"):
        VMFMixture(1, center=True).fit(alike)
    with pytest.raises(ValueError, match="n_components=3 is more than the 2 rows"):
        VMFMixture(3, means_init=np.eye(3)).fit(np.eye(3), sample_weight=[1, 1, 0])


def test_fit_and_predict_reject_invalid_input(planted, model):
    X = planted[0].copy()
    with pytest.raises(ValueError, match="expecting 16 features"):
        model.predict(X[:, :5])
    with pytest.raises(NotFittedError):
        VMFMixture(4).predict(X)
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        VMFMixture(1).fit(X[:, :1])
    with pytest.raises(ValueError, match="Negative values"):
        VMFMixture(4).fit(X, sample_weight=np.full(900, -1.0))
    with pytest.raises(ValueError, match=r"largest sample_weight is 1e\+307; it must be more than"):
        VMFMixture(4).fit(X, sample_weight=np.full(900, 1e307))
    X[3, 3] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        VMFMixture(4).fit(X)


def test_fit_warns_about_too_few_distinct_rows():
    X = np.repeat(np.eye(3), 10, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"Number of clusters found \(3\) is smaller"):
        model = VMFMixture(5, random_state=0).fit(X)
    assert model.n_components_ == 3
    assert set(model.labels_) == {0, 1, 2}
    assert model.weights_.sum() == pytest.approx(1)


def test_fit_warns_when_max_iter_is_reached(planted):
    with pytest.warns(ConvergenceWarning, match="did not converge within max_iter=2"):
        VMFMixture(9, max_iter=2, tol=0, random_state=0).fit(planted[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"merge": None}, 'n_components="auto" finds the number of clusters by merging'),
        ({"n_components": 4, "n_components_init": 3}, "n_components_init=3 is less than"),
        (
            {"n_components": 4, "n_components_init": 9, "merge": None},
            "merge=None turns merging off",
        ),
        (
            {"weights_init": np.full(4, 0.25)},
            "weights_init cannot be used when components are merged",
        ),
        (
            {"n_components": 2, "n_components_init": 4, "concentrations_init": np.ones(4)},
            "concentrations_init cannot be used when components are merged",
        ),
        ({"n_components_init": 1000}, "n_components_init=1000 is more than the 900 rows"),
        (
            {"n_components": 4, "n_components_init": 9, "means_init": np.eye(10, 16)},
            r"means_init has shape \(10, 16\); it must be \(9, 16\) or have fewer rows",
        ),
        (
            {"n_components": 4, "n_components_init": 9, "means_init": np.eye(5, 16)},
            "means_init has 5 rows; pass at most n_components=4 for the first clusters, or "
            "n_components_init=9",
        ),
        (
            {"selection": "stability", "means_init": np.eye(4, 16)},
            'selection="stability" compares merge paths from different seeds',
        ),
        ({"merge": "ward"}, "'merge' parameter of VMFMixture must be"),
        ({"selection": "elbow"}, "'selection' parameter of VMFMixture must be"),
    ],
)
def test_fit_rejects_inconsistent_merge_parameters(planted, options, message):
    with pytest.raises(ValueError, match=message):
        VMFMixture(**options).fit(planted[0])


def test_fit_warns_about_doubtful_number_of_clusters():
    noise = np.random.RandomState(0).standard_normal((600, 20))
    with pytest.warns(UserWarning, match="No clusters were found"):
        model = VMFMixture(random_state=0).fit(noise)
    assert model.n_components_ == 1
    X, _ = make_vmf_mixture(2000, 64, 30, concentration=200.0, random_state=0)
    with pytest.warns(UserWarning, match=r"found \(\d+\) is close to the number .* \(32\)"):
        VMFMixture(n_components_init=32, random_state=0).fit(X)
    triples = np.repeat(np.eye(60), 3, axis=0) + 0.02 * np.random.RandomState(0).rand(180, 60)
    with pytest.warns(UserWarning, match="have fewer than 4 rows"):
        VMFMixture(n_components_init=120, random_state=0).fit(triples)


def test_verbose_prints_a_line_for_each_stage_and_start(planted, capsys):
    VMFMixture(4, random_state=0, n_init=2, verbose=1).fit(planted[0])
    lines = capsys.readouterr().out.splitlines()
    titles = [re.split(r":| \(", line)[0] for line in lines]
    stages = ["Choosing 45 initial clusters", "Merging 45 clusters", "Fitting clusters"]
    starts = [f"Start {start} of 2 - {title}" for start in (1, 2) for title in stages]
    assert titles == ["Reading the rows", *starts, "Labeling the rows"]
    assert all(re.search(r" \(\d+\.\d s\)$", line) for line in lines)
    VMFMixture(4, random_state=0, verbose=2).fit(planted[0])
    printed = capsys.readouterr().out
    assert "\n  Merging 45 clusters: 39 clusters, log-likelihood " in printed
    assert re.search(
        r"\n  Fitting clusters: pass 2, bound .*, change .* \(stops at 1e-4\)", printed
    )


def test_fit_rejects_dates_with_clear_message():
    pd = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="dates or times"):
        VMFMixture(1).fit(pd.DataFrame({c: pd.date_range("2020", periods=20) for c in "ab"}))
