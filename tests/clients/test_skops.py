"""Tests of saving models with skops."""

import numpy as np
import pytest
from sklearn.base import clone

from tests.clients import run
from vmfmix import VMFMixture


@pytest.fixture(scope="module")
def page():
    pytest.importorskip("skops")
    return run("skops")


def test_skops_round_trip_restores_model(page):
    X, model, loaded = page["X"], page["model"], page["loaded"]
    assert loaded.get_params() == model.get_params()
    np.testing.assert_array_equal(loaded.labels_, model.labels_)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(loaded.merge_to(12).means_, model.merge_to(12).means_)


@pytest.mark.parametrize(
    "fit",
    [
        lambda X: VMFMixture(background=True, center=True, random_state=0).fit(X),
        lambda X: VMFMixture(7, merge=None, concentration="tied", random_state=0).fit(X),
        lambda X: VMFMixture(7, random_state=0).partial_fit(X[:500]).partial_fit(X[500:1000]),
    ],
    ids=["background", "seeded", "stream"],
)
def test_trusted_types_of_the_page_are_sufficient(page, fit):
    import skops.io

    X = page["X"]
    model = fit(X)
    data = skops.io.dumps(model)
    assert set(skops.io.get_untrusted_types(data=data)) <= set(page["trusted"])
    loaded = skops.io.loads(data, trusted=page["trusted"])
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    loaded.partial_fit(X[1000:1500])
    model.partial_fit(X[1000:1500])
    np.testing.assert_array_equal(loaded.means_, model.means_)


def test_trusted_types_of_the_page_are_necessary(page):
    import skops.io

    X = page["X"]
    stream = VMFMixture(7, random_state=0).partial_fit(X[:500])
    needed = set()
    growing = VMFMixture(7, add_components=True, random_state=0).fit(X[:1000])
    updated = clone(growing).fit(X[:1000]).update(X[1000:1200])
    for model in (page["model"], stream, growing.partial_fit(X[1000:1500]), updated):
        needed |= set(skops.io.get_untrusted_types(data=skops.io.dumps(model)))
    assert needed == set(page["trusted"])
