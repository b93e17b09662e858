"""The parameter `center` of `VMFMixture`."""

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix import NeighborSmoother, VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.metrics import clustering_accuracy


def test_center_removes_common_direction():
    """Clusters are found although a strong common direction hides their differences."""
    X, y = make_vmf_mixture(1500, 64, 5, concentration=200.0, random_state=0)
    X = X + 12.0 * np.eye(1, 64)
    plain = VMFMixture(5, random_state=0).fit(X)
    centered = VMFMixture(5, center=True, random_state=0).fit(X)
    assert plain.score(X) != centered.score(X)
    assert clustering_accuracy(y, centered.labels_) > 0.99
    rows = X / np.linalg.norm(X, axis=1, keepdims=True)
    np.testing.assert_allclose(centered.center_, rows.mean(axis=0), atol=1e-10)
    moved = rows - centered.center_
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    np.testing.assert_allclose(centered.transform(X), moved @ centered.means_.T, atol=1e-9)
    np.testing.assert_array_equal(centered.predict(X), centered.labels_)
    with pytest.raises(ValueError, match="center=True needs dense rows"):
        VMFMixture(5, center=True).fit(sp.csr_array(X))


@pytest.mark.parametrize("spread", [0.1, 0.01, 0.001])
def test_center_is_exact_for_rows_in_narrow_cone(spread):
    """Rows close to their common mean give the same clusters in float32 as in float64."""
    X, _ = make_vmf_mixture(2000, 64, 5, random_state=0)
    X = (np.eye(1, 64) + spread * X).astype(np.float32)
    single = VMFMixture(5, center=True, random_state=0).fit(X)
    double = VMFMixture(5, center=True, random_state=0).fit(X.astype(np.float64))
    assert clustering_accuracy(double.labels_, single.labels_) > 0.995
    np.testing.assert_allclose(
        np.sort(single.concentrations_), np.sort(double.concentrations_), rtol=1e-2
    )
    np.testing.assert_array_equal(single.predict(X), single.labels_)
    one_by_one = [single.score_samples(X[i : i + 1])[0] for i in range(50)]
    np.testing.assert_allclose(single.score_samples(X)[:50], one_by_one, atol=2e-3)


def test_sparse_rows_are_refused_by_every_method_of_a_centered_model():
    X, _ = make_vmf_mixture(100, 8, 2, concentration=50.0, random_state=0)
    rows = sp.csr_array(X)
    blocks = lambda: iter([rows[:50], rows[50:]])  # noqa: E731
    message = r"center=True needs dense rows, and X is sparse; pass X\.toarray"
    model = VMFMixture(2, center=True, random_state=0)
    for sparse in (rows, blocks):
        with pytest.raises(ValueError, match=message):
            model.fit(sparse)
    model.fit(X)
    names = ("predict", "predict_proba", "transform", "score_samples", "score", "bic", "aic", "icl")
    for name in names:
        for sparse in (rows, blocks):
            with pytest.raises(ValueError, match=message):
                getattr(model, name)(sparse)
    for method in (model.fit, model.partial_fit, lambda X: model.merge_to(2, X)):
        with pytest.raises(ValueError, match=message):
            method(rows)
    smoother = NeighborSmoother(restart=0.1).fit(X)
    with pytest.raises(ValueError, match=message):
        smoother.transform(rows)
