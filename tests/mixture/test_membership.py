"""Calibrated probabilities, typicality and rejection at predict."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.special import softmax

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.engines.choice import choose_engine


@pytest.fixture(scope="module")
def snips():
    return load_snips()


@pytest.fixture(scope="module", params=[False, True], ids=["raw", "smoothed"])
def fitted(request, snips):
    half = snips.data[::2]
    return VMFMixture(7, smooth=request.param, random_state=0).fit(half), half


def random_rows(n_features, n_rows=200):
    return np.random.default_rng(0).standard_normal((n_rows, n_features))


def test_probabilities_are_joint_densities_to_a_power(snips):
    model = VMFMixture(7, random_state=0).fit(snips.data)
    assert 0.05 < model.probability_power_ < 0.2
    assert model.probability_power_ == pytest.approx(model.isotropy_ / (2 - model.isotropy_))
    engine = choose_engine(snips.data)
    log_joint = np.concatenate([each.copy() for _, each in engine.log_joint(model._parameters())])
    is_typical = model.typicality(snips.data) > 0.01
    expected = softmax(model.probability_power_ * log_joint, axis=1)[is_typical]
    np.testing.assert_allclose(model.predict_proba(snips.data)[is_typical], expected, atol=1e-5)
    posterior = model.predict_proba(snips.data, calibrated=False)
    np.testing.assert_allclose(posterior, softmax(log_joint, axis=1), atol=1e-5)


def test_probabilities_are_as_great_as_the_share_of_right_rows(fitted, snips):
    model, half = fitted
    counts = np.zeros((7, 7))
    np.add.at(counts, (model.labels_, snips.target[::2]), 1)
    is_right = counts.argmax(axis=1)[model.labels_] == snips.target[::2]
    assert abs(model.probabilities_.mean() - is_right.mean()) < 0.05
    assert model.predict_proba(half, calibrated=False).max(axis=1).mean() > is_right.mean() + 0.05


def test_labels_are_the_most_probable_components(fitted):
    model, half = fitted
    probabilities = model.predict_proba(half)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), model.labels_)
    # Rounding may change the rank of a density, and thus the typicality of a rare row.
    assert (np.abs(probabilities.max(axis=1) - model.probabilities_) > 1e-5).mean() < 0.005
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


def test_random_rows_are_not_sure_and_are_rejected(fitted):
    model, half = fitted
    rows = random_rows(half.shape[1])
    assert np.median(model.predict_proba(rows).max(axis=1)) < 0.25
    assert (model.predict(rows, false_alarm_rate=0.01) == -1).mean() > 0.99
    assert (model.predict(rows) >= 0).all()


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_the_false_alarm_rate_holds_for_new_rows(fitted, snips, rate):
    share = (fitted[0].predict(snips.data[1::2], false_alarm_rate=rate) == -1).mean()
    assert rate / 3 < share < 1.5 * rate + 0.01


@pytest.mark.parametrize("rate", [0, 1, -0.1, 2.0])
def test_false_alarm_rates_out_of_range_are_refused(fitted, rate):
    with pytest.raises(ValueError, match=r"false_alarm_rate=.* is not allowed; pass a number"):
        fitted[0].predict(fitted[1], false_alarm_rate=rate)


@pytest.mark.parametrize("concentration", ["tied", "free", 50.0])
@pytest.mark.parametrize("merge", ["likelihood", None])
def test_every_kind_of_fit_is_calibrated(snips, concentration, merge):
    model = VMFMixture(7, concentration=concentration, merge=merge, random_state=0)
    model.fit(snips.data[::4])
    assert 0.05 < model.probability_power_ < 0.25
    assert model.probabilities_.mean() < 0.98


def test_mixtures_of_the_model_are_left_as_they_are():
    X, _ = make_vmf_mixture(3000, 32, 5, concentration=30.0, random_state=0)
    model = VMFMixture(5, random_state=0).fit(X)
    assert model.probability_power_ > 0.9
    posterior = model.predict_proba(X, calibrated=False).max(axis=1)
    assert abs(model.probabilities_.mean() - posterior.mean()) < 0.01


def test_sparse_rows_and_backgrounds_have_typicalities():
    X, _ = make_vmf_mixture(600, 16, 3, concentration=40.0, random_state=0)
    X = np.where(np.abs(X) > 0.1, X, 0.0)
    dense = VMFMixture(3, background=True, random_state=0).fit(X)
    sparse = VMFMixture(3, background=True, random_state=0).fit(sp.csr_array(X))
    np.testing.assert_allclose(sparse.typicality(sp.csr_array(X)), dense.typicality(X), atol=2e-3)
    is_background = dense.labels_ == -1
    assert (dense.typicality(X)[is_background] < 0.05).all()
    assert (dense.predict(X, false_alarm_rate=0.5)[is_background] == -1).all()


def test_models_without_densities_to_compare_with_say_so(snips):
    model = VMFMixture(random_state=0).fit(snips.data[::4]).merge_to(4)
    with pytest.raises(ValueError, match="no densities of rows to compare with"):
        model.typicality(snips.data)
    assert model.predict_proba(snips.data).shape == (3500, 4)
    again = model.merge_to(4, snips.data[::4])
    assert again.typicality(snips.data[:3]).min() > 0.0


def test_batches_are_calibrated_like_fits(snips):
    X = snips.data[np.random.default_rng(0).permutation(3500)]
    model = VMFMixture(7, random_state=0).fit(X[:3000]).partial_fit(X[3000:])
    np.testing.assert_allclose(
        model.predict_proba(X[3000:]).max(axis=1), model.probabilities_, atol=1e-5
    )


class TestCalibrate:
    def test_unstable_clusters_become_less_probable(self):
        X = random_rows(64, 500)
        model = VMFMixture(5, random_state=0).fit(X)
        calibrated = model.calibrate(X)
        assert calibrated.probability_power_ < 0.6 * model.probability_power_
        assert calibrated.probabilities_.mean() < 0.8 * model.probabilities_.mean()
        np.testing.assert_array_equal(calibrated.labels_, model.labels_)

    def test_stable_clusters_stay(self, fitted):
        model, half = fitted
        calibrated = model.calibrate(half, n_resamples=1)
        assert calibrated.probability_power_ == pytest.approx(model.probability_power_, rel=0.2)
        assert calibrated is not model

    def test_too_few_rows_are_refused(self, fitted):
        with pytest.raises(ValueError, match="at least 4 for each of the 7 clusters"):
            fitted[0].calibrate(fitted[1][:20])

    @pytest.mark.parametrize("n_resamples", [0, -1, 1.5])
    def test_numbers_of_resamples_out_of_range_are_refused(self, fitted, n_resamples):
        with pytest.raises(ValueError, match="pass an integer of at least 1"):
            fitted[0].calibrate(fitted[1], n_resamples=n_resamples)

    def test_every_parameter_can_be_resampled(self, snips):
        X = snips.data[::3]
        model = VMFMixture(background=True, center=True, n_init=2, random_state=0).fit(X)
        assert model.calibrate(X, n_resamples=1).probability_power_ <= model.probability_power_

    def test_column_names_are_kept(self, snips):
        X = pd.DataFrame(snips.data[::4]).add_prefix("x")
        model = VMFMixture(7, random_state=0).fit(X)
        calibrated = model.calibrate(X, n_resamples=1)
        assert calibrated.feature_names_in_.tolist() == X.columns.tolist()
        np.testing.assert_array_equal(calibrated.predict(X), model.labels_)

    def test_limits_of_sizes_do_not_change_the_number_in_a_half(self, snips):
        X = snips.data[::4]
        model = VMFMixture(4, max_cluster_share=0.2, random_state=0).fit(X)
        assert model.calibrate(X, n_resamples=1).n_components_ == model.n_components_
