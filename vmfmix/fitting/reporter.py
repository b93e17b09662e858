"""Report of one start of a fit: its stages, and the iterations of its history."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vmfmix.fitting.progress import Progress, Stage
from vmfmix.merging.path import max_passes
from vmfmix.model.em import EMResult


class Reporter:
    """Report the stages of one start, and record its iterations.

    Parameters
    ----------
    progress : Progress
    prefix : str, default=""
        Of the titles of its stages.

    Attributes
    ----------
    iterations : list of (n_components, log_likelihood, seconds)
        Of merging, and of the final stage of EM.
    """

    def __init__(self, progress: Progress, prefix: str = "") -> None:
        self._progress, self._prefix = progress, prefix
        self._start = time.perf_counter()
        self.iterations: list[tuple[int, float, float]] = []
        self._stopped = False  # stays True once a listener has asked to stop
        self._stage: Stage
        self._n_start, self._tol = 0, 0.0
        self._last_bound: float | None = None

    @contextmanager
    def stage(self, name: str, title: str, **options: Any) -> Iterator[Stage]:
        """Report the beginning and the end of a stage; see `vmfmix.fitting.progress.Stage`."""
        with self._progress.stage(name, self._prefix + title, **options) as self._stage:
            yield self._stage

    @contextmanager
    def seeding(self, n_components: int) -> Iterator[Stage]:
        """Report the stage in which initial mean directions are drawn."""
        title = f"Choosing {n_components:,} initial clusters"
        options = {"total": n_components, "unit": "clusters"}
        with self.stage("seeding", title, **options) as stage:
            yield stage

    @contextmanager
    def merge_path(self, n_start: int, n_components: int) -> Iterator[Stage]:
        """Report the stage in which components merge; call `merging` after each E step.

        Merges are counted, since the time that a merge takes hardly depends on the number of
        components: a round merges a share of the components that its E step assigns rows to.
        """
        self._n_start = n_start
        options = {"total": n_start - n_components, "unit": "merges", "step_name": "merging"}
        max_steps = max_passes(n_start, n_components)
        with self.stage(
            "merge path", f"Merging {_clusters(n_start)}", max_steps=max_steps, **options
        ) as stage:
            yield stage

    def merging(self, n_components: int, log_likelihood: float) -> bool:
        """Report an E step of the merge path; return whether to stop."""
        self._record(n_components, log_likelihood)
        detail = f"{_clusters(n_components)}, log-likelihood {log_likelihood:.6f}"
        self._stopped |= self._stage.describe(detail, self._n_start - n_components)
        return self._stopped

    @contextmanager
    def passes(
        self, name: str, title: str, tol: float, step_name: str = "iteration"
    ) -> Iterator[Stage]:
        """Report a stage of EM; call `iteration` or `unrecorded_iteration` after each E step.

        Their number is not known before.
        """
        self._tol, self._last_bound = tol, None
        with self.stage(name, title, step_name=step_name) as stage:
            yield stage

    def iteration(self, iteration: int, bound: float, n_components: int) -> bool:
        """Report an EM iteration; return whether to stop."""
        self._record(n_components, bound)
        return self.unrecorded_iteration(iteration, bound, n_components)

    def unrecorded_iteration(self, iteration: int, bound: float, n_components: int) -> bool:
        """Report an EM iteration that is not part of the history; return whether to stop."""
        detail = f"pass {iteration + 1}, bound {bound:.6f}"
        if self._last_bound is not None:
            change = abs(bound - self._last_bound)
            detail += f", change {_power_of_ten(change)} (stops at {_power_of_ten(self._tol)})"
        self._last_bound = bound
        self._stopped |= self._stage.describe(detail, iteration + 1)
        return self._stopped

    def converged(self, result: EMResult) -> None:
        """Set the outcome of the stage of EM."""
        state = "converged" if result.converged else "did not converge"
        n_passes, bound = len(result.lower_bounds), result.lower_bounds[-1]
        passes = "pass" if n_passes == 1 else "passes"
        self._stage.outcome = f"{state} in {n_passes} {passes}, bound {bound:.6f}"

    def _record(self, n_components: int, log_likelihood: float) -> None:
        self.iterations.append((n_components, log_likelihood, time.perf_counter() - self._start))


def _power_of_ten(number: float) -> str:
    """Return a number with one digit, such as "2e-3"."""
    digit, exponent = f"{number:.0e}".split("e")
    return f"{digit}e{int(exponent)}"


def _clusters(number: int) -> str:
    return f"{number:,} cluster{'' if number == 1 else 's'}"
