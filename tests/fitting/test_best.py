"""The best fit of several starts, and the record from which a later fit continues."""

import numpy as np
import pytest

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.best import best_fit


class Task:
    """A callback context that counts the starts, and stops after some of them."""

    def __init__(self, stop_after=None):
        self.n_starts, self._stop_after = 0, stop_after

    def subcontext(self, task_name, max_subtasks=0):
        return self if task_name == "initialization" else Task()

    def call_on_fit_task_begin(self, estimator):
        pass

    def call_on_fit_task_end(self, estimator):
        self.n_starts += 1
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
    singles = [bound_of(best_fit(estimator_of(random_state=rng), engine, Task())) for _ in range(4)]
    task = Task()
    best = best_fit(estimator_of(n_init=4), engine, task)
    assert task.n_starts == 4
    assert bound_of(best) == max(singles)
    assert max(singles) > min(singles)


def test_best_fit_ends_after_a_start_if_a_callback_stops(engine):
    task = Task(stop_after=1)
    best = best_fit(estimator_of(n_init=4), engine, task)
    assert task.n_starts == 1
    assert bound_of(best) == bound_of(best_fit(estimator_of(), engine, Task()))


def test_best_fit_continues_the_last_fit_without_another_start(engine):
    estimator = estimator_of(n_init=4)
    last = best_fit(estimator, engine, Task()).as_last(estimator)
    task = Task()
    continued = best_fit(estimator, engine, task, last)
    assert task.n_starts == 1
    assert continued.start.continues
    assert continued.start.parameters is last.parameters
    assert len(continued.result.lower_bounds) <= 2


def test_best_fit_keeps_the_best_unfinished_fit(engine):
    kept = []
    estimator = estimator_of(n_init=3, tol=1e-9)
    best = best_fit(estimator, engine, Task(), keep_unfinished=kept.append)
    np.testing.assert_array_equal(kept[-1].parameters.means, best.result.parameters.means)
    assert len(kept) > len(best.result.lower_bounds)
    assert kept[0].iterations  # which a resumed fit needs


def test_as_last_keeps_the_merge_path_of_unfinished_fits_alone(engine):
    estimator = VMFMixture(10, random_state=0)
    fit = best_fit(estimator, engine, Task())
    finished = fit.as_last(estimator, copies=2.0)
    assert finished.merged is None
    assert finished.iterations == []
    assert finished.copies == 2.0
    assert finished.isotropy == fit.start.isotropy
    unfinished = fit.as_last(estimator, unfinished=True)
    assert unfinished.merged is fit.start.merged
    assert unfinished.iterations == fit.iterations
    assert unfinished.options == finished.options
