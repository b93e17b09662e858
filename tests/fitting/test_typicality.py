"""How typical rows are of the rows of a fit."""

import numpy as np

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips
from vmfmix.fitting.typicality import (
    left_out_sample,
    reference_densities,
    tempered,
    typicality,
    updated_references,
)


def test_a_fitted_row_is_as_probable_without_it_as_a_new_row():
    """With many small clusters, rows of the fit are too probable otherwise."""
    X = load_snips().data
    order = np.random.default_rng(0).permutation(len(X))
    fitted, new = X[order[:1500]], X[order[1500:]]
    model = VMFMixture(60, random_state=0).fit(fitted)
    as_fitted = model._assign(fitted)
    without = left_out_sample(model._parameters(), as_fitted, 1500.0).log_densities
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


def test_references_after_an_update_have_the_shares_of_the_rows():
    references = reference_densities(np.zeros(1000))
    found = updated_references(references, np.ones(50), 0.05)
    assert (found == 1.0).sum() == 50 and (found == 0.0).sum() == 1000
    found = updated_references(references, np.ones(5000), 0.1)
    assert (found == 1.0).sum() == 100
