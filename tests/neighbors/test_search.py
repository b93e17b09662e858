"""The search for nearest neighbors by angle."""

import importlib.util

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix.datasets import make_vmf_mixture
from vmfmix.neighbors import nearest_neighbors
from vmfmix.neighbors import search as search_module


def brute_force(rows, n_neighbors, queries=None):
    """Return rows and cosines of the nearest neighbors in float64."""
    cosines = (rows if queries is None else queries) @ rows.T
    if queries is None:
        np.fill_diagonal(cosines, -2)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :n_neighbors]
    return nearest, np.take_along_axis(cosines, nearest, axis=1)


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(1300, 20, 5, concentration=60.0, random_state=0)[0]


@pytest.fixture(scope="module")
def queries():
    return make_vmf_mixture(70, 20, 5, concentration=60.0, random_state=1)[0]


def assert_finds_nearest(found, expected):
    nearest, cosines = expected
    np.testing.assert_allclose(found.cosines, cosines, atol=2e-6)
    assert (found.rows == nearest).mean() > 0.999  # rounding may exchange two of equal cosine
    assert found.rows.dtype == np.int32 and found.cosines.dtype == np.float32


@pytest.mark.parametrize("n_neighbors", [1, 7, 40])
@pytest.mark.parametrize(("block", "tile"), [(512, 4096), (64, 50), (1, 7)])
def test_exact_search_finds_what_brute_force_finds(rows, n_neighbors, block, tile, monkeypatch):
    monkeypatch.setattr(search_module, "_QUERIES_PER_BLOCK", block)
    monkeypatch.setattr(search_module, "_ROWS_PER_TILE", tile)
    assert_finds_nearest(nearest_neighbors(rows, n_neighbors), brute_force(rows, n_neighbors))


def test_queries_may_be_other_rows(rows, queries):
    found = nearest_neighbors(rows, 9, queries=queries)
    assert_finds_nearest(found, brute_force(rows, 9, queries))


def test_rows_given_as_queries_are_their_own_neighbors(rows):
    found = nearest_neighbors(rows, 3, queries=rows)
    np.testing.assert_array_equal(found.rows[:, 0], np.arange(len(rows)))


@pytest.mark.parametrize("cosines_per_block", [2**23, 5000])
def test_sparse_rows(rows, queries, cosines_per_block, monkeypatch):
    monkeypatch.setattr(search_module, "_SPARSE_COSINES_PER_BLOCK", cosines_per_block)
    few = [np.where(np.abs(each) < 0.2, 0, each) for each in (rows, queries)]
    few = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in few]
    found = nearest_neighbors(sp.csr_array(few[0]), 5)
    assert_finds_nearest(found, brute_force(few[0], 5))
    found = nearest_neighbors(sp.csr_array(few[0]), 5, queries=sp.csr_array(few[1]))
    assert_finds_nearest(found, brute_force(few[0], 5, few[1]))


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_precision_and_memory_order(rows, dtype, order):
    rows = rows.astype(dtype, order=order)
    expected = brute_force(rows.astype(np.float64), 5)
    np.testing.assert_allclose(nearest_neighbors(rows, 5).cosines, expected[1], atol=2e-6)


def test_number_of_threads_does_not_matter(rows):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    found = nearest_neighbors(rows, 5)
    with threadpoolctl.threadpool_limits(1):
        alone = nearest_neighbors(rows, 5)
    np.testing.assert_array_equal(found.rows, alone.rows)


@pytest.mark.parametrize("cosines_per_block", [2**26, 3000])
def test_search_on_a_device(rows, queries, cosines_per_block, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(search_module, "_DEVICE_COSINES_PER_BLOCK", cosines_per_block)
    assert_finds_nearest(nearest_neighbors(rows, 5, device="cpu"), brute_force(rows, 5))
    found = nearest_neighbors(rows, 5, queries=queries, device="cpu")
    assert_finds_nearest(found, brute_force(rows, 5, queries))


@pytest.fixture(scope="module")
def flat():
    """Return rows that scatter in few directions, as embeddings do."""
    rng = np.random.RandomState(0)
    scatter = rng.standard_normal((3000, 4)) @ rng.standard_normal((4, 20))
    rows = rng.standard_normal((8, 20))[rng.randint(8, size=3000)] + 0.3 * scatter
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.slow
def test_approximate_search_finds_nearly_all_neighbors(flat):
    pytest.importorskip("pynndescent")
    found = nearest_neighbors(flat, 10, approximate=True)
    nearest, _ = brute_force(flat, 10)
    assert np.mean([np.isin(*pair).mean() for pair in zip(nearest, found.rows)]) > 0.9
    assert (found.rows != np.arange(len(flat))[:, np.newaxis]).all()
    assert (np.diff(found.cosines, axis=1) <= 0).all()
    np.testing.assert_allclose(
        found.cosines[:, 3], (flat * flat[found.rows[:, 3]]).sum(axis=1), atol=1e-5
    )
    again = nearest_neighbors(flat, 10, approximate=True)
    np.testing.assert_array_equal(found.rows, again.rows)


@pytest.mark.slow
def test_approximate_search_among_few_rows(flat, monkeypatch):
    pytest.importorskip("pynndescent")
    monkeypatch.setattr(search_module, "_FEWEST_ROWS_TO_APPROXIMATE", 0)
    found = nearest_neighbors(flat[:40], 30, approximate=True)
    assert found.rows.min() >= 0 and np.isfinite(found.cosines).all()


def test_neighbors_that_were_not_found_are_replaced_by_the_last_one_found():
    rows = np.array([[3, 1, -1], [2, 0, 4]], np.int32)
    cosines = np.array([[0.9, 0.8, -np.inf], [0.9, 0.8, 0.7]], np.float32)
    search_module._repeat_last(rows, cosines)
    np.testing.assert_array_equal(rows, [[3, 1, 1], [2, 0, 4]])
    np.testing.assert_allclose(cosines, [[0.9, 0.8, 0.8], [0.9, 0.8, 0.7]])


@pytest.mark.skipif(importlib.util.find_spec("pynndescent") is not None, reason="is installed")
def test_approximate_search_without_its_package_says_what_to_install(rows):
    with pytest.raises(ImportError, match=r"needs pynndescent; run pip install .*neighbors"):
        nearest_neighbors(rows, 3, approximate=True)
