"""Report of one start: its iterations, its stages, and the requests to stop."""

from types import SimpleNamespace

import pytest

from vmfmix.fitting import reporter as module
from vmfmix.fitting.progress import Progress
from vmfmix.fitting.reporter import Reporter
from vmfmix.model.em import EMResult


class Recorder:
    """A listener that records how far stages are, and asks to stop at one of the steps."""

    def __init__(self, stop_at=None):
        self.steps, self._stop_at = [], stop_at

    def begin(self, stage):
        pass

    def step(self, stage):
        self.steps.append((stage.step_name, stage.done, stage.detail))
        return len(self.steps) == self._stop_at

    def end(self, stage):
        pass


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock of the module; set `now` to move it."""
    clock = SimpleNamespace(now=100.0)
    clock.perf_counter = lambda: clock.now
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_reporter_records_iterations_with_seconds(clock):
    reporter = Reporter(Progress())
    clock.now += 2.0
    with reporter.merge_path(10, 4):
        reporter.merging(9, -3.0)
    clock.now += 1.0
    with reporter.passes("em", "Fitting", 1e-4):
        reporter.unrecorded_iteration(0, -2.7, 4)
        reporter.iteration(0, -2.5, 4)
    assert reporter.iterations == [(9, -3.0, 2.0), (4, -2.5, 3.0)]


def test_reporter_describes_every_step():
    recorder = Recorder()
    reporter = Reporter(Progress(recorder))
    with reporter.merge_path(10, 4) as stage:
        reporter.merging(9, -3.0)
        assert (stage.total, stage.max_steps) == (6, 11)
    with reporter.passes("em", "Fitting", 1e-4):
        reporter.iteration(0, -2.5, 4)
        reporter.iteration(1, -2.498, 4)
        reporter.converged(EMResult(None, lower_bounds=[-2.5, -2.498], converged=True))
        assert reporter._stage.outcome == "converged in 2 passes, bound -2.498000"
    assert recorder.steps == [
        ("merging", 1, "9 clusters, log-likelihood -3.000000"),
        ("iteration", 1, "pass 1, bound -2.500000"),
        ("iteration", 2, "pass 2, bound -2.498000, change 2e-3 (stops at 1e-4)"),
    ]


def test_reporter_keeps_asking_to_stop():
    """A stop while components merge must also stop EM."""
    reporter = Reporter(Progress(Recorder(stop_at=2)))
    with reporter.merge_path(9, 1):
        stops = [reporter.merging(9, -3.0), reporter.merging(8, -3.1)]
    with reporter.passes("em", "Fitting", 1e-4):
        stops.append(reporter.iteration(0, -2.5, 8))
    assert stops == [False, True, True]
