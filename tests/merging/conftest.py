"""Fixtures of the tests of merging."""

import numpy as np
import pytest

from tests.merging.examples import statistics_of
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.seeding import seed_means
from vmfmix.merging.path import merge_path


@pytest.fixture(scope="module")
def random_statistics():
    """Return the statistics of 25 components of uniformly distributed rows."""
    rng = np.random.RandomState(0)
    rows = rng.standard_normal((300, 12))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return statistics_of(rows, np.arange(300) % 25)


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(1500, 16, 5, concentration=60.0, random_state=0)[0]


@pytest.fixture(scope="module")
def steps():
    """Return the reports of the merge path, which `partitions` appends."""
    return []


@pytest.fixture(scope="module")
def partitions(rows, steps):
    """Return a merge path from 60 components down to 1."""
    engine, rng = choose_engine(rows), np.random.RandomState(0)
    means = seed_means(engine, 60, "k-means++", rng)
    return merge_path(engine, rows, means, rng=rng, report=lambda *step: steps.append((*step, 0.0)))
