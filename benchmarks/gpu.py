"""EM passes on a GPU, compared with the matrix product and an iteration of k-means in torch.

``python -m benchmarks.gpu [--device cuda] [--rows N] [--repeats N] [--output FILE]``

If torch finds no GPU, a message says so and nothing is written. Each pass makes two products of the
same size, one for the scores and one for the sums; "share of the product's rate" is the time of two
products alone divided by the time of the pass. Products are computed in float32 or TensorFloat-32;
the errors of a pass are measured against a pass in float64. The methods compared are timed in turn;
times are medians.
"""

import argparse
import time
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.baselines import optional
from benchmarks.engine_sets import CONCENTRATION_OF_FITS as CONCENTRATION
from benchmarks.planted_sets import planted_means
from benchmarks.tables import print_rows, save
from vmfmix import VMFMixture
from vmfmix.engines.choice import choose_engine
from vmfmix.model.statistics import MixtureParameters

RESULTS = Path(__file__).parent / "results" / "gpu.json"
TABLES = ("passes", "errors", "fits")
FEATURES, COMPONENTS = 768, (1000, 10_000)
PRECISIONS = {"float32": "highest", "TF32": "high"}  # as named by torch
ROWS_FOR_ERRORS = 100_000
MAX_SCORES = 2**25  # per block of rows, in the product and in k-means


def best_device(torch):
    """Return the torch name of a GPU, or None."""
    if torch is None:
        return None
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


@contextmanager
def products_in(torch, precision):
    """Compute float32 products in this precision."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(PRECISIONS[precision])
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def rows_and_means(torch, n_rows, n_components, device, dtype):
    """Return unit rows and means that form about √K families, generated on the device."""
    generator = torch.Generator(device).manual_seed(0)
    means = planted_means("hierarchical", n_components, FEATURES, np.random.default_rng(0))
    means = torch.as_tensor(means, dtype=torch.float32, device=device)
    X = torch.empty(n_rows, FEATURES, device=device, dtype=dtype)
    # A mean plus noise of length 1/√c has the cosine r = √(c / (1 + c)), and κ = d r / (1 − r²).
    c = (np.sqrt(1.0 + 4.0 * CONCENTRATION**2) - 1.0) / 2.0
    for start in range(0, n_rows, 2**16):
        part = X[start : start + 2**16]
        labels = torch.randint(n_components, (len(part),), device=device, generator=generator)
        noise = torch.randn(len(part), FEATURES, device=device, generator=generator)
        part[:] = torch.nn.functional.normalize(means[labels] + noise / (c * FEATURES) ** 0.5)
    return X, means


def mixture_around(means):
    """Return the parameters of the mixture that the rows are drawn from."""
    n_components = len(means)
    return MixtureParameters(
        np.full(n_components, 1.0 / n_components),
        means.double().cpu().numpy(),
        np.full(n_components, CONCENTRATION * FEATURES),
    )


class Methods:
    """The methods that are timed on the same rows."""

    def __init__(self, torch, X, means):
        self._torch, self._X, self._means = torch, X, means
        n_components = len(means)
        self._engine = choose_engine(X)
        self._parameters = mixture_around(means)
        size = max(MAX_SCORES // n_components, 1)
        self._blocks = [slice(start, start + size) for start in range(0, len(X), size)]

    def soft_pass(self):
        """Make one EM pass."""
        self._engine.accumulate(self._parameters)

    def product(self):
        """Compute all scores in float32."""
        for block in self._blocks:
            self._X[block].float() @ self._means.T

    def kmeans(self):
        """Make one iteration of spherical k-means: find the nearest means and sum their rows."""
        sums = self._torch.zeros_like(self._means)
        for block in self._blocks:
            rows = self._X[block].float()
            sums.index_add_(0, (rows @ self._means.T).argmax(dim=1), rows)
        return sums


def seconds_of(torch, device, call):
    """Return the seconds of a call, including the work it started on the device."""
    synchronize = torch.cuda.synchronize if device.startswith("cuda") else torch.mps.synchronize
    synchronize()
    start = time.perf_counter()
    call()
    synchronize()
    return time.perf_counter() - start


def pass_row(torch, device, n_rows, n_components, dtype, precision, repeats):
    """Return one row of the table of passes."""
    X, means = rows_and_means(torch, n_rows, n_components, device, dtype)
    methods = Methods(torch, X, means)
    calls = {"pass": methods.soft_pass, "product": methods.product, "k-means": methods.kmeans}
    for call in calls.values():  # warm up
        call()
    row = {"rows": n_rows, "features": FEATURES, "components": n_components}
    row |= {"row dtype": str(dtype).removeprefix("torch."), "product precision": precision}
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        methods.soft_pass()
        row["extra peak memory MiB"] = round((torch.cuda.max_memory_allocated() - before) / 2**20)
    seconds = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            seconds[name].append(seconds_of(torch, device, call))
    median = {name: float(np.median(each)) for name, each in seconds.items()}
    flops = 2.0 * n_rows * FEATURES * n_components
    return row | {
        "pass ms": round(1e3 * median["pass"], 1),
        "product ms": round(1e3 * median["product"], 1),
        "k-means iteration ms": round(1e3 * median["k-means"], 1),
        "million rows per second": round(n_rows / median["pass"] / 1e6, 2),
        "product TFLOP/s": round(flops / median["product"] / 1e12, 1),
        "share of the product's rate": round(2 * median["product"] / median["pass"], 2),
        "pass / k-means": round(median["pass"] / median["k-means"], 2),
    }


def error_row(torch, device, n_components, dtype, precision):
    """Return one row of the table of errors, relative to a pass in float64."""
    X, means = rows_and_means(torch, ROWS_FOR_ERRORS, n_components, device, dtype)
    parameters = mixture_around(means)
    results = []
    for rows in (X, X.double()):
        engine = choose_engine(rows)
        results.append((engine.assign(parameters), engine.accumulate(parameters)))
    (assignment, statistics), (exact_assignment, exact_statistics) = results
    resultant_errors = np.linalg.norm(statistics.resultants - exact_statistics.resultants, axis=1)
    return {
        "rows": ROWS_FOR_ERRORS,
        "components": n_components,
        "row dtype": str(dtype).removeprefix("torch."),
        "product precision": precision,
        "labels that differ": int((assignment.labels != exact_assignment.labels).sum()),
        "max error of probabilities": largest(
            assignment.probabilities - exact_assignment.probabilities
        ),
        "max error of log densities, nats": largest(
            assignment.log_densities - exact_assignment.log_densities
        ),
        "max relative error of resultants": largest(resultant_errors / exact_statistics.lengths),
    }


def largest(errors):
    """Return the largest absolute error, rounded to two digits."""
    return float(f"{np.abs(errors).max():.1e}")


def fit_row(torch, device, n_rows, n_components):
    """Return one row of the table of fits; times include the work on the CPU."""
    X, _ = rows_and_means(torch, n_rows, n_components, device, torch.float32)
    VMFMixture(10, random_state=0).fit(X[:1000])  # compiles
    model = VMFMixture(n_components, random_state=0)
    seconds = seconds_of(torch, device, lambda: model.fit(X))
    return {
        "rows": n_rows,
        "features": FEATURES,
        "components": n_components,
        "seconds": round(seconds, 2),
        "iterations": model.n_iter_,
    }


def main():
    """Run the benchmark from the command line."""
    torch = optional("torch")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--device",
        default=best_device(torch),
        help="torch device; default: the GPU that torch finds",
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="default: %(default)s")
    parser.add_argument("--repeats", type=int, default=9, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: %(default)s")
    options = parser.parse_args()
    if options.device is None:
        print("Nothing was measured: torch finds no GPU on this machine.")
        return
    facts = machine.describe("torch")
    if options.device.startswith("cuda"):
        facts |= {"device": torch.cuda.get_device_name(options.device), "cuda": torch.version.cuda}
    tables = {name: [] for name in TABLES}
    for dtype, precision, n_components in product(
        (torch.float32, torch.float16), PRECISIONS, COMPONENTS
    ):
        case = n_components, dtype, precision
        with products_in(torch, precision):
            row = pass_row(torch, options.device, options.rows, *case, options.repeats)
            tables["passes"].append(row)
            tables["errors"].append(error_row(torch, options.device, *case))
        for name in ("passes", "errors"):
            print_rows(name, tables[name][-1])
        save(options.output, facts, tables, TABLES)
    tables["fits"].append(fit_row(torch, options.device, options.rows, COMPONENTS[0]))
    print_rows("fit", *tables["fits"])
    save(options.output, facts, tables, TABLES)


if __name__ == "__main__":
    main()
