"""How well each row fits its cluster."""

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.inspection import membership

COLUMNS = ["cluster", "probability", "similarity", "next_cluster", "margin", "typicality"]


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(400, 12, 3, concentration=30.0, random_state=0)[0]


@pytest.mark.parametrize("background", [False, True])
def test_membership_agrees_with_the_model(rows, background):
    model = VMFMixture(3, background=background, random_state=0).fit(rows)
    table = membership(model, rows)
    assert list(table) == COLUMNS
    np.testing.assert_array_equal(table["cluster"], model.labels_)
    np.testing.assert_allclose(table["probability"], model.probabilities_, atol=1e-6)
    np.testing.assert_allclose(table["typicality"], model.typicality(rows))
    cosines = np.sort(model.transform(rows), axis=1)
    in_clusters = (model.labels_ >= 0) & (model.transform(rows).argmax(axis=1) == model.labels_)
    found = np.asarray(table["margin"])[in_clusters]
    np.testing.assert_allclose(found, (cosines[:, -1] - cosines[:, -2])[in_clusters])
    is_background = model.labels_ == -1
    assert np.isnan(np.asarray(table["similarity"])[is_background]).all()
    assert (np.asarray(table["next_cluster"])[is_background] == -1).all()


def test_a_single_cluster_has_no_margin(rows):
    table = membership(VMFMixture(1).fit(rows), sp.csr_array(rows))
    assert np.isnan(np.asarray(table["margin"])).all()
    assert (np.asarray(table["next_cluster"]) == -1).all()
    np.testing.assert_allclose(table["probability"], 1.0)


def test_models_without_references_have_no_typicality(rows):
    model = VMFMixture(random_state=0).fit(rows).merge_to(2)
    assert np.isnan(np.asarray(membership(model, rows)["typicality"])).all()
