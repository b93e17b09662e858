"""Time and memory of passes over rows and of whole fits, beside what people use instead.

``python -m benchmarks.engines [--parts pass fit components memory startup] [--repeats N]
[--threads 1 2] [--shapes full small] [--output FILE]``

* pass: one soft EM pass, the bare matrix product of the same shapes, and one iteration of others;
* fit: whole fits at the true number of components;
* components: each iteration of one fit as the number of components grows;
* memory: peak of a fit beyond its rows;
* startup: imports, compilation on first use, and what is compiled again for other arrays.

All rows are float32, and all that is compared takes turns. Parts other than "pass" use as many
threads as the most in ``--threads``. The results file is written after each line of a table, and
keeps what it has of the other parts.
"""

import argparse
import json
import re
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks import fresh_processes, machine
from benchmarks.alternating import BUDGET, alternate, median, ratios, seconds_of
from benchmarks.engine_sets import (
    CONCENTRATION,
    CONCENTRATION_OF_FITS,
    Shape,
    indicator,
    overlapping,
    rows_and_parameters,
    sets_to_fit,
)
from benchmarks.rivals import FITS, PEERS, RIVAL, first_rows, iteration_of, limited_to, products
from vmfmix import em
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines import choose_engine
from vmfmix.engines.recall import Recall
from vmfmix.seeding import means_from_rows, starting_parameters

RESULTS = Path(__file__).parent / "results" / "engines.json"
PARTS = ("pass", "fit", "components", "memory", "startup")
TABLES = (
    *("soft_pass", "pass_ratios", "fits", "components", "component_passes", "memory"),
    *("startup", "first_fits", "signatures"),
)
SHAPES = {
    "full": {
        "pass": [
            Shape(50_000, 384, 20),
            Shape(50_000, 384, 150),
            Shape(100_000, 768, 1000),
            Shape(200_000, 128, 8192),
            Shape(20_000, 30_000, 100, entries=100),
            Shape(100_000, 128, 64),
        ],
        "fit": [Shape(50_000, 384, 20), Shape(50_000, 384, 150), Shape(100_000, 768, 1000)],
        "components": [Shape(200_000, 128, k) for k in (1000, 2000, 4000, 8192)],
        "memory": Shape(1_000_000, 128, 1000),
    },
    "small": {  # to see whether all of it runs
        "pass": [Shape(3000, 32, 20), Shape(2000, 500, 10, entries=20)],
        "fit": [Shape(2000, 32, 10)],
        "components": [Shape(3000, 16, k) for k in (20, 40)],
        "memory": Shape(3000, 32, 20),
    },
}
THREADS = (1, 2)
FEWEST_TURNS = {"numpy": 5, "torch": 5, "pass": 5}  # of a slow pass, beyond its budget
FIT_SEEDS = 5
FIT_BUDGET = 60.0  # seconds of all fits by one method
LONGEST_FIT = 300.0  # seconds from which on a method is left out
SURELY_TOO_LONG = 3 * LONGEST_FIT  # of an estimate, compilation included
ITERATIONS = 12
COMPONENT_RUNS = 3
ROWS_PER_SEED = 10
MEMORY_ITERATIONS = 5


def plain_pass(engine, parameters):
    """A soft pass without anything that earlier passes of the engine have left behind."""
    engine._recall = Recall(engine.n_rows)
    return engine.accumulate(parameters)


# --- one pass ------------------------------------------------------------------------------------


class Pass:
    """One soft pass, bare products, and one iteration of others, in the shape asv expects."""

    params = (SHAPES["full"]["pass"], list(THREADS))
    param_names = ("shape", "threads")
    unit = "seconds"
    timeout = 600

    def setup(self, shape, threads):
        self.load(shape)
        self.limits = limited_to(threads)
        self.limits.__enter__()
        self.time_soft_pass(shape, threads)  # compiles

    def load(self, shape):
        self.X, self.parameters = rows_and_parameters(shape)
        self.engine = choose_engine(self.X)
        self.products = products(self.X, self.parameters.means)
        rng = np.random.default_rng(0)
        starts = self.X[np.sort(rng.choice(self.X.shape[0], shape.components, replace=False))]
        self.starts = starts if isinstance(starts, np.ndarray) else starts.toarray()

    def teardown(self, shape, threads):
        self.limits.__exit__(None, None, None)

    def time_soft_pass(self, shape, threads):
        plain_pass(self.engine, self.parameters)

    def time_numpy_product(self, shape, threads):
        self.products["numpy"]()

    def time_torch_product(self, shape, threads):
        if "torch" not in self.products:
            raise NotImplementedError  # asv then leaves it out
        self.products["torch"]()

    def track_kmeans_iteration(self, shape, threads):
        return iteration_of(PEERS["KMeans lloyd"], self.X, self.starts)()

    def rivals(self, shape, threads):
        """Calls that give the seconds of each: {name: call}."""
        clocked = {
            **{name: lambda call=call: seconds_of(call) for name, call in self.products.items()},
            "pass": lambda: seconds_of(self.time_soft_pass, shape, threads),
        }
        peers = {name: iteration_of(peer, self.X, self.starts) for name, peer in PEERS.items()}
        return clocked | {name: peer for name, peer in peers.items() if peer is not None}


def pass_part(shapes, options):
    """Tables after each shape and number of threads."""
    benchmark = Pass()
    times, quotients = [], []
    for shape in shapes["pass"]:
        benchmark.load(shape)
        for threads in options.threads:
            with limited_to(threads):
                benchmark.time_soft_pass(shape, threads)  # compiles
                rivals = benchmark.rivals(shape, threads)
                seconds = alternate(rivals, options.repeats, fewest_turns=FEWEST_TURNS)
            about = {
                "rows": shape.rows,
                "features": shape.features,
                "components": shape.components,
                "data": "dense" if shape.entries is None else "CSR",
                "threads": threads,
            }
            times.append(about | pass_times(seconds, benchmark.products))
            quotients.append(about | pass_ratios(seconds, benchmark.products))
            tell(shape, times[-1])
            tell(shape, quotients[-1])
            yield {"soft_pass": times, "pass_ratios": quotients}


def pass_times(seconds, by_library):
    columns = {f"{name} product": name for name in by_library}
    columns |= {name: name for name in ("pass", *PEERS)}
    return {f"{title} ms": milliseconds(seconds.get(name)) for title, name in columns.items()}


def pass_ratios(seconds, by_library):
    """The pass to the fastest product, and the others to the pass, in the same rounds."""
    fastest = min(by_library, key=lambda name: median(seconds[name]))
    own = ratios(seconds["pass"], seconds[fastest])
    return {
        "pass / product": round(float(np.median(own)), 2),
        "quartiles": quartiles(own),
        "rounds": len(own),
        **{f"{name} / pass": spread(seconds.get(name), seconds["pass"]) for name in PEERS},
    }


def spread(seconds, other):
    """Median and quartiles of the ratios, as `2.00 (1.90, 2.10)`; None without any."""
    if seconds is None or not len(found := ratios(seconds, other)):
        return None
    return f"{np.median(found):.2f} ({quartiles(found)})"


def quartiles(values, digits=2):
    return ", ".join(f"{q:.{digits}f}" for q in np.quantile(values, [0.25, 0.75]))


def milliseconds(seconds):
    value = float("nan") if seconds is None else median(np.asarray(seconds))
    return None if np.isnan(value) else round(1e3 * value, 2 if value < 0.01 else 1)


# --- whole fits ----------------------------------------------------------------------------------


class Fit:
    """Whole fits on overlapping clusters, in the shape asv expects."""

    params = (SHAPES["full"]["fit"], list(FITS))
    param_names = ("shape", "method")
    timeout = 600

    def setup(self, shape, method):
        self.X, _ = overlapping(shape)
        FITS[method](first_rows(self.X, shape.components), shape.components, 0)  # compiles

    def time_fit(self, shape, method):
        FITS[method](self.X, shape.components, 0)


class ClockedFit:
    """Seconds of fits with one seed after the other, and how good they were."""

    def __init__(self, method, X, y):
        self._fit, self._X, self._y = FITS[method], X, y
        self._k = len(np.unique(y))
        self.runs = []

    def estimate(self):
        """Seconds that all rows would take, from the first of them; also compiles and loads."""
        some = first_rows(self._X, self._k)
        for part in (some[: len(some) // 2], some):
            seconds = len(self._X) / len(part) * seconds_of(self._fit, part, self._k, 0)
            if seconds > SURELY_TOO_LONG:
                break
        return seconds

    def __call__(self):
        start = time.perf_counter()
        labels, iterations = self._fit(self._X, self._k, len(self.runs))
        seconds = time.perf_counter() - start
        self.runs.append(
            {
                "mean cosine": mean_cosine(self._X, labels),
                "ARI": adjusted_rand_score(self._y, labels),
                "iterations": iterations,
            }
        )
        return seconds


def mean_cosine(X, labels):
    """Mean cosine of unit rows with the mean direction of their cluster, Σ_k ‖S_k‖ / n.

    The objective of spherical k-means, to be maximised.
    """
    resultants = indicator(labels).T.astype(np.float64) @ X
    return float(np.linalg.norm(resultants, axis=1).sum() / len(labels))


def fit_part(shapes, options):
    """The table after each set."""
    table = []
    for name, X, y in sets_to_fit(shapes["fit"]):
        with limited_to(max(options.threads)):
            fits = {method: ClockedFit(method, X, y) for method in FITS}
            costs = {method: fit.estimate() for method, fit in fits.items()}
            seconds = alternate(
                {method: fit for method, fit in fits.items() if costs[method] <= LONGEST_FIT},
                min(options.repeats, FIT_SEEDS),
                calls=1,
                budget=FIT_BUDGET,
                costs=costs,
            )
        about = {"data": name, "rows": len(X), "features": X.shape[1]}
        about["components"] = len(np.unique(y))
        for method, fit in fits.items():
            table.append(about | {"method": method} | fit_row(method, fit.runs, seconds))
            tell(name, table[-1])
        yield {"fits": table}


def fit_row(method, runs, seconds):
    """Median times, and means of the scores; None where the method would have taken too long."""
    if method not in seconds:
        names = ("seconds", f"time / {RIVAL}", "mean cosine", "ARI", "iterations")
        return {**dict.fromkeys(names), "fits": 0}
    to_rival = ratios(seconds[method], seconds.get(RIVAL, np.nan))
    return {
        "seconds": round(median(seconds[method]), 3),
        f"time / {RIVAL}": round(float(np.median(to_rival)), 2) if len(to_rival) else None,
        "mean cosine": round(mean_of(runs, "mean cosine"), 5),
        "ARI": round(mean_of(runs, "ARI"), 3),
        "iterations": round(mean_of(runs, "iterations"), 1),
        "fits": len(runs),
    }


def mean_of(runs, name):
    return float(np.mean([each[name] for each in runs]))


# --- iterations as the number of components grows ------------------------------------------------


class ClockedEngine:
    """An engine that notes the seconds of each pass."""

    def __init__(self, engine):
        self._engine = engine
        self.seconds = []

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def accumulate(self, *arguments, **options):
        start = time.perf_counter()
        statistics = self._engine.accumulate(*arguments, **options)
        self.seconds.append(time.perf_counter() - start)
        return statistics


class Components:
    """The iterations of one fit with one concentration, in the shape asv expects."""

    params = SHAPES["full"]["components"]
    param_names = ("shape",)
    timeout = 600

    def setup(self, shape):
        n, d, k, _ = shape
        self.X, _ = make_vmf_mixture(
            n, d, k, concentration=CONCENTRATION * d, dtype=np.float32, random_state=0
        )
        rng = np.random.RandomState(0)
        some = self.X[: min(ROWS_PER_SEED * k, n)]  # they come in random order
        means = means_from_rows(some, np.ones(len(some)), k, "k-means++", rng)
        self.parameters = starting_parameters(choose_engine(self.X), means)
        self.products = products(self.X, means)

    def pass_seconds(self):
        """Seconds of each pass of one fit on one engine, which may remember earlier passes."""
        engine = ClockedEngine(choose_engine(self.X))
        em.fit(engine, self.parameters, max_iter=ITERATIONS, tol=-1.0)  # does not stop before
        return engine.seconds

    def product_seconds(self):
        """Of the fastest product."""
        fastest = []
        for product in self.products.values():
            product()
            fastest.append(np.median([seconds_of(product) for _ in range(3)]))
        return float(min(fastest))

    def time_iterations(self, shape):
        self.pass_seconds()


def components_part(shapes, options):
    """Tables after each number of components."""
    benchmark = Components()
    table, passes = [], []
    for shape in shapes["components"]:
        with limited_to(max(options.threads)):
            benchmark.setup(shape)
            measured, by_pass = [benchmark.product_seconds()], []
            for _ in range(min(options.repeats, COMPONENT_RUNS)):
                by_pass.append(benchmark.pass_seconds())
                measured.append(benchmark.product_seconds())
        by_pass = np.median(by_pass, axis=0)
        product, late = np.median(measured), np.median(by_pass[4:])
        table.append(
            {
                "rows": shape.rows,
                "features": shape.features,
                "components": shape.components,
                "product ms": milliseconds(measured),
                "pass 1 ms": milliseconds(by_pass[:1]),
                "passes 2 to 4 ms": milliseconds(by_pass[1:4]),
                f"passes 5 to {ITERATIONS} ms": milliseconds(by_pass[4:]),
                "pass 1 / product": round(float(by_pass[0] / product), 2),
                f"passes 5 to {ITERATIONS} / product": round(float(late / product), 2),
            }
        )
        each = [milliseconds([one]) for one in by_pass]
        passes.append({"components": shape.components, "ms of each pass": each})
        tell(shape, table[-1])
        yield {"components": table, "component_passes": passes}


# --- memory and start-up -------------------------------------------------------------------------


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

    def peak(self, method, shape, threads):
        arguments = (self.path, method, shape.components, MEMORY_ITERATIONS, threads)
        return fresh_processes.said_by_function("peak_beyond_rows", *arguments)

    def track_peak_beyond_rows(self, method):
        return self.peak(method, SHAPES["full"]["memory"], max(THREADS))["beyond"]


def memory_part(shapes, options):
    """The table after each fit."""
    shape, table, benchmark = shapes["memory"], [], Memory()
    benchmark.setup(None, shape)
    try:
        for method in Memory.params:
            said = benchmark.peak(method, shape, max(options.threads))
            table.append(
                {
                    "rows": shape.rows,
                    "features": shape.features,
                    "components": shape.components,
                    "method": method,
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


# --- the results file ----------------------------------------------------------------------------


def tell(about, *rows):
    for row in rows:
        facts = ", ".join(f"{name}: {value}" for name, value in row.items())
        print(f"[{about}] {facts}", flush=True)


def joined(earlier, new):
    """The new tables, and of parts that were not measured again the earlier ones."""
    of_all = {**earlier, **new}
    return {name: of_all[name] for name in TABLES if of_all.get(name)}


def save(path, facts, new):
    path.parent.mkdir(parents=True, exist_ok=True)
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    text = json.dumps({**facts, **joined(earlier, new)}, indent=1, ensure_ascii=False)
    text = re.sub(r"\[[\s\d.,]+\]", lambda numbers: " ".join(numbers[0].split()), text)
    path.write_text(text + "\n", encoding="utf-8")


MEASURED = {
    "pass": pass_part,
    "fit": fit_part,
    "components": components_part,
    "memory": memory_part,
    "startup": startup_part,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--repeats", type=int, default=15, help="most rounds of a comparison")
    parser.add_argument("--threads", nargs="*", type=int, default=THREADS)
    parser.add_argument("--shapes", choices=SHAPES, default="full")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/engines.json")
    options = parser.parse_args()
    small = options.shapes == "small"
    output = options.output or (RESULTS.with_name("engines_small.json") if small else RESULTS)
    facts = {
        **machine.describe("scikit-learn", "numba", "faiss-cpu", "torch"),
        "repeats": options.repeats,
        "seconds for each method in a line, at most about": BUDGET,
        "concentration of rows in passes, per feature": CONCENTRATION,
        "concentration of rows in fits, per feature": CONCENTRATION_OF_FITS,
        "iterations of fits for memory": MEMORY_ITERATIONS,
    }
    for part in options.parts:
        for tables in MEASURED[part](SHAPES[options.shapes], options):
            save(output, facts, tables)


if __name__ == "__main__":
    main()
