"""Detection of rows in a stream that are unlike every cluster."""

import numpy as np
import pytest
from scipy.stats import betabinom

from vmfmix.engines.base import Assignment
from vmfmix.fitting.novelty import NO_NOVELTY, p_value
from vmfmix.model.statistics import MixtureParameters

MIXTURE = MixtureParameters(np.array([0.5, 0.5]), np.eye(2, 4), np.array([9.0, 9.0]))


def batch(log_densities):
    n_rows = len(log_densities)
    return Assignment(np.zeros(n_rows, np.int32), np.ones(n_rows), np.asarray(log_densities))


def testp_value_is_that_of_the_beta_binomial_distribution():
    expected = betabinom.sf(24, 500, 20, 1000 - 20 + 1)
    assert p_value(25, 500, 10, 1000) == pytest.approx(expected, rel=1e-6)
    assert p_value(10, 500, 10, 1000) == 1.0


def test_streams_in_random_order_are_rarely_reported():
    rng = np.random.default_rng(0)
    for _ in range(50):
        novelty = NO_NOVELTY
        for _ in range(60):
            novelty, report = novelty.with_batch(MIXTURE, batch(rng.standard_normal(150)))
            assert report is None


def test_repeated_reports_become_rarer():
    rng = np.random.default_rng(0)
    novelty, _ = NO_NOVELTY.with_batch(MIXTURE, batch(rng.standard_normal(2000)))
    reports = []
    for _ in range(20):
        novelty, report = novelty.with_batch(MIXTURE, batch(np.full(100, -9.0)))
        reports.append(report)
    assert np.flatnonzero([report is not None for report in reports]).tolist() == [0, 1, 3, 7, 15]
    assert reports[0] == (100, 100, 0.01)


def test_small_batches_are_tested_together():
    rng = np.random.default_rng(0)
    novelty, _ = NO_NOVELTY.with_batch(MIXTURE, batch(rng.standard_normal(2000)))
    for _ in range(99):
        novelty, report = novelty.with_batch(MIXTURE, batch([-9.0]))
        assert report is None
    assert novelty.with_batch(MIXTURE, batch([-9.0]))[1] == (100, 100, 0.01)
