"""How many threads a pass may use, while BLAS itself is held at one, and torch with it."""

import sys
import threading
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController


class _Hold:
    """BLAS at one thread for as long as anyone holds it, in however many threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._holders = 0
        self._blas: Any = None
        self._limit: Any = None
        self._torch: Any = None
        self._torch_threads = 1
        self._n_threads = 1

    def take(self):
        with self._lock:
            if self._holders == 0:
                if self._blas is None:
                    self._blas = ThreadpoolController().select(user_api="blas")
                self._n_threads = max((b["num_threads"] for b in self._blas.info()), default=1)
                self._limit = self._blas.limit(limits=1)
                self._torch = sys.modules.get("torch")
                if self._torch is not None:
                    self._torch_threads = self._torch.get_num_threads()
                    self._torch.set_num_threads(1)
            self._holders += 1
            return self._n_threads

    def release(self):
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                self._limit.restore_original_limits()
                if self._torch is not None:
                    self._torch.set_num_threads(self._torch_threads)


_hold = _Hold()


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
