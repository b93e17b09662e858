"""Progress of a command on stderr: a live display in a terminal, otherwise a few plain lines."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from vmfmix.fitting.progress import Progress, Stage, duration, listening
from vmfmix.fitting.progress_lines import ProgressLines

_SHORTEST_LINE = 10.0  # seconds that a stage with a plain line takes at least
_SECONDS_BETWEEN_REFRESHES = 0.25
_BAR_WIDTH = 20

_START: ContextVar[float] = ContextVar("_START")


@contextlib.contextmanager
def shown_progress(*, quiet: bool = False) -> Iterator[None]:
    """Show on stderr which stage a command is in, and how far.

    In a terminal, and if rich is installed, this is one line that is rewritten, and that is removed
    when the command ends or is interrupted. Otherwise, it is a line for each stage of at least ten
    seconds, and one every ten seconds.

    Parameters
    ----------
    quiet : bool, default=False
        Show nothing.
    """
    token = _START.set(time.perf_counter())
    try:
        with contextlib.ExitStack() as stack:
            if not quiet:
                stack.enter_context(listening(_new_listener(stack)))
            yield
    finally:
        _START.reset(token)


def stage(name: str, title: str, **options: Any) -> contextlib.AbstractContextManager[Stage]:
    """Show a stage of a command, such as the reading of a file, while the context is active.

    Parameters
    ----------
    name, title, **options
        See `vmfmix.fitting.progress.Stage`.
    """
    return Progress.of_context().stage(name, title, **options)


def outcome(n_rows: int, n_clusters: int) -> str:
    """Return what a command has done, and its time since `shown_progress` began.

    Parameters
    ----------
    n_rows, n_clusters : int

    Returns
    -------
    str
        Such as "Clustered 13,084 rows into 27 clusters in 41 s."
    """
    seconds = time.perf_counter() - _START.get()
    rows = f"{n_rows:,} row{'' if n_rows == 1 else 's'}"
    clusters = f"{n_clusters:,} cluster{'' if n_clusters == 1 else 's'}"
    return f"Clustered {rows} into {clusters} in {duration(seconds)}."


def _new_listener(stack: contextlib.ExitStack) -> Any:
    """Return the listener for this stderr; `stack` restores the terminal."""
    if sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
        with contextlib.suppress(ImportError):
            display = LiveDisplay()
            stack.callback(display.close)
            return display
    return ProgressLines(_print_line, shortest=_SHORTEST_LINE)


def _print_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class LiveDisplay:
    """One line in a terminal: the stage, a bar if its total is known, and times.

    Raises
    ------
    ImportError
        If rich is not installed.
    """

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._stages: list[Stage] = []  # that have begun, the innermost last
        self._live: Any = None
        self._last_line = 0.0
        self._pass = ""  # how far the pass over blocks of rows is

    def begin(self, stage: Stage) -> None:
        """Show the stage."""
        self._stages.append(stage)
        if self._live is None:
            from rich.live import Live

            self._live = Live(
                console=self._console,
                get_renderable=self._line,
                transient=True,
                redirect_stdout=False,  # results may go to another place than progress
                refresh_per_second=4,  # also while no step is reported
            )
            self._live.start()
        self._refresh()

    def step(self, stage: Stage) -> None:
        """Show how far the stage is."""
        self._pass = ""
        self._refresh()

    def end(self, stage: Stage) -> None:
        """Show the stage around this one, or nothing."""
        self._stages.pop()
        self._pass = ""
        if not self._stages:
            self.close()

    def rows(self, n_done: int, n_rows: int | None = None) -> None:
        """Show how far the pass over the rows is."""
        self._pass = f"{n_done:,}" + (f" of {n_rows:,}" if n_rows else "") + " rows"
        self._refresh()

    def close(self) -> None:
        """Remove the line and show the cursor again."""
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _refresh(self) -> None:
        seconds = time.perf_counter() - self._last_line
        if self._live is not None and seconds >= _SECONDS_BETWEEN_REFRESHES:
            self._live.refresh()

    def _line(self) -> Any:
        """Return the innermost stage with a title as a line that fits in the terminal."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        self._last_line = time.perf_counter()
        shown = [stage for stage in self._stages if stage.title]
        if not shown:
            return ""
        stage = shown[-1]
        parts: list[Any] = [Text(stage.title, "bold", overflow="ellipsis", no_wrap=True)]
        if stage.total:
            parts.append(ProgressBar(stage.total, min(stage.done, stage.total), width=_BAR_WIDTH))
        detail = ", ".join(part for part in (stage.count or stage.detail, self._pass) if part)
        parts.append(Text(detail, overflow="ellipsis", no_wrap=True))
        left = stage.seconds_left
        times = duration(stage.seconds) + (f", {duration(left)} left" if left else "")
        parts.append(Text(times, "cyan", no_wrap=True))
        line = Table.grid(*[""] * len(parts), padding=(0, 1))
        line.add_row(*parts)
        return line
