"""Load test: many threads fit, predict, save and load concurrently.

``python -m benchmarks.load [--seconds 3600] [--threads 8]``

Each thread runs jobs in random order: fitting a small mixture (to dense rows, to sparse rows, and
with a checkpoint), predicting labels and probabilities with a shared model, saving and loading it,
and learning from batches. Every result is compared with that of a single thread, and the memory of
the process is sampled once a second. The results file has the number and the latencies of the
jobs, errors, the memory in each tenth of the run, and the threads and files left open.

The first error stops the run. A thread that does not finish counts as an error.
"""

import argparse
import os
import tempfile
import threading
import time
from array import array
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import scipy.sparse as sp

import vmfmix
from benchmarks import machine
from benchmarks.tables import save
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture

RESULTS = Path(__file__).parent / "results" / "load.json"
GRACE_SECONDS = 120  # for the last job of a thread after the time is up


def resident_mib():
    """Return the resident memory of this process in MiB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def n_open_files():
    """Return the number of open files of this process."""
    return len(os.listdir("/proc/self/fd"))


def make_jobs(folder):
    """Return the jobs by name; each takes a number and raises an error on a wrong result."""
    X, _ = make_vmf_mixture(2000, n_features=32, n_components=8, random_state=0)
    X = X.astype(np.float32)
    shared = VMFMixture(8, random_state=0).fit(X)
    labels, probabilities = shared.predict(X), shared.predict_proba(X)
    fits = [VMFMixture(5, random_state=seed).fit(X[:500]).labels_ for seed in range(4)]

    def assert_equal(result, expected):
        if not np.array_equal(result, expected):
            raise AssertionError("the result differs from that of a single thread")

    def fit(number):
        seed = number % len(fits)
        assert_equal(VMFMixture(5, random_state=seed).fit_predict(X[:500]), fits[seed])

    sparse = sp.csr_array(np.where(X[:300] > 0, X[:300], 0))
    sparse_labels = VMFMixture(5, random_state=0).fit(sparse).labels_

    def fit_sparse(number):
        assert_equal(VMFMixture(5, random_state=0).fit_predict(sparse), sparse_labels)

    def fit_with_checkpoint(number):
        path = folder / f"{threading.get_ident()}.ckpt"
        assert_equal(VMFMixture(5, random_state=0).fit(X[:500], checkpoint=path).labels_, fits[0])
        if path.exists():
            raise AssertionError("the checkpoint was not removed after the fit")

    def predict(number):
        assert_equal(shared.predict(X), labels)

    def predict_proba(number):
        np.testing.assert_allclose(shared.predict_proba(X), probabilities, atol=1e-6)

    def save_and_load(number):
        path = folder / f"{threading.get_ident()}.npz"
        shared.save(path)
        assert_equal(vmfmix.load(path).predict(X[:100]), labels[:100])

    def partial_fit(number):
        model = VMFMixture(3, random_state=0)
        for start in range(0, 400, 100):
            model.partial_fit(X[start : start + 100])
        if not np.isfinite(model.means_).all():
            raise AssertionError("some means are not finite")

    jobs = (
        fit,
        fit_sparse,
        fit_with_checkpoint,
        partial_fit,
        predict,
        predict_proba,
        save_and_load,
    )
    return {job.__name__: job for job in jobs}


def run(seconds, n_threads):
    """Run the load test and return its facts and the table of jobs."""
    # Compact arrays, since they are part of the memory that is measured.
    latencies: dict = defaultdict(partial(array, "d"))
    errors, memory = [], []
    with tempfile.TemporaryDirectory() as folder:
        jobs = make_jobs(Path(folder))
        before = threading.active_count(), n_open_files()
        end = time.monotonic() + seconds

        def work(seed):
            rng = np.random.default_rng(seed)
            while time.monotonic() < end and not errors:
                name = rng.choice(list(jobs))
                start = time.perf_counter()
                try:
                    jobs[name](int(rng.integers(1000)))
                except Exception as error:
                    errors.append(f"{name}: {type(error).__name__}: {error}")
                latencies[name].append(time.perf_counter() - start)

        threads = [
            threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(n_threads)
        ]
        for thread in threads:
            thread.start()
        while (
            any(thread.is_alive() for thread in threads) and time.monotonic() < end + GRACE_SECONDS
        ):
            memory.append(resident_mib())
            time.sleep(min(1.0, seconds / 50))
        n_hanging = sum(thread.is_alive() for thread in threads)
        if n_hanging:
            errors.append(f"{n_hanging} threads did not finish")
        after = threading.active_count(), n_open_files()
    facts = {
        "seconds": seconds,
        "worker threads": n_threads,
        "errors": errors,
        "memory in each tenth of the run, MiB": [
            round(float(np.median(part)), 1) for part in np.array_split(memory, 10) if len(part)
        ],
        "peak memory MiB": round(max(memory), 1),
        "leaked threads": after[0] - before[0],
        "leaked open files": after[1] - before[1],
    }
    rows = [
        {
            "job": name,
            "completed": len(latencies[name]),
            **{
                f"{part} ms": round(1e3 * float(np.quantile(latencies[name], q)), 1)
                for part, q in (("median", 0.5), ("99th percentile", 0.99), ("maximum", 1.0))
                if latencies[name]
            },
        }
        for name in jobs
    ]
    return facts, rows


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=3600.0, help="duration; default: %(default)s"
    )
    parser.add_argument("--threads", type=int, default=8, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: %(default)s")
    options = parser.parse_args()
    facts, rows = run(options.seconds, options.threads)
    facts = {**machine.describe(), **facts, "errors": facts["errors"] or "none"}
    save(options.output, facts, {"jobs": rows}, ("jobs",))


if __name__ == "__main__":
    main()
