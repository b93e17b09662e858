"""How many threads we may use, while BLAS itself is held at one, and torch with it.

Threads of BLAS would fight with ours, and a process that is forked while OpenBLAS multiplies in
several threads hangs: so a fit holds it while components merge, too, and divides products itself.
"""

import itertools
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

_WORTH_A_THREAD = 2**24  # multiplications, which take several times as long as its start


class _Hold:
    """BLAS at one thread for as long as anyone holds it, in however many threads.

    torch has a number of threads for each thread that calls it, and so has OpenBLAS where it was
    built with OpenMP: every holder sets and restores its own.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._holders = 0
        self._libraries: Any = None
        self._before: list = []  # libraries that had more than one thread, and how many
        self._n_threads = 1
        self._n_torch_threads: Any = None

    def forget(self):
        """Nobody holds it, as in a child that another thread's fit was forked into."""
        self._lock, self._holders = threading.Lock(), 0

    def take(self):
        with self._lock:
            if self._holders == 0:
                if self._libraries is None:
                    blas = ThreadpoolController().select(user_api="blas")
                    self._libraries = blas.lib_controllers
                numbers = [(library, library.num_threads) for library in self._libraries]
                self._n_threads = max((number for _, number in numbers), default=1)
                self._before = [(library, number) for library, number in numbers if number > 1]
                torch = _torch()
                self._n_torch_threads = None if torch is None else torch.get_num_threads()
                for library, _ in self._before:
                    _set_threads(library, 1)
            self._holders += 1
            return self._n_threads

    def join(self):
        for library, _ in self._before:
            if _is_of_each_thread(library):
                _set_threads(library, 1)
        torch = _torch()
        if torch is not None:
            torch.set_num_threads(1)

    def release(self):
        with self._lock:
            self._holders -= 1
            for library, number in self._before:
                if self._holders == 0 or _is_of_each_thread(library):
                    _set_threads(library, number)
            if self._n_torch_threads is not None:
                _torch().set_num_threads(self._n_torch_threads)


def _set_threads(library, number):
    """Set a number of threads, whichever thread did so before.

    Since threadpoolctl 3.8, only the first thread to set it may do so, until that gives it up, and
    others are ignored without a word; but the last holder is often another thread than the first.
    """
    let_go = getattr(library, "clear_controlling_thread", lambda force: None)
    let_go(force=True)
    library.set_num_threads(number)
    if number > 1:
        let_go(force=True)


def _is_of_each_thread(library):
    return library.internal_api == "openblas" and library.threading_layer == "openmp"


def _torch():
    """The torch module if it has been imported as a whole, or None."""
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "set_num_threads") else None


_hold = _Hold()
if hasattr(os, "register_at_fork"):  # whoever held it in another thread is not in the child
    os.register_at_fork(after_in_child=lambda: _hold.forget())


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


def join_the_hold():
    """Hold what has a number of threads for each thread at one in a thread that we started."""
    _hold.join()


def product(left, right, out=None):
    """The product of two arrays, in as many threads as BLAS has.

    Parameters
    ----------
    left : ndarray of shape (n, d)
    right : ndarray of shape (d, m)
    out : ndarray of shape (n, m), default=None
        To write to; None: a new one.

    Returns
    -------
    ndarray of shape (n, m)
    """
    if out is None:
        out = np.empty((left.shape[0], right.shape[1]), np.result_type(left, right))
    with one_thread_in_blas() as n_threads:
        n_parts = min(n_threads, left.size * right.shape[1] // _WORTH_A_THREAD, max(out.shape))
        if n_parts < 2:
            return np.matmul(left, right, out=out)
        edges = np.linspace(0, max(out.shape), n_parts + 1).astype(int)
        parts = [slice(start, stop) for start, stop in itertools.pairwise(edges)]
        if out.shape[0] >= out.shape[1]:
            tasks = [(left[part], right, out[part]) for part in parts]
        else:
            tasks = [(left, right[:, part], out[:, part]) for part in parts]
        with ThreadPoolExecutor(n_parts) as pool:
            list(pool.map(_multiply, *zip(*tasks)))
    return out


def _multiply(left, right, out):
    join_the_hold()
    np.matmul(left, right, out=out)
