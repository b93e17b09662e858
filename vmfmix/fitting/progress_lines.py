"""Progress as printed lines, without control characters."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from vmfmix.fitting.progress import Stage, duration

_SECONDS_BETWEEN_LINES = 10.0


class ProgressLines:
    """Print a line for each stage when it ends, and every ten seconds while it lasts.

    Parameters
    ----------
    write : callable, default=print
        Prints a line.
    shortest : float, default=0.0
        Stages that took fewer seconds have no line.
    details : bool, default=False
        Print a line for each step that has a description.
    """

    def __init__(
        self,
        write: Callable[[str], Any] = print,
        *,
        shortest: float = 0.0,
        details: bool = False,
    ) -> None:
        self._write, self._shortest, self._details = write, shortest, details
        self._pass_start = self._last_line = time.perf_counter()

    def begin(self, stage: Stage) -> None:
        """Do nothing: a stage has a line when it ends."""

    def step(self, stage: Stage) -> None:
        """Print the step if details are requested, or if there was no line for ten seconds."""
        if self._details and stage.detail:
            self._write(f"  {stage.title}: {stage.detail}")
        elif self._is_due():
            left = stage.seconds_left
            parts = [stage.count or stage.detail, f"{duration(left)} left" if left else ""]
            self._write(f"  {stage.title}: {', '.join(part for part in parts if part)}")

    def end(self, stage: Stage) -> None:
        """Print the stage, its outcome, and its time."""
        if stage.title and stage.seconds >= self._shortest:
            outcome = f": {stage.outcome}" if stage.outcome else ""
            self._write(f"{stage.title}{outcome} ({duration(stage.seconds)})")

    def rows(self, n_done: int, n_rows: int | None = None) -> None:
        """Print the rate of a pass over many rows and the remaining time, every ten seconds."""
        if n_done == 0:
            self._pass_start = self._last_line = time.perf_counter()
        elif self._is_due():
            rate = n_done / (time.perf_counter() - self._pass_start)
            total = f" of {n_rows:,}" if n_rows else ""
            left = f", {duration((n_rows - n_done) / rate)} left" if n_rows else ""
            self._write(f"  {n_done:,}{total} rows, {rate:,.0f} rows per second{left}")

    def _is_due(self) -> bool:
        """Return whether the last line was printed ten seconds ago."""
        now = time.perf_counter()
        is_due = now - self._last_line >= _SECONDS_BETWEEN_LINES
        if is_due:
            self._last_line = now
        return is_due
