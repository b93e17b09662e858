"""What only a fresh process can tell: peak memory, time of imports, and of the first fits.

A process prints one line of JSON, made by a function of this file.
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
YARDSTICK = "import sklearn.mixture"
KINDS = ("float32", "float64", "CSR")
FORMS = ("C order", "Fortran order", "read-only", "float16")
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def said_by(code, **environment):
    """What code prints in a fresh process, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"A process failed in a benchmark:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def said_by_function(name, *arguments, **environment):
    """The same for a function of this file."""
    code = (
        "import json; from benchmarks import fresh_processes; "
        f"print(json.dumps(fresh_processes.{name}(*{arguments!r})))"
    )
    return said_by(code, **environment)


# --- memory --------------------------------------------------------------------------------------


def own_fit(X, k, max_iter, **options):
    from vmfmix import VMFMixture

    VMFMixture(k, max_iter=max_iter, random_state=0, **options).fit(X)


def kmeans_fit(X, k, max_iter):
    from sklearn.cluster import KMeans

    KMeans(k, n_init=1, max_iter=max_iter, random_state=0).fit(X)


MEMORY_FITS = {
    "VMFMixture, merge=None": partial(own_fit, merge=None),
    "VMFMixture": own_fit,
    "KMeans n_init=1": kmeans_fit,
}


def peak_beyond_rows(path, method, k, max_iter, n_threads, loaded=None):
    """Bytes of the rows in a file, and at the peak of a fit of them beyond what was there before.

    A small fit comes first, so that kernels and libraries are not counted; `loaded` names one more
    library that a large fit may import. The rows are read where they stay, so that no memory is
    left over from making them.
    """
    import warnings
    from importlib import import_module

    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore")  # few iterations are wanted
    if loaded:
        import_module(loaded)
    fit = MEMORY_FITS[method]
    X = np.load(path)
    fit(X[:2000], 10, 2)
    with threadpool_limits(n_threads):
        forget_peak()
        before = resident_bytes()
        start = time.perf_counter()
        fit(X, k, max_iter)
        seconds = time.perf_counter() - start
    return {"rows": X.nbytes, "beyond": peak_bytes() - before, "seconds": seconds}


def forget_peak():
    """Let the system's note of the most that the process held begin anew, where it can."""
    if CLEAR.is_file():
        CLEAR.write_text("5", encoding="ascii")


def resident_bytes():
    """What the process holds now; where the system does not tell, what it held at most."""
    return noted("VmRSS")


def peak_bytes():
    return noted("VmHWM")


def noted(name):
    """A size from the status of this process.

    Linux's ru_maxrss will not do: a process that is started by another begins with its peak.
    """
    if not STATUS.is_file():
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024)
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


# --- imports and compilation ---------------------------------------------------------------------


def import_seconds(repeats):
    """Seconds of each import in fresh processes that take turns: {statement: array}."""
    clocked = (
        "import json, time; start = time.perf_counter(); {}; "
        "print(json.dumps(time.perf_counter() - start))"
    )
    seconds = {statement: [] for statement in IMPORTS}
    for statement in IMPORTS:
        said_by(clocked.format(statement))  # the files are in the system's memory now
    for _ in range(repeats):
        for statement in IMPORTS:
            seconds[statement].append(said_by(clocked.format(statement)))
    return {statement: np.array(each) for statement, each in seconds.items()}


def first_fit_seconds(kind):
    """Seconds of the first fit of a process, with nothing compiled and with all in the cache."""
    with tempfile.TemporaryDirectory() as folder:
        empty, full = (
            said_by_function("fit_and_predict", kind, NUMBA_CACHE_DIR=folder) for _ in range(2)
        )
    return empty, full


def fit_and_predict(kind):
    """Seconds of a small fit and predict; numba is imported on the way, scikit-learn is not."""
    from vmfmix import VMFMixture

    X = few_rows(kind)
    start = time.perf_counter()
    VMFMixture(4, random_state=0).fit(X).predict(X)
    return time.perf_counter() - start


def few_rows(kind):
    from scipy.sparse import csr_matrix

    from vmfmix.datasets import make_vmf_mixture

    X, _ = make_vmf_mixture(400, 16, 4, random_state=0)
    if kind == "CSR":
        X = csr_matrix(np.where(np.abs(X) > 0.2, X, 0))  # entries of both signs, and gaps
    return X.astype(np.float64 if kind == "float64" else np.float32)


def signatures():
    """Signatures that each kernel is compiled for, after fits of the same rows in several forms.

    Returns
    -------
    dict
        {kernel: {form: number}} for the kernels that were called.
    """
    from vmfmix import VMFMixture
    from vmfmix.engines import kernels

    X = few_rows("float32")
    fixed = X.copy()
    fixed.flags.writeable = False
    compiled = {name: each for name, each in vars(kernels).items() if hasattr(each, "signatures")}
    counts = {name: {} for name in compiled}
    for form, rows in zip(FORMS, (X, np.asfortranarray(X), fixed, X.astype(np.float16))):
        VMFMixture(4, random_state=0).fit(rows).predict(rows)
        for name, kernel in compiled.items():
            counts[name][form] = len(kernel.signatures)
    return {name: by_form for name, by_form in counts.items() if any(by_form.values())}
