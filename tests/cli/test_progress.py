"""Progress of commands: lines without a terminal, a live display in one, and interruption."""

import io
import os
import re
import signal
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from tests.cli.commands import FIT, ROOT
from tests.limits import HANG
from vmfmix.cli import progress as module
from vmfmix.cli.main import main
from vmfmix.cli.progress import outcome, shown_progress, stage
from vmfmix.fitting import progress as stages
from vmfmix.fitting import progress_lines

pty = pytest.importorskip("pty", reason="terminals of POSIX")

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\x9b]")
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock of all modules; set `now` to move it."""
    clock = SimpleNamespace(now=100.0)
    clock.perf_counter = lambda: clock.now
    for each in (module, stages, progress_lines):
        monkeypatch.setattr(each, "time", clock)
    monkeypatch.setattr(module, "_SHORTEST_LINE", 10.0)
    monkeypatch.setattr(progress_lines, "_SECONDS_BETWEEN_LINES", 10.0)
    return clock


def search(clock, n_steps, seconds):
    """Run a command of two stages, of which the first one has no total."""
    with stage("reading", "Reading rows.npy"):
        clock.now += 1.0
    with stage("search", "Searching", total=n_steps, unit="rows") as searching:
        for done in range(n_steps + 1):
            searching.reach(done)
            clock.now += seconds / n_steps


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_lines_without_a_terminal_are_few_and_plain(clock, capsys, monkeypatch, term):
    if term == "dumb":
        monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with shown_progress():
        search(clock, 800, 100.0)
    shown = sys.stderr.getvalue() if term == "dumb" else capsys.readouterr().err
    assert not CONTROL.search(shown)
    lines = shown.splitlines()
    assert 9 <= len(lines) <= 11
    assert lines[0] == "  Searching: 72 of 800 rows, 1 min 31 s left"
    assert lines[-1] == "Searching (1 min 40 s)"


def test_short_commands_and_quiet_ones_print_nothing(clock, capsys):
    with shown_progress():
        search(clock, 800, 4.0)
    with shown_progress(quiet=True):
        search(clock, 800, 100.0)
    assert capsys.readouterr() == ("", "")


def test_stages_of_a_fit_without_a_terminal(folder, capsys, monkeypatch):
    monkeypatch.setattr(module, "_SHORTEST_LINE", 0.0)
    assert main([*FIT, "--out", "out"]) == 0
    captured = capsys.readouterr()
    assert not CONTROL.search(captured.err)
    titles = [re.split(r":| \(", line)[0] for line in captured.err.splitlines()]
    assert titles[:4] == ["Reading rows.npy", "Loading vmfmix", "Reading the rows", titles[3]]
    assert titles[-3:] == ["Labeling the rows", "Describing clusters", "Writing results"]
    assert captured.out.startswith("3 clusters")


def test_outcome_is_one_line_without_jargon(clock):
    with shown_progress(quiet=True):
        clock.now += 41.2
        assert outcome(13084, 27) == "Clustered 13,084 rows into 27 clusters in 41 s."
        assert outcome(1, 1) == "Clustered 1 row into 1 cluster in 41 s."


def test_live_display_shows_the_innermost_stage(clock, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_REFRESHES", 0.0)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with shown_progress(), stage("fit", ""):
        search(clock, 10, 20.0)
        with stage("em", "Fitting clusters") as fitting:
            clock.now += 3.0
            fitting.describe("pass 7, bound 1.234500, change 2e-3 (stops at 1e-4)", 7)
        print("a warning", file=sys.stderr)
    shown = terminal.getvalue()
    assert shown.count(HIDE_CURSOR) == shown.count(SHOW_CURSOR) == 1
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "Reading rows.npy" in plain
    assert re.search(r"Searching [━╸╺]+ 5 of 10 rows +10 s, 10 s left", plain)
    assert "Fitting clusters pass 7, bound 1.234500, change 2e-3 (stops at 1e-4) 3.0 s" in plain
    assert "a warning\n" in plain
    assert shown.endswith("\x1b[2K")  # the line is erased


def test_display_ends_with_an_error(monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(ValueError, match="wrong"), shown_progress(), stage("fit", "Fitting"):
        raise ValueError("wrong")
    assert sys.stderr is terminal
    assert terminal.getvalue().count(SHOW_CURSOR) == 1


def in_terminal(script, until=None, send=b""):
    """Run a script in a terminal; send keys once a text appears. Return exit code and output."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.environ |= {"TERM": "xterm", "COLUMNS": "100"}
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # which processes in the background ignore
        os.execv(sys.executable, [sys.executable, "-c", script])
    output, deadline = b"", time.monotonic() + HANG
    while time.monotonic() < deadline:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the end, on Linux
            break
        if not part:
            break
        output += part
        if until is not None and until in output:
            os.write(terminal, send)
            until = None
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), output.decode()


FIT_IN_TERMINAL = """
import sys
from vmfmix.cli import progress
from vmfmix.cli.main import main
progress._SECONDS_BETWEEN_REFRESHES = 0.0
sys.exit(main(["fit", {rows!r}, "--out", {out!r}, "--smooth"]))
"""


@pytest.mark.slow
def test_bars_move_in_a_terminal(tmp_path):
    pytest.importorskip("rich")
    flat = np.random.RandomState(0).standard_normal((2000, 3)) @ np.eye(3, 12) + np.arange(12.0)
    np.save(tmp_path / "rows.npy", flat)
    paths = {"rows": str(tmp_path / "rows.npy"), "out": str(tmp_path / "out")}
    code, shown = in_terminal(FIT_IN_TERMINAL.format(**paths))
    assert code == 0
    for of, n_values in (
        ("2,000 rows", 4),
        ("15 steps", 10),
        ("250 clusters", 5),
        ("249 merges", 20),
    ):
        values = [int(each.replace(",", "")) for each in re.findall(rf"([\d,]+) of {of}", shown)]
        assert len(set(values)) >= n_values, of
    assert shown.rindex(SHOW_CURSOR) > shown.rindex(HIDE_CURSOR)
    assert "Wrote clusters.csv" in shown[shown.rindex(SHOW_CURSOR) :]


INTERRUPTED = """
import sys, time
import vmfmix.merging.path as path
path._assign_rows = lambda *args: time.sleep({seconds})
from vmfmix.cli.main import main
sys.exit(main(["fit", {rows!r}, "--out", {out!r}]))
"""


@pytest.mark.slow
def test_interrupt_in_a_terminal_restores_the_cursor(tmp_path):
    pytest.importorskip("rich")
    np.save(tmp_path / "rows.npy", np.random.RandomState(0).standard_normal((200, 8)))
    paths = {"rows": str(tmp_path / "rows.npy"), "out": str(tmp_path / "out")}
    script = INTERRUPTED.format(seconds=HANG, **paths)
    code, shown = in_terminal(script, until=b"Merging 25 clusters", send=b"\x03")
    assert code == 130
    assert shown.rindex(SHOW_CURSOR) > shown.rindex(HIDE_CURSOR)
    assert shown[shown.rindex(SHOW_CURSOR) :].endswith("vmfmix: interrupted\r\n")
    assert not (tmp_path / "out").exists()
