"""Rows on disk, in streams and in several processes: passes, memory, and what a billion would take.

``python -m benchmarks.large_data [--parts sources fit processes streams billion] [--rows N]
[--folder FOLDER] [--repeats N] [--output FILE]``

* sources: a pass over rows in memory, mapped from a file, and read by blocks from it;
* fit: a whole fit of a mapped file, and the memory that it takes beside the system's file cache;
* processes: a pass of the same rows in one process, in two with torch.distributed, and on two
  workers of dask;
* streams: `partial_fit` over shuffled batches beside `fit`, on labeled texts;
* billion: time of an iteration on so many machines, computed from the other parts and the results
  of `benchmarks.gpu`.

A file of so many rows is made on the fly, in float16. Times are medians of passes in turn.
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
from benchmarks.engine_sets import CONCENTRATION_OF_FITS
from benchmarks.fresh_processes import noted, said_by
from benchmarks.labeled_sets import text_sets
from benchmarks.planted_sets import planted_means
from benchmarks.rivals import limited_to, optional, quiet
from benchmarks.tables import save, spread, tell
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.block_source import BlockSource
from vmfmix.engines.choice import choose_engine
from vmfmix.model.statistics import MixtureParameters

RESULTS = Path(__file__).parent / "results" / "large_data.json"
GPU_RESULTS = RESULTS.with_name("gpu.json")
TABLES = ("sources", "fit", "processes", "streams", "billion")
FEATURES, COMPONENTS = 384, 100
ROWS_IN_MEMORY, ROWS_AT_ONCE = 1_000_000, 50_000
ROWS_OF_PROCESSES = 400_000
BATCH = 500  # rows of a stream
READ_ALONE = "read alone, nothing cached"
BILLION, ITS_FEATURES, ITS_COMPONENTS = 10**9, 768, 1000
NETWORK = 10e9 / 8  # bytes per second, assumed
MACHINES = (1, 8, 64)


def mixture(n_features=FEATURES, n_components=COMPONENTS):
    """Parameters whose means are siblings of about √K families."""
    means = planted_means("hierarchical", n_components, n_features, np.random.default_rng(0))
    kappa = CONCENTRATION_OF_FITS * n_features
    weights = np.full(n_components, 1.0 / n_components)
    return MixtureParameters(weights, means, np.full(n_components, kappa))


def rows_of(parameters, n_rows, seed, dtype=np.float32):
    """Unit rows of a mixture."""
    X, _ = make_vmf_mixture(
        n_rows,
        means=parameters.means,
        concentration=parameters.concentrations[0],
        dtype=np.float32,
        random_state=seed,
    )
    return X.astype(dtype)


def write_rows(path, n_rows):
    """A file of rows in float16."""
    parameters = mixture()
    with open(path, "wb") as file:
        for seed, start in enumerate(range(0, n_rows, ROWS_AT_ONCE)):
            some = min(ROWS_AT_ONCE, n_rows - start)
            rows_of(parameters, some, seed, np.float16).tofile(file)


def mapped(path):
    return np.memmap(path, np.float16, "r").reshape(-1, FEATURES)


class Slices:
    """A file that is read where slices are asked for, as arrays of zarr and h5py are."""

    def __init__(self, path):
        self._path, self.dtype = path, np.dtype(np.float16)
        self._row = FEATURES * self.dtype.itemsize
        self.shape = os.path.getsize(path) // self._row, FEATURES

    def __getitem__(self, rows):
        start, stop, _ = rows.indices(self.shape[0])
        some = np.fromfile(
            self._path, self.dtype, (stop - start) * FEATURES, offset=start * self._row
        )
        return some.reshape(-1, FEATURES)


def read(path):
    """Read a file from beginning to end, and do nothing with it."""
    with open(path, "rb", buffering=0) as file:
        room = bytearray(2**26)
        while file.readinto(room):
            pass


def drop_from_cache(path):
    """Let the system forget what it has read of a file, where it can be told to.

    It keeps what a process has mapped.
    """
    if hasattr(os, "posix_fadvise"):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# --- passes over one source or another -----------------------------------------------------------


def sources_part(path, options):
    """Nanoseconds a row of a pass."""
    parameters, X = mixture(), mapped(path)
    in_memory = np.array(X[:ROWS_IN_MEMORY])
    cold = path.with_suffix(".cold")
    in_memory.tofile(cold)
    engines = {
        "in memory, float16": choose_engine(in_memory),
        "in memory, float32": choose_engine(in_memory.astype(np.float32)),
        "mapped file": choose_engine(X),
        "blocks of the file": choose_engine(BlockSource(Slices(path))),
        "blocks, nothing cached": choose_engine(BlockSource(Slices(cold))),
    }

    def seconds_per_row(name):
        if name == READ_ALONE:
            drop_from_cache(cold)
            return seconds_of(read, cold) / len(in_memory)
        engine = engines[name]
        engine_before = getattr(engine, "_candidates", None)
        if engine_before is not None:  # a pass that takes nothing over from the one before
            engine._candidates = type(engine_before)(engine.n_rows)
        if name.endswith("nothing cached"):
            drop_from_cache(cold)
        return seconds_of(engine.accumulate, parameters) / engine.n_rows

    with limited_to(options.threads):
        seconds = alternate(
            {name: lambda name=name: seconds_per_row(name) for name in (*engines, READ_ALONE)},
            options.repeats,
            calls=1,
            budget=np.inf,
        )
    yield [
        {
            "rows are": name,
            "rows": engines[name].n_rows if name in engines else len(in_memory),
            "features": FEATURES,
            "components": COMPONENTS if name in engines else 0,
            "ns per row": round(1e9 * median(seconds[name])),
            "/ in memory, float16": spread(seconds[name], seconds["in memory, float16"]),
            "MB read per second": round(2e-6 * FEATURES / median(seconds[name])),
        }
        for name in seconds
    ]
    cold.unlink()


# --- a whole fit of a file ------------------------------------------------------------------------


class PeakOfOwnMemory:
    """The most that this process held beside files that are mapped, looked at now and then."""

    def __enter__(self):
        self.bytes, self._over = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while not self._over.wait(0.02):
            self.bytes = max(self.bytes, noted("RssAnon"))

    def __exit__(self, *details):
        self._over.set()
        self._thread.join()


def fit_of_file(path, kind, n_threads):
    """What a fresh process says of a fit."""
    VMFMixture(10, random_state=0).fit(np.array(mapped(path)[:2000]))  # compiles
    X = mapped(path) if kind == "mapped file" else Slices(path)
    before = noted("RssAnon")
    with limited_to(n_threads), PeakOfOwnMemory() as peak:
        start = time.perf_counter()
        model = VMFMixture(COMPONENTS, random_state=0).fit(X)
        seconds = time.perf_counter() - start
    return {
        "rows": X.shape[0],
        "rows MiB": round(X.shape[0] * FEATURES * 2 / 2**20),
        "components": COMPONENTS,
        "seconds": round(seconds, 1),
        "iterations": model.n_iter_,
        "own memory at the peak MiB": round((peak.bytes - before) / 2**20),
    }


def fit_part(path, options):
    """Memory and time of fits in fresh processes."""
    table = []
    for kind in ("mapped file", "blocks of the file"):
        code = (
            "import json; from benchmarks.large_data import fit_of_file; "
            f"print(json.dumps(fit_of_file({str(path)!r}, {kind!r}, {options.threads})))"
        )
        table.append({"rows are": kind, **said_by(code)})
        yield table


# --- several processes ----------------------------------------------------------------------------


def seconds_of_passes(X, repeats):
    """Seconds of each pass over rows."""
    engine, parameters = choose_engine(X), mixture()
    engine.accumulate(parameters)
    return [seconds_of(engine.accumulate, parameters) for _ in range(repeats)]


def passes_of_one(n_threads, repeats):
    """Of all rows in this process."""
    with limited_to(n_threads):
        X = rows_of(mixture(), ROWS_OF_PROCESSES, 0)
        return seconds_of_passes(X, repeats)


def passes_of_shard(rank, folder, repeats):
    """Of the rows of this process and those of another."""
    import torch.distributed as dist

    from vmfmix.engines.collective import Shard

    store = dist.FileStore(f"{folder}/store", 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    with limited_to(1):
        X = rows_of(mixture(), ROWS_OF_PROCESSES // 2, rank)
        return seconds_of_passes(Shard(X), repeats)


def passes_of_dask(repeats):
    """Of the rows that two workers hold."""
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


def in_fresh_process(call):
    code = (
        "import json\n"
        "from benchmarks import large_data\n"
        "if __name__ == '__main__':\n"  # dask's workers import this as well
        f"    print(json.dumps(large_data.{call}))\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as file:
        file.write(code)
    try:
        return said_by(f"import runpy; runpy.run_path({file.name!r}, run_name='__main__')")
    finally:
        os.unlink(file.name)


def of_two_processes(repeats):
    """Seconds of passes that two processes make together."""
    found = [None, None]
    with tempfile.TemporaryDirectory() as folder:

        def run(rank):
            found[rank] = in_fresh_process(f"passes_of_shard({rank}, {folder!r}, {repeats})")

        threads = [threading.Thread(target=run, args=(rank,)) for rank in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return found[0]


def processes_part(path, options):
    """Seconds of a pass, and how much of them is not the pass itself."""
    calls = {
        "one process, 1 thread": lambda: in_fresh_process(f"passes_of_one(1, {options.repeats})"),
        "one process, 2 threads": lambda: in_fresh_process(f"passes_of_one(2, {options.repeats})"),
    }
    if optional("torch"):
        calls["two processes, torch.distributed (gloo)"] = lambda: of_two_processes(options.repeats)
    if optional("distributed"):
        calls["two workers of dask"] = lambda: in_fresh_process(
            f"passes_of_dask({options.repeats})"
        )
    seconds = {name: np.array(call()) for name, call in calls.items()}
    yield [
        {
            "where": name,
            "rows": ROWS_OF_PROCESSES,
            "features": FEATURES,
            "components": COMPONENTS,
            "pass ms": round(1e3 * median(each), 1),
            "/ one process, 2 threads": round(
                float(np.median(ratios(each, median(seconds["one process, 2 threads"])))), 2
            ),
            "KiB reduced": round(COMPONENTS * (FEATURES + 1) * 8 / 1024),
        }
        for name, each in seconds.items()
    ]


# --- streams --------------------------------------------------------------------------------------


def streams_part(path, options):
    """Adjusted Rand index of both, five seeds."""
    table = []
    for name, X, y in text_sets():
        k, scores = len(np.unique(y)), {"fit": [], "partial_fit": []}
        for seed in range(options.seeds):
            whole = quiet(VMFMixture(k, random_state=seed).fit, X)
            scores["fit"].append(adjusted_rand_score(y, whole.labels_))
            model, order = VMFMixture(k, random_state=seed), np.random.default_rng(seed)
            order = order.permutation(len(X))
            for start in range(0, len(X), BATCH):
                quiet(model.partial_fit, X[order[start : start + BATCH]])
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
        tell("streams", table[-1])
        yield table


# --- a billion rows -------------------------------------------------------------------------------


def billion_part(path, options):
    """Seconds of an iteration: the longer of reading and computing, and adding the sums."""
    results = json.loads(options.output.read_text(encoding="utf-8"))
    cold = next(row for row in results["sources"] if row["rows are"] == READ_ALONE)
    parameters = mixture(ITS_FEATURES, ITS_COMPONENTS)
    engine = choose_engine(rows_of(parameters, ROWS_AT_ONCE, 0, np.float16))
    with limited_to(options.threads):
        engine.accumulate(parameters)
        passes = []
        for _ in range(options.repeats):
            engine._candidates = type(engine._candidates)(engine.n_rows)
            passes.append(seconds_of(engine.accumulate, parameters))
    rates = {f"{options.threads} cores, as here": ROWS_AT_ONCE / float(np.median(passes))}
    if GPU_RESULTS.is_file():
        gpu = json.loads(GPU_RESULTS.read_text(encoding="utf-8"))
        rates |= {
            f"{gpu['device']}, {row['products are']}": 1e6 * row["million rows per second"]
            for row in gpu["passes"]
            if row["components"] == ITS_COMPONENTS and row["rows are"] == "float16"
        }
    n_bytes, reduced = 2.0 * BILLION * ITS_FEATURES, 8.0 * ITS_COMPONENTS * (ITS_FEATURES + 1)
    yield [
        {
            "a machine has": name,
            "machines": n_machines,
            "million rows per second and machine": round(rate / 1e6, 3),
            "read s": round(n_bytes / n_machines / (1e6 * cold["MB read per second"]), 1),
            "compute s": round(BILLION / n_machines / rate, 1),
            "reduce s": round(2 * reduced / NETWORK, 3) if n_machines > 1 else 0.0,
        }
        for name, rate in rates.items()
        for n_machines in MACHINES
    ]


PARTS = {
    "sources": sources_part,
    "fit": fit_part,
    "processes": processes_part,
    "streams": streams_part,
    "billion": billion_part,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--folder", type=Path, help="for the file; default: a temporary one")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    facts = {
        **machine.describe("scikit-learn", "numba", "torch", "dask", "distributed"),
        "network bytes per second, assumed": NETWORK,
        "concentration of components": round(float(mixture().concentrations[0]), 1),
        "rows per batch of a stream": BATCH,
    }
    with tempfile.TemporaryDirectory() as temporary:
        path = (options.folder or Path(temporary)) / "rows.f16"
        if {"sources", "fit"} & set(options.parts):
            write_rows(path, options.rows)
        for part in options.parts:
            for table in PARTS[part](path, options):
                save(options.output, facts, {part: table}, TABLES)
            if part != "streams":
                tell(part, *table)


if __name__ == "__main__":
    main()
