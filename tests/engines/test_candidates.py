"""What is taken over from the last pass changes the speed of the next and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from tests.engines.test_cpu import TOLERANCE, assert_same_statistics
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines import bfloat16, candidates
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.seeding import seed_means
from vmfmix.fitting.start import initial_parameters
from vmfmix.model.statistics import ConcentrationPrior, MixtureParameters, maximize


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Recall wherever it is possible, whether or not it pays."""
    monkeypatch.setattr(candidates, "_FEWEST_PRODUCTS_OF_A_ROW", 0)
    monkeypatch.setattr(candidates, "_MOST_COST", np.inf)
    monkeypatch.setattr(candidates, "_MOST_COST_WITH_A_LOOK", np.inf)


@pytest.fixture
def plans(monkeypatch):
    """What every pass planned: the number of movers, or None."""
    made = []
    original = candidates.CandidateCache.plan

    def noted(self, *given, **options):
        drift = original(self, *given, **options)
        made.append(None if drift is None else len(drift.movers))
        return drift

    monkeypatch.setattr(candidates.CandidateCache, "plan", noted)
    return made


def rows(n_features=24, n_components=80, concentration=150.0):
    X, _ = make_vmf_mixture(
        4000, n_features, n_components, concentration=concentration, random_state=0
    )
    return X * np.random.default_rng(0).uniform(0.1, 10.0, size=(len(X), 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("may_look", [False, True])
@pytest.mark.parametrize(
    "kind",
    ["tied", "free", "hard", "centered", "weighted", "overlapping", "background", "nearest mean"],
)
def test_every_pass_of_a_fit_gives_the_same_statistics(monkeypatch, plans, dtype, may_look, kind):
    if may_look:
        pytest.importorskip("torch")
    monkeypatch.setattr(bfloat16, "is_worthwhile", lambda *size: may_look)
    X = rows(concentration=20.0 if kind == "overlapping" else 150.0).astype(dtype)
    X[::100] = 0
    given = {
        "center": np.full(24, 0.05) if kind == "centered" else None,
        "sample_weight": np.arange(len(X)) % 3.0 if kind == "weighted" else None,
    }
    engine = choose_engine(X, **given)
    means = seed_means(engine, 80, "random_from_data", np.random.RandomState(0))
    has_background = kind == "background"
    parameters = initial_parameters(engine, means, has_background=has_background)
    hard = kind in ("hard", "nearest mean")
    for _ in range(12):
        if kind == "nearest mean":
            parameters = MixtureParameters.nearest(parameters.means).with_concentration(150.0)
        found = engine.accumulate(parameters, hard=hard)
        expected = choose_engine(X, **given).accumulate(parameters, hard=hard)  # remembers nothing
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


def test_passes_of_different_kinds_may_follow_each_other(plans):
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
        given, hard = kinds[kind]
        expected = choose_engine(X).accumulate(given, hard=hard)
        for _ in range(3):
            found = engine.accumulate(given, hard=hard)
            assert_same_statistics(found, expected, TOLERANCE[np.float32])
        assert plans[-1] is not None, kind
        if kind == "without some":
            assert not found.counts[:3].any()


def test_a_row_with_more_candidates_than_places_is_scored_anew(plans):
    X = rows(concentration=1e-3)
    engine = choose_engine(X)
    parameters = initial_parameters(
        engine, rows()[:80] / np.linalg.norm(rows()[:80], axis=1)[:, None]
    )
    expected = engine.accumulate(parameters)
    for _ in range(3):
        assert_same_statistics(engine.accumulate(parameters), expected, 1e-12)
    assert set(plans) <= {None}


def test_nothing_is_recalled_of_other_components_or_after_a_failure(monkeypatch, plans):
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

    def fail(*given):
        raise RuntimeError("stop")

    with monkeypatch.context() as patch:
        patch.setattr(engine._rows, "recall", fail)
        with pytest.raises(RuntimeError, match="stop"):
            engine.accumulate(fewer)
    assert_same_statistics(engine.accumulate(fewer), expected, 1e-10)
    assert plans[-1] is None


def test_the_number_of_threads_changes_not_a_single_bit(plans):
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
