"""Large data: rows on disk, in streams and in several processes, and estimates for 10⁹ rows.

``python -m benchmarks.large_data [--parts sources fit smoothing processes streams billion]
[--rows N] [--folder FOLDER] [--repeats N] [--output FILE]``

* sources: a pass over rows in memory, in a memory-mapped file, and read from a file in blocks;
* fit: a whole fit to a file, and its memory without the system's file cache;
* smoothing: a fit with ``smooth=True`` to rows in memory, in anisotropic clusters, and its memory
  beyond the rows;
* processes: a pass over the same rows in one process, in two with torch.distributed, and on two
  dask workers;
* streams: `partial_fit` on shuffled batches compared with `fit`, on labeled texts;
* billion: time of an iteration over a billion rows on several machines, computed from the other
  parts and the results of `benchmarks.gpu`.

The parts "sources" and "fit" first write a float16 file of ``--rows`` rows. Times are medians of
passes timed in turn.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks import machine
from benchmarks.alternating import alternate, median, ratios, seconds_of
from benchmarks.baselines import limited_to, optional, without_warnings
from benchmarks.engine_passes import drop_candidates
from benchmarks.engine_sets import CONCENTRATION_OF_FITS
from benchmarks.fresh_processes import run_code, status_bytes
from benchmarks.labeled_sets import text_sets
from benchmarks.planted_sets import planted, planted_means
from benchmarks.tables import print_rows, ratio_with_quartiles, save
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.block_source import BlockSource
from vmfmix.engines.choice import choose_engine
from vmfmix.model.statistics import MixtureParameters

RESULTS = Path(__file__).parent / "results" / "large_data.json"
GPU_RESULTS = RESULTS.with_name("gpu.json")
TABLES = ("sources", "fit", "smoothing", "processes", "streams", "billion")
FEATURES, COMPONENTS = 384, 100
ROWS_IN_MEMORY, ROWS_AT_ONCE = 1_000_000, 50_000
ROWS_OF_PROCESSES = 400_000
ROWS_TO_SMOOTH = (100_000, 1_000_000)
CLUSTERS_TO_SMOOTH = 50
ROWS_OF_WARM_UP = 5000
BATCH = 500  # rows of a stream
IN_MEMORY = "in memory, float16"
COLD_BLOCKS = "file read in blocks, cold cache"
READING_ONLY = "reading only, cold cache"
ONE_PROCESS = "one process, 2 threads"
BILLION, BILLION_FEATURES, BILLION_COMPONENTS = 10**9, 768, 1000
NETWORK = 10e9 / 8  # bytes per second, assumed
MACHINES = (1, 8, 64)


def mixture(n_features=FEATURES, n_components=COMPONENTS):
    """Return mixture parameters whose means form about √K families."""
    means = planted_means("hierarchical", n_components, n_features, np.random.default_rng(0))
    kappa = CONCENTRATION_OF_FITS * n_features
    weights = np.full(n_components, 1.0 / n_components)
    return MixtureParameters(weights, means, np.full(n_components, kappa))


def rows_of(parameters, n_rows, seed, dtype=np.float32):
    """Return unit rows drawn from a mixture."""
    X, _ = make_vmf_mixture(
        n_rows,
        means=parameters.means,
        concentration=parameters.concentrations[0],
        dtype=np.float32,
        random_state=seed,
    )
    return X.astype(dtype)


def write_rows(path, n_rows):
    """Write a file of float16 rows."""
    parameters = mixture()
    with open(path, "wb") as file:
        for seed, start in enumerate(range(0, n_rows, ROWS_AT_ONCE)):
            n_next = min(ROWS_AT_ONCE, n_rows - start)
            rows_of(parameters, n_next, seed, np.float16).tofile(file)


def mapped(path):
    """Return the rows of a file as a memory map."""
    return np.memmap(path, np.float16, "r").reshape(-1, FEATURES)


class FileSlices:
    """An array that reads slices from a file on demand, as zarr and h5py arrays do."""

    def __init__(self, path):
        self._path, self.dtype = path, np.dtype(np.float16)
        self._row_bytes = FEATURES * self.dtype.itemsize
        self.shape = os.path.getsize(path) // self._row_bytes, FEATURES

    def __getitem__(self, rows):
        start, stop, _ = rows.indices(self.shape[0])
        block = np.fromfile(
            self._path, self.dtype, (stop - start) * FEATURES, offset=start * self._row_bytes
        )
        return block.reshape(-1, FEATURES)


def read(path):
    """Read a file from beginning to end, doing nothing else."""
    with open(path, "rb", buffering=0) as file:
        buffer = bytearray(2**26)
        while file.readinto(buffer):
            pass


def drop_from_cache(path):
    """Drop a file from the system's page cache, on systems where that is possible.

    Pages that a process has mapped stay in the cache.
    """
    if hasattr(os, "posix_fadvise"):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# --- passes over different sources of rows -------------------------------------------------------


def sources_part(path, options):
    """Iterate over the table of the time of a pass per row."""
    parameters, X = mixture(), mapped(path)
    in_memory = np.array(X[:ROWS_IN_MEMORY])
    cold = path.with_suffix(".cold")
    in_memory.tofile(cold)
    engines = {
        IN_MEMORY: choose_engine(in_memory),
        "in memory, float32": choose_engine(in_memory.astype(np.float32)),
        "memory-mapped file": choose_engine(X),
        "file read in blocks": choose_engine(BlockSource(FileSlices(path))),
        COLD_BLOCKS: choose_engine(BlockSource(FileSlices(cold))),
    }

    def seconds_per_row(name):
        if name == READING_ONLY:
            drop_from_cache(cold)
            return seconds_of(read, cold) / len(in_memory)
        engine = engines[name]
        drop_candidates(engine)
        if name == COLD_BLOCKS:
            drop_from_cache(cold)
        return seconds_of(engine.accumulate, parameters) / engine.n_rows

    with limited_to(options.threads):
        seconds = alternate(
            {name: lambda name=name: seconds_per_row(name) for name in (*engines, READING_ONLY)},
            options.repeats,
            calls=1,
            budget=np.inf,
        )
    yield [
        {
            "source": name,
            "rows": engines[name].n_rows if name in engines else len(in_memory),
            "features": FEATURES,
            "components": COMPONENTS if name in engines else 0,
            "ns per row": round(1e9 * median(seconds[name])),
            f"time / {IN_MEMORY}": ratio_with_quartiles(seconds[name], seconds[IN_MEMORY]),
            "MB read per second": round(2e-6 * FEATURES / median(seconds[name])),
        }
        for name in seconds
    ]
    cold.unlink()


# --- a whole fit to a file ------------------------------------------------------------------------


class PeakPrivateMemory:
    """Peak memory of this process without mapped files, sampled in a background thread."""

    def __enter__(self):
        self.bytes, self._done = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while not self._done.wait(0.02):
            self.bytes = max(self.bytes, status_bytes("RssAnon"))

    def __exit__(self, *details):
        self._done.set()
        self._thread.join()


def fit_of_file(path, kind, n_threads):
    """Return the time and memory of a fit; meant to run in a fresh process."""
    VMFMixture(10, random_state=0).fit(np.array(mapped(path)[:2000]))  # compiles
    X = mapped(path) if kind == "memory-mapped file" else FileSlices(path)
    before = status_bytes("RssAnon")
    with limited_to(n_threads), PeakPrivateMemory() as peak:
        start = time.perf_counter()
        model = VMFMixture(COMPONENTS, random_state=0).fit(X)
        seconds = time.perf_counter() - start
    return {
        "rows": X.shape[0],
        "rows MiB": round(X.shape[0] * FEATURES * 2 / 2**20),
        "components": COMPONENTS,
        "seconds": round(seconds, 1),
        "iterations": model.n_iter_,
        "peak private memory MiB": round((peak.bytes - before) / 2**20),
    }


def fit_part(path, options):
    """Iterate over the table of time and memory of fits in fresh processes."""
    table = []
    for kind in ("memory-mapped file", "file read in blocks"):
        code = (
            "import json; from benchmarks.large_data import fit_of_file; "
            f"print(json.dumps(fit_of_file({str(path)!r}, {kind!r}, {options.threads})))"
        )
        table.append({"source": kind, **run_code(code)})
        yield table


def smoothed_fit(n_rows, n_threads):
    """Return the time and memory of a smoothed fit; meant to run in a fresh process."""
    X, y = planted("anisotropic", n_rows, FEATURES, CLUSTERS_TO_SMOOTH, 1, 0)
    model = VMFMixture(CLUSTERS_TO_SMOOTH, smooth=True, random_state=0)
    model.fit(X[:: n_rows // ROWS_OF_WARM_UP])  # compiles
    before = status_bytes("RssAnon")
    with limited_to(n_threads), PeakPrivateMemory() as peak:
        start = time.perf_counter()
        model.fit(X)
        seconds = time.perf_counter() - start
    return {
        "rows": n_rows,
        "rows MiB": round(X.nbytes / 2**20),
        "clusters": CLUSTERS_TO_SMOOTH,
        "seconds": round(seconds, 1),
        "peak memory beyond rows MiB": round((peak.bytes - before) / 2**20),
        "ARI": round(adjusted_rand_score(y, model.labels_), 3),
        "restart": model.smoother_.restart_,
    }


def smoothing_part(path, options):
    """Iterate over the table of time and memory of smoothed fits in fresh processes."""
    table = []
    for n_rows in ROWS_TO_SMOOTH:
        table.append(run_in_fresh_process(f"smoothed_fit({n_rows}, {options.threads})"))
        yield table


# --- several processes ----------------------------------------------------------------------------


def seconds_of_passes(X, repeats):
    """Return the seconds of each pass over the rows."""
    engine, parameters = choose_engine(X), mixture()
    engine.accumulate(parameters)
    return [seconds_of(engine.accumulate, parameters) for _ in range(repeats)]


def passes_of_one(n_threads, repeats):
    """Return the seconds of passes over all rows in this process."""
    with limited_to(n_threads):
        X = rows_of(mixture(), ROWS_OF_PROCESSES, 0)
        return seconds_of_passes(X, repeats)


def passes_of_shard(rank, folder, repeats):
    """Return the seconds of passes over the rows of this process and of another."""
    import torch.distributed as dist

    from vmfmix.engines.collective import Shard

    store = dist.FileStore(f"{folder}/store", 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    with limited_to(1):
        X = rows_of(mixture(), ROWS_OF_PROCESSES // 2, rank)
        return seconds_of_passes(Shard(X), repeats)


def passes_of_dask(repeats):
    """Return the seconds of passes over rows that lie on two dask workers."""
    import dask.array as da
    from distributed import Client, LocalCluster, wait

    from vmfmix.engines.dask_blocks import DaskSource

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster),
    ):
        X = da.from_array(rows_of(mixture(), ROWS_OF_PROCESSES, 0), chunks=(50_000, FEATURES))
        X = X.persist()
        wait(X)
        return seconds_of_passes(DaskSource(X), repeats)


def run_in_fresh_process(call):
    """Run a call of a function of this module in a fresh process and return its result."""
    code = (
        "import json\n"
        "from benchmarks import large_data\n"
        "if __name__ == '__main__':\n"  # dask workers import this file as well
        f"    print(json.dumps(large_data.{call}))\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as file:
        file.write(code)
    try:
        return run_code(f"import runpy; runpy.run_path({file.name!r}, run_name='__main__')")
    finally:
        os.unlink(file.name)


def passes_of_two_shards(repeats):
    """Return the seconds of passes that two processes make together."""
    results = [None, None]
    with tempfile.TemporaryDirectory() as folder:

        def run(rank):
            results[rank] = run_in_fresh_process(f"passes_of_shard({rank}, {folder!r}, {repeats})")

        threads = [threading.Thread(target=run, args=(rank,)) for rank in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return results[0]


def processes_part(path, options):
    """Iterate over the table of the time of a pass in one and in two processes."""
    calls = {
        "one process, 1 thread": lambda: run_in_fresh_process(
            f"passes_of_one(1, {options.repeats})"
        ),
        ONE_PROCESS: lambda: run_in_fresh_process(f"passes_of_one(2, {options.repeats})"),
    }
    if optional("torch"):
        calls["two processes, torch.distributed (gloo)"] = lambda: passes_of_two_shards(
            options.repeats
        )
    if optional("distributed"):
        calls["two dask workers"] = lambda: run_in_fresh_process(
            f"passes_of_dask({options.repeats})"
        )
    seconds = {name: np.array(call()) for name, call in calls.items()}
    yield [
        {
            "setup": name,
            "rows": ROWS_OF_PROCESSES,
            "features": FEATURES,
            "components": COMPONENTS,
            "pass ms": round(1e3 * median(each), 1),
            f"time / {ONE_PROCESS}": round(
                float(np.median(ratios(each, median(seconds[ONE_PROCESS])))), 2
            ),
            "KiB reduced": round(COMPONENTS * (FEATURES + 1) * 8 / 1024),
        }
        for name, each in seconds.items()
    ]


# --- streams --------------------------------------------------------------------------------------


def streams_part(path, options):
    """Iterate over the tables so far of the adjusted Rand index of `fit` and `partial_fit`."""
    table = []
    for name, X, y in text_sets():
        k, scores = len(np.unique(y)), {"fit": [], "partial_fit": []}
        for seed in range(options.seeds):
            whole = without_warnings(VMFMixture(k, random_state=seed).fit, X)
            scores["fit"].append(adjusted_rand_score(y, whole.labels_))
            model, order = VMFMixture(k, random_state=seed), np.random.default_rng(seed)
            order = order.permutation(len(X))
            for start in range(0, len(X), BATCH):
                without_warnings(model.partial_fit, X[order[start : start + BATCH]])
            scores["partial_fit"].append(adjusted_rand_score(y, model.predict(X)))
        means = {each: float(np.mean(values)) for each, values in scores.items()}
        table.append(
            {
                "set": name,
                "rows": len(X),
                "clusters": k,
                **{
                    f"ARI of {each}": f"{means[each]:.3f} ± {np.std(values):.3f}"
                    for each, values in scores.items()
                },
                "difference": round(means["partial_fit"] - means["fit"], 3) + 0.0,  # no −0
            }
        )
        print_rows("streams", table[-1])
        yield table


# --- a billion rows -------------------------------------------------------------------------------


def billion_part(path, options):
    """Iterate over the table of the seconds to read, compute and reduce in an iteration."""
    results = json.loads(options.output.read_text(encoding="utf-8"))
    reading = next(row for row in results["sources"] if row["source"] == READING_ONLY)
    parameters = mixture(BILLION_FEATURES, BILLION_COMPONENTS)
    engine = choose_engine(rows_of(parameters, ROWS_AT_ONCE, 0, np.float16))
    with limited_to(options.threads):
        engine.accumulate(parameters)
        passes = []
        for _ in range(options.repeats):
            drop_candidates(engine)
            passes.append(seconds_of(engine.accumulate, parameters))
    rates = {
        f"{options.threads} cores of the benchmark machine": ROWS_AT_ONCE / float(np.median(passes))
    }
    if GPU_RESULTS.is_file():
        gpu = json.loads(GPU_RESULTS.read_text(encoding="utf-8"))
        rates |= {
            f"{gpu['device']}, {row['product precision']}": 1e6 * row["million rows per second"]
            for row in gpu["passes"]
            if row["components"] == BILLION_COMPONENTS and row["row dtype"] == "float16"
        }
    n_bytes = 2.0 * BILLION * BILLION_FEATURES
    reduced = 8.0 * BILLION_COMPONENTS * (BILLION_FEATURES + 1)
    yield [
        {
            "hardware per machine": name,
            "machines": n_machines,
            "million rows per second per machine": round(rate / 1e6, 3),
            "read s": round(n_bytes / n_machines / (1e6 * reading["MB read per second"]), 1),
            "compute s": round(BILLION / n_machines / rate, 1),
            "reduce s": round(2 * reduced / NETWORK, 3) if n_machines > 1 else 0.0,
        }
        for name, rate in rates.items()
        for n_machines in MACHINES
    ]


PARTS = {
    "sources": sources_part,
    "fit": fit_part,
    "smoothing": smoothing_part,
    "processes": processes_part,
    "streams": streams_part,
    "billion": billion_part,
}


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--parts", nargs="*", choices=PARTS, default=list(PARTS), help="default: all"
    )
    parser.add_argument(
        "--rows", type=int, default=5_000_000, help="rows of the file; default: %(default)s"
    )
    parser.add_argument("--folder", type=Path, help="folder for the file; default: a temporary one")
    parser.add_argument("--repeats", type=int, default=5, help="passes timed; default: %(default)s")
    parser.add_argument(
        "--seeds", type=int, default=5, help="seeds of the streams; default: %(default)s"
    )
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: %(default)s")
    options = parser.parse_args()
    facts = {
        **machine.describe("scikit-learn", "numba", "torch", "dask", "distributed"),
        "assumed network bytes per second": NETWORK,
        "concentration of components": round(float(mixture().concentrations[0]), 1),
        "rows per batch in streams": BATCH,
    }
    with tempfile.TemporaryDirectory() as temporary:
        path = (options.folder or Path(temporary)) / "rows.f16"
        if {"sources", "fit"} & set(options.parts):
            write_rows(path, options.rows)
        for part in options.parts:
            for table in PARTS[part](path, options):
                save(options.output, facts, {part: table}, TABLES)
            if part != "streams":
                print_rows(part, *table)


if __name__ == "__main__":
    main()
