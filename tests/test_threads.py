"""BLAS at one thread while ours work, whichever thread asks for it."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from vmfmix import threads
from vmfmix.threads import join_the_hold, one_thread_in_blas, product


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
    with one_thread_in_blas() as n_threads:
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
    first, second = one_thread_in_blas(), one_thread_in_blas()
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


def test_what_counts_for_each_thread_is_held_in_each(monkeypatch):
    """As OpenBLAS does where it is built with OpenMP."""

    class Library(threading.local):
        internal_api, threading_layer, num_threads = "openblas", "openmp", 4

        def set_num_threads(self, number):
            self.num_threads = number

    hold = threads._Hold()
    hold._libraries = [library] = [Library()]
    monkeypatch.setattr(threads, "_hold", hold)

    def helper():
        join_the_hold()
        return library.num_threads

    def another_holder():
        with one_thread_in_blas() as n_threads:
            inside = helper()
        return n_threads, inside, library.num_threads

    with one_thread_in_blas() as n_threads:
        assert (n_threads, library.num_threads) == (4, 1)
        assert in_a_thread(helper) == 1
        assert in_a_thread(another_holder) == (4, 1, 4)
    assert library.num_threads == 4


@pytest.mark.parametrize("shape", [(3, 4, 5), (3000, 64, 400), (70, 500, 2000)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_product_is_that_of_numpy(monkeypatch, shape, dtype):
    n, d, m = shape
    rng = np.random.default_rng(0)
    left, right = rng.random((n, d)).astype(dtype), rng.random((m, d)).astype(dtype).T
    monkeypatch.setattr(
        threads, "_hold", SimpleNamespace(**dict.fromkeys(["join", "release"], int), take=lambda: 3)
    )
    found = product(left, right)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, left @ right, rtol=1e-5 if dtype == np.float32 else 1e-13)
    out = np.empty_like(found)
    assert product(left, right, out) is out
    np.testing.assert_array_equal(out, found)


def test_a_product_that_fails_says_so():
    with pytest.raises(ValueError):
        product(np.ones((3000, 300)), np.ones((200, 3000)))
