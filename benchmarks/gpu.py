"""Passes on a GPU, beside the bare matrix product and an iteration of plain k-means in torch.

``python -m benchmarks.gpu [--device cuda] [--rows N] [--repeats N] [--output FILE]``

Where torch finds no GPU this says so and writes nothing. Each pass makes two products of the same
size, one for the scores and one for the sums; "share of the product's rate" is the time of two bare
products over that of the pass. Products are float32, or TensorFloat-32, whose errors are those
beside a pass in float64. All that is compared takes turns; times are medians.
"""

import argparse
import time
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.engine_sets import CONCENTRATION_OF_FITS as CONCENTRATION
from benchmarks.planted_sets import planted_means
from benchmarks.rivals import optional
from benchmarks.tables import save, tell
from vmfmix import VMFMixture
from vmfmix.engines.choice import choose_engine
from vmfmix.model.statistics import MixtureParameters

RESULTS = Path(__file__).parent / "results" / "gpu.json"
TABLES = ("passes", "errors", "fits")
FEATURES, COMPONENTS = 768, (1000, 10_000)
PRECISIONS = {"float32": "highest", "TF32": "high"}  # as torch calls them
ROWS_FOR_ERRORS = 100_000
BLOCK = 2**25  # scores of a block of the bare product and of k-means


def best_device(torch):
    """The name of a GPU, or None."""
    if torch is None:
        return None
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


@contextmanager
def products_in(torch, precision):
    """Products of float32 in this precision."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(PRECISIONS[precision])
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def rows_and_means(torch, n_rows, n_components, device, dtype):
    """Unit rows around means that are siblings of about √K families, made on the device."""
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
    """Parameters of the mixture that the rows come from."""
    n_components = len(means)
    return MixtureParameters(
        np.full(n_components, 1.0 / n_components),
        means.double().cpu().numpy(),
        np.full(n_components, CONCENTRATION * FEATURES),
    )


class Rivals:
    """What is timed on the same rows."""

    def __init__(self, torch, X, means):
        self._torch, self._X, self._means = torch, X, means
        n_components = len(means)
        self._engine = choose_engine(X)
        self._parameters = mixture_around(means)
        size = max(BLOCK // n_components, 1)
        self._parts = [slice(start, start + size) for start in range(0, len(X), size)]

    def soft_pass(self):
        """One pass of EM."""
        self._engine.accumulate(self._parameters)

    def product(self):
        """All scores in float32."""
        for part in self._parts:
            self._X[part].float() @ self._means.T

    def kmeans(self):
        """One iteration of spherical k-means: nearest means and their sums."""
        sums = self._torch.zeros_like(self._means)
        for part in self._parts:
            block = self._X[part].float()
            sums.index_add_(0, (block @ self._means.T).argmax(dim=1), block)
        return sums


def seconds_of(torch, device, call):
    """Seconds of a call, with all that it started on the device."""
    synchronize = torch.cuda.synchronize if device.startswith("cuda") else torch.mps.synchronize
    synchronize()
    start = time.perf_counter()
    call()
    synchronize()
    return time.perf_counter() - start


def pass_row(torch, device, n_rows, n_components, dtype, precision, repeats):
    """One line of the table."""
    X, means = rows_and_means(torch, n_rows, n_components, device, dtype)
    rivals = Rivals(torch, X, means)
    calls = {"pass": rivals.soft_pass, "product": rivals.product, "k-means": rivals.kmeans}
    for call in calls.values():
        call()
    row = {"rows": n_rows, "features": FEATURES, "components": n_components}
    row |= {"rows are": str(dtype).removeprefix("torch."), "products are": precision}
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        rivals.soft_pass()
        row["peak beyond rows MiB"] = round((torch.cuda.max_memory_allocated() - before) / 2**20)
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
    """How far a pass is from one in float64."""
    X, means = rows_and_means(torch, ROWS_FOR_ERRORS, n_components, device, dtype)
    parameters = mixture_around(means)
    said = []
    for rows in (X, X.double()):
        engine = choose_engine(rows)
        said.append((engine.assign(parameters), engine.accumulate(parameters)))
    (assigned, found), (exactly, expected) = said
    resultants = np.linalg.norm(found.resultants - expected.resultants, axis=1)
    return {
        "rows": ROWS_FOR_ERRORS,
        "components": n_components,
        "rows are": str(dtype).removeprefix("torch."),
        "products are": precision,
        "other labels": int((assigned.labels != exactly.labels).sum()),
        "largest error of a probability": largest(assigned.probabilities - exactly.probabilities),
        "of a log density, nats": largest(assigned.log_densities - exactly.log_densities),
        "of a resultant, relative": largest(resultants / expected.lengths),
    }


def largest(errors):
    return float(f"{np.abs(errors).max():.1e}")


def fit_row(torch, device, n_rows, n_components):
    """A whole fit, with what it does on the CPU."""
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
    torch = optional("torch")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default=best_device(torch))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.device is None:
        print("There is no GPU here that torch can use; nothing was measured.")
        return
    facts = machine.describe("torch")
    if options.device.startswith("cuda"):
        facts |= {"device": torch.cuda.get_device_name(options.device), "cuda": torch.version.cuda}
    tables = {name: [] for name in TABLES}
    for dtype, precision, n_components in product(
        (torch.float32, torch.float16), PRECISIONS, COMPONENTS
    ):
        about = n_components, dtype, precision
        with products_in(torch, precision):
            row = pass_row(torch, options.device, options.rows, *about, options.repeats)
            tables["passes"].append(row)
            tables["errors"].append(error_row(torch, options.device, *about))
        for name in ("passes", "errors"):
            tell(name, tables[name][-1])
        save(options.output, facts, tables, TABLES)
    tables["fits"].append(fit_row(torch, options.device, options.rows, COMPONENTS[0]))
    tell("fit", *tables["fits"])
    save(options.output, facts, tables, TABLES)


if __name__ == "__main__":
    main()
