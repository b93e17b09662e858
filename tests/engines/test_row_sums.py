"""Sums of the rows with the same number."""

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix.engines import row_sums
from vmfmix.engines.choice import choose_engine, prepare_rows
from vmfmix.engines.row_sums import sums_by_number

KINDS = {
    "dense": np.asarray,
    "sparse": sp.csr_matrix,
    "tensor": lambda X: pytest.importorskip("torch").as_tensor(X),
    "blocks": lambda X: lambda: iter([X[:3], X[3:]]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("entries", [2**25, 8])  # of a part: all rows, or two of them
def test_sums_are_those_of_the_unit_rows_with_each_number(kind, entries, monkeypatch):
    monkeypatch.setattr(row_sums, "_ENTRIES_PER_PART", entries)
    X = np.random.RandomState(0).standard_normal((10, 4))
    X[4] = 0.0  # has no direction
    numbers = np.array([0, 2, -1, 2, 2, 0, 3, -1, 0, 3])
    weights = np.array([1.0, 2, 3, 4, 5, 0, 1, 1, 1, 2])
    engine = choose_engine(prepare_rows(KINDS[kind](X)), sample_weight=weights)
    sums = sums_by_number(engine, numbers, 4)
    unit = X / np.where((lengths := np.linalg.norm(X, axis=1)) > 0, lengths, 1.0)[:, np.newaxis]
    expected = [weights[numbers == k] @ unit[numbers == k] for k in range(4)]
    resultants = sums.resultants.toarray() if sp.issparse(sums.resultants) else sums.resultants
    np.testing.assert_allclose(resultants, expected, atol=1e-6)
    np.testing.assert_allclose(sums.counts, [2.0, 0.0, 6.0, 3.0])
    assert sums.weight == 11.0


def test_rows_are_shifted_by_the_center_before_they_are_added():
    X, center = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0.0, 0.5])
    sums = sums_by_number(choose_engine(X, center=center), np.array([0, 1]), 2)
    np.testing.assert_allclose(sums.resultants, [[0.8**0.5, -(0.2**0.5)], [0, 1]], atol=1e-12)


def test_sums_are_zero_if_no_row_has_a_number():
    sums = sums_by_number(choose_engine(np.eye(2)), np.array([-1, -1]), 3)
    assert sums.resultants.shape == (3, 2) and not sums.resultants.any() and sums.weight == 0.0
