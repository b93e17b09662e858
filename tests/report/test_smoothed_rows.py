"""Rows that are smoothed once for all numbers of clusters of a report."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.neighbors.smoother import NeighborSmoother
from vmfmix.report.merge_levels import merge_levels
from vmfmix.report.smoothed_rows import smoothed_once


@pytest.fixture(scope="module")
def rows():
    X, _ = make_vmf_mixture(400, 12, 5, concentration=20.0, dtype=np.float32, random_state=0)
    X[3] = 0.0
    return X


def fitted(X, **options):
    smoother = NeighborSmoother(restart=0.2)
    model = VMFMixture(5, n_components_init=9, smooth=smoother, random_state=0, **options).fit(X)
    assert model.smoother_.restart_ == 0.2
    return model


@pytest.mark.filterwarnings("ignore:.*rows:UserWarning")
@pytest.mark.parametrize("kind", ["dense", "sparse", "table", "background", "unsmoothed"])
def test_adapted_models_predict_the_same(rows, kind):
    X = {"sparse": sp.csr_array(rows)}.get(kind, rows)
    if kind == "table":
        X = pytest.importorskip("pandas").DataFrame(rows, columns=[f"e{j}" for j in range(12)])
    model = fitted(X, background=kind == "background")
    if kind == "unsmoothed":
        model = VMFMixture(5, n_components_init=9, random_state=0).fit(X)
    smoothed, adapted = smoothed_once(model, X)
    for cut in (model, model.merge_to(7)):
        assert_array_equal(adapted(cut).predict(smoothed), cut.predict(X))
        assert_array_equal(adapted(cut).transform(smoothed), cut.transform(X))
    assert hasattr(model, "smoother_") == (kind != "unsmoothed")


@pytest.mark.filterwarnings("ignore:.*rows:UserWarning")
def test_rows_are_smoothed_once_for_all_levels(rows, monkeypatch):
    model, calls = fitted(rows), []
    transform = NeighborSmoother.transform
    monkeypatch.setattr(
        NeighborSmoother, "transform", lambda self, X: calls.append(1) or transform(self, X)
    )
    contents, _ = merge_levels(model, rows, np.arange(400), model.labels_)
    assert len(contents["levels"]) == 4 and len(calls) == 1
    level = next(level for level in contents["levels"] if level["number"] == 7)
    labels = model.merge_to(7).predict(rows)
    shares = np.bincount(labels, minlength=7) / 400
    np.testing.assert_allclose(level["share"], shares, atol=1e-4)
