"""Candidates kept from one pass change the speed of the next only."""

from dataclasses import replace

import numpy as np
import pytest

from tests.engines.test_cpu import TOLERANCE, assert_same_statistics, use_general_kernels
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines import bfloat16, candidates
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.seeding import seed_means
from vmfmix.fitting.start import initial_parameters
from vmfmix.model.statistics import ConcentrationPrior, MixtureParameters, maximize


@pytest.fixture(autouse=True)
def always_use_candidates(monkeypatch):
    """Use candidates wherever it is possible, whether or not it saves work."""
    use_general_kernels(monkeypatch)
    monkeypatch.setattr(candidates, "_FEWEST_PRODUCTS_PER_ROW", 0)
    monkeypatch.setattr(candidates, "_LARGEST_COST", np.inf)
    monkeypatch.setattr(candidates, "_LARGEST_COST_WITH_APPROXIMATE_SCORES", np.inf)


@pytest.fixture
def plans(monkeypatch):
    """Return a list of the plans of all passes: the number of movers, or None."""
    made = []
    original = candidates.CandidateCache.plan

    def recorded(self, *arguments, **options):
        drift = original(self, *arguments, **options)
        made.append(None if drift is None else len(drift.movers))
        return drift

    monkeypatch.setattr(candidates.CandidateCache, "plan", recorded)
    return made


def rows(n_features=24, n_components=80, concentration=150.0):
    X, _ = make_vmf_mixture(
        4000, n_features, n_components, concentration=concentration, random_state=0
    )
    return X * np.random.default_rng(0).uniform(0.1, 10.0, size=(len(X), 1))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_approximate", [False, True])
@pytest.mark.parametrize(
    "kind",
    ["tied", "free", "hard", "centered", "weighted", "overlapping", "background", "nearest mean"],
)
def test_passes_of_a_fit_equal_those_of_fresh_engines(
    monkeypatch, plans, dtype, is_approximate, kind
):
    if is_approximate:
        pytest.importorskip("torch")
    monkeypatch.setattr(bfloat16, "is_worthwhile", lambda *size: is_approximate)
    X = rows(concentration=20.0 if kind == "overlapping" else 150.0).astype(dtype)
    X[::100] = 0
    options = {
        "center": np.full(24, 0.05) if kind == "centered" else None,
        "sample_weight": np.arange(len(X)) % 3.0 if kind == "weighted" else None,
    }
    engine = choose_engine(X, **options)
    means = seed_means(engine, 80, "random_from_data", np.random.RandomState(0))
    has_background = kind == "background"
    parameters = initial_parameters(engine, means, has_background=has_background)
    hard = kind in ("hard", "nearest mean")
    for _ in range(12):
        if kind == "nearest mean":
            parameters = MixtureParameters.nearest(parameters.means).with_concentration(150.0)
        found = engine.accumulate(parameters, hard=hard)
        expected = choose_engine(X, **options).accumulate(
            parameters, hard=hard
        )  # has no candidates
        assert_same_statistics(found, expected, TOLERANCE[dtype])
        found = found.selected((found.counts > 1e-9) | (found.counts == found.counts[-1]))
        prior = ConcentrationPrior.pooled(found) if kind == "free" else None
        parameters = maximize(
            found,
            concentration="free" if prior else "tied",
            prior=prior,
            has_background=has_background,
        )
    if kind != "overlapping":  # where rows have more candidates than places
        assert len([plan for plan in plans if plan is not None]) > 2


def test_passes_of_different_kinds_may_alternate(plans):
    X = rows().astype(np.float32)
    engine = choose_engine(X)
    parameters = initial_parameters(
        engine, seed_means(engine, 80, "k-means++", np.random.RandomState(0))
    )
    without_three = parameters.weights * (np.arange(80) > 2)
    kinds = {
        "soft": (parameters, False),
        "hard": (parameters, True),
        "nearest": (parameters.with_concentration(90.0), True),
        # So sharp that float32 rows are computed in float64.
        "sharp": (parameters.with_concentration(1e5), False),
        "without some": (replace(parameters, weights=without_three / without_three.sum()), False),
    }
    for kind in (*kinds, *reversed(kinds), "soft", "sharp", "soft", "nearest", "without some"):
        mixture, hard = kinds[kind]
        expected = choose_engine(X).accumulate(mixture, hard=hard)
        for _ in range(3):
            found = engine.accumulate(mixture, hard=hard)
            assert_same_statistics(found, expected, TOLERANCE[np.float32])
        assert plans[-1] is not None, kind
        if kind == "without some":
            assert not found.counts[:3].any()


def test_rows_with_too_many_candidates_are_scored_completely(plans):
    X = rows(concentration=1e-3)
    engine = choose_engine(X)
    parameters = initial_parameters(
        engine, rows()[:80] / np.linalg.norm(rows()[:80], axis=1)[:, None]
    )
    expected = engine.accumulate(parameters)
    for _ in range(3):
        assert_same_statistics(engine.accumulate(parameters), expected, 1e-12)
    assert set(plans) <= {None}


def test_candidates_are_not_reused_for_other_components_or_after_an_error(monkeypatch, plans):
    engine = choose_engine(rows())
    means = seed_means(engine, 80, "k-means++", np.random.RandomState(0))
    parameters = initial_parameters(engine, means)
    for _ in range(3):
        statistics = engine.accumulate(parameters)
        parameters = maximize(statistics)
    assert plans[-1] is not None
    fewer = maximize(statistics.selected(np.arange(80) > 4))
    expected = choose_engine(rows()).accumulate(fewer)
    assert_same_statistics(engine.accumulate(fewer), expected, 1e-10)
    assert plans[-2] is None  # the last one is that of the fresh engine

    engine.accumulate(fewer)
    assert plans[-1] is not None

    def fail(*arguments):
        raise RuntimeError("stop")

    with monkeypatch.context() as patch:
        patch.setattr(engine._rows, "accumulate_from_candidates", fail)
        with pytest.raises(RuntimeError, match="stop"):
            engine.accumulate(fewer)
    assert_same_statistics(engine.accumulate(fewer), expected, 1e-10)
    assert plans[-1] is None


def test_results_do_not_depend_on_the_number_of_threads(plans):
    from threadpoolctl import threadpool_limits

    results = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            engine = choose_engine(np.repeat(rows(), 3, axis=0).astype(np.float32))
            means = seed_means(engine, 80, "k-means++", np.random.RandomState(0))
            parameters = initial_parameters(engine, means)
            for _ in range(6):
                statistics = engine.accumulate(parameters)
                parameters = maximize(statistics)
        results.append(statistics)
    assert results[0].log_likelihood == results[1].log_likelihood
    np.testing.assert_array_equal(results[0].resultants, results[1].resultants)
    assert any(plan is not None for plan in plans)
