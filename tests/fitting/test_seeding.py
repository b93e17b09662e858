"""Where EM starts."""

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.seeding import seed_means, spherical_kmeans_plusplus
from vmfmix.fitting.start import initial_parameters
from vmfmix.model.matrices import as_array

INITS = ["k-means++", "random_from_data", "random"]


@pytest.fixture(scope="module")
def planted():
    return make_vmf_mixture(2000, 50, 10, concentration=400.0, random_state=0)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("init", INITS)
def test_seeds_are_unit_rows_and_repeat_with_the_random_state(planted, init, container):
    engine = choose_engine(container(planted[0]))
    first, again, other = (
        as_array(seed_means(engine, 10, init, np.random.RandomState(seed))) for seed in (0, 0, 1)
    )
    assert first.shape == (10, 50)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_kmeans_plusplus_seeds_every_separate_cluster(planted):
    """Ten tight clusters: greedy k-means++ misses one only rarely, random rows nearly always."""
    X, y = planted
    found = [
        len(set(y[spherical_kmeans_plusplus(X, 10, rng=np.random.RandomState(seed))]))
        for seed in range(20)
    ]
    assert np.mean(found) > 9.7


def test_seeds_of_weight_zero_are_never_chosen(planted):
    X, y = planted
    weight = (y != 3).astype(float)
    for init in INITS[:2]:
        means = seed_means(
            choose_engine(X, sample_weight=weight), 30, init, np.random.RandomState(0)
        )
        owner = (X @ means.T).argmax(axis=0)
        assert 3 not in y[owner]


def test_weights_decide_which_rows_are_seeds():
    X = np.eye(4)
    chosen = [
        spherical_kmeans_plusplus(X, 1, weights=[1, 1, 1, 97], rng=np.random.RandomState(s))[0]
        for s in range(200)
    ]
    assert np.mean(np.array(chosen) == 3) > 0.9


def test_seeds_depend_neither_on_the_order_nor_on_copies_of_rows(planted):
    X = planted[0]
    shuffled = X[np.random.RandomState(5).permutation(len(X))]
    seeds = [
        seed_means(choose_engine(rows), 8, "k-means++", np.random.RandomState(0))
        for rows in (X, shuffled, np.repeat(X, 3, axis=0))
    ]
    np.testing.assert_array_equal(seeds[0], seeds[1])
    np.testing.assert_array_equal(seeds[0], seeds[2])


def test_fewer_distinct_rows_than_seeds():
    X = np.repeat(np.eye(2, 5), 10, axis=0)
    chosen = spherical_kmeans_plusplus(X, 6, rng=np.random.RandomState(0))
    assert len(set(chosen)) == 6
    for init in INITS:
        means = seed_means(choose_engine(X), 6, init, np.random.RandomState(0))
        assert means.shape == (6, 5)


def test_what_is_given_is_kept_and_the_rest_estimated(planted):
    X, y = planted
    engine = choose_engine(X)
    means = np.array([X[y == k].mean(axis=0) for k in range(10)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    estimated = initial_parameters(engine, means)
    np.testing.assert_allclose(estimated.weights, np.bincount(y) / len(y), atol=1e-3)
    np.testing.assert_allclose(estimated.concentrations, 400.0, rtol=0.05)
    given = initial_parameters(
        engine, means, weights=np.full(10, 0.1), concentrations=np.arange(10.0)
    )
    np.testing.assert_array_equal(given.means, means)
    np.testing.assert_allclose(given.weights, 0.1)
    np.testing.assert_array_equal(given.concentrations, np.arange(10.0))
    fixed = initial_parameters(engine, means, concentration=55.0)
    assert (fixed.concentrations == 55.0).all()


def test_a_background_starts_with_its_share(planted):
    engine = choose_engine(planted[0])
    means = seed_means(engine, 4, "k-means++", np.random.RandomState(0))
    parameters = initial_parameters(engine, means, has_background=True)
    assert parameters.has_background
    assert parameters.concentrations[-1] == 0
    assert parameters.weights[-1] == pytest.approx(0.01 / 1.01)
    assert parameters.weights.sum() == pytest.approx(1)
