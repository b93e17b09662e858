"""Passes on a GPU, beside the bare matrix product and an iteration of plain k-means in torch.

``python -m benchmarks.gpu [--device cuda] [--rows N] [--repeats N] [--output FILE]``

Where torch finds no GPU this says so and writes nothing. Each pass makes two products of the size
of the first, one for the scores and one for the sums; "share of the product's rate" is the time of
two bare products over that of the pass. All that is compared takes turns; times are medians.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.rivals import optional
from benchmarks.tables import save, tell
from vmfmix import VMFMixture
from vmfmix.engines import choose_engine
from vmfmix.statistics import MixtureParameters

RESULTS = Path(__file__).parent / "results" / "gpu.json"
TABLES = ("passes", "fits")
FEATURES, COMPONENTS = 768, (1000, 10_000)
CONCENTRATION = 0.8  # per feature
BLOCK = 2**25  # scores of a block of the bare product and of k-means


def best_device(torch):
    """The name of a GPU, or None."""
    if torch is None:
        return None
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


def rows_and_means(torch, n_rows, n_components, device, dtype):
    """Unit rows around random means, made on the device."""
    generator = torch.Generator(device).manual_seed(0)

    def normal(n):
        return torch.randn(n, FEATURES, device=device, generator=generator)

    means = torch.nn.functional.normalize(normal(n_components))
    X = torch.empty(n_rows, FEATURES, device=device, dtype=dtype)
    for start in range(0, n_rows, 2**16):
        part = X[start : start + 2**16]
        labels = torch.randint(n_components, (len(part),), device=device, generator=generator)
        # κ ≈ d r / (1 − r²) with r the cosine of a row with its mean.
        noise = normal(len(part)) / (CONCENTRATION * FEATURES) ** 0.5
        part[:] = torch.nn.functional.normalize(means[labels] + noise)
    return X, means


class Rivals:
    """What is timed on the same rows."""

    def __init__(self, torch, X, means):
        self._torch, self._X, self._means = torch, X, means
        n_components = len(means)
        self._engine = choose_engine(X)
        self._parameters = MixtureParameters(
            np.full(n_components, 1.0 / n_components),
            means.double().cpu().numpy(),
            np.full(n_components, CONCENTRATION * FEATURES),
        )
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


def pass_row(torch, device, n_rows, n_components, dtype, repeats):
    """One line of the table."""
    X, means = rows_and_means(torch, n_rows, n_components, device, dtype)
    rivals = Rivals(torch, X, means)
    calls = {"pass": rivals.soft_pass, "product": rivals.product, "k-means": rivals.kmeans}
    for call in calls.values():
        call()
    row = {"rows": n_rows, "features": FEATURES, "components": n_components}
    row["type of rows"] = str(dtype).removeprefix("torch.")
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


def fit_row(torch, device, n_rows, n_components):
    """A whole fit, with what it does on the CPU."""
    X, _ = rows_and_means(torch, n_rows, n_components, device, torch.float32)
    VMFMixture(10, random_state=0).fit(X[:5000])
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
    tables = {"passes": [], "fits": []}
    for dtype in (torch.float32, torch.float16):
        for n_components in COMPONENTS:
            row = pass_row(
                torch, options.device, options.rows, n_components, dtype, options.repeats
            )
            tell("pass", row)
            tables["passes"].append(row)
            save(options.output, facts, tables, TABLES)
    tables["fits"].append(fit_row(torch, options.device, options.rows, COMPONENTS[0]))
    tell("fit", *tables["fits"])
    save(options.output, facts, tables, TABLES)


if __name__ == "__main__":
    main()
