"""How many threads a pass may use, while BLAS itself is held at one, and torch with it."""

import os
import sys
import threading
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController


class _Hold:
    """BLAS at one thread for as long as anyone holds it, in however many threads.

    torch has a number of threads for each thread that calls it, so that every holder sets and
    restores its own.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._holders = 0
        self._blas: Any = None
        self._limit: Any = None
        self._n_threads = 1
        self._n_torch_threads: Any = None

    def forget(self):
        """Nobody holds it."""
        self._lock, self._holders = threading.Lock(), 0

    def take(self):
        with self._lock:
            if self._holders == 0:
                if self._blas is None:
                    self._blas = ThreadpoolController().select(user_api="blas")
                self._n_threads = max((b["num_threads"] for b in self._blas.info()), default=1)
                torch = _torch()
                self._n_torch_threads = None if torch is None else torch.get_num_threads()
                self._limit = self._blas.limit(limits=1)
            self._holders += 1
            return self._n_threads

    def release(self):
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                self._limit.restore_original_limits()
            if self._n_torch_threads is not None:
                _torch().set_num_threads(self._n_torch_threads)


def _torch():
    """The torch module if it has been imported as a whole, or None."""
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "set_num_threads") else None


def one_thread_in_torch():
    """Hold torch at one thread in the thread that calls this."""
    torch = _torch()
    if torch is not None:
        torch.set_num_threads(1)


_hold = _Hold()
if hasattr(os, "register_at_fork"):  # whoever held it in another thread is not in the child
    os.register_at_fork(after_in_child=_hold.forget)


@contextmanager
def one_thread_in_blas():
    """Hold BLAS at one thread and give the number it had, which is how many threads we may start.

    So OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, joblib and threadpoolctl decide it, as they do for
    scikit-learn. Fits that run at the same time in several threads share the hold.
    """
    n_threads = _hold.take()
    try:
        yield n_threads
    finally:
        _hold.release()
