"""Measurements that need a fresh process: peak memory, import time, and time of the first fit.

A function of this file runs in a new process, which prints its result as one line of JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
IMPORTS = {
    "import vmfmix": "import vmfmix",
    "from vmfmix import VMFMixture": "from vmfmix import VMFMixture",
    "import sklearn.mixture": "import sklearn.mixture",
}
REFERENCE_IMPORT = "import sklearn.mixture"
# Kind of rows, their shape, number of clusters, and n_components of the fit.
FIRST_FITS = (
    ("float32", (2_000, 384), 10, 10),
    ("float32", (2_000, 384), 10, "auto"),
    ("float32", (30_000, 384), 30, "auto"),
    ("float32", (30_000, 384), 200, 200),
    ("float64", (2_000, 384), 10, "auto"),
    ("CSR", (2_000, 384), 10, "auto"),
)
CONCENTRATION_PER_FEATURE = 0.8
FORMS = ("C order", "Fortran order", "read-only", "float16")
STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def run_code(code, **environment):
    """Run code in a fresh process and return what it prints, parsed as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"A process of a benchmark failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def call_function(name, *arguments, **environment):
    """Call a function of this file in a fresh process and return its result."""
    code = (
        "import json; from benchmarks import fresh_processes; "
        f"print(json.dumps(fresh_processes.{name}(*{arguments!r})))"
    )
    return run_code(code, **environment)


# --- memory --------------------------------------------------------------------------------------


def fit_vmfmix(X, k, max_iter, **options):
    from vmfmix import VMFMixture

    VMFMixture(k, max_iter=max_iter, random_state=0, **options).fit(X)


def fit_kmeans(X, k, max_iter):
    from sklearn.cluster import KMeans

    KMeans(k, n_init=1, max_iter=max_iter, random_state=0).fit(X)


MEMORY_FITS = {
    "VMFMixture, merge=None": partial(fit_vmfmix, merge=None),
    "VMFMixture": fit_vmfmix,
    "KMeans n_init=1": fit_kmeans,
}


def extra_peak_memory(path, method, k, max_iter, n_threads, preloaded=None):
    """Return the bytes of the rows in a file, and the peak of a fit above the memory before it.

    A small fit comes first, so that kernels and libraries are not counted; `preloaded` names one
    more library that a large fit may import. The rows are loaded from a file so that no memory is
    left over from generating them.
    """
    import warnings
    from importlib import import_module

    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore")  # the low max_iter is intended
    if preloaded:
        import_module(preloaded)
    fit = MEMORY_FITS[method]
    X = np.load(path)
    fit(X[:2000], 10, 2)
    with threadpool_limits(n_threads):
        reset_peak()
        before = resident_bytes()
        start = time.perf_counter()
        fit(X, k, max_iter)
        seconds = time.perf_counter() - start
    return {"rows": X.nbytes, "extra": peak_bytes() - before, "seconds": seconds}


def reset_peak():
    """Reset the peak memory that the system recorded for this process, if that is possible."""
    if CLEAR_REFS.is_file():
        CLEAR_REFS.write_text("5", encoding="ascii")


def resident_bytes():
    """Return the resident memory of this process, or its peak on systems without /proc."""
    return status_bytes("VmRSS")


def peak_bytes():
    """Return the peak resident memory of this process."""
    return status_bytes("VmHWM")


def status_bytes(name):
    """Return a size from the status of this process.

    Linux's ru_maxrss is of no use here: a child process starts with the peak of its parent.
    """
    if not STATUS.is_file():
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024)
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


# --- imports and compilation ---------------------------------------------------------------------


def import_seconds(repeats):
    """Return the seconds of each import, timed in turn in fresh processes: {statement: array}."""
    timed_code = (
        "import json, time; start = time.perf_counter(); {}; "
        "print(json.dumps(time.perf_counter() - start))"
    )
    seconds = {statement: [] for statement in IMPORTS}
    for statement in IMPORTS:
        run_code(timed_code.format(statement))  # loads the files into the system's cache
    for _ in range(repeats):
        for statement in IMPORTS:
            seconds[statement].append(run_code(timed_code.format(statement)))
    return {statement: np.array(each) for statement, each in seconds.items()}


def first_fit_seconds(*case):
    """Return the seconds of a process's first fit, with a cold and with a warm numba cache.

    Parameters
    ----------
    *case
        Of `FIRST_FITS`.
    """
    with tempfile.TemporaryDirectory() as folder:
        cold, warm = (
            call_function("fit_and_predict", *case, NUMBA_CACHE_DIR=folder) for _ in range(2)
        )
    return cold, warm


def fit_and_predict(kind, shape, n_clusters, n_components):
    """Return the seconds of a fit and predict.

    Importing numba is part of this time; importing scikit-learn is not.
    """
    from vmfmix import VMFMixture

    X = sample(kind, shape, n_clusters)
    start = time.perf_counter()
    VMFMixture(n_components, random_state=0).fit(X).predict(X)
    return time.perf_counter() - start


def sample(kind, shape, n_clusters):
    """Return rows of some shape as float32, float64 or CSR."""
    from scipy.sparse import csr_matrix

    from vmfmix.datasets import make_vmf_mixture

    concentration = CONCENTRATION_PER_FEATURE * shape[1]
    X, _ = make_vmf_mixture(*shape, n_clusters, concentration=concentration, random_state=0)
    if kind == "CSR":
        X = csr_matrix(np.where(np.abs(X) > 0.2, X, 0))  # both signs, and zeros in between
    return X.astype(np.float64 if kind == "float64" else np.float32)


def signatures():
    """Return how many signatures each kernel has after fits of the same rows in several forms.

    Returns
    -------
    dict
        {kernel: {form: number of signatures}} for the kernels that were called.
    """
    from vmfmix import VMFMixture
    from vmfmix.engines import few_components, kernels

    X = sample("float32", (2_000, 384), 100)
    read_only = X.copy()
    read_only.flags.writeable = False
    functions = {**vars(kernels), **vars(few_components)}
    compiled = {name: each for name, each in functions.items() if hasattr(each, "signatures")}
    counts = {name: {} for name in compiled}
    for form, rows in zip(FORMS, (X, np.asfortranarray(X), read_only, X.astype(np.float16))):
        VMFMixture(100, random_state=0).fit(rows).predict(rows)
        for name, kernel in compiled.items():
            counts[name][form] = len(kernel.signatures)
    return {name: by_form for name, by_form in counts.items() if any(by_form.values())}
