"""Containers and dtypes that `VMFMixture` accepts."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.metrics import clustering_accuracy


@pytest.mark.parametrize(
    "container", ["csr_array", "csr_matrix", "csc", "list", "fortran", "float16"]
)
def test_containers_give_same_labels(planted, model, container):
    X = planted[0]
    rows = {
        "csr_array": sp.csr_array(X),
        "csr_matrix": sp.csr_matrix(X),
        "csc": sp.csc_array(X),
        "list": X.tolist(),
        "fortran": np.asfortranarray(X),
        "float16": X.astype(np.float16),
    }[container]
    agreement = clustering_accuracy(model.labels_, VMFMixture(4, random_state=0).fit_predict(rows))
    assert agreement >= 0.995


def test_float32_is_preserved(planted):
    X = planted[0].astype(np.float32)
    model = VMFMixture(4, random_state=0).fit(X)
    assert model.transform(X).dtype == np.float32
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    for rows in (X[:1], X[5:50], X[::-1]):
        expected = model.transform(X)[:, 0]
        found = model.transform(rows)[:, 0]
        assert np.isin(np.round(found, 4), np.round(expected, 4)).mean() > 0.98
    np.testing.assert_array_equal(model.predict(X[::-1]), model.labels_[::-1])


def test_fit_accepts_torch_tensors(planted, model):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rows = torch.from_numpy(planted[0])
    np.testing.assert_array_equal(VMFMixture(4, random_state=0).fit_predict(rows), model.labels_)


def test_zero_rows_warn_once_and_are_ignored(planted):
    X = planted[0]
    with_zeros = np.vstack([X, np.zeros((5, 16))])
    with pytest.warns(UserWarning, match="5 of the 905 rows of X have no direction"):
        model = VMFMixture(4, random_state=0).fit(with_zeros)
    plain = VMFMixture(4, random_state=0).fit(X)
    np.testing.assert_array_equal(model.labels_[:900], plain.labels_)
    np.testing.assert_allclose(model.weights_, plain.weights_)
    assert (model.labels_ >= 0).all()
    assert (model.transform(with_zeros)[-5:] == 0).all()


def test_zero_rows_warn_in_predict_and_partial_fit(planted, model):
    with_zeros = np.vstack([planted[0][:20], np.zeros((2, 16))])
    message = "2 of the 22 rows of X have no direction .*labels are meaningless"
    for rows in (with_zeros, sp.csr_array(with_zeros), lambda: iter([with_zeros])):
        with pytest.warns(UserWarning, match=message):
            model.predict(rows)
    with pytest.warns(UserWarning, match=message):
        VMFMixture(4, random_state=0).fit(planted[0]).partial_fit(with_zeros)


def test_row_lengths_do_not_matter(planted, model):
    X = planted[0]
    lengths = np.random.RandomState(0).uniform(0.01, 100, (len(X), 1))
    np.testing.assert_array_equal(
        VMFMixture(4, random_state=0).fit_predict(lengths * X), model.labels_
    )


def test_float16_is_validated_without_full_copy():
    X = make_vmf_mixture(20_000, 64, 3, dtype=np.float32, random_state=0)[0].astype(np.float16)
    model = VMFMixture(3, merge=None, random_state=0).fit(X)
    tracemalloc.start()
    model._validate_rows(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < X.size / 2
    X[15_000, 3] = np.inf
    with pytest.raises(ValueError, match="Input X contains infinity"):
        model.fit(X)


def test_fit_rejects_sparse_indices_out_of_range():
    """scipy does not check indices on construction, and the kernels would write out of bounds."""
    wide = sp.random_array((300, 1000), density=0.02, format="csr", random_state=0)
    narrow = sp.csr_array((wide.data, wide.indices, wide.indptr), shape=(300, 800))
    with pytest.raises(ValueError, match=r"ind(ex|ices)"):
        VMFMixture(5, random_state=0).fit(narrow)
    model = VMFMixture(5, random_state=0).fit(wide[:, :800])
    with pytest.raises(ValueError, match=r"ind(ex|ices)"):
        model.predict(narrow)
