"""BLAS at one thread while ours work, whichever thread asks for it."""

import itertools
import linecache
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from vmfmix.model import threads
from vmfmix.model.threads import limit_blas_in_this_thread, single_threaded_blas, threaded_matmul


def blas_threads():
    return {
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    }


def in_a_thread(act):
    """What a function gives in a thread of its own."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(act()))
    thread.start()
    thread.join()
    return answers[0]


def held():
    with single_threaded_blas() as n_threads:
        return n_threads, blas_threads()


@pytest.fixture
def two_threads():
    if not blas_threads():
        pytest.skip("no BLAS whose threads can be told")
    with threadpool_limits(2):
        yield


def test_every_thread_may_hold_it(two_threads):
    """Since threadpoolctl 3.8, only the first thread that sets a number of threads may do so."""
    for _ in range(2):
        assert held() == (2, {1})
        assert in_a_thread(held) == (2, {1})
        assert blas_threads() == {2}


def test_the_last_holder_gives_the_threads_back(two_threads):
    first, second = single_threaded_blas(), single_threaded_blas()
    assert in_a_thread(first.__enter__) == 2
    assert second.__enter__() == 2
    in_a_thread(lambda: first.__exit__(None, None, None))
    assert blas_threads() == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == {2}


def test_a_limit_of_others_stays(two_threads):
    with threadpool_limits(1):
        assert in_a_thread(held) == (1, {1})
        assert blas_threads() == {1}
    assert blas_threads() == {2}


class Library:
    """One number of threads."""

    number, internal_api, threading_layer = 4, "openblas", "pthreads"

    def get_num_threads(self):
        return self.number

    def set_num_threads(self, number):
        self.number = number


class OwnLibrary(Library, threading.local):
    """A number for each thread, as OpenBLAS has where it is built with OpenMP."""

    threading_layer = "openmp"

    def clear_controlling_thread(self, force):
        pass


class MKL(OwnLibrary):
    internal_api = "mkl"
    check_symbols = "MKL_Get_Max_Threads", "MKL_Set_Num_Threads_Local"


@pytest.fixture(params=[Library, OwnLibrary, MKL])
def library(monkeypatch, request):
    """The only BLAS there is."""
    hold = threads._Hold()
    hold._libraries = [request.param()]
    monkeypatch.setattr(threads, "_hold", hold)
    monkeypatch.setattr(threads, "_torch", list)
    return hold._libraries[0]


def test_what_counts_for_each_thread_is_held_in_each(library):
    def helper():
        limit_blas_in_this_thread()
        return library.number

    def another_holder():
        with single_threaded_blas() as n_threads:
            inside = library.number
        return n_threads, inside, library.number

    with single_threaded_blas() as n_threads:
        assert (n_threads, library.number) == (4, 1)
        assert in_a_thread(helper) == 1
        after = 4 if isinstance(library, OwnLibrary) else 1
        assert in_a_thread(another_holder) == (4, 1, after)
        with single_threaded_blas() as n_threads:
            assert (n_threads, library.number) == (4, 1)
        assert library.number == 1
    assert library.number == 4


def test_what_is_imported_meanwhile_is_held_and_given_back(library, monkeypatch):
    torch = OwnLibrary()
    with single_threaded_blas():
        monkeypatch.setattr(threads, "_torch", lambda: [torch])
        with single_threaded_blas():
            assert torch.number == 1
        assert torch.number == 1
    assert torch.number == library.number == 4


def test_an_interrupt_at_any_step_leaves_nothing_held(library):
    """Ctrl-C comes between any two lines, but for those where a lock is let go."""

    def interrupting(which):
        lines = itertools.count(1)

        def trace(frame, event, arg):
            if frame.f_code.co_filename != threads.__file__:
                return None
            line = linecache.getline(threads.__file__, frame.f_lineno)
            if event == "line" and not line.strip().startswith("with") and next(lines) == which:
                raise KeyboardInterrupt
            return trace

        return trace

    n_interrupted = 0
    for which in range(1, 100):
        before = sys.gettrace()
        sys.settrace(interrupting(which))
        try:
            with single_threaded_blas():
                pass
        except KeyboardInterrupt:
            n_interrupted += 1
        finally:
            sys.settrace(before)
        with single_threaded_blas() as n_threads:
            assert (n_threads, library.number) == (4, 1)
        assert library.number == 4
    assert 20 < n_interrupted < 99  # all lines were tried


def test_a_hold_that_ends_in_another_thread(library):
    """As that of a generator that is collected there."""
    hold = single_threaded_blas()
    hold.__enter__()
    in_a_thread(lambda: hold.__exit__(None, None, None))
    with single_threaded_blas() as n_threads:
        assert (n_threads, library.number) == (4, 1)
    assert library.number == 4


@pytest.mark.parametrize("shape", [(3, 4, 5), (3000, 64, 400), (70, 500, 2000)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_product_is_that_of_numpy(monkeypatch, shape, dtype):
    n, d, m = shape
    rng = np.random.default_rng(0)
    left, right = rng.random((n, d)).astype(dtype), rng.random((m, d)).astype(dtype).T
    monkeypatch.setattr(
        threads,
        "_hold",
        SimpleNamespace(join=int, release=lambda holder: None, take=lambda holder: 3),
    )
    found = threaded_matmul(left, right)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, left @ right, rtol=1e-5 if dtype == np.float32 else 1e-13)


def test_a_product_that_fails_says_so():
    with pytest.raises(ValueError):
        threaded_matmul(np.ones((3000, 300)), np.ones((200, 3000)))
