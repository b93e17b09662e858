"""The best fit of several starts, and the record from which a later fit continues."""

import numpy as np
import pytest

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.best import best_fit
from vmfmix.fitting.progress import Progress


class Starts:
    """A listener that counts the starts, and stops after some of them."""

    def __init__(self, stop_after=None):
        self.n_starts, self._stop_after = 0, stop_after

    def begin(self, stage):
        pass

    def step(self, stage):
        pass

    def end(self, stage):
        self.n_starts += stage.name == "initialization"
        return self.n_starts == self._stop_after


@pytest.fixture(scope="module")
def engine():
    return choose_engine(make_vmf_mixture(600, 8, 10, concentration=60.0, random_state=1)[0])


def estimator_of(**parameters):
    options = {"merge": None, "init_params": "random_from_data", "concentration": "tied"}
    return VMFMixture(10, **{**options, "random_state": 0, **parameters})


def bound_of(fit):
    return fit.result.lower_bounds[-1]


def test_best_fit_has_the_greatest_bound_of_all_starts(engine):
    rng = np.random.RandomState(0)
    singles = [
        bound_of(best_fit(estimator_of(random_state=rng), engine, Progress())) for _ in range(4)
    ]
    starts = Starts()
    best = best_fit(estimator_of(n_init=4), engine, Progress(starts))
    assert starts.n_starts == 4
    assert bound_of(best) == max(singles)
    assert max(singles) > min(singles)


def test_best_fit_ends_after_a_start_if_a_callback_stops(engine):
    starts = Starts(stop_after=1)
    best = best_fit(estimator_of(n_init=4), engine, Progress(starts))
    assert starts.n_starts == 1
    assert bound_of(best) == bound_of(best_fit(estimator_of(), engine, Progress()))


def test_best_fit_continues_the_last_fit_without_another_start(engine):
    estimator = estimator_of(n_init=4)
    last = best_fit(estimator, engine, Progress()).as_last(estimator)
    starts = Starts()
    continued = best_fit(estimator, engine, Progress(starts), last)
    assert starts.n_starts == 1
    assert continued.start.continues
    assert continued.start.parameters is last.parameters
    assert len(continued.result.lower_bounds) <= 2


def test_best_fit_keeps_the_best_unfinished_fit(engine):
    kept = []
    estimator = estimator_of(n_init=3, tol=1e-9)
    best = best_fit(estimator, engine, Progress(), keep_unfinished=kept.append)
    np.testing.assert_array_equal(kept[-1].parameters.means, best.result.parameters.means)
    assert len(kept) > len(best.result.lower_bounds)
    assert kept[0].iterations  # which a resumed fit needs


def test_as_last_keeps_the_merge_path_of_unfinished_fits_alone(engine):
    estimator = VMFMixture(10, random_state=0)
    fit = best_fit(estimator, engine, Progress())
    finished = fit.as_last(estimator, copies=2.0)
    assert finished.merged is None
    assert finished.iterations == []
    assert finished.copies == 2.0
    assert finished.isotropy == fit.start.isotropy
    unfinished = fit.as_last(estimator, unfinished=True)
    assert unfinished.merged is fit.start.merged
    assert unfinished.iterations == fit.iterations
    assert unfinished.options == finished.options
