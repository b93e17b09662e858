"""Methods of a fitted `VMFMixture`: predict, score, sample and the information criteria."""

import numpy as np
import pytest
from scipy.stats import vonmises_fisher
from sklearn.base import clone

from tests import oracle
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.distribution import mean_resultant_length
from vmfmix.model.statistics import MixtureParameters


@pytest.mark.parametrize("dim", [2, 3, 8, 16])
@pytest.mark.parametrize("concentration", ["tied", "free", "pooled"])
def test_score_samples_matches_scipy(dim, concentration):
    X, _ = make_vmf_mixture(400, dim, 3, concentration=30.0, random_state=1)
    model = VMFMixture(3, concentration=concentration, random_state=0).fit(X)
    density = sum(
        weight * vonmises_fisher(mean, kappa).pdf(X)
        for weight, mean, kappa in zip(
            model.weights_, model.means_, model.concentrations_, strict=True
        )
    )
    np.testing.assert_allclose(model.score_samples(X), np.log(density), atol=1e-9)
    assert model.score(X) == pytest.approx(np.log(density).mean())


def test_methods_agree_with_each_other_and_with_oracle(planted, model):
    X = planted[0]
    parameters = MixtureParameters(model.weights_, model.means_, model.concentrations_)
    posterior = model.predict_proba(X, calibrated=False)
    np.testing.assert_allclose(posterior, oracle.responsibilities(X, parameters), atol=1e-10)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    probabilities = model.predict_proba(X)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), model.labels_)
    np.testing.assert_allclose(probabilities.max(axis=1), model.probabilities_, atol=1e-10)
    np.testing.assert_allclose(model.score_samples(X), oracle.log_density(X, parameters))
    np.testing.assert_allclose(model.transform(X), X @ model.means_.T, atol=1e-12)
    np.testing.assert_array_equal(clone(model).fit_predict(X), model.labels_)
    np.testing.assert_array_equal(clone(model).fit_transform(X), model.transform(X))


def test_bic_aic_and_icl_match_their_formulas(planted, model):
    X = planted[0]
    log_likelihood = model.score_samples(X).sum()
    n_parameters = 3 + 4 * 15 + 4
    assert model.bic(X) == pytest.approx(-2 * log_likelihood + np.log(900) * n_parameters)
    assert model.aic(X) == pytest.approx(-2 * log_likelihood + 2 * n_parameters)
    r = model.predict_proba(X, calibrated=False)
    entropy = -(r * np.log(np.maximum(r, 1e-300))).sum()
    assert model.icl(X) == pytest.approx(model.bic(X) + 2 * entropy)
    tied = VMFMixture(4, concentration="tied", random_state=0).fit(X)
    expected = -2 * tied.score_samples(X).sum() + np.log(900) * (n_parameters - 3)
    assert tied.bic(X) == pytest.approx(expected)
    fixed = VMFMixture(4, concentration=50.0, background=True, random_state=0).fit(X)
    expected = -2 * fixed.score_samples(X).sum() + np.log(900) * (n_parameters - 3)
    assert fixed.bic(X) == pytest.approx(expected)


@pytest.mark.slow
def test_bic_is_lowest_at_planted_number(planted):
    bics = [
        VMFMixture(k, n_init=3, random_state=0).fit(planted[0]).bic(planted[0])
        for k in (2, 3, 4, 5, 6)
    ]
    assert np.argmin(bics) == 2


def test_sample_follows_fitted_distribution(planted, model):
    X, y = model.sample(20_000)
    assert X.shape == (20_000, 16)
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(np.bincount(y) / len(y), model.weights_, atol=0.015)
    for k in range(4):
        resultant = X[y == k].mean(axis=0)
        np.testing.assert_allclose(
            resultant,
            model.means_[k] * mean_resultant_length(model.concentrations_[k], 16),
            atol=0.02,
        )
    second, _ = model.sample(20_000)
    np.testing.assert_array_equal(X, second)
    with pytest.raises(ValueError, match="n_samples=0 is not allowed"):
        model.sample(0)


@pytest.mark.slow
def test_predict_ignores_parameters_set_after_fit(planted):
    X = planted[0]
    model = VMFMixture(4, random_state=0).fit(X)
    labels = model.labels_
    model.set_params(background=True, center=True)
    np.testing.assert_array_equal(model.predict(X), labels)
    model.set_params(n_init=10).fit(X)
    assert model.predict_proba(X).shape == (900, model.n_components_ + 1)
    model.set_params(background=False, center=False).fit(X)
    assert not hasattr(model, "center_")
    assert not hasattr(model, "background_weight_")
    assert model.predict_proba(X).shape == (900, 4)
