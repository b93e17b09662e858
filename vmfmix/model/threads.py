"""Number of threads, and a limit of one thread for BLAS and torch while vmfmix runs its own.

Threads of BLAS would compete with those of vmfmix, and a process that is forked while OpenBLAS
multiplies in several threads hangs. A fit therefore limits BLAS to one thread throughout, also
while components merge, and divides large products among its own threads.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeAlias, TypeVar
from weakref import WeakSet

import numpy as np
from threadpoolctl import ThreadpoolController

_P = ParamSpec("_P")
_T = TypeVar("_T")

# A controller of threadpoolctl for one library, or the torch module: both have
# get_num_threads() and set_num_threads(n).
_Library: TypeAlias = Any

_MIN_PRODUCTS_PER_THREAD = 2**24  # takes several times as long as starting a thread


class _Token:
    """Token for one active limit.

    The limit refers to it weakly: should an interrupt prevent the release, the token disappears
    with the frame that created it.
    """


class _LimitsOfThread(threading.local):
    """Limits that one thread has set for itself.

    Parameters
    ----------
    tokens : WeakSet of _Token
        Active limits that this thread acquired.
    original : dict
        Number of threads of each library before it was limited.
    """

    def __init__(self) -> None:
        self.tokens: WeakSet[_Token] = WeakSet()
        self.original: dict[_Library, int] = {}


class _ThreadLimit:
    """Limit of one thread for BLAS and torch, active while any thread of the process has a token.

    Most libraries have one number of threads for the whole process: the first token sets it to one
    and the release of the last restores it. Others, such as torch, have a number for each thread
    that calls them: each thread sets and restores its own. If an interrupt prevents a restoration,
    the next `acquire` makes up for it.
    """

    def __init__(self) -> None:
        # Reentrant, as garbage collection may release a token while this thread acquires another.
        self._lock = threading.RLock()
        self._tokens: WeakSet[_Token] = WeakSet()
        self._original: dict[_Library, int] = {}  # of libraries with one number for the process
        self._of_thread = _LimitsOfThread()
        self._libraries: list[_Library] | None = None
        self._n_threads = 1

    def acquire(self, token: _Token) -> int:
        """Set all libraries to one thread and return how many threads BLAS had."""
        with self._lock:
            self._restore_this_thread()
            self._tokens.add(token)
            if len(self._tokens) == 1:
                self._limit_process()
            self._of_thread.tokens.add(token)
            self.limit_this_thread()
            return self._n_threads

    def release(self, token: _Token) -> None:
        """Give up a token and restore what no other token limits."""
        with self._lock:
            self._tokens.discard(token)
            if not self._tokens:
                _restore(self._original)
            self._restore_this_thread()

    def limit_this_thread(self) -> None:
        """Limit libraries that have a number of threads for each calling thread."""
        original = self._of_thread.original
        for library in [*_imported_torch(), *filter(_has_limit_per_thread, self._libraries or ())]:
            if library not in original and (number := library.get_num_threads()) > 1:
                original[library] = number
                _set_num_threads(library, 1)

    def hold_before_fork(self) -> None:
        """Let no other thread set a number while the process is forked.

        OpenBLAS starts its threads under a lock of its own when a number is set for the first time
        after a fork. A child that is forked meanwhile would wait for that lock forever.
        """
        self._lock.acquire()

    def resume_after_fork(self) -> None:
        """Let the threads of the parent continue."""
        self._lock.release()

    def reset_after_fork(self) -> None:
        """Forget tokens and locks of other threads, which do not exist in a forked child."""
        for library in self._libraries or ():
            # In threadpoolctl 3.8 and newer, a library has its own lock, in a private attribute.
            state: Any = getattr(library, "_SHARED_STATE", None)
            if hasattr(state, "lock"):
                state.lock = threading.Lock()
        self._lock, self._tokens = threading.RLock(), WeakSet()

    def _limit_process(self) -> None:
        """Limit libraries that have one number of threads for the whole process."""
        _restore(self._original)
        if self._libraries is None:
            self._libraries = ThreadpoolController().select(user_api="blas").lib_controllers
        numbers = {library: library.get_num_threads() or 1 for library in self._libraries}
        self._n_threads = max(numbers.values(), default=1)
        for library, number in numbers.items():
            if number > 1 and not _has_limit_per_thread(library):
                self._original[library] = number  # first, so that an interrupt does not lose it
                _set_num_threads(library, 1)

    def _restore_this_thread(self) -> None:
        """Restore the limits of this thread after the release of its last token."""
        self._of_thread.tokens &= self._tokens
        if not self._of_thread.tokens:
            _restore(self._of_thread.original)


def _set_num_threads(library: _Library, number: int) -> None:
    """Set the number of threads of a library, whichever thread set it before.

    In threadpoolctl 3.8 and newer the first thread that sets the number of OpenBLAS becomes its
    controlling thread, and calls from other threads are silently ignored until that is cleared.
    Here the thread that restores a number is often not the one that limited it.
    """
    clear = getattr(library, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)
    library.set_num_threads(number)
    if clear is not None and number > 1:
        clear(force=True)


def _has_limit_per_thread(library: _Library) -> bool:
    """Return whether setting the number of threads affects the calling thread only."""
    if library.internal_api == "mkl":  # in threadpoolctl 3.7 and newer
        return "MKL_Set_Num_Threads_Local" in getattr(library, "check_symbols", ())
    if library.internal_api == "openblas" and library.threading_layer == "openmp":
        return hasattr(library, "clear_controlling_thread")  # in threadpoolctl 3.8 and newer
    return False


def _restore(original: dict[_Library, int]) -> None:
    """Set libraries back to their original numbers of threads and empty the dictionary."""
    for library, number in list(original.items()):
        _set_num_threads(library, number)
        del original[library]


def _imported_torch() -> list[_Library]:
    """Return the torch module in a list, or an empty list if it is not fully imported."""
    torch = sys.modules.get("torch")
    return [torch] if hasattr(torch, "set_num_threads") else []


_thread_limit = _ThreadLimit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _thread_limit.hold_before_fork(),
        after_in_parent=lambda: _thread_limit.resume_after_fork(),
        after_in_child=lambda: _thread_limit.reset_after_fork(),
    )


@contextmanager
def single_threaded_blas() -> Iterator[int]:
    """Limit BLAS to one thread and return the number it had, which vmfmix may use itself.

    OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, joblib and threadpoolctl thus determine the number of
    threads, as they do for scikit-learn. Fits that run at the same time in several threads share
    the limit.

    Examples
    --------
    >>> from vmfmix.model.threads import single_threaded_blas
    >>> with single_threaded_blas() as n_threads:
    ...     n_threads >= 1
    True
    """
    token = _Token()
    try:
        yield _thread_limit.acquire(token)
    finally:
        _thread_limit.release(token)


def limit_blas_in_this_thread() -> None:
    """Limit BLAS to one thread in a worker of a thread in which the limit is active."""
    _thread_limit.limit_this_thread()


class WorkerThreads(ThreadPoolExecutor):
    """Thread pool that does the work in the calling thread if no thread can be started.

    Python refuses to start threads while it shuts down, after the last line of the program.
    """

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Start a function in a thread, or call it right away if no thread can be started."""
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:
            future: Future[_T] = Future()
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)
            return future


def threaded_matmul(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the product of two arrays, computed in as many threads as BLAS has.

    Parameters
    ----------
    left : ndarray of shape (n, d)
    right : ndarray of shape (d, m)

    Returns
    -------
    ndarray of shape (n, m)
    """
    out = np.empty((left.shape[0], right.shape[1]), np.result_type(left, right))
    with single_threaded_blas() as n_threads:
        n_products = left.size * right.shape[1]
        n_parts = min(n_threads, n_products // _MIN_PRODUCTS_PER_THREAD, max(out.shape))
        if n_parts < 2:
            return np.matmul(left, right, out=out)
        edges = np.linspace(0, max(out.shape), n_parts + 1).astype(int)
        parts = [slice(start, stop) for start, stop in itertools.pairwise(edges)]
        if out.shape[0] >= out.shape[1]:
            tasks = [(left[part], right, out[part]) for part in parts]
        else:
            tasks = [(left, right[:, part], out[:, part]) for part in parts]
        with WorkerThreads(n_parts) as pool:
            list(pool.map(_multiply, *zip(*tasks)))
    return out


def _multiply(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """Multiply two arrays into a third in a worker thread."""
    limit_blas_in_this_thread()
    np.matmul(left, right, out=out)
