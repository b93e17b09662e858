"""Stages of fits of all kinds: their order, their totals, and who listens to them."""

import itertools
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix import NeighborSmoother, VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.fitting import progress as module
from vmfmix.fitting.progress import Progress, duration, listening


class Recorder:
    """A listener that records events: names of stages that begin and end, and their counts."""

    def __init__(self):
        self.begun, self.ended, self.counts, self.n_passes = [], [], {}, 0

    def begin(self, stage):
        self.begun.append(stage.name)
        self.counts[stage] = []

    def step(self, stage):
        self.counts[stage].append((stage.done, stage.total))

    def end(self, stage):
        self.ended.append(stage.name)

    def rows(self, n_done, n_rows=None):
        self.n_passes += n_done == 0


@pytest.fixture(scope="module")
def rows():
    X, _ = make_vmf_mixture(400, 16, 4, concentration=30.0, random_state=0)
    flat = np.random.RandomState(0).standard_normal((400, 3)) @ np.eye(3, 16) + np.arange(16.0)
    return SimpleNamespace(even=X, flat=flat)  # the second are smoothed


def stages_of(model, X, **options):
    recorder = Recorder()
    with listening(recorder), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of doubtful results
        model.fit(X, **options)
    return recorder


START = ["seeding", "merge path", "selection", "expectation maximization"]
PASSES = ["shared concentration", "expectation maximization"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["initialization", *START, "labels"]),
        ({"n_components": 4}, ["initialization", "seeding", "merge path", PASSES[1], "labels"]),
        ({"n_components": 4, "merge": None}, ["initialization", "seeding", *PASSES, "labels"]),
        ({"smooth": True}, ["neighbors", "smoothing", "initialization", *START, "labels"]),
        ({"n_init": 2}, [*["initialization", *START] * 2, "labels"]),
        (
            {"selection": "stability"},
            ["initialization", *["seeding", "merge path"] * 3, *START[2:], "labels"],
        ),
        ({"min_cluster_size": 150}, ["initialization", *START, "cluster sizes", "labels"]),
    ],
)
def test_stages_are_reported_in_order_and_reach_their_totals(rows, options, names):
    recorder = stages_of(VMFMixture(random_state=0, **options), rows.flat)
    assert recorder.begun == ["reading", *names]
    assert sorted(recorder.ended) == sorted(recorder.begun)
    for stage, counts in recorder.counts.items():
        done = [number for number, _ in counts]
        assert done == sorted(done), stage.name
        if stage.total:
            assert done[-1] == stage.total, stage.name
            assert all(number <= stage.total for number in done)


KINDS = {
    "background": {"background": True},
    "center": {"center": True},
    "hard": {"assignment": "hard"},
    "random": {"init_params": "random"},
    "one": {"n_components": 1},
    "means": {"means_init": np.eye(3, 16), "n_components": 5, "n_components_init": 8},
    "icl": {"merge": "icl", "selection": "silhouette"},
    "function": {"selection": lambda X, labels: -abs(len(set(labels)) - 5)},
    "smooth": {"smooth": True},
}


REFUSED = [("center", "sparse"), ("center", "copies"), ("one", "known labels")]
GIVEN = ["array", "sparse", "few rows", "copies", "known labels"]
PAIRS = [pair for pair in itertools.product(KINDS, GIVEN) if pair not in REFUSED]


@pytest.mark.parametrize(("kind", "given"), PAIRS)
def test_all_kinds_of_fits_report_their_stages(rows, kind, given):
    X = {"few rows": rows.even[:8], "copies": np.ones((30, 16))}.get(given, rows.even)
    if given == "sparse":
        X = sp.csr_array(np.maximum(X, 0.0))
    known = {"known_labels": np.r_[0, 0, 1, 1, np.full(396, -1)]} if given == "known labels" else {}
    recorder = stages_of(VMFMixture(random_state=0, **KINDS[kind]), X, **known)
    assert recorder.begun[0] == "reading" and recorder.begun[-1] == "labels"
    assert sorted(recorder.ended) == sorted(recorder.begun)
    assert ("known labels" in recorder.begun) == (given == "known labels")
    for stage, counts in recorder.counts.items():
        done = [number for number, _ in counts]
        assert done == sorted(done), stage.name
        assert stage.max_steps is None or len(counts) <= stage.max_steps


def test_listeners_hear_passes_over_blocks(rows):
    recorder = stages_of(VMFMixture(4, merge=None, random_state=0), lambda: iter([rows.even]))
    assert recorder.n_passes > 3


def test_smoother_reports_its_stages_and_those_of_new_rows(rows):
    recorder = Recorder()
    smoother = NeighborSmoother()
    with listening(recorder):
        smoother.fit(rows.flat)
        assert recorder.begun == ["neighbors", "smoothing"]
        smoother.transform(rows.flat[:50])
    assert recorder.begun == ["neighbors", "smoothing", "neighbors"]
    assert [counts[-1] for counts in recorder.counts.values()] == [(400, 400), (15, 15), (50, 50)]


def test_listening_ends_with_its_context(rows):
    recorder = Recorder()
    with listening(recorder):
        pass
    VMFMixture(2, random_state=0).fit(rows.even)
    assert recorder.begun == []


def test_interrupted_stage_does_not_end():
    recorder = Recorder()
    with pytest.raises(KeyboardInterrupt), Progress(recorder).stage("a", "A"):
        raise KeyboardInterrupt
    assert (recorder.begun, recorder.ended) == (["a"], [])


def test_time_left_is_estimated_from_the_rate_after_preparation(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    clock.perf_counter = lambda: clock.now
    monkeypatch.setattr(module, "time", clock)
    with Progress().stage("search", "Searching", total=200, unit="rows") as stage:
        clock.now += 50.0
        stage.reach(0)
        clock.now += 0.5
        stage.reach(50)
        assert stage.seconds_left is None  # too early
        clock.now += 1.5
        assert stage.seconds_left == pytest.approx(6.0)
        assert stage.seconds == pytest.approx(52.0)
        assert stage.count == "50 of 200 rows"
        stage.reach(3)
        assert stage.seconds_left is None
    with Progress().stage("em", "Fitting") as stage:
        clock.now += 100.0
        stage.describe("pass 7", 7)
        assert (stage.seconds_left, stage.count) == (None, "")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.0 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (3599.9, "1 h 0 min"),
        (90061, "25 h 1 min"),
    ],
)
def test_durations_are_words(seconds, words):
    assert duration(seconds) == words
