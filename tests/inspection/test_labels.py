"""Tests of the comparison with known labels and of possible label errors."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import logsumexp, softmax
from sklearn.metrics import roc_auc_score

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.inspection import compare, label_issues


def test_compare_agrees_with_direct_computation(planted):
    X, y, model = planted
    names = np.array(["a", "b", "c", "d", "e"])[y]
    table = compare(model, X, names)
    for cluster in range(5):
        own = names[model.labels_ == cluster]
        values, counts = np.unique(own, return_counts=True)
        most = counts.argmax()
        assert table["label"][cluster] == values[most]
        assert table["purity"][cluster] == pytest.approx(counts[most] / len(own))
        coverage = counts[most] / (names == values[most]).sum()
        assert table["coverage"][cluster] == pytest.approx(coverage)
        assert 1.0 <= table["effective_labels"][cluster] < 1.5


def flip_labels(y, n_classes, share, seed=0):
    rng = np.random.default_rng(seed)
    is_wrong = rng.random(len(y)) < share
    other = (y + rng.integers(1, n_classes, len(y))) % n_classes
    return np.where(is_wrong, other, y), is_wrong


@pytest.mark.parametrize("kind", [np.float64, np.float32, sp.csr_array])
def test_label_issues_finds_flipped_labels(kind):
    snips = load_snips()
    X = kind(snips.data.astype(np.float64)) if kind is sp.csr_array else snips.data.astype(kind)
    given, is_wrong = flip_labels(snips.target, 7, 0.1)
    model = VMFMixture(7, random_state=0).fit(X)
    issues = label_issues(model, X, given)
    assert roc_auc_score(is_wrong, -issues["given_label_probability"]) > 0.99
    assert roc_auc_score(is_wrong, -issues["margin"]) > 0.99
    first = np.argsort(issues["rank"])[: is_wrong.sum()]
    assert is_wrong[first].mean() > (0.85 if kind is sp.csr_array else 0.9)
    suggested = np.asarray(issues["suggested_label"])
    assert (suggested[is_wrong] == snips.target[is_wrong]).mean() > 0.9
    np.testing.assert_array_equal(issues["given_label"], given)
    np.testing.assert_array_equal(issues["cluster"], model.labels_)
    assert issues["cluster_purity"].between(0, 1).all()


def test_label_issues_leaves_out_the_row_itself():
    """The closed form equals explicit leave-one-out with the scatter of all rows."""
    X, y = make_vmf_mixture(400, 6, 3, concentration=15.0, random_state=1)
    issues = label_issues(VMFMixture(3, random_state=0).fit(X), X, y)
    residuals = X - np.stack([X[y == c].mean(axis=0) for c in range(3)])[y]
    scatter = residuals.T @ residuals / len(X)
    scatter = 0.9 * scatter + 0.1 * np.trace(scatter) / 6 * np.eye(6)
    rows, log_odds, scores = range(0, 400, 40), [], []
    for row in rows:
        rest = np.arange(400) != row
        logs = []
        for c in range(3):
            own = X[rest & (y == c)]
            away = X[row] - own.mean(axis=0)
            logs.append(np.log(len(own)) - 0.5 * away @ np.linalg.solve(scatter, away))
        log_odds.append(logs[y[row]] - logsumexp(np.delete(logs, y[row])))
        scores.append(logs)
    margins = issues["margin"][rows].to_numpy()
    temperature = np.median(log_odds / margins)
    assert 1.0 <= temperature < 3.0
    np.testing.assert_allclose(margins * temperature, log_odds, atol=1e-3, rtol=1e-3)
    expected = softmax(np.array(scores) / temperature, axis=1)[np.arange(10), y[rows]]
    np.testing.assert_allclose(issues["given_label_probability"][rows], expected, atol=1e-3)


def calibration_error(probabilities, is_right):
    """Return the expected calibration error in 15 bins of equal width."""
    bins = np.minimum((15 * probabilities).astype(int), 14)
    return np.abs(np.bincount(bins, probabilities - is_right)).sum() / len(bins)


@pytest.mark.parametrize(("share", "largest"), [(0.0, 0.01), (0.1, 0.03), (0.3, 0.07)])
def test_probabilities_are_calibrated_even_if_labels_are_wrong(share, largest):
    """A temperature that takes all labels as right would leave an error of 0.13, or 0.31."""
    snips = load_snips()
    given, _ = flip_labels(snips.target, 7, share)
    issues = label_issues(VMFMixture(7, random_state=0).fit(snips.data), snips.data, given)
    is_right = issues["suggested_label"].to_numpy() == snips.target
    probabilities = issues["suggested_label_probability"].to_numpy()
    assert calibration_error(probabilities, is_right) < largest
    if share == 0.0:  # a printed column can be read
        of_given = issues["given_label_probability"]
        assert (of_given < 0.0005).sum() < 10
        assert (of_given > 0.9995).mean() < 0.6


def test_rows_are_ranked_by_margins_without_ties(planted):
    X, y, model = planted
    issues = label_issues(model, X, flip_labels(y, 5, 0.1)[0]).sort_values("rank")
    assert issues["margin"].is_monotonic_increasing
    assert issues["margin"].nunique() == len(X)
    is_doubted = issues["given_label"] != issues["suggested_label"]
    assert (issues["margin"][is_doubted] < 0.0).all()
    total = issues["given_label_probability"] + issues["suggested_label_probability"]
    assert total[is_doubted].between(0.0, 1.0 + 1e-12).all()


def test_label_issues_does_not_judge_single_row_of_label(planted):
    X, y, model = planted
    y = y.copy()
    y[7] = 99
    issues = label_issues(model, X, y)
    assert np.isnan(issues["given_label_probability"][7])
    assert np.isnan(issues["margin"][7])
    assert issues["rank"][7] == len(X) - 1


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (lambda y: y[:-1], "inconsistent numbers"),
        (lambda y: np.zeros(len(y)), "at least two"),
        (lambda y: np.where(np.arange(len(y)) == 3, np.nan, y), "Row 3 has no label"),
        (lambda y: [None, *y[1:].tolist()], "Row 0 has no label"),
        (lambda y: np.stack([y, y], axis=1), "one label for each row"),
    ],
)
def test_label_issues_refuses_invalid_labels(planted, y, message):
    X, truth, model = planted
    with pytest.raises(ValueError, match=message):
        label_issues(model, X, y(truth))
