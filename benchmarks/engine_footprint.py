"""What a fit needs beside time: memory, imports, and compilation on first use."""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import fresh_processes
from benchmarks.engine_sets import CONCENTRATION, SHAPES, THREADS
from benchmarks.rivals import optional
from benchmarks.tables import milliseconds, quartiles, tell
from vmfmix.datasets import make_vmf_mixture

MEMORY_ITERATIONS = 5


class Memory:
    """Peak of a fit beyond its rows, in the shape asv expects."""

    params = list(fresh_processes.MEMORY_FITS)
    param_names = ("method",)
    unit = "bytes"
    timeout = 600

    def setup(self, method, shape=SHAPES["full"]["memory"]):
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(Path(self.folder.name) / "rows.npy")
        n, d, k, _ = shape
        concentration = CONCENTRATION * d
        X, _ = make_vmf_mixture(
            n, d, k, concentration=concentration, dtype=np.float32, random_state=0
        )
        np.save(self.path, X)

    def teardown(self, method):
        self.folder.cleanup()

    def peak(self, method, shape, threads, loaded=None):
        arguments = (self.path, method, shape.components, MEMORY_ITERATIONS, threads, loaded)
        return fresh_processes.said_by_function("peak_beyond_rows", *arguments)

    def track_peak_beyond_rows(self, method):
        return self.peak(method, SHAPES["full"]["memory"], max(THREADS))["beyond"]


def memory_part(shapes, options):
    """The table after each fit."""
    shape, table, benchmark = shapes["memory"], [], Memory()
    benchmark.setup(None, shape)
    try:
        # A large fit imports torch for its first looks, which is as large as all the rest.
        torch = ["torch"] if optional("torch") else []
        own = [method for method in Memory.params if method.startswith("VMFMixture")]
        turns = [(method, None) for method in Memory.params]
        turns += [(method, loaded) for method in own for loaded in torch]
        for method, loaded in sorted(turns, key=lambda turn: Memory.params.index(turn[0])):
            said = benchmark.peak(method, shape, max(options.threads), loaded)
            table.append(
                {
                    "rows": shape.rows,
                    "features": shape.features,
                    "components": shape.components,
                    "method": method,
                    "loaded before": loaded or "",
                    "rows MiB": round(said["rows"] / 2**20, 1),
                    "peak beyond rows MiB": round(said["beyond"] / 2**20, 1),
                    "beyond rows / rows": round(said["beyond"] / said["rows"], 2),
                    "seconds": round(said["seconds"], 1),
                }
            )
            tell(shape, table[-1])
            yield {"memory": table}
    finally:
        benchmark.teardown(None)


class Startup:
    """Imports in fresh processes, in the shape asv expects."""

    params = list(fresh_processes.IMPORTS)
    param_names = ("statement",)

    def timeraw_import(self, statement):
        return fresh_processes.IMPORTS[statement]


def startup_part(shapes, options):
    """Tables after each kind of measurement; they do not depend on the shapes."""
    seconds = fresh_processes.import_seconds(min(options.repeats, 9))
    yardstick = seconds[fresh_processes.YARDSTICK]
    imports = [
        {
            "statement": statement,
            "ms": milliseconds(each),
            f"time / {fresh_processes.YARDSTICK}": round(float(np.median(each / yardstick)), 3),
            "quartiles": quartiles(each / yardstick, 3),
        }
        for statement, each in seconds.items()
    ]
    tell("startup", *imports)
    yield {"startup": imports}
    firsts = []
    for kind in fresh_processes.KINDS:
        empty, full = fresh_processes.first_fit_seconds(kind)
        firsts.append(
            {
                "first fit of": kind,
                "empty cache s": round(empty, 2),
                "full cache s": round(full, 2),
                "difference s": round(empty - full, 2),
            }
        )
        tell("startup", firsts[-1])
        yield {"startup": imports, "first_fits": firsts}
    counts = fresh_processes.said_by_function("signatures")
    kernels = [{"kernel": name, **by_form} for name, by_form in counts.items()]
    tell("startup", *kernels)
    yield {"startup": imports, "first_fits": firsts, "signatures": kernels}
