"""Progress of a fit: printed lines, scikit-learn's callbacks, and the iterations of its history."""

from __future__ import annotations

import time
from typing import Any

from vmfmix.model.em import EMResult

_SECONDS_BETWEEN_LINES = 10.0


class RowProgress:
    """Print the rate of a pass over many rows and the remaining time, every ten seconds."""

    def __init__(self) -> None:
        self._start = self._last_line = time.perf_counter()

    def __call__(self, n_done: int, n_rows: int | None = None) -> None:
        """Report the number of rows done, and the total number of rows if it is known."""
        now = time.perf_counter()
        if n_done == 0:  # a pass begins
            self._start = self._last_line = now
        elif now - self._last_line >= _SECONDS_BETWEEN_LINES:
            rate = n_done / (now - self._start)
            total = f" of {n_rows}" if n_rows else ""
            remaining = f", {(n_rows - n_done) / rate:.0f} s left" if n_rows else ""
            print(f"  {n_done}{total} rows, {rate:.0f} rows per second{remaining}")
            self._last_line = now


class Reporter:
    """Report the progress of one fit from one start.

    Parameters
    ----------
    estimator : VMFMixture
    task : callback context
        Context of this fit.
    init : int
        Index of the start, from 0.

    Attributes
    ----------
    iterations : list of (n_components, log_likelihood, seconds)
    """

    def __init__(self, estimator: Any, task: Any, init: int) -> None:
        self._estimator, self._task, self._init = estimator, task, init
        self._start = time.perf_counter()
        self.iterations: list[tuple[int, float, float]] = []
        self._stopped = False  # stays True once a callback has asked to stop

    def merging(self, n_components: int, log_likelihood: float) -> bool:
        """Report an E step of the merge path; return whether to stop."""
        if self._estimator.verbose > 1:
            print(
                f"  Initialization {self._init}, merging: log-likelihood {log_likelihood:.6f}, "
                f"{n_components} components"
            )
        return self._report("merging", n_components, log_likelihood)

    def iteration(self, iteration: int, bound: float, n_components: int) -> bool:
        """Report an EM iteration; return whether to stop."""
        if self._estimator.verbose > 1:
            print(
                f"  Initialization {self._init}, iteration {iteration}: "
                f"lower bound {bound:.6f}, {n_components} components"
            )
        return self._report("iteration", n_components, bound)

    def _report(self, task_name: str, n_components: int, log_likelihood: float) -> bool:
        self.iterations.append((n_components, log_likelihood, time.perf_counter() - self._start))
        step = self._task.subcontext(task_name=task_name)
        step.call_on_fit_task_begin(estimator=self._estimator)
        self._stopped |= bool(step.call_on_fit_task_end(estimator=self._estimator))
        return self._stopped

    def end(self, result: EMResult, merged: tuple[int, int] | None = None) -> None:
        """Report the end of the fit; `merged` has the number of components before and after."""
        if not self._estimator.verbose:
            return
        state = "converged" if result.converged else "did not converge"
        merges = f"{merged[0]} components merged to {merged[1]}, " if merged else ""
        print(
            f"Initialization {self._init}: {merges}{state} in {len(result.lower_bounds)} "
            f"iterations, lower bound {result.lower_bounds[-1]:.6f}"
        )
