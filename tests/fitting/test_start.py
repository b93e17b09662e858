"""The start of EM: merging on a sample, and initial parameters."""

import numpy as np
import pytest

from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.seeding import distinct_rows, seed_means
from vmfmix.fitting.start import initial_parameters, measure_isotropy, merged_start
from vmfmix.merging.isotropy import isotropy
from vmfmix.model.statistics import maximize


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(1500, 16, 5, concentration=60.0, random_state=0)[0]


def start_of(engine, n_components, seed=0, **options):
    return merged_start(engine, n_components, rng=np.random.RandomState(seed), **options)


@pytest.mark.parametrize(
    ("n_components", "n_rows", "expected"),
    [
        ("auto", 1500, 187),  # an eighth
        ("auto", 100, 20),  # few rows: half of them, at most 20
        ("auto", 30, 15),
        ("auto", 1, 1),
        (1, 1500, 1),
        (5, 1500, 50),  # enough rows for the minimum
        (5, 600, 30),  # a twentieth of the rows
        (40, 1500, 120),  # three times as many
        (5, 30, 15),
        (20, 30, 20),  # never fewer than n_components
    ],
)
def test_merged_start_begins_with_default_number_of_components(
    rows, n_components, n_rows, expected
):
    start = start_of(choose_engine(rows[:n_rows]), n_components)
    assert start.partitions[0].n_components == expected
    if n_components != "auto":
        assert start.n_components == start.partitions[-1].n_components == n_components


def test_merged_start_uses_a_sample_of_many_rows():
    rows = make_vmf_mixture(13_000, 4, 3, concentration=60.0, random_state=0)[0]
    start = start_of(choose_engine(rows), 3)
    assert len(start.partitions[-1].labels) == 12_000
    many = start_of(choose_engine(rows), 3, n_components_init=650)
    assert len(many.partitions[-1].labels) == 13_000  # 20 for each component


@pytest.mark.slow
def test_merged_start_ignores_copies_and_order_of_rows(rows):
    order = np.random.RandomState(1).permutation(len(rows))
    one = start_of(choose_engine(rows), "auto")
    five = start_of(choose_engine(np.repeat(rows, 5, axis=0)), "auto")
    other = start_of(choose_engine(rows[order]), "auto")
    for start in (five, other):
        assert start.n_components == one.n_components == 5
        assert start.selection == one.selection
        np.testing.assert_array_equal(start.statistics.counts, one.statistics.counts)
    assert (one.scale, five.scale) == (1.0, 5.0)
    # More rows than the sample: copies are drawn unequally, and the number is still the same.
    assert start_of(choose_engine(np.repeat(rows, 10, axis=0)), "auto").n_components == 5


def test_merged_start_uses_sample_weight(rows):
    weight = np.where(rows[:, 0] > 0, 3.0, 1.0)
    start = start_of(choose_engine(rows, sample_weight=weight), 5)
    total = start.statistics.resultants.sum(axis=0) * start.scale
    np.testing.assert_allclose(total, weight @ rows, rtol=1e-9)
    without = start_of(choose_engine(rows, sample_weight=np.where(rows[:, 0] > 0, 1.0, 0.0)), 5)
    assert len(without.partitions[-1].labels) == (rows[:, 0] > 0).sum()


def test_merged_start_statistics_have_the_chosen_number(rows):
    start = start_of(choose_engine(rows), "auto")
    assert len(start.statistics.counts) == start.n_components == 5
    assert start.statistics.counts.sum() == 1500
    assert start.selection.scores[5] == max(start.selection.scores.values())


def test_merged_start_labels_only_the_last_partition_for_known_number(rows):
    start = start_of(choose_engine(rows), 5)
    assert all(partition.labels is None for partition in start.partitions[:-1])
    counts = np.bincount(start.partitions[-1].labels)
    np.testing.assert_array_equal(counts, start.partitions[-1].statistics.counts)


def test_merged_start_isotropy_matches_direct_estimate(rows):
    engine = choose_engine(rows)
    start = start_of(engine, 5)
    ordered, _, _ = distinct_rows(rows, np.ones(len(rows)))  # in the order of the path
    direct = isotropy(ordered, start.partitions[-1].labels, np.random.RandomState(0))
    assert start.isotropy == pytest.approx(direct, abs=0.05)
    parameters = maximize(start.statistics)
    measured = measure_isotropy(engine, parameters, np.random.RandomState(0))
    assert measured == pytest.approx(direct, abs=0.05)


@pytest.fixture(scope="module")
def planted():
    return make_vmf_mixture(2000, 50, 10, concentration=400.0, random_state=0)


def test_initial_parameters_keep_given_values_and_estimate_the_rest(planted):
    X, y = planted
    engine = choose_engine(X)
    means = np.array([X[y == k].mean(axis=0) for k in range(10)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    estimated = initial_parameters(engine, means)
    np.testing.assert_allclose(estimated.weights, np.bincount(y) / len(y), atol=1e-3)
    np.testing.assert_allclose(estimated.concentrations, 400.0, rtol=0.05)
    complete = initial_parameters(
        engine, means, weights=np.full(10, 0.1), concentrations=np.arange(10.0)
    )
    np.testing.assert_array_equal(complete.means, means)
    np.testing.assert_allclose(complete.weights, 0.1)
    np.testing.assert_array_equal(complete.concentrations, np.arange(10.0))
    fixed = initial_parameters(engine, means, concentration=55.0)
    assert (fixed.concentrations == 55.0).all()


def test_initial_parameters_give_the_background_a_small_weight(planted):
    engine = choose_engine(planted[0])
    means = seed_means(engine, 4, "k-means++", np.random.RandomState(0))
    parameters = initial_parameters(engine, means, has_background=True)
    assert parameters.has_background
    assert parameters.concentrations[-1] == 0
    assert parameters.weights[-1] == pytest.approx(0.01 / 1.01)
    assert parameters.weights.sum() == pytest.approx(1)
