"""Passes over rows, beside bare products and iterations of others, and those of one long fit."""

import time

import numpy as np

from benchmarks.alternating import alternate, median, ratios, seconds_of
from benchmarks.engine_sets import CONCENTRATION, SHAPES, THREADS, rows_and_parameters
from benchmarks.rivals import PEERS, iteration_of, limited_to, products
from benchmarks.tables import milliseconds, quartiles, spread, tell
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.candidates import CandidateCache
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.seeding import means_from_rows
from vmfmix.fitting.start import initial_parameters
from vmfmix.model import em

FEWEST_TURNS = {"numpy": 5, "torch": 5, "pass": 5}  # of a slow pass, beyond its budget
ITERATIONS = 12
COMPONENT_RUNS = 3
ROWS_PER_SEED = 10


def plain_pass(engine, parameters):
    """A soft pass without anything that earlier passes of the engine have left behind."""
    engine._candidates = CandidateCache(engine.n_rows)
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
        self.parameters = initial_parameters(choose_engine(self.X), means)
        self.products = products(self.X, means)

    def pass_seconds(self):
        """Seconds of each pass of one fit on one engine, which may remember earlier passes."""
        engine = ClockedEngine(choose_engine(self.X))
        em.fit(engine, self.parameters, em.Stage("tied", hard=False, max_iter=ITERATIONS))
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
