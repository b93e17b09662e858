"""Progress reports: printed lines, callbacks, and the iterations of the history."""

from types import SimpleNamespace

import pytest

from vmfmix.fitting import progress
from vmfmix.fitting.progress import Reporter, RowProgress
from vmfmix.model.em import EMResult


class Task:
    """A callback context that records its subtasks, and stops at one of them."""

    def __init__(self, stop_at=None):
        self.names, self._stop_at = [], stop_at

    def subcontext(self, task_name):
        self.names.append(task_name)
        return self

    def call_on_fit_task_begin(self, estimator):
        pass

    def call_on_fit_task_end(self, estimator):
        return len(self.names) == self._stop_at


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock of the module; set `now` to move it."""
    clock = SimpleNamespace(now=100.0)
    clock.perf_counter = lambda: clock.now
    monkeypatch.setattr(progress, "time", clock)
    return clock


def reporter_of(task=None, *, verbose=0):
    return Reporter(SimpleNamespace(verbose=verbose), task or Task(), 1)


def test_row_progress_prints_rate_and_remaining_time_every_ten_seconds(clock, capsys):
    report = RowProgress()
    report(0, 1000)
    clock.now += 9.0
    report(100, 1000)
    assert capsys.readouterr().out == ""
    clock.now += 1.0
    report(200, 1000)
    assert capsys.readouterr().out == "  200 of 1000 rows, 20 rows per second, 40 s left\n"
    clock.now += 9.0
    report(300, 1000)
    assert capsys.readouterr().out == ""


def test_row_progress_without_number_of_rows_prints_the_rate(clock, capsys):
    report = RowProgress()
    report(0)
    clock.now += 20.0
    report(300)
    assert capsys.readouterr().out == "  300 rows, 15 rows per second\n"


def test_row_progress_restarts_with_each_pass(clock, capsys):
    report = RowProgress()
    clock.now += 60.0
    report(0, 1000)
    clock.now += 5.0
    report(100, 1000)
    assert capsys.readouterr().out == ""


def test_reporter_records_iterations_with_seconds(clock):
    reporter = reporter_of()
    clock.now += 2.0
    reporter.merging(9, -3.0)
    clock.now += 1.0
    reporter.iteration(0, -2.5, 4)
    assert reporter.iterations == [(9, -3.0, 2.0), (4, -2.5, 3.0)]


def test_reporter_calls_callbacks_for_every_step():
    task = Task()
    reporter = reporter_of(task)
    reporter.merging(9, -3.0)
    reporter.iteration(0, -2.5, 4)
    assert task.names == ["merging", "iteration"]


def test_reporter_keeps_asking_to_stop():
    """A stop while components merge must also stop EM."""
    reporter = reporter_of(Task(stop_at=2))
    stops = [reporter.merging(9, -3.0), reporter.merging(8, -3.1), reporter.iteration(0, -2.5, 8)]
    assert stops == [False, True, True]


@pytest.mark.parametrize(("verbose", "n_lines"), [(0, 0), (1, 1), (2, 3)])
def test_reporter_prints_as_much_as_verbose_asks(capsys, verbose, n_lines):
    reporter = reporter_of(verbose=verbose)
    reporter.merging(9, -3.0)
    reporter.iteration(0, -2.5, 4)
    reporter.end(EMResult(None, lower_bounds=[-2.5], converged=True), (9, 4))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == n_lines
    if verbose:
        assert lines[-1] == (
            "Initialization 1: 9 components merged to 4, converged in 1 iterations, "
            "lower bound -2.500000"
        )
    if verbose == 2:
        assert lines[0].endswith("merging: log-likelihood -3.000000, 9 components")
        assert lines[1].endswith("iteration 0: lower bound -2.500000, 4 components")
