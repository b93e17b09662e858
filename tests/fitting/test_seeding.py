"""Seeding: initial mean directions drawn from the rows."""

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.seeding import distinct_rows, seed_means, spherical_kmeans_plusplus
from vmfmix.model.matrices import as_array

INITS = ["k-means++", "random_from_data", "random"]


@pytest.fixture(scope="module")
def planted():
    return make_vmf_mixture(2000, 50, 10, concentration=400.0, random_state=0)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("init", INITS)
def test_seed_means_are_reproducible_unit_rows(planted, init, container):
    engine = choose_engine(container(planted[0]))
    first, second, other = (
        as_array(seed_means(engine, 10, init, np.random.RandomState(seed))) for seed in (0, 0, 1)
    )
    assert first.shape == (10, 50)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, other)


def test_kmeans_plusplus_seeds_every_separate_cluster(planted):
    """Ten tight clusters: greedy k-means++ misses one only rarely, random rows nearly always."""
    X, y = planted
    found = [
        len(set(y[spherical_kmeans_plusplus(X, 10, rng=np.random.RandomState(seed))]))
        for seed in range(20)
    ]
    assert np.mean(found) > 9.7


def test_seed_means_skip_rows_of_weight_zero(planted):
    X, y = planted
    weight = (y != 3).astype(float)
    for init in INITS[:2]:
        means = seed_means(
            choose_engine(X, sample_weight=weight), 30, init, np.random.RandomState(0)
        )
        owner = (X @ means.T).argmax(axis=0)
        assert 3 not in y[owner]


def test_kmeans_plusplus_prefers_rows_of_large_weight():
    X = np.eye(4)
    chosen = [
        spherical_kmeans_plusplus(X, 1, weights=[1, 1, 1, 97], rng=np.random.RandomState(s))[0]
        for s in range(200)
    ]
    assert np.mean(np.array(chosen) == 3) > 0.9


def test_seed_means_ignore_order_and_copies_of_rows(planted):
    X = planted[0]
    shuffled = X[np.random.RandomState(5).permutation(len(X))]
    seeds = [
        seed_means(choose_engine(rows), 8, "k-means++", np.random.RandomState(0))
        for rows in (X, shuffled, np.repeat(X, 3, axis=0))
    ]
    np.testing.assert_array_equal(seeds[0], seeds[1])
    np.testing.assert_array_equal(seeds[0], seeds[2])


def test_seeding_accepts_fewer_distinct_rows_than_seeds():
    X = np.repeat(np.eye(2, 5), 10, axis=0)
    chosen = spherical_kmeans_plusplus(X, 6, rng=np.random.RandomState(0))
    assert len(set(chosen)) == 6
    for init in INITS:
        means = seed_means(choose_engine(X), 6, init, np.random.RandomState(0))
        assert means.shape == (6, 5)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distinct_rows_sums_the_weights_of_copies(planted, container, dtype):
    X = planted[0][:100].astype(dtype)
    weights = np.arange(1.0, 201.0)
    rows, summed, _ = distinct_rows(container(np.concatenate([X, X])), weights)
    assert rows.shape == (100, 50)
    assert summed.sum() == weights.sum()
    first = [np.flatnonzero((row == X).all(axis=1))[0] for row in as_array(rows)]
    assert sorted(first) == list(range(100))
    np.testing.assert_array_equal(summed, weights[:100][first] + weights[100:][first])


def test_distinct_rows_does_not_depend_on_the_order(planted):
    X = planted[0][:100]
    order = np.random.RandomState(1).permutation(100)
    rows, _, _ = distinct_rows(X, np.ones(100))
    reordered, _, _ = distinct_rows(X[order], np.ones(100))
    np.testing.assert_array_equal(rows, reordered)


def test_distinct_rows_merges_copies_that_differ_by_rounding(planted):
    X = planted[0][:100]
    scaled = 3.7 * X
    scaled /= np.linalg.norm(scaled, axis=1, keepdims=True)
    rows, weights, _ = distinct_rows(np.concatenate([X, scaled]), np.ones(200))
    assert len(rows) == 100
    assert (weights == 2.0).all()


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("init", INITS)
def test_given_means_come_first_and_only_the_others_are_drawn(planted, init, container):
    X, _ = planted
    engine, first = choose_engine(container(X)), np.eye(3, 50)
    means = as_array(seed_means(engine, 10, init, np.random.RandomState(0), first))
    assert means.shape == (10, 50)
    np.testing.assert_allclose(means[:3], first)
    assert not (means[3:] == 1.0).any()
    assert seed_means(engine, 3, init, np.random.RandomState(0), first) is first


def test_kmeans_plusplus_draws_rows_that_are_far_from_the_given_seeds(planted):
    """Seven tight clusters have a seed already; the three new seeds are in the three others."""
    X, y = planted
    first = np.stack([X[y == label][0] for label in range(7)])
    found = [
        set(y[spherical_kmeans_plusplus(X, 3, rng=np.random.RandomState(seed), first=first)])
        for seed in range(10)
    ]
    assert np.mean([len(labels & {7, 8, 9}) for labels in found]) > 2.6
