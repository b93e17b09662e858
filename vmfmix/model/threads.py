"""How many threads we may use, while BLAS itself is held at one, and torch with it.

Threads of BLAS would fight with ours, and a process that is forked while OpenBLAS multiplies in
several threads hangs: so a fit holds it while components merge, too, and divides products itself.
"""

import itertools
import os
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import numpy as np
from threadpoolctl import ThreadpoolController

_WORTH_A_THREAD = 2**24  # multiplications, which take several times as long as its start


class _Holder:
    """One who holds it; should an interrupt keep it from its release, it is gone with its frame."""


class _OwnNumbers(threading.local):
    """What a thread has set to one for itself.

    Parameters
    ----------
    holders : WeakSet
        Those of this thread.
    before : dict
        From a library to the number of threads that it had.
    """

    def __init__(self):
        self.holders: WeakSet = WeakSet()
        self.before: dict = {}


class _Hold:
    """BLAS, and torch, at one thread for as long as anyone holds it, in however many threads.

    Some libraries have one number of threads, which the first holder sets and the last restores;
    others, as torch, have one for each thread that calls them, which each holder sets for itself.
    What an interrupt has left undone is done by the next holder.
    """

    def __init__(self):
        self._lock = threading.RLock()  # a holder may be collected while another takes it
        self._holders: WeakSet = WeakSet()
        self._before: dict = {}  # of libraries with one number
        self._own = _OwnNumbers()
        self._libraries: Any = None
        self._n_threads = 1

    def forget(self):
        """Nobody holds it, as in a child that was forked while another thread did."""
        for library in self._libraries or ():  # threadpoolctl has a lock, too, since 3.8
            state: Any = getattr(library, "_SHARED_STATE", None)
            if hasattr(state, "lock"):
                state.lock = threading.Lock()
        self._lock, self._holders = threading.RLock(), WeakSet()

    def take(self, holder):
        with self._lock:
            self._restore_own()
            self._holders.add(holder)
            if len(self._holders) == 1:
                self._take_for_all()
            self._own.holders.add(holder)
            self.join()
            return self._n_threads

    def _take_for_all(self):
        _restore(self._before)
        if self._libraries is None:
            self._libraries = ThreadpoolController().select(user_api="blas").lib_controllers
        numbers = {library: library.get_num_threads() or 1 for library in self._libraries}
        self._n_threads = max(numbers.values(), default=1)
        for library, number in numbers.items():
            if number > 1 and not _is_of_each_thread(library):
                self._before[library] = number  # first, so that an interrupt does not lose it
                _set_threads(library, 1)

    def join(self):
        """Set to one what has a number for the thread that calls."""
        own = self._own.before
        for library in [*_torch(), *filter(_is_of_each_thread, self._libraries or ())]:
            if library not in own and (number := library.get_num_threads()) > 1:
                own[library] = number
                _set_threads(library, 1)

    def release(self, holder):
        with self._lock:
            self._holders.discard(holder)
            if not self._holders:
                _restore(self._before)
            self._restore_own()

    def _restore_own(self):
        """Give this thread back what nobody holds in it any more."""
        self._own.holders &= self._holders
        if not self._own.holders:
            _restore(self._own.before)


def _set_threads(library, number):
    """Set a number of threads, whichever thread did so before.

    Since threadpoolctl 3.8, only the first thread to set that of OpenBLAS may do so, until it gives
    that up, and others are ignored without a word; but the last holder is often another thread
    than the first.
    """
    let_go = getattr(library, "clear_controlling_thread", lambda force: None)
    let_go(force=True)
    library.set_num_threads(number)
    if number > 1:
        let_go(force=True)


def _is_of_each_thread(library):
    """Whether threadpoolctl sets a number for the thread that calls alone."""
    if library.internal_api == "mkl":  # since threadpoolctl 3.7
        return "MKL_Set_Num_Threads_Local" in library.check_symbols
    if library.internal_api == "openblas" and library.threading_layer == "openmp":
        return hasattr(library, "clear_controlling_thread")  # since threadpoolctl 3.8
    return False


def _restore(before):
    for library, number in list(before.items()):
        _set_threads(library, number)
        del before[library]


def _torch():
    """The torch module if it has been imported as a whole."""
    torch = sys.modules.get("torch")
    return [torch] if hasattr(torch, "set_num_threads") else []


_hold = _Hold()
if hasattr(os, "register_at_fork"):  # whoever held it in another thread is not in the child
    os.register_at_fork(after_in_child=lambda: _hold.forget())


@contextmanager
def single_threaded_blas():
    """Hold BLAS at one thread and give the number it had, which is how many threads we may start.

    So OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, joblib and threadpoolctl decide it, as they do for
    scikit-learn. Fits that run at the same time in several threads share the hold.
    """
    holder = _Holder()
    try:
        yield _hold.take(holder)
    finally:
        _hold.release(holder)


def limit_blas_in_this_thread():
    """Hold BLAS at one thread in a thread that works for one who holds it."""
    _hold.join()


class WorkerThreads(ThreadPoolExecutor):
    """Threads that work for us; where none can be started, as when Python ends, we work alone."""

    def submit(self, work, /, *args, **kwargs):
        """Start some work."""
        try:
            return super().submit(work, *args, **kwargs)
        except RuntimeError:
            done: Future = Future()
            try:
                done.set_result(work(*args, **kwargs))
            except BaseException as error:
                done.set_exception(error)
            return done


def threaded_matmul(left, right):
    """The product of two arrays, in as many threads as BLAS has.

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
        n_parts = min(n_threads, left.size * right.shape[1] // _WORTH_A_THREAD, max(out.shape))
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


def _multiply(left, right, out):
    limit_blas_in_this_thread()
    np.matmul(left, right, out=out)
