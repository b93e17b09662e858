"""The parameter `background` of `VMFMixture`."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.metrics import clustering_accuracy


@pytest.mark.slow
@pytest.mark.parametrize("concentration", ["tied", "free"])
def test_background_absorbs_rows_outside_clusters(concentration):
    X, y = make_vmf_mixture(2000, 16, 4, concentration=100.0, background=0.15, random_state=0)
    model = VMFMixture(
        4, background=True, concentration=concentration, n_init=10, random_state=0
    ).fit(X)
    assert np.mean((model.labels_ == -1) == (y == -1)) > 0.98
    assert clustering_accuracy(y[y >= 0], model.labels_[y >= 0]) > 0.98
    assert model.background_weight_ == pytest.approx(0.15, abs=0.02)
    assert model.weights_.sum() + model.background_weight_ == pytest.approx(1)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (2000, 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert (probabilities.argmax(axis=1) == 4).sum() == (model.labels_ == -1).sum()
    _, drawn = model.sample(5000)
    assert np.mean(drawn == -1) == pytest.approx(model.background_weight_, abs=0.02)


def test_background_may_own_all_rows():
    X = np.vstack([np.eye(16), -np.eye(16)])
    model = VMFMixture(1, concentration=200.0, means_init=np.ones((1, 16)), background=True)
    with pytest.warns(ConvergenceWarning, match="All rows belong to the background"):
        model.fit(X)
    assert model.n_components_ == 0
    assert (model.labels_ == -1).all()
    assert model.transform(X).shape == (32, 0)
    assert model.predict_proba(X).shape == (32, 1)


@pytest.mark.parametrize("concentration", ["tied", "free"])
def test_background_stays_small_without_noise(planted, concentration):
    X, y, _ = planted
    model = VMFMixture(4, background=True, concentration=concentration, random_state=0).fit(X)
    assert np.mean(model.labels_ == -1) < 0.02
    assert clustering_accuracy(y, model.labels_) > 0.97


def test_isotropy_ignores_background():
    X, _ = make_vmf_mixture(2000, 40, 4, concentration=300.0, random_state=0)
    X[:, 12:] *= 0.05
    noise = np.random.RandomState(0).standard_normal((200, 40))
    estimator = VMFMixture(4, merge=None, n_init=5, random_state=0, background=True)
    clean, noisy = clone(estimator).fit(X), clone(estimator).fit(np.vstack([X, noise]))
    assert noisy.isotropy_ == pytest.approx(clean.isotropy_, rel=0.15)
