"""Many threads fit, predict, save and load at once, for as long as is wanted.

``python -m benchmarks.load [--seconds 3600] [--threads 8]``

Each thread takes, in a random order, one of these: fit a small mixture (to dense and to sparse
rows, and with a checkpoint), predict with a model that all share, make probabilities, save and load
it, learn from batches. Every result is compared with that of one thread alone, and the memory of
the process is noted once a second. Written: how many of each were done and their latencies, errors,
the memory in each tenth of the time, and the threads and open files that are left.

The first error ends it, and a thread that does not come to its end is one.
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
PATIENCE = 120  # seconds for the last job of a thread


def resident():
    """Memory of this process, in MiB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def n_open_files():
    return len(os.listdir("/proc/self/fd"))


def jobs(folder):
    """What threads do, by name: each takes a number and raises where the result is another one."""
    X, _ = make_vmf_mixture(2000, n_features=32, n_components=8, random_state=0)
    X = X.astype(np.float32)
    shared = VMFMixture(8, random_state=0).fit(X)
    labels, probabilities = shared.predict(X), shared.predict_proba(X)
    fits = [VMFMixture(5, random_state=seed).fit(X[:500]).labels_ for seed in range(4)]

    def same(one, other):
        if not np.array_equal(one, other):
            raise AssertionError("another result than alone")

    def fit(number):
        seed = number % len(fits)
        same(VMFMixture(5, random_state=seed).fit_predict(X[:500]), fits[seed])

    sparse = sp.csr_array(np.where(X[:300] > 0, X[:300], 0))
    of_sparse = VMFMixture(5, random_state=0).fit(sparse).labels_

    def fit_sparse(number):
        same(VMFMixture(5, random_state=0).fit_predict(sparse), of_sparse)

    def fit_with_checkpoint(number):
        path = folder / f"{threading.get_ident()}.ckpt"
        same(VMFMixture(5, random_state=0).fit(X[:500], checkpoint=path).labels_, fits[0])
        if path.exists():
            raise AssertionError("a checkpoint that stayed")

    def predict(number):
        same(shared.predict(X), labels)

    def predict_proba(number):
        np.testing.assert_allclose(shared.predict_proba(X), probabilities, atol=1e-6)

    def save_and_load(number):
        path = folder / f"{threading.get_ident()}.npz"
        shared.save(path)
        same(vmfmix.load(path).predict(X[:100]), labels[:100])

    def partial_fit(number):
        model = VMFMixture(3, random_state=0)
        for start in range(0, 400, 100):
            model.partial_fit(X[start : start + 100])
        if not np.isfinite(model.means_).all():
            raise AssertionError("means that are no numbers")

    fitting = fit, fit_sparse, fit_with_checkpoint, partial_fit
    return {job.__name__: job for job in (*fitting, predict, predict_proba, save_and_load)}


def run(seconds, n_threads):
    """Facts and a table of the load."""
    # Compact, since they are kept in the memory that is watched.
    latencies: dict = defaultdict(partial(array, "d"))
    errors, memory = [], []
    with tempfile.TemporaryDirectory() as folder:
        known = jobs(Path(folder))
        before = threading.active_count(), n_open_files()
        end = time.monotonic() + seconds

        def work(seed):
            draw = np.random.default_rng(seed)
            while time.monotonic() < end and not errors:
                name = draw.choice(list(known))
                start = time.perf_counter()
                try:
                    known[name](int(draw.integers(1000)))
                except Exception as error:
                    errors.append(f"{name}: {type(error).__name__}: {error}")
                latencies[name].append(time.perf_counter() - start)

        threads = [
            threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(n_threads)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) and time.monotonic() < end + PATIENCE:
            memory.append(resident())
            time.sleep(min(1.0, seconds / 50))
        hung = sum(thread.is_alive() for thread in threads)
        if hung:
            errors.append(f"{hung} threads did not end")
        after = threading.active_count(), n_open_files()
    facts = {
        "seconds": seconds,
        "threads that work": n_threads,
        "errors": errors,
        "MiB in each tenth of the time": [
            round(float(np.median(part)), 1) for part in np.array_split(memory, 10) if len(part)
        ],
        "largest MiB": round(max(memory), 1),
        "threads left": after[0] - before[0],
        "open files left": after[1] - before[1],
    }
    rows = [
        {
            "job": name,
            "done": len(latencies[name]),
            **{
                f"{part} ms": round(1e3 * float(np.quantile(latencies[name], q)), 1)
                for part, q in (("median", 0.5), ("99 %", 0.99), ("longest", 1.0))
                if latencies[name]
            },
        }
        for name in known
    ]
    return facts, rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    facts, rows = run(options.seconds, options.threads)
    facts = {**machine.describe(), **facts, "errors": facts["errors"] or "none"}
    save(options.output, facts, {"jobs": rows}, ("jobs",))


if __name__ == "__main__":
    main()
