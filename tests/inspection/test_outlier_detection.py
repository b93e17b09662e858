"""Tests of the detection of outliers."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix import NeighborSmoother, VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.inspection import outliers


def test_outliers_finds_planted_outliers_and_few_others(planted):
    X, _, model = planted
    assert len(outliers(model, X, share=0.02)["row"]) == pytest.approx(40, abs=20)
    strange = X.copy()
    rng = np.random.default_rng(0)
    strange[:20] = rng.normal(size=(20, 24))
    found = outliers(model, strange, share=0.001)
    assert set(range(20)) <= set(np.asarray(found["row"]).tolist())
    assert len(found["row"]) < 40
    assert (np.diff(found["p_value"]) >= 0).all()
    np.testing.assert_allclose(-np.log10(found["p_value"]), found["minus_log10_p"])
    with pytest.raises(ValueError, match="share=2"):
        outliers(model, X, share=2)


def test_outliers_too_far_for_a_p_value_in_float64_are_still_ranked():
    X, _ = make_vmf_mixture(1000, 200, 2, concentration=8000.0, random_state=0)
    model = VMFMixture(2, random_state=0).fit(X)
    mean = model.means_[0]
    away = np.random.default_rng(0).normal(size=(3, 200))
    away -= away @ model.means_.T @ np.linalg.pinv(model.means_.T)
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    angles = np.radians([[50.0], [60.0], [70.0]])
    strange = np.concatenate([np.cos(angles) * mean + np.sin(angles) * away, X[3:]])
    found = outliers(model, strange)
    assert found["row"][:3].tolist() == [2, 1, 0]
    assert (found["p_value"][:3] == 0.0).all()
    assert np.isfinite(found["minus_log10_p"]).all()
    assert (np.diff(found["minus_log10_p"][:4]) < -10.0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_of_a_row_are_no_outliers_of_each_other(dtype):
    rng = np.random.default_rng(0)
    base = rng.normal(size=(3, 64))
    X = np.concatenate([np.repeat(base, 100, axis=0), base[:1] + 0.3 * rng.normal(size=(5, 64))])
    X = (X * rng.uniform(1.0, 3.0, (305, 1))).astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about copies
        model = VMFMixture(3, random_state=0).fit(X)
    assert set(outliers(model, X)["row"]) == set(range(300, 305))


def test_rows_of_the_background_are_no_outliers():
    X, _ = make_vmf_mixture(300, 16, 2, concentration=80.0, background=0.1, random_state=0)
    model = VMFMixture(2, background=True, random_state=0).fit(X)
    noise = X[model.labels_ == -1]
    assert len(noise) > 10
    assert len(outliers(model, noise)["row"]) == 0


@pytest.mark.parametrize("kind", ["dense", "CSR", "table"])
def test_rows_of_a_smoothed_fit_are_compared_before_smoothing(kind):
    """Smoothed rows are so close together that hundreds of them would seem to be outliers."""
    X, _ = make_vmf_mixture(1500, 24, 3, concentration=80.0, random_state=0)
    X[:10] = np.random.default_rng(0).normal(size=(10, 24))
    if kind == "CSR":
        X = sp.csr_array(X)
    elif kind == "table":
        X = pytest.importorskip("pandas").DataFrame(X, index=np.arange(1500)[::-1])
    model = VMFMixture(3, smooth=NeighborSmoother(restart=0.1), random_state=0).fit(X)
    found = outliers(model, X, share=0.001)
    assert set(range(10)) <= set(np.asarray(found["row"]).tolist())
    assert len(found["row"]) < 20
    assert len(outliers(model, X, share=0.02)["row"]) == pytest.approx(40, abs=20)
