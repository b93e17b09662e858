"""Sufficient statistics, the M step and the prior of the concentrations."""

import numpy as np
import pytest

from vmfmix import distribution
from vmfmix.datasets import make_vmf_mixture
from vmfmix.model.statistics import (
    ConcentrationPrior,
    MixtureParameters,
    SufficientStatistics,
    maximize,
    pooled_concentration,
    pooled_resultant_length,
)


def statistics_of(X, labels, weight=None):
    """Return the statistics of rows that each belong to one component."""
    weight = np.ones(len(X)) if weight is None else weight
    r = np.eye(labels.max() + 1)[labels]
    return SufficientStatistics(
        counts=weight @ r,
        resultants=(r * weight[:, np.newaxis]).T @ X,
        log_likelihood=0.0,
        weight=float(weight.sum()),
    )


def assert_equal(left, right):
    for a, b in zip(vars(left).values(), vars(right).values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.fixture
def rows():
    return make_vmf_mixture(600, 12, 4, concentration=20.0, random_state=0)


def test_statistics_of_disjoint_rows_add_up(rows):
    X, y = rows
    assert_equal(
        statistics_of(X[:200], y[:200]) + statistics_of(X[200:], y[200:]), statistics_of(X, y)
    )


def test_scaled_equals_repeated_rows(rows):
    X, y = rows
    repeated = statistics_of(np.repeat(X, 3, axis=0), np.repeat(y, 3))
    assert_equal(statistics_of(X, y).scaled(3), repeated)


def test_merged_equals_merging_the_rows(rows):
    X, y = rows
    groups = np.array([0, 1, 0, 1])
    assert_equal(statistics_of(X, y).merged(groups), statistics_of(X, groups[y]))


def test_selected_keeps_the_chosen_components(rows):
    X, y = rows
    chosen = statistics_of(X, y).selected(np.array([2, 0]))
    assert_equal(chosen, statistics_of(X, y).selected([2, 0]))
    np.testing.assert_array_equal(chosen.counts, np.bincount(y)[[2, 0]])


def test_maximize_matches_the_closed_forms(rows):
    X, y = rows
    statistics = statistics_of(X, y)
    parameters = maximize(statistics)
    sums = np.array([X[y == k].sum(axis=0) for k in range(4)])
    lengths = np.linalg.norm(sums, axis=1)
    np.testing.assert_allclose(parameters.weights, np.bincount(y) / len(y))
    np.testing.assert_allclose(parameters.means, sums / lengths[:, np.newaxis])
    np.testing.assert_allclose(
        distribution.mean_resultant_length(parameters.concentrations, 12), lengths.sum() / len(X)
    )


def test_maximize_keeps_a_fixed_concentration(rows):
    assert (maximize(statistics_of(*rows), concentration=7.5).concentrations == 7.5).all()


@pytest.mark.parametrize("factor", [0.9, 0.99, 1.01, 1.1])
@pytest.mark.parametrize("concentration", ["tied", "free"])
def test_maximize_finds_the_optimal_concentration(rows, factor, concentration):
    """The M step maximizes the likelihood, times the prior if concentrations are free."""
    statistics = statistics_of(*rows)
    prior = ConcentrationPrior(0.6)
    lengths = np.linalg.norm(statistics.resultants, axis=1)

    def phi(kappa):
        return -distribution.log_normalizer(kappa, 12, relative_to="uniform")

    def objective(kappa):
        if concentration == "tied":
            return (kappa * lengths - statistics.counts * phi(kappa)).sum()
        likelihoods = kappa * lengths - statistics.counts * phi(kappa)
        return (likelihoods + prior.log_density(kappa, 12)).sum()

    best = maximize(statistics, concentration=concentration, prior=prior).concentrations
    assert objective(best) > objective(best * factor)


@pytest.mark.parametrize(
    ("dim", "kappa", "n", "bias"),
    [(384, 200.0, 5, 0.1), (384, 400.0, 10, 0.03), (64, 64.0, 3, 0.1), (3072, 900.0, 10, 0.12)],
)
def test_free_concentrations_are_nearly_unbiased_where_the_plain_estimate_is_not(
    dim, kappa, n, bias
):
    rng = np.random.default_rng(0)
    clusters = 100
    mean = np.eye(1, dim)[0]
    X = np.concatenate([distribution.sample(mean, kappa, n, rng=rng) for _ in range(clusters)])
    statistics = statistics_of(X, np.repeat(np.arange(clusters), n))
    prior = ConcentrationPrior.pooled(statistics)
    pooled = distribution.concentration(prior.mean_resultant_length, dim)
    plain = maximize(statistics).concentrations[0]
    free = maximize(statistics, concentration="free", prior=prior).concentrations
    assert abs(pooled / kappa - 1) < 0.03
    assert plain / kappa - 1 > 4 * bias
    assert abs(free.mean() / kappa - 1) < bias


def test_pooled_prior_is_near_zero_for_uniform_rows():
    X = distribution.sample(np.eye(1, 200)[0], 0.0, 3000, rng=0)
    prior = ConcentrationPrior.pooled(statistics_of(X, np.arange(3000) % 300))
    assert distribution.concentration(prior.mean_resultant_length, 200) < 5
    assert maximize(statistics_of(X, np.arange(3000) % 300)).concentrations[0] > 50


@pytest.mark.parametrize("size", [1, 2, 40, 10_000])
def test_maximize_gives_identical_rows_a_finite_concentration(size):
    statistics = statistics_of(np.eye(1, 64).repeat(size, axis=0), np.zeros(size, int))
    prior = ConcentrationPrior(0.5)
    (free,) = maximize(statistics, concentration="free", prior=prior).concentrations
    most = distribution.concentration((size + 1.0) / (size + 2.0), 64)
    assert distribution.concentration(0.25, 64) * (1 - 1e-12) <= free <= most
    assert np.isfinite(maximize(statistics).concentrations).all()


def test_maximize_gives_unit_means_for_rows_that_cancel():
    X = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    statistics = statistics_of(X, np.zeros(2, int))
    for concentration in ("tied", "free"):
        parameters = maximize(
            statistics, concentration=concentration, prior=ConcentrationPrior(0.3)
        )
        assert np.linalg.norm(parameters.means[0]) == 1
        assert np.isfinite(parameters.concentrations).all()


def test_maximize_keeps_the_background_at_concentration_zero(rows):
    X, y = rows
    statistics = statistics_of(X, y)
    for concentration in ("tied", "free", 9.0):
        parameters = maximize(
            statistics,
            concentration=concentration,
            prior=ConcentrationPrior(0.5),
            has_background=True,
        )
        assert parameters.concentrations[-1] == 0
        assert (parameters.concentrations[:-1] > 0).all()
    own = maximize(statistics.selected(slice(None, -1))).concentrations[0]
    tied = maximize(statistics, has_background=True).concentrations[0]
    assert tied == pytest.approx(own)


def test_pooled_prior_matches_the_concentration_of_rows(rows):
    prior = ConcentrationPrior.pooled(statistics_of(*rows))
    assert distribution.concentration(prior.mean_resultant_length, 12) == pytest.approx(20, rel=0.1)


@pytest.mark.parametrize("length", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_log_density_of_prior_is_zero_without_rows(length):
    """The prior density is relative to its maximum, which a component without rows attains."""
    prior = ConcentrationPrior(length)
    empty = prior.concentrations(np.zeros(1), np.zeros(1), 12)
    assert prior.log_density(empty, 12) == pytest.approx(0, abs=1e-9)
    assert (prior.log_density(np.geomspace(1e-3, 1e6, 50), 12) <= 1e-9).all()


def test_pooled_prior_without_pairs_matches_a_tied_fit(rows):
    X, _ = rows
    alone = ConcentrationPrior.pooled(statistics_of(X[:50], np.arange(50)))
    assert alone.mean_resultant_length == pytest.approx(1.0)


def test_maximize_needs_a_prior_for_free_concentrations(rows):
    with pytest.raises(ValueError, match="pass a ConcentrationPrior"):
        maximize(statistics_of(*rows), concentration="free")


def test_pooled_resultant_length_matches_values_by_hand():
    counts = np.array([5.0, 15.0])
    assert pooled_resultant_length(counts, np.array([4.0, 8.0])) == pytest.approx(0.6)
    assert pooled_resultant_length(counts, counts) == 1.0 - 1e-12
    assert pooled_resultant_length(counts, counts, largest=1.0) == 1.0
    assert pooled_resultant_length(np.zeros(2), np.zeros(2)) == 0.0


def test_pooled_concentration_inverts_the_mean_resultant_length():
    """In three dimensions A(κ) = coth κ − 1/κ."""
    length = 1 / np.tanh(2.0) - 1 / 2.0
    counts = np.array([5.0, 15.0])
    assert pooled_concentration(counts, length * counts, 3) == pytest.approx(2.0)


@pytest.fixture
def mixture():
    """Return two components and a background."""
    return MixtureParameters(
        np.array([0.2, 0.3, 0.5]), np.eye(3), np.array([5.0, 7.0, 0.0]), has_background=True
    )


def test_own_components_exclude_the_background(mixture):
    np.testing.assert_array_equal(mixture.weights[mixture.own], [0.2, 0.3])
    assert len(MixtureParameters.nearest(np.eye(3)).weights[mixture.own]) == 2


def test_with_concentration_keeps_the_background_uniform(mixture):
    np.testing.assert_array_equal(mixture.with_concentration(9.0).concentrations, [9.0, 9.0, 0.0])
    np.testing.assert_array_equal(mixture.concentrations, [5.0, 7.0, 0.0])


def test_selected_parameters_have_weights_that_sum_to_one(mixture):
    selected = mixture.selected(np.array([True, False, True]))
    np.testing.assert_allclose(selected.weights, [2 / 7, 5 / 7])
    np.testing.assert_array_equal(selected.means, np.eye(3)[[0, 2]])
    np.testing.assert_array_equal(selected.concentrations, [5.0, 0.0])
    assert selected.has_background


def test_natural_and_offsets_give_the_log_joint(mixture):
    x = np.array([0.6, 0.0, 0.8])
    log_normalizer = distribution.log_normalizer(mixture.concentrations, 3)
    expected = np.log(mixture.weights) + log_normalizer + mixture.concentrations * x
    found = mixture.natural @ x + mixture.offsets + distribution.log_normalizer(0.0, 3)
    np.testing.assert_allclose(found, expected)


def test_offset_of_an_empty_background_is_minus_infinity():
    empty = MixtureParameters(
        np.array([1.0, 0.0]), np.eye(2), np.array([5.0, 0.0]), has_background=True
    )
    assert empty.offsets[-1] == -np.inf
    assert np.isfinite(empty.offsets[0])
