"""Memory that fits and predictions use and release, measured in separate processes.

Peaks are those of the operating system, which also counts what numba and BLAS allocate.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.limits import HANG

ROOT = Path(__file__).parents[1]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/clear_refs").exists(),
        reason="needs the peak memory that Linux reports",
    ),
]

MEASURE = """
import os, threading, warnings
import numpy as np
from vmfmix import VMFMixture
warnings.simplefilter("ignore")

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")

def peak_growth(action):
    "Return by how many bytes the peak during an action exceeds the memory before it."
    before = resident()
    open("/proc/self/clear_refs", "w").write("5")
    result = action()
    return peak() - before
"""

LARGE_INPUT = """
d, k = 64, 20
X = np.random.default_rng(0).standard_normal((n, d), dtype=np.float32)
model = VMFMixture(k, merge=None, concentration="tied", max_iter=3, random_state=0)
model.fit(X[:20_000])
for name in ("predict", "predict_proba", "transform"):
    getattr(model, name)(X[:20_000])  # compiles
for action in (lambda: model.fit(X), lambda: model.predict(X), lambda: model.predict_proba(X),
               lambda: model.transform(X), lambda: X.astype(np.float64)):
    print(peak_growth(action))
"""

LARGE_TABLE = """
from pathlib import Path
import pyarrow as pa, pyarrow.parquet as pq
from vmfmix.storage.inputs import read_input

n, d = 200_000, 96
path = str(Path(folder, "x.parquet"))
values = np.random.default_rng(0).standard_normal(n * d, dtype=np.float32)
vectors = pa.ListArray.from_arrays(np.arange(0, n * d + 1, d, dtype=np.int32), values)
texts = [f"text {row}" for row in range(n)]
pq.write_table(pa.table({"text": texts, "vector": vectors}), path, row_group_size=row_group_size)
read_input(path, columns="vector")  # imports
values = vectors = texts = None
pa.default_memory_pool().release_unused()
print(peak_growth(lambda: read_input(path).rows))
print(peak_growth(lambda: np.stack(pq.read_table(path)["vector"].to_numpy())))
"""

MANY_FITS = """
X = np.random.default_rng(0).standard_normal((120, 8))

def fit_and_predict(n):
    for seed in range(n):
        model = VMFMixture(3, max_iter=3, random_state=seed).fit(X)
        model.predict(X)

fit_and_predict(50)
before = resident(), len(os.listdir("/proc/self/fd")), threading.active_count()
fit_and_predict(200)
after = resident(), len(os.listdir("/proc/self/fd")), threading.active_count()
print(*(one - other for one, other in zip(after, before)))
"""


def run(code):
    """Return the numbers that a program prints."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE + code],
        cwd=ROOT,
        env=os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    assert done.returncode == 0, done.stderr
    return [int(number) for number in done.stdout.split()]


@pytest.mark.parametrize("n", [100_000, 1_000_000])
def test_memory_grows_by_outputs_only(n):
    """The last number printed is that of a float64 copy of the rows, which must not happen."""
    fit, predict, proba, transform, copy = run(f"n = {n}\n{LARGE_INPUT}")
    k, spare = 20, 12 * 2**20  # scratch, and what allocators keep
    assert fit < 100 * n + spare  # a few numbers for each row
    assert predict < 40 * n + spare  # label, probability, log density, length, weight
    assert proba < 8 * k * n + 40 * n + spare
    assert transform < 4 * k * n + 40 * n + spare
    assert copy > 0.9 * 8 * 64 * n > 100 * n + spare  # the measurement detects a copy


@pytest.mark.parametrize("row_group_size", [20_000, 1_000_000])
def test_tables_are_read_into_one_array(tmp_path, row_group_size):
    pytest.importorskip("pyarrow")
    code = f"folder, row_group_size = {str(tmp_path)!r}, {row_group_size}\n{LARGE_TABLE}"
    growth, copy = run(code)
    size = 4 * 200_000 * 96
    assert growth < size + 40 * 2**20
    assert copy > size + 40 * 2**20  # the measurement detects a copy


def test_many_fits_leak_nothing():
    memory, files, threads = run(MANY_FITS)
    assert memory < 8 * 2**20  # less than 42 kB for each fit
    assert files == 0
    assert threads == 0
