"""What is told of a fit while it runs: to scikit-learn's callbacks, on stdout, and to its history.

scikit-learn has callbacks since version 1.9; before, nobody listens.
"""

import time

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class _NoContext:
        """Stands where a callback context would; nobody listens."""

        def subcontext(self, **kwargs):
            return self

        def call_on_fit_task_begin(self, **kwargs):
            return self

        def call_on_fit_task_end(self, **kwargs):
            return False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Gives `fit` a context to report to."""

        def _init_callback_context(self, **kwargs):
            return _NoContext()

    def with_callbacks(method):
        """`method` itself: there is nothing to tear down."""
        return method


__all__ = ["CallbackSupportMixin", "Pace", "Reporter", "with_callbacks"]

_SECONDS = 10.0  # between two lines


class Pace:
    """Prints how passes over many rows get on: their rate and the time left, now and then."""

    def __init__(self):
        self._start = self._last = time.perf_counter()

    def __call__(self, n_done, n_rows=None):
        """So many of all rows, if their number is known, are done."""
        now = time.perf_counter()
        if n_done == 0:  # a pass begins
            self._start = self._last = now
        elif now - self._last >= _SECONDS:
            rate = n_done / (now - self._start)
            of_all = f" of {n_rows}" if n_rows else ""
            left = f", {(n_rows - n_done) / rate:.0f} s left" if n_rows else ""
            print(f"  {n_done}{of_all} rows, {rate:.0f} rows per second{left}")
            self._last = now


class Reporter:
    """Told of one fit from one start; passes it on.

    Parameters
    ----------
    estimator : VMFMixture
    task : callback context
        Of this fit.
    init : int
        Number of the start.
    """

    def __init__(self, estimator, task, init):
        self._estimator, self._task, self._init = estimator, task, init
        self._start = time.perf_counter()
        self.iterations: list = []
        self._stopped = False  # once somebody wants to stop, nothing goes on

    def merging(self, n_components, log_likelihood):
        """A step on the way from many components to few; returns whether somebody wants to stop."""
        if self._estimator.verbose > 1:
            print(
                f"  Initialization {self._init}, merging: log-likelihood {log_likelihood:.6f}, "
                f"{n_components} components"
            )
        return self._tell("merging", n_components, log_likelihood)

    def iteration(self, iteration, bound, n_components):
        """An EM iteration; returns whether somebody wants to stop."""
        if self._estimator.verbose > 1:
            print(
                f"  Initialization {self._init}, iteration {iteration}: "
                f"lower bound {bound:.6f}, {n_components} components"
            )
        return self._tell("iteration", n_components, bound)

    def _tell(self, task_name, n_components, log_likelihood):
        self.iterations.append((n_components, log_likelihood, time.perf_counter() - self._start))
        step = self._task.subcontext(task_name=task_name)
        step.call_on_fit_task_begin(estimator=self._estimator)
        self._stopped |= bool(step.call_on_fit_task_end(estimator=self._estimator))
        return self._stopped

    def end(self, result, found=None):
        """The end of this fit."""
        if not self._estimator.verbose:
            return
        state = "converged" if result.converged else "did not converge"
        merged = f"{found[0]} components merged to {found[1]}, " if found else ""
        print(
            f"Initialization {self._init}: {merged}{state} in {len(result.lower_bounds)} "
            f"iterations, lower bound {result.lower_bounds[-1]:.6f}"
        )
