"""How typical rows are of the rows of a fit."""

import numpy as np
import pytest

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.typicality import (
    left_out_densities,
    mixture_of_labels,
    reference_densities,
    tempered,
    typicality,
)
from vmfmix.model.statistics import SufficientStatistics, maximize


def test_a_fitted_row_is_as_probable_without_it_as_a_new_row():
    """With many small clusters, rows of the fit are too probable otherwise."""
    X = load_snips().data
    order = np.random.default_rng(0).permutation(len(X))
    fitted, new = X[order[:1500]], X[order[1500:]]
    model = VMFMixture(60, random_state=0).fit(fitted)
    as_fitted = model._assign(fitted)
    without = left_out_densities(model._parameters(), as_fitted, 1500.0)
    of_new = model.score_samples(new)
    gaps = [np.median(each) - np.median(of_new) for each in (as_fitted.log_densities, without)]
    assert abs(gaps[1]) < 0.5 * gaps[0]


def test_references_of_many_rows_are_evenly_spaced_quantiles():
    references = reference_densities(np.random.default_rng(0).permutation(45_000).astype(float))
    assert len(references) == 9000
    assert references[:3].tolist() == [2.0, 7.0, 12.0]
    assert references.dtype == np.float32


def test_typicality_is_the_p_value_of_conformal_prediction():
    references = reference_densities(np.arange(9.0))
    found = typicality(np.array([-np.inf, 0.0, 4.0, np.inf]), references)
    np.testing.assert_allclose(found, [0.1, 0.2, 0.6, 1.0])


def test_probabilities_of_untypical_rows_are_shrunk_and_keep_their_order():
    probabilities = np.array([[0.9, 0.1, 0.0]] * 3)
    found = tempered(probabilities, np.array([0.01, 0.005, 1e-9]), 3)
    np.testing.assert_allclose(found[0], probabilities[0])
    np.testing.assert_allclose(found[1], probabilities[0] / 2 + 1 / 6)
    np.testing.assert_allclose(found[2], 1 / 3, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    highest = tempered(probabilities[:, 0], np.array([0.01, 0.005, 1e-9]), 3)
    np.testing.assert_allclose(highest, found[:, 0])


@pytest.mark.parametrize("weighted", [False, True])
def test_mixture_of_labels_is_that_of_the_sums(rows, weighted):
    labels = np.arange(len(rows)) % 4 - 1
    weights = np.random.default_rng(0).uniform(size=len(rows)) if weighted else np.ones(len(rows))
    engine = choose_engine(rows, sample_weight=weights)
    found = mixture_of_labels(engine, labels, 3)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    counts = [weights[labels == k].sum() for k in range(3)]
    sums = [weights[labels == k] @ unit[labels == k] for k in range(3)]
    expected = maximize(SufficientStatistics(np.array(counts), np.array(sums), 0.0, sum(counts)))
    np.testing.assert_allclose(found.weights, expected.weights)
    np.testing.assert_allclose(found.means, expected.means, atol=1e-6)
    np.testing.assert_allclose(found.concentrations, expected.concentrations, rtol=1e-5)


@pytest.fixture(name="rows")
def fixture_rows():
    return np.random.default_rng(1).standard_normal((50, 6))
