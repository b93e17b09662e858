"""EM passes compared with matrix products and iterations of other methods, alone and in a fit."""

import time

import numpy as np

from benchmarks.alternating import alternate, median, ratios, seconds_of
from benchmarks.baselines import ITERATIVE_METHODS, iteration_timer, limited_to, products
from benchmarks.engine_sets import CONCENTRATION, SHAPES, THREADS, rows_and_parameters
from benchmarks.tables import milliseconds, print_rows, quartiles, ratio_with_quartiles
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.engines.cpu import CPUEngine
from vmfmix.fitting.seeding import means_from_rows
from vmfmix.fitting.start import initial_parameters
from vmfmix.model import em

MIN_TURNS = {"numpy": 5, "torch": 5, "pass": 5}  # even if a slow pass exceeds its budget
ITERATIONS = 12
COMPONENT_RUNS = 3
ROWS_PER_COMPONENT = 10  # from which the initial means are drawn


def drop_candidates(engine):
    """Drop the candidates that the engine keeps between passes, so that passes are independent."""
    if isinstance(engine, CPUEngine):
        engine._candidates = type(engine._candidates)(engine.n_rows)


# --- one pass ------------------------------------------------------------------------------------


class Pass:
    """One soft pass, matrix products, and one iteration of other methods.

    The methods follow the conventions of asv.
    """

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
        means = self.X[np.sort(rng.choice(self.X.shape[0], shape.components, replace=False))]
        self.initial_means = means if isinstance(means, np.ndarray) else means.toarray()

    def teardown(self, shape, threads):
        self.limits.__exit__(None, None, None)

    def time_soft_pass(self, shape, threads):
        drop_candidates(self.engine)
        self.engine.accumulate(self.parameters)

    def time_numpy_product(self, shape, threads):
        self.products["numpy"]()

    def time_torch_product(self, shape, threads):
        if "torch" not in self.products:
            raise NotImplementedError  # makes asv skip the benchmark
        self.products["torch"]()

    def track_kmeans_iteration(self, shape, threads):
        return iteration_timer(ITERATIVE_METHODS["KMeans lloyd"], self.X, self.initial_means)()

    def timers(self, shape, threads, methods=tuple(ITERATIVE_METHODS)):
        """Return callables that return the seconds of each method: {name: callable}."""
        timers = {name: lambda call=call: seconds_of(call) for name, call in self.products.items()}
        timers["pass"] = lambda: seconds_of(self.time_soft_pass, shape, threads)
        for name in methods:
            timer = iteration_timer(ITERATIVE_METHODS[name], self.X, self.initial_means)
            if timer is not None:
                timers[name] = timer
        return timers


def pass_part(shapes, options):
    """Iterate over the tables so far, after each shape and number of threads."""
    benchmark = Pass()
    methods = shapes.get("methods", tuple(ITERATIVE_METHODS))
    times, time_ratios = [], []
    for shape in shapes["pass"]:
        benchmark.load(shape)
        for threads in options.threads:
            with limited_to(threads):
                benchmark.time_soft_pass(shape, threads)  # compiles
                timers = benchmark.timers(shape, threads, methods)
                seconds = alternate(timers, options.repeats, min_turns=MIN_TURNS)
            about = {
                "rows": shape.rows,
                "features": shape.features,
                "components": shape.components,
                "data": "dense" if shape.entries is None else "CSR",
                "threads": threads,
            }
            times.append(about | pass_times(seconds, benchmark.products, methods))
            time_ratios.append(about | pass_ratios(seconds, benchmark.products, methods))
            print_rows(shape, times[-1], time_ratios[-1])
            yield {"soft_pass": times, "pass_ratios": time_ratios}


def pass_times(seconds, libraries, methods):
    """Return the median times of all methods."""
    columns = {f"{name} product": name for name in libraries}
    columns |= {name: name for name in ("pass", *methods)}
    return {f"{title} ms": milliseconds(seconds.get(name)) for title, name in columns.items()}


def pass_ratios(seconds, libraries, methods):
    """Return ratios of the pass to the fastest product and of other methods to the pass.

    Ratios are taken within the same rounds.
    """
    fastest = min(libraries, key=lambda name: median(seconds[name]))
    to_product = ratios(seconds["pass"], seconds[fastest])
    return {
        "pass / product": round(float(np.median(to_product)), 2),
        "quartiles": quartiles(to_product),
        "rounds": len(to_product),
        **{
            f"{name} / pass": ratio_with_quartiles(seconds.get(name), seconds["pass"])
            for name in methods
        },
    }


# --- passes of one fit as the number of components grows -----------------------------------------


class TimedEngine:
    """An engine that records the seconds of each pass."""

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
    """The passes of one fit with one concentration, following the conventions of asv."""

    params = SHAPES["full"]["components"]
    param_names = ("shape",)
    timeout = 600

    def setup(self, shape):
        n, d, k, _ = shape
        self.X, _ = make_vmf_mixture(
            n, d, k, concentration=CONCENTRATION * d, dtype=np.float32, random_state=0
        )
        rng = np.random.RandomState(0)
        sample = self.X[: min(ROWS_PER_COMPONENT * k, n)]  # rows are in random order
        means = means_from_rows(sample, np.ones(len(sample)), k, "k-means++", rng)
        self.parameters = initial_parameters(choose_engine(self.X), means)
        self.products = products(self.X, means)

    def pass_seconds(self):
        """Return the seconds of each pass of one fit, which may keep candidates between passes."""
        engine = TimedEngine(choose_engine(self.X))
        stage = em.Stage("tied", hard=False, max_iter=ITERATIONS)  # without tol: runs all of them
        em.fit(engine, self.parameters, stage)
        return engine.seconds

    def product_seconds(self):
        """Return the seconds of the fastest matrix product."""
        medians = []
        for product in self.products.values():
            product()
            medians.append(np.median([seconds_of(product) for _ in range(3)]))
        return float(min(medians))

    def time_iterations(self, shape):
        self.pass_seconds()


def components_part(shapes, options):
    """Iterate over the tables so far, after each number of components."""
    benchmark = Components()
    table, passes = [], []
    for shape in shapes["components"]:
        with limited_to(max(options.threads)):
            benchmark.setup(shape)
            product_seconds, by_pass = [benchmark.product_seconds()], []
            for _ in range(min(options.repeats, COMPONENT_RUNS)):
                by_pass.append(benchmark.pass_seconds())
                product_seconds.append(benchmark.product_seconds())
        by_pass = np.median(by_pass, axis=0)
        product, late = np.median(product_seconds), np.median(by_pass[4:])
        table.append(
            {
                "rows": shape.rows,
                "features": shape.features,
                "components": shape.components,
                "product ms": milliseconds(product_seconds),
                "pass 1 ms": milliseconds(by_pass[:1]),
                "passes 2 to 4 ms": milliseconds(by_pass[1:4]),
                f"passes 5 to {ITERATIONS} ms": milliseconds(by_pass[4:]),
                "pass 1 / product": round(float(by_pass[0] / product), 2),
                f"passes 5 to {ITERATIONS} / product": round(float(late / product), 2),
            }
        )
        each_pass = [milliseconds([seconds]) for seconds in by_pass]
        passes.append({"components": shape.components, "ms of each pass": each_pass})
        print_rows(shape, table[-1])
        yield {"components": table, "component_passes": passes}
