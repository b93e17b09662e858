"""The parameter `concentration` of `VMFMixture`."""

import numpy as np
import pytest
from sklearn.base import clone

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.metrics import clustering_accuracy


def truth_of(parameters):
    """Return the arguments that start a fit from known parameters."""
    return {
        "n_components": len(parameters.weights),
        "means_init": parameters.means,
        "weights_init": parameters.weights,
        "concentrations_init": parameters.concentrations,
        "random_state": 0,
    }


def test_free_concentrations_match_cluster_widths():
    X, y, truth = make_vmf_mixture(
        4000, 32, 5, concentration=[30, 60, 120, 240, 480], random_state=2, return_parameters=True
    )
    free = VMFMixture(**truth_of(truth), concentration="free").fit(X)
    pooled = VMFMixture(**truth_of(truth)).fit(X)
    tied = VMFMixture(**truth_of(truth), concentration="tied").fit(X)
    np.testing.assert_allclose(free.concentrations_, truth.concentrations, rtol=0.1)
    np.testing.assert_allclose(pooled.concentrations_, truth.concentrations, rtol=0.35)
    assert np.ptp(tied.concentrations_) == 0
    assert free.score(X) > tied.score(X)
    assert clustering_accuracy(y, free.labels_) > clustering_accuracy(y, tied.labels_)


def test_fixed_concentration_is_kept(planted):
    model = VMFMixture(4, concentration=12.5, random_state=0).fit(planted[0])
    assert (model.concentrations_ == 12.5).all()


@pytest.mark.parametrize("options", [{"merge": None}, {}], ids=["seeded", "merged"])
def test_pooled_fit_ignores_row_order_and_equates_weights_with_copies(planted, options):
    X = planted[0]
    rng = np.random.RandomState(1)
    order, weight = rng.permutation(len(X)), rng.randint(0, 3, len(X))
    fresh = VMFMixture(4, random_state=0, **options)
    one = clone(fresh).fit(X)
    other = clone(fresh).fit(X[order])
    assert one.isotropy_ == other.isotropy_
    np.testing.assert_allclose(one.concentrations_, other.concentrations_, rtol=1e-6)
    weighted = clone(fresh).fit(X, sample_weight=weight)
    copied = clone(fresh).fit(np.repeat(X, weight, axis=0))
    assert weighted.isotropy_ == copied.isotropy_
    np.testing.assert_allclose(weighted.concentrations_, copied.concentrations_, rtol=1e-6)


def test_pooled_concentrations_adapt_to_scatter():
    """Von Mises-Fisher clusters keep separate concentrations; elongated ones share theirs."""
    rng = np.random.RandomState(0)
    kappa = [50, 100, 200, 400]
    X, _ = make_vmf_mixture(2000, 48, 4, concentration=kappa, random_state=0)
    model = VMFMixture(4, random_state=0).fit(X)
    assert model.isotropy_ > 0.9
    np.testing.assert_allclose(np.sort(model.concentrations_), kappa, rtol=0.25)
    widths = np.repeat([0.1, 0.15, 0.2, 0.3], 500)[:, np.newaxis]
    X = np.repeat(np.eye(4, 48), 500, axis=0)
    X[:, 20:24] += widths * rng.standard_normal((2000, 4))
    model = VMFMixture(4, random_state=0).fit(X)
    assert model.isotropy_ < 0.15
    assert np.ptp(model.concentrations_) < 0.2 * model.concentrations_.mean()
