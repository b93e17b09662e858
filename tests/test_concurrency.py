"""Threads, processes, forks, and fits that are interrupted.

Whatever could hang runs in a process of its own, with a time limit far above what it needs.
"""

import os
import signal
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
from vmfmix.model import threads

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
# Seconds: a hang is recognized after these, and a busy machine needs far less.
CHILD_TIME_LIMIT = 120
PROGRAM_TIME_LIMIT = 2 * CHILD_TIME_LIMIT

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

FIT_A_MODEL = f"""
import multiprocessing, os, signal, sys, threading
import numpy as np
import vmfmix
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
CHILD_TIME_LIMIT = {CHILD_TIME_LIMIT}
X, _ = make_vmf_mixture(20_000, 16, 4, concentration=60.0, dtype=np.float32, random_state=0)
model = VMFMixture(4, random_state=0).fit(X)
"""


@pytest.fixture(scope="module")
def rows():
    """Rows enough for several threads to work on them, on a machine with several cores."""
    return make_vmf_mixture(20_000, 16, 4, concentration=60.0, dtype=np.float32, random_state=0)[0]


@pytest.fixture(scope="module")
def model(rows):
    return VMFMixture(4, random_state=0).fit(rows)


def run(code, n_threads=2):
    """Return the lines that a program prints which begins with a fit."""
    done = subprocess.run(
        [sys.executable, "-c", FIT_A_MODEL + code],
        cwd=ROOT,
        env=os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(n_threads)),
        capture_output=True,
        text=True,
        timeout=PROGRAM_TIME_LIMIT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_threads_can_predict_with_one_model(model, rows):
    parts = np.array_split(np.arange(len(rows)), 16)
    proba = model.predict_proba(rows)

    def predict(part):
        return model.predict(rows[part]), model.predict_proba(rows[part])

    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            results = list(pool.map(predict, parts))
            labels = np.concatenate([part_labels for part_labels, _ in results])
            np.testing.assert_array_equal(labels, model.labels_)
            found = np.concatenate([part_proba for _, part_proba in results])
            np.testing.assert_allclose(found, proba, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"concentration": "free"}, {"assignment": "hard"}])
def test_fits_in_threads_equal_fits_alone(rows, options):
    samples = [rows[start::4] for start in range(4)]
    fresh = VMFMixture(4, random_state=0, **options)
    alone = [clone(fresh).fit(X) for X in samples]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda X: clone(fresh).fit(X), samples))
    for one, other in zip(alone, together):
        np.testing.assert_array_equal(one.labels_, other.labels_)
        np.testing.assert_array_equal(one.means_, other.means_)
        np.testing.assert_array_equal(one.lower_bounds_, other.lower_bounds_)


def test_joblib_processes_can_predict(model, rows):
    parts = np.array_split(rows, 4)
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(model.predict)(part) for part in parts)
    np.testing.assert_array_equal(np.concatenate(found), model.labels_)


# --- forks ---------------------------------------------------------------------------------------

FORK = """
def work(results):
    signal.alarm(CHILD_TIME_LIMIT)  # a child that hangs dies
    same = (model.predict(X) == model.labels_).all()
    again = VMFMixture(4, random_state=0).fit(X)
    results.put(bool(same and (again.labels_ == model.labels_).all()))

fork = multiprocessing.get_context("fork")
results = fork.SimpleQueue()
children = [fork.Process(target=work, args=(results,)) for _ in range(2)]
for child in children:
    child.start()
for child in children:
    child.join()
    print(child.exitcode)
print(results.get(), results.get())
print((model.predict(X) == model.labels_).all())
"""


@needs_fork
@pytest.mark.parametrize("n_threads", [1, 2])
def test_fork_after_fit_can_predict_and_fit(n_threads):
    assert run(FORK, n_threads) == ["0", "0", "True True", "True"]


@needs_fork
def test_fork_resets_the_lock_of_threadpoolctl():
    """A thread that does not exist in the child may have held the lock when it was forked."""
    code = """
from threadpoolctl import OpenBLASController
state = getattr(OpenBLASController, "_SHARED_STATE", None)  # threadpoolctl 3.8 and newer
lock = getattr(state, "lock", threading.Lock())
thread = threading.Thread(target=lock.acquire)
thread.start()
thread.join()

def work():
    signal.alarm(CHILD_TIME_LIMIT)
    model.predict(X)

child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
print(child.exitcode)
"""
    assert run(code) == ["0"]


@needs_fork
def test_fork_waits_for_a_thread_that_sets_numbers_of_threads():
    """Otherwise the child could inherit a lock that OpenBLAS holds at this moment."""
    code = """
from vmfmix.model.threads import _thread_limit
finished = []

def set_numbers():
    with _thread_limit._lock:
        started.set()
        threading.Event().wait(0.5)
        finished.append(True)

def work():
    signal.alarm(CHILD_TIME_LIMIT)
    model.predict(X)
    os._exit(0 if finished else 3)

started = threading.Event()
thread = threading.Thread(target=set_numbers)
thread.start()
started.wait()
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
print(child.exitcode)
"""
    assert run(code) == ["0"]


FORK_DURING_FIT = """
X = X[:3000]
fresh = VMFMixture(random_state=0)
expected = fresh.fit(X).labels_
last_fits = []

def fit_repeatedly():
    while not last_fits:
        other = VMFMixture(random_state=0).fit(X)
        if stop.is_set():
            last_fits.append(other)

def work():
    signal.alarm(CHILD_TIME_LIMIT)
    same = (VMFMixture(random_state=0).fit(X).labels_ == expected).all()
    os._exit(0 if same else 3)

stop = threading.Event()
thread = threading.Thread(target=fit_repeatedly)
thread.start()
for pause in range(6):
    children = [multiprocessing.get_context("fork").Process(target=work) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        print(child.exitcode, flush=True)
    threading.Event().wait(0.05 * pause)
stop.set()
thread.join()
print((last_fits[0].labels_ == expected).all())
"""


@needs_fork
def test_fork_while_another_thread_fits():
    """OpenBLAS cannot be forked while it multiplies in several threads, so it never does.

    One child may hang nevertheless: for some nanoseconds of each product, also in one thread,
    OpenBLAS holds a lock of its memory, and a child that is forked just then inherits it. In a loop
    of small products this happened to one child in 6,000.
    """
    *children, same_labels = run(FORK_DURING_FIT)
    assert same_labels == "True"
    hung = str(-signal.SIGALRM)
    assert children.count("0") >= 11
    assert set(children) <= {"0", hung}


# --- interrupts and errors -----------------------------------------------------------------------

INTERRUPT_A_FIT = """
before = dict(vars(model)) if fitted_before else {}
estimator = model if fitted_before else VMFMixture(4, random_state=0)
import gc, itertools, time
from threadpoolctl import threadpool_info
from vmfmix.engines.dense import DenseRows

calls = itertools.count(1)
plain = DenseRows.accumulate

def accumulate(self, *args):
    if next(calls) == 30:
        os.kill(os.getpid(), signal.SIGINT)
    return plain(self, *args)

DenseRows.accumulate = accumulate
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
try:
    estimator.fit(X)
except KeyboardInterrupt:
    print("interrupted")
DenseRows.accumulate = plain
found = {name: value for name, value in vars(estimator).items() if name.endswith("_")}
expected = {name: value for name, value in before.items() if name.endswith("_")}
print(found.keys() == expected.keys() and all(found[name] is expected[name] for name in expected))
gc.collect()
deadline = time.monotonic() + CHILD_TIME_LIMIT
while threading.active_count() > 1 and time.monotonic() < deadline:
    time.sleep(0.01)
print(threading.active_count())
print((estimator.fit(X).labels_ == VMFMixture(4, random_state=0).fit(X).labels_).all())
print(sorted({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}))
"""


@pytest.mark.parametrize("fitted_before", [False, True])
def test_interrupted_fit_leaves_estimator_unchanged(fitted_before):
    """Ctrl-C arrives in the middle of a pass over the rows."""
    found = run(f"fitted_before = {fitted_before}\n" + INTERRUPT_A_FIT)
    assert found == ["interrupted", "True", "1", "True", "[2]"]


@pytest.mark.parametrize("method", ["accumulate", "assign"])
def test_error_in_a_pass_is_raised(rows, monkeypatch, method):
    """Errors in the calling thread and in a worker thread are raised by fit."""
    from vmfmix.engines.dense import DenseRows

    plain = getattr(DenseRows, method)
    plain_submit = threads.WorkerThreads.submit
    has_worker, worker_has_failed = threading.Event(), threading.Event()

    def fail(self, *args):
        raise MemoryError("nothing left")

    def fail_in_worker(self, *args):
        if threading.current_thread() is not threading.main_thread():
            worker_has_failed.set()
            raise MemoryError("nothing left")
        if has_worker.is_set():  # leave some rows to the worker, however late it starts
            worker_has_failed.wait(CHILD_TIME_LIMIT)
        return plain(self, *args)

    def submit(self, *args, **kwargs):
        has_worker.set()
        return plain_submit(self, *args, **kwargs)

    class TwoThreads(threads._ThreadLimit):
        def acquire(self, token):  # begins every pass
            super().acquire(token)
            has_worker.clear()
            return 2

    fresh = VMFMixture(4, random_state=0)
    monkeypatch.setattr(DenseRows, method, fail)
    with pytest.raises(MemoryError, match="nothing left"):
        fresh.fit(rows)
    assert not any(name.endswith("_") for name in vars(fresh))
    monkeypatch.setattr(DenseRows, method, fail_in_worker)
    monkeypatch.setattr(threads.WorkerThreads, "submit", submit)
    monkeypatch.setattr(threads, "_thread_limit", TwoThreads())
    with pytest.raises(MemoryError, match="nothing left"):
        fresh.fit(np.concatenate([rows, rows]))
    assert worker_has_failed.is_set()
    monkeypatch.setattr(DenseRows, method, plain)
    np.testing.assert_array_equal(fresh.fit(rows).labels_, clone(fresh).fit(rows).labels_)


def test_callback_that_raises_leaves_estimator_unfitted(rows, model):
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


FIT_AFTER_LAST_LINE = """
from concurrent.futures import ThreadPoolExecutor

def train(kind):
    threading.main_thread().join()  # the program has reached its last line
    try:
        ThreadPoolExecutor(1).submit(int)
        starts_threads = True
    except RuntimeError:
        starts_threads = False
    rows = (lambda: iter([X[:9000], X[9000:]])) if kind == "blocks" else X
    again = VMFMixture(4, random_state=0).fit(rows)
    same = (again.labels_ == model.labels_).all()
    line = f"{kind} {starts_threads} {same} {len(again.predict_proba(X))}\\n"
    os.write(1, line.encode())  # one call, as the other thread writes to the same pipe

for kind in ("array", "blocks"):
    threading.Thread(target=train, args=(kind,)).start()
"""


def test_thread_can_fit_after_last_line_of_program():
    """Python starts no threads then, so that vmfmix must do without its own."""
    found = sorted(run(FIT_AFTER_LAST_LINE))
    assert found == ["array False True 20000", "blocks False True 20000"]
