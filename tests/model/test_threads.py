"""The limit of one BLAS thread: nested, from several threads, and after interrupts."""

import threading
import types

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from vmfmix.model import threads
from vmfmix.model.threads import limit_blas_in_this_thread, single_threaded_blas, threaded_matmul


def blas_threads():
    return {
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    }


def call_in_thread(function):
    """Return the result of a function that runs in a thread of its own."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def numbers_inside_limit():
    """Return the number of threads that the limit yields, and those of BLAS inside it."""
    with single_threaded_blas() as n_threads:
        return n_threads, blas_threads()


@pytest.fixture
def two_threads():
    if not blas_threads():
        pytest.skip("threadpoolctl finds no BLAS")
    with threadpool_limits(2):
        yield


def test_every_thread_can_limit_blas(two_threads):
    """In threadpoolctl 3.8 and newer, the first thread to set a number excludes the others."""
    for _ in range(2):
        assert numbers_inside_limit() == (2, {1})
        assert call_in_thread(numbers_inside_limit) == (2, {1})
        assert blas_threads() == {2}


def test_last_release_restores_threads(two_threads):
    first, second = single_threaded_blas(), single_threaded_blas()
    assert call_in_thread(first.__enter__) == 2
    assert second.__enter__() == 2
    call_in_thread(lambda: first.__exit__(None, None, None))
    assert blas_threads() == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == {2}


def test_limit_set_by_others_is_kept(two_threads):
    with threadpool_limits(1):
        assert call_in_thread(numbers_inside_limit) == (1, {1})
        assert blas_threads() == {1}
    assert blas_threads() == {2}


class Library:
    """A library with one number of threads for the process."""

    number, internal_api, threading_layer = 4, "openblas", "pthreads"

    def get_num_threads(self):
        return self.number

    def set_num_threads(self, number):
        self.number = number


class LibraryPerThread(Library, threading.local):
    """A library with a number for each thread, such as OpenBLAS built with OpenMP."""

    threading_layer = "openmp"

    def clear_controlling_thread(self, force):
        pass


class MKL(LibraryPerThread):
    internal_api = "mkl"
    check_symbols = "MKL_Get_Max_Threads", "MKL_Set_Num_Threads_Local"


def use_only(monkeypatch, library):
    """Make a library the only one whose threads are limited, and return the new limit."""
    limit = threads._ThreadLimit()
    limit._libraries = [library]
    monkeypatch.setattr(threads, "_thread_limit", limit)
    monkeypatch.setattr(threads, "_imported_torch", list)
    return limit


@pytest.fixture(params=[Library, LibraryPerThread, MKL])
def library(monkeypatch, request):
    """The only library whose threads are limited."""
    only = request.param()
    use_only(monkeypatch, only)
    return only


def test_libraries_with_a_number_per_thread_are_limited_in_each(library):
    def worker():
        limit_blas_in_this_thread()
        return library.number

    def another_limit():
        with single_threaded_blas() as n_threads:
            inside = library.number
        return n_threads, inside, library.number

    with single_threaded_blas() as n_threads:
        assert (n_threads, library.number) == (4, 1)
        assert call_in_thread(worker) == 1
        after = 4 if isinstance(library, LibraryPerThread) else 1
        assert call_in_thread(another_limit) == (4, 1, after)
        with single_threaded_blas() as n_threads:
            assert (n_threads, library.number) == (4, 1)
        assert library.number == 1
    assert library.number == 4


def test_torch_imported_inside_limit_is_limited_and_restored(library, monkeypatch):
    torch = LibraryPerThread()
    with single_threaded_blas():
        monkeypatch.setattr(threads, "_imported_torch", lambda: [torch])
        with single_threaded_blas():
            assert torch.number == 1
        assert torch.number == 1
    assert torch.number == library.number == 4


def test_limit_released_in_another_thread_is_restored(library):
    """A generator may be collected, and so closed, in a thread that did not start it."""
    limit = single_threaded_blas()
    limit.__enter__()
    call_in_thread(lambda: limit.__exit__(None, None, None))
    with single_threaded_blas() as n_threads:
        assert (n_threads, library.number) == (4, 1)
    assert library.number == 4


# --- interrupts ----------------------------------------------------------------------------------


class Interrupts:
    """Raises KeyboardInterrupt at one of the steps that it counts."""

    def __init__(self):
        self.step = self.interrupted_step = 0

    def start(self, interrupted_step):
        self.step, self.interrupted_step = 0, interrupted_step

    def __call__(self):
        self.step += 1
        if self.step == self.interrupted_step:
            raise KeyboardInterrupt


def interruptible(cls, methods, interrupts):
    """Derive a class whose methods may be interrupted just before and just after their effect."""

    def wrap(name):
        plain = getattr(cls, name)

        def method(self, *args, **kwargs):
            interrupts()
            result = plain(self, *args, **kwargs)
            interrupts()
            return result

        return method

    return types.new_class(
        cls.__name__, (cls,), exec_body=lambda body: body.update({n: wrap(n) for n in methods})
    )


@pytest.mark.parametrize("kind", [Library, LibraryPerThread, MKL])
@pytest.mark.parametrize("with_torch", [False, True])
def test_interrupt_at_any_step_leaves_no_limit(monkeypatch, kind, with_torch):
    """Ctrl-C may arrive around every call to a library and every change of the bookkeeping."""
    interrupts = Interrupts()
    setters = ["get_num_threads", "set_num_threads"]
    if kind is not Library:
        setters.append("clear_controlling_thread")
    library = interruptible(kind, setters, interrupts)()
    torch = interruptible(LibraryPerThread, setters[:2], interrupts)()
    limit = use_only(monkeypatch, library)
    methods = ["__setitem__", "__delitem__", "items"]
    dictionary = interruptible(type(limit._original), methods, interrupts)
    token_set = interruptible(type(limit._tokens), ["add", "discard", "__iand__"], interrupts)
    monkeypatch.setattr(threads, "_imported_torch", lambda: [torch] if with_torch else [])
    limit._original, limit._of_thread.original = dictionary(), dictionary()
    limit._tokens, limit._of_thread.tokens = token_set(), token_set()

    n_interrupted = 0
    finished = False
    while not finished:
        interrupts.start(n_interrupted + 1)
        try:
            with single_threaded_blas():
                pass
            finished = True
        except KeyboardInterrupt:
            n_interrupted += 1
        interrupts.start(0)
        with single_threaded_blas() as n_threads:
            assert (n_threads, library.number) == (4, 1)
            assert torch.number == (1 if with_torch else 4)
        assert library.number == torch.number == 4
        assert not limit._tokens
    assert n_interrupted >= 20


# --- versions of threadpoolctl -------------------------------------------------------------------


@pytest.mark.parametrize("threading_layer", ["pthreads", "openmp"])
def test_works_without_newer_and_private_attributes_of_threadpoolctl(monkeypatch, threading_layer):
    """A version without them has one number of threads for the process, which any thread sets."""
    library = Library()
    library.threading_layer = threading_layer
    assert not hasattr(library, "clear_controlling_thread")
    limit = use_only(monkeypatch, library)

    def number_in_worker():
        limit_blas_in_this_thread()
        return library.number

    for _ in range(2):
        with single_threaded_blas() as n_threads:
            assert (n_threads, library.number) == (4, 1)
            assert call_in_thread(number_in_worker) == 1
        assert library.number == 4
        limit.reset_after_fork()  # there is no _SHARED_STATE


def test_mkl_without_check_symbols_has_one_number(monkeypatch):
    class OldMKL(Library):
        internal_api = "mkl"

    library = OldMKL()
    use_only(monkeypatch, library)
    with single_threaded_blas() as n_threads:
        assert (n_threads, library.number) == (4, 1)
        assert call_in_thread(library.get_num_threads) == 1
    assert library.number == 4


def test_reset_after_fork_works_if_shared_state_has_no_lock(monkeypatch):
    library = Library()
    library._SHARED_STATE = types.SimpleNamespace()
    limit = use_only(monkeypatch, library)
    limit.reset_after_fork()
    with single_threaded_blas():
        assert library.number == 1
    assert library.number == 4


def test_reset_after_fork_replaces_locks(monkeypatch):
    library = Library()
    library._SHARED_STATE = types.SimpleNamespace(lock=threading.Lock())
    limit = use_only(monkeypatch, library)
    library._SHARED_STATE.lock.acquire()
    call_in_thread(limit._lock.acquire)
    limit.reset_after_fork()
    assert library._SHARED_STATE.lock.acquire(blocking=False)
    assert limit._lock.acquire(blocking=False)


# --- products ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 4, 5), (3000, 64, 400), (70, 500, 2000)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threaded_matmul_matches_numpy(monkeypatch, shape, dtype):
    n, d, m = shape
    rng = np.random.default_rng(0)
    left, right = rng.random((n, d)).astype(dtype), rng.random((m, d)).astype(dtype).T
    three_threads = types.SimpleNamespace(
        limit_this_thread=int, release=lambda token: None, acquire=lambda token: 3
    )
    monkeypatch.setattr(threads, "_thread_limit", three_threads)
    found = threaded_matmul(left, right)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, left @ right, rtol=1e-5 if dtype == np.float32 else 1e-13)


def test_threaded_matmul_raises_on_shapes_that_do_not_fit():
    with pytest.raises(ValueError):
        threaded_matmul(np.ones((3000, 300)), np.ones((200, 3000)))
