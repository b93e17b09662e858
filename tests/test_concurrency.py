"""Many at once: threads, processes, forks; and fits that somebody interrupts.

What could hang runs in a process of its own, which prints where it stands and dies after a time
that is many times as long as it needs.
"""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture

ROOT = Path(__file__).parents[1]
PATIENCE = 150  # seconds, far more than anything here takes

FITTED = """
import multiprocessing, os, signal, sys, threading
import numpy as np
import vmfmix
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
X, _ = make_vmf_mixture(20_000, 16, 4, concentration=60.0, dtype=np.float32, random_state=0)
model = VMFMixture(4, random_state=0).fit(X)
"""


@pytest.fixture(scope="module")
def rows():
    """So many that several threads work on them, where there are several."""
    return make_vmf_mixture(20_000, 16, 4, concentration=60.0, dtype=np.float32, random_state=0)[0]


@pytest.fixture(scope="module")
def model(rows):
    return VMFMixture(4, random_state=0).fit(rows)


def run(code, n_threads=2):
    """What a program prints that begins with a fit."""
    done = subprocess.run(
        [sys.executable, "-c", FITTED + code],
        cwd=ROOT,
        env=os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(n_threads)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_threads_that_ask_one_model(model, rows):
    parts = np.array_split(np.arange(len(rows)), 16)
    proba = model.predict_proba(rows)

    def ask(part):
        return model.predict(rows[part]), model.predict_proba(rows[part])

    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            answers = list(pool.map(ask, parts))
            np.testing.assert_array_equal(np.concatenate([a for a, _ in answers]), model.labels_)
            np.testing.assert_allclose(np.concatenate([b for _, b in answers]), proba, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"concentration": "free"}, {"assignment": "hard"}])
def test_fits_in_threads_give_what_each_gives_alone(rows, options):
    some = [rows[start::4] for start in range(4)]
    fresh = VMFMixture(4, random_state=0, **options)
    alone = [clone(fresh).fit(X) for X in some]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda X: clone(fresh).fit(X), some))
    for one, other in zip(alone, together):
        np.testing.assert_array_equal(one.labels_, other.labels_)
        np.testing.assert_array_equal(one.means_, other.means_)
        np.testing.assert_array_equal(one.lower_bounds_, other.lower_bounds_)


def test_processes_of_joblib(model, rows):
    parts = np.array_split(rows, 4)
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(model.predict)(part) for part in parts)
    np.testing.assert_array_equal(np.concatenate(found), model.labels_)


FORK = """
def work(answers):
    signal.alarm(100)  # a child that hangs dies
    same = (model.predict(X) == model.labels_).all()
    again = VMFMixture(4, random_state=0).fit(X)
    answers.put(bool(same and (again.labels_ == model.labels_).all()))

fork = multiprocessing.get_context("fork")
answers = fork.SimpleQueue()
children = [fork.Process(target=work, args=(answers,)) for _ in range(2)]
for child in children:
    child.start()
for child in children:
    child.join()
    print(child.exitcode)
print(answers.get(), answers.get())
print((model.predict(X) == model.labels_).all())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_fork_after_a_fit_can_predict_and_fit(n_threads):
    assert run(FORK, n_threads) == ["0", "0", "True", "True", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("whose", ["ours", "that of threadpoolctl"])
def test_a_fork_finds_no_lock_taken(whose):
    """Another thread may have held it, which the child does not have."""
    code = f"""
from threadpoolctl import OpenBLASController
from vmfmix.model.threads import _hold
lock = _hold._lock
if {whose!r} != "ours":  # it has one since version 3.8
    state = getattr(OpenBLASController, "_SHARED_STATE", None)
    lock = getattr(state, "lock", threading.Lock())
threading.Thread(target=lock.acquire).start()
child = multiprocessing.get_context("fork").Process(target=lambda: work())
def work():
    signal.alarm(60)
    model.predict(X)
child.start()
child.join()
print(child.exitcode)
"""
    assert run(code) == ["0"]


FORK_DURING_A_FIT = """
X = X[:3000]
fresh = VMFMixture(random_state=0)
expected = fresh.fit(X).labels_
again = []

def fits():
    while not again:
        other = VMFMixture(random_state=0).fit(X)
        if stop.is_set():
            again.append(other)

def work():
    signal.alarm(60)
    same = (VMFMixture(random_state=0).fit(X).labels_ == expected).all()
    os._exit(0 if same else 3)

stop = threading.Event()
thread = threading.Thread(target=fits)
thread.start()
for pause in range(6):
    children = [multiprocessing.get_context("fork").Process(target=work) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        print(child.exitcode)
    threading.Event().wait(0.05 * pause)
stop.set()
thread.join()
print((again[0].labels_ == expected).all())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forks_while_another_thread_fits():
    """OpenBLAS cannot be forked while it multiplies in several threads, so it never does."""
    assert run(FORK_DURING_A_FIT) == ["0"] * 12 + ["True"]


INTERRUPTED = """
before = dict(vars(model)) if again else {}
fresh = model if again else VMFMixture(4, random_state=0)
from vmfmix.engines.dense import DenseRows
calls = []
plain = DenseRows.accumulate
def accumulate(self, *args):
    calls.append(1)
    if len(calls) == 30:
        os.kill(os.getpid(), signal.SIGINT)
    return plain(self, *args)
DenseRows.accumulate = accumulate
try:
    fresh.fit(X)
except KeyboardInterrupt:
    print("interrupted")
DenseRows.accumulate = plain
left = {name: value for name, value in vars(fresh).items() if name.endswith("_")}
kept = {name: value for name, value in before.items() if name.endswith("_")}
print(left.keys() == kept.keys() and all(left[name] is kept[name] for name in kept))
import gc, time
gc.collect()
for _ in range(500):
    if threading.active_count() == 1:
        break
    time.sleep(0.01)
print(threading.active_count())
print((fresh.fit(X).labels_ == VMFMixture(4, random_state=0).fit(X).labels_).all())
print(sorted({pool["num_threads"] for pool in __import__("threadpoolctl").threadpool_info()
              if pool["user_api"] == "blas"}))
"""


@pytest.mark.parametrize("again", [False, True])
def test_an_interrupted_fit_leaves_the_estimator_as_it_was(again):
    """By Ctrl-C in the middle of a pass over the rows."""
    found = run(f"again = {again}\n" + INTERRUPTED)
    assert found == ["interrupted", "True", "1", "True", "[2]"]


@pytest.mark.parametrize("place", ["accumulate", "assign"])
def test_whatever_a_pass_raises_comes_out(rows, monkeypatch, place):
    """An error in a helping thread, too."""
    from vmfmix.engines.dense import DenseRows

    plain = getattr(DenseRows, place)

    def fail(self, *args):
        if threading.current_thread() is threading.main_thread():
            return plain(self, *args)
        raise MemoryError("nothing left")

    def fail_here(self, *args):
        raise MemoryError("nothing left")

    fresh = VMFMixture(4, random_state=0)
    monkeypatch.setattr(DenseRows, place, fail_here)
    with pytest.raises(MemoryError, match="nothing left"):
        fresh.fit(rows)
    assert not any(name.endswith("_") for name in vars(fresh))
    monkeypatch.setattr(DenseRows, place, fail)
    from vmfmix.model import threads

    class Two(threads._Hold):
        def take(self, holder):
            super().take(holder)
            return 2

    monkeypatch.setattr(threads, "_hold", Two())
    with pytest.raises(MemoryError, match="nothing left"):
        fresh.fit(np.concatenate([rows, rows]))
    monkeypatch.setattr(DenseRows, place, plain)
    np.testing.assert_array_equal(fresh.fit(rows).labels_, clone(fresh).fit(rows).labels_)


def test_a_callback_that_raises_leaves_no_fit(rows, model):
    pytest.importorskip("sklearn.callback")

    class Impatient:
        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            raise KeyboardInterrupt

    fresh = clone(model).set_callbacks(Impatient())
    with pytest.raises(KeyboardInterrupt):
        fresh.fit(rows)
    assert not any(name.endswith("_") for name in vars(fresh))
    np.testing.assert_array_equal(clone(model).fit(rows).labels_, model.labels_)


AT_THE_END = """
import time

def train(kind):
    time.sleep(1.0)  # the last line of the program has been reached by then
    rows = (lambda: iter([X[:9000], X[9000:]])) if kind == "blocks" else X
    again = VMFMixture(4, random_state=0).fit(rows)
    print(kind, (again.labels_ == model.labels_).all(), len(again.predict_proba(X)), flush=True)

for kind in ("array", "blocks"):
    threading.Thread(target=train, args=(kind,)).start()
"""


def test_a_thread_may_fit_after_the_last_line_of_a_program():
    """Python starts no more threads then."""
    assert sorted(run(AT_THE_END)) == sorted(["array", "True", "20000", "blocks", "True", "20000"])
