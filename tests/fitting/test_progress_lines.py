"""Progress as printed lines."""

from types import SimpleNamespace

import pytest

from vmfmix.fitting import progress, progress_lines
from vmfmix.fitting.progress import Progress
from vmfmix.fitting.progress_lines import ProgressLines


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock of the modules; set `now` to move it."""
    clock = SimpleNamespace(now=100.0)
    clock.perf_counter = lambda: clock.now
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.setattr(progress_lines, "time", clock)
    return clock


def test_rows_are_printed_with_rate_and_remaining_time_every_ten_seconds(clock, capsys):
    lines = ProgressLines()
    lines.rows(0, 1000)
    clock.now += 9.0
    lines.rows(100, 1000)
    assert capsys.readouterr().out == ""
    clock.now += 1.0
    lines.rows(200, 1000)
    assert capsys.readouterr().out == "  200 of 1,000 rows, 20 rows per second, 40 s left\n"
    clock.now += 9.0
    lines.rows(300, 1000)
    assert capsys.readouterr().out == ""


def test_rows_of_unknown_number_are_printed_with_the_rate(clock, capsys):
    lines = ProgressLines()
    lines.rows(0)
    clock.now += 20.0
    lines.rows(300)
    assert capsys.readouterr().out == "  300 rows, 15 rows per second\n"


def test_each_pass_over_the_rows_restarts_the_rate(clock, capsys):
    lines = ProgressLines()
    clock.now += 60.0
    lines.rows(0, 1000)
    clock.now += 5.0
    lines.rows(100, 1000)
    assert capsys.readouterr().out == ""


def test_stage_is_printed_when_it_ends_and_every_ten_seconds(clock, capsys):
    with Progress(ProgressLines()).stage("search", "Searching", total=900, unit="rows") as stage:
        for done in range(0, 901, 25):
            stage.reach(done)
            clock.now += 1.0
        stage.outcome = "found"
    assert capsys.readouterr().out.splitlines() == [
        "  Searching: 250 of 900 rows, 26 s left",
        "  Searching: 500 of 900 rows, 16 s left",
        "  Searching: 750 of 900 rows, 6.0 s left",
        "Searching: found (37 s)",
    ]


def test_stage_without_a_total_is_printed_with_its_description(clock, capsys):
    with Progress(ProgressLines()).stage("em", "Fitting") as stage:
        clock.now += 10.0
        stage.describe("pass 3", 3)
    assert capsys.readouterr().out.splitlines() == ["  Fitting: pass 3", "Fitting (10 s)"]


def test_details_print_every_description(capsys):
    with Progress(ProgressLines(details=True)).stage("em", "Fitting") as stage:
        for number in (1, 2):
            stage.describe(f"pass {number}")
    assert capsys.readouterr().out.count("  Fitting: pass") == 2


def test_short_stages_and_groups_of_stages_have_no_line(clock):
    written = []
    progress = Progress(ProgressLines(written.append, shortest=5.0))
    with progress.stage("fit"):
        with progress.stage("one", "One"):
            clock.now += 4.0
        with progress.stage("two", "Two"):
            clock.now += 6.0
    assert written == ["Two (6.0 s)"]
