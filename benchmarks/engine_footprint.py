"""Cost of a fit beyond its running time: memory, imports, and compilation on first use."""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import fresh_processes
from benchmarks.baselines import optional
from benchmarks.engine_sets import CONCENTRATION, SHAPES, THREADS
from benchmarks.tables import milliseconds, print_rows, quartiles
from vmfmix.datasets import make_vmf_mixture

MEMORY_ITERATIONS = 5


class Memory:
    """Peak memory of a fit without its rows, following the conventions of asv."""

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

    def peak(self, method, shape, threads, preloaded=None):
        arguments = (self.path, method, shape.components, MEMORY_ITERATIONS, threads, preloaded)
        return fresh_processes.call_function("extra_peak_memory", *arguments)

    def track_extra_peak_memory(self, method):
        return self.peak(method, SHAPES["full"]["memory"], max(THREADS))["extra"]


def memory_part(shapes, options):
    """Iterate over the tables so far, after each fit."""
    shape, table, benchmark = shapes["memory"], [], Memory()
    benchmark.setup(None, shape)
    try:
        # A large fit imports torch for its bfloat16 products, and torch takes as much memory as
        # everything else, so fits are measured both with and without torch imported beforehand.
        torch = ["torch"] if optional("torch") else []
        methods_of_vmfmix = [name for name in Memory.params if name.startswith("VMFMixture")]
        cases = [(method, None) for method in Memory.params]
        cases += [(method, library) for method in methods_of_vmfmix for library in torch]
        for method, preloaded in sorted(cases, key=lambda case: Memory.params.index(case[0])):
            measured = benchmark.peak(method, shape, max(options.threads), preloaded)
            table.append(
                {
                    "rows": shape.rows,
                    "features": shape.features,
                    "components": shape.components,
                    "method": method,
                    "imported beforehand": preloaded or "",
                    "rows MiB": round(measured["rows"] / 2**20, 1),
                    "extra peak memory MiB": round(measured["extra"] / 2**20, 1),
                    "extra / rows": round(measured["extra"] / measured["rows"], 2),
                    "seconds": round(measured["seconds"], 1),
                }
            )
            print_rows(shape, table[-1])
            yield {"memory": table}
    finally:
        benchmark.teardown(None)


class Startup:
    """Imports in fresh processes, following the conventions of asv."""

    params = list(fresh_processes.IMPORTS)
    param_names = ("statement",)

    def timeraw_import(self, statement):
        return fresh_processes.IMPORTS[statement]


def startup_part(shapes, options):
    """Iterate over the tables so far, after each kind of measurement; shapes do not matter."""
    seconds = fresh_processes.import_seconds(min(options.repeats, 9))
    reference = seconds[fresh_processes.REFERENCE_IMPORT]
    imports = [
        {
            "statement": statement,
            "ms": milliseconds(each),
            f"time / {fresh_processes.REFERENCE_IMPORT}": round(
                float(np.median(each / reference)), 3
            ),
            "quartiles": quartiles(each / reference, 3),
        }
        for statement, each in seconds.items()
    ]
    print_rows("startup", *imports)
    yield {"startup": imports}
    first_fits = []
    for case in fresh_processes.FIRST_FITS:
        kind, shape, n_clusters, n_components = case
        cold, warm = fresh_processes.first_fit_seconds(*case)
        first_fits.append(
            {
                "first fit to": kind,
                "rows": shape[0],
                "features": shape[1],
                "clusters": n_clusters,
                "n_components": n_components,
                "cold cache s": round(cold, 2),
                "warm cache s": round(warm, 2),
                "difference s": round(cold - warm, 2),
            }
        )
        print_rows("startup", first_fits[-1])
        yield {"startup": imports, "first_fits": first_fits}
    counts = fresh_processes.call_function("signatures")
    kernels = [{"kernel": name, **by_form} for name, by_form in counts.items()]
    print_rows("startup", *kernels)
    yield {"startup": imports, "first_fits": first_fits, "signatures": kernels}
