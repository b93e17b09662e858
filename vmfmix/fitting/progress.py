"""Stages of a fit or a command, and the listeners to which their progress is reported."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

_FEWEST_SECONDS = 1.0  # of a stage, after which the time that is left can be estimated
_SMALLEST_SHARE = 0.03  # of a stage, likewise


class Stage:
    """One stage of a fit or a command, such as the search for neighbors.

    Parameters
    ----------
    listeners : sequence of Listener
    name : str
        One or two words, such as "neighbors".
    title : str, default=""
        Shown to users, such as "Finding neighbors"; empty if the stage has no work of its own.
    total : int, default=None
        Number of units of the stage; None: unknown.
    unit : str, default=""
        What is counted, in the plural, such as "rows".
    step_name : str, default="step"
        Name of one step for scikit-learn's callbacks.
    max_steps : int, default=None
        Maximum number of steps; None: unknown.

    Attributes
    ----------
    done : int
        Number of units that are done.
    detail : str
        What was reached last, such as "12 clusters".
    outcome : str
        What was reached in the end, set before the stage ends.
    asked_to_stop : bool
        Whether a listener asked to stop when the stage ended.
    """

    def __init__(
        self,
        listeners: tuple[Listener, ...],
        name: str,
        title: str = "",
        *,
        total: int | None = None,
        unit: str = "",
        step_name: str = "step",
        max_steps: int | None = None,
    ) -> None:
        self._listeners = listeners
        self.name, self.title = name, title
        self.total, self.unit = total, unit
        self.step_name, self.max_steps = step_name, max_steps
        self.done, self.detail, self.outcome = 0, "", ""
        self.asked_to_stop = False
        self._start = self._start_of_units = time.perf_counter()

    def reach(self, done: int, total: int | None = None) -> bool:
        """Report how many units are done, and their total if it was not known before.

        Returns
        -------
        bool
            Whether a listener asks to stop.
        """
        self.done = done
        self.total = self.total if total is None else total
        return self._report()

    def describe(self, detail: str, done: int | None = None) -> bool:
        """Report what was reached, in words; return whether a listener asks to stop."""
        self.detail = detail
        self.done = self.done if done is None else done
        return self._report()

    def _report(self) -> bool:
        if self.done == 0:  # what took time so far was preparation
            self._start_of_units = time.perf_counter()
        return any([bool(listener.step(self)) for listener in self._listeners])

    @property
    def seconds(self) -> float:
        """Time since the stage began."""
        return time.perf_counter() - self._start

    @property
    def seconds_left(self) -> float | None:
        """Estimate the time to the end of the stage from its rate; None if it is not known yet."""
        seconds = time.perf_counter() - self._start_of_units
        if not self.total or self.done < _SMALLEST_SHARE * self.total or seconds < _FEWEST_SECONDS:
            return None
        return seconds * (self.total - self.done) / self.done

    @property
    def count(self) -> str:
        """How many units are done, such as "2,000 of 13,084 rows"; empty if they have no total."""
        return "" if not self.total else f"{self.done:,} of {self.total:,} {self.unit}".rstrip()


class Listener(Protocol):
    """What is called when a stage begins, advances and ends.

    Stages are nested, and the one that began last ends first. A stage that is interrupted by an
    exception does not end.
    """

    def begin(self, stage: Stage) -> None:
        """Receive a stage that begins."""

    def step(self, stage: Stage) -> bool | None:
        """Receive a stage that has advanced; return True to stop it, if it can be stopped."""

    def end(self, stage: Stage) -> bool | None:
        """Receive a stage that ends; return True to stop what would follow it."""

    def rows(self, n_done: int, n_rows: int | None = None) -> None:
        """Receive how many rows a pass over blocks of rows has done; 0 begins the pass."""


class Progress:
    """The stages of one fit or command, which are reported to some listeners.

    Parameters
    ----------
    *listeners : Listener
        See `Progress.of_context` for those of `listening`.

    Examples
    --------
    >>> from vmfmix.fitting.progress import Progress
    >>> from vmfmix.fitting.progress_lines import ProgressLines
    >>> progress = Progress(ProgressLines(details=True))
    >>> with progress.stage("sum", "Adding numbers") as stage:
    ...     for number in range(2):
    ...         stop = stage.describe(f"number {number}")
      Adding numbers: number 0
      Adding numbers: number 1
    Adding numbers (0.0 s)
    """

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    @classmethod
    def of_context(cls) -> Progress:
        """Return the progress that is reported to the listeners of `listening`."""
        return cls(*_LISTENING.get())

    def add(self, listener: Listener) -> None:
        """Report the stages that follow to one more listener."""
        self._listeners = (*self._listeners, listener)

    @contextmanager
    def stage(self, name: str, title: str = "", **options: Any) -> Iterator[Stage]:
        """Report the beginning and the end of a stage; see `Stage` for the parameters."""
        listeners = self._listeners
        stage = Stage(listeners, name, title, **options)
        for listener in listeners:
            listener.begin(stage)
        yield stage
        stage.asked_to_stop = any([bool(listener.end(stage)) for listener in listeners])

    @property
    def report_rows(self) -> Any:
        """The function that engines call during passes over blocks of rows, or None."""
        return self._rows if self._listeners else None

    def _rows(self, n_done: int, n_rows: int | None = None) -> None:
        for listener in self._listeners:
            listener.rows(n_done, n_rows)


_LISTENING: ContextVar[tuple[Listener, ...]] = ContextVar("_LISTENING", default=())


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Report the stages of all fits in this thread to a listener.

    Parameters
    ----------
    listener : Listener
    """
    token = _LISTENING.set((*_LISTENING.get(), listener))
    try:
        yield
    finally:
        _LISTENING.reset(token)


def duration(seconds: float) -> str:
    """Return a duration in words.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    str

    Examples
    --------
    >>> from vmfmix.fitting.progress import duration
    >>> duration(0.34), duration(41.2), duration(200), duration(7500)
    ('0.3 s', '41 s', '3 min 20 s', '2 h 5 min')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
