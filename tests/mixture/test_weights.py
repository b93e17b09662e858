"""Sample weights, copies and order of rows."""

import numpy as np
import pytest
from sklearn.base import clone

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture


@pytest.mark.parametrize("concentration", ["tied", "free"])
@pytest.mark.parametrize("assignment", ["soft", "hard"])
def test_sample_weight_equals_copies_of_rows(planted, concentration, assignment):
    X, _, truth = planted
    weight = np.random.RandomState(0).randint(0, 4, len(X))
    options = dict(
        n_components=4,
        means_init=truth.means,
        concentration=concentration,
        assignment=assignment,
        tol=1e-9,
    )
    weighted = VMFMixture(**options).fit(X, sample_weight=weight)
    repeated = VMFMixture(**options).fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_, atol=1e-9)
    np.testing.assert_allclose(weighted.weights_, repeated.weights_, atol=1e-9)
    np.testing.assert_allclose(weighted.concentrations_, repeated.concentrations_, rtol=1e-8)
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, rel=1e-9)
    assert weighted.score(X, sample_weight=weight) == pytest.approx(
        repeated.score(np.repeat(X, weight, axis=0))
    )


@pytest.mark.parametrize("concentration", ["tied", "free"])
def test_sample_weight_below_one_is_relative(planted, concentration):
    X = planted[0]
    plain = VMFMixture(4, concentration=concentration, random_state=0).fit(X)
    weighted = VMFMixture(4, concentration=concentration, random_state=0)
    weighted.fit(X, sample_weight=np.full(len(X), 1 / len(X)))
    np.testing.assert_allclose(weighted.concentrations_, plain.concentrations_, rtol=1e-9)
    np.testing.assert_array_equal(weighted.labels_, plain.labels_)


@pytest.mark.slow
def test_copies_and_order_of_rows_do_not_change_labels(planted):
    X = planted[0]
    order = np.random.RandomState(1).permutation(len(X))
    for options in ({"n_components": 7, "merge": None}, {"n_components": 7}, {}):
        fresh = VMFMixture(concentration="tied", random_state=0, **options)
        one = clone(fresh).fit(X)
        ten = clone(fresh).fit(np.repeat(X, 10, axis=0))
        shuffled = clone(fresh).fit(X[order])
        np.testing.assert_array_equal(one.labels_, ten.labels_[::10])
        np.testing.assert_array_equal(one.labels_[order], shuffled.labels_)


def test_rows_that_differ_by_rounding_count_as_copies():
    """As when the same sentence is embedded in two batches."""
    X, _ = make_vmf_mixture(40, 32, 4, concentration=400.0, random_state=0)
    rng = np.random.RandomState(0)
    exact = VMFMixture(random_state=0, concentration="tied").fit(X.astype(np.float32))
    noisy = np.repeat(X, 10, axis=0) + 1e-8 * rng.standard_normal((400, 32))
    scaled = np.repeat(X, 10, axis=0) * np.tile(np.arange(1.0, 11.0), 40)[:, np.newaxis]
    for copies in (noisy.astype(np.float32), scaled.astype(np.float32), scaled):
        model = VMFMixture(random_state=0, concentration="tied").fit(copies)
        assert model.n_components_ == exact.n_components_
        np.testing.assert_array_equal(model.labels_[::10], model.labels_[9::10])


def test_partial_fit_copies_sample_weight(planted):
    """The caller may reuse the array for the next batch."""
    X = planted[0]
    weights, model = np.empty(100), VMFMixture(4, random_state=0)
    other = clone(model)
    for start in range(0, 800, 100):
        weights[:] = 50.0 if start == 0 else 1.0
        model.partial_fit(X[start : start + 100], sample_weight=weights)
        other.partial_fit(X[start : start + 100], sample_weight=weights.copy())
    np.testing.assert_array_equal(model.weights_, other.weights_)


def test_fit_rejects_tiny_sample_weight(planted):
    with pytest.raises(ValueError, match="largest sample_weight is 1e-309; it must be more than"):
        VMFMixture(3).fit(planted[0], sample_weight=np.full(len(planted[0]), 1e-309))
