"""One soft EM pass beside the bare matrix product of the same shapes.

``python -m benchmarks.engines [--output FILE]`` measures both in turn in one process, in float32,
and writes medians and the median of the ratios of neighbours.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from benchmarks import machine
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines import choose_engine
from vmfmix.statistics import MixtureParameters

RESULTS = Path(__file__).parent / "results" / "engines.json"
SHAPES = [(50_000, 384, 20), (50_000, 384, 150), (100_000, 768, 1000), (100_000, 128, 64)]


class SoftPass:
    """Rows of a mixture as concentrated as sentence embeddings, and its true parameters."""

    params = SHAPES
    param_names = ("rows, features, components",)

    def setup(self, shape):
        n, d, k = shape
        X, _, truth = make_vmf_mixture(
            n,
            d,
            k,
            concentration=0.8 * d,
            dtype=np.float32,
            random_state=0,
            return_parameters=True,
        )
        self.X = X
        self.parameters = MixtureParameters(truth.weights, truth.means, truth.concentrations)
        self.engine = choose_engine(X)
        self.means_t = truth.means.astype(np.float32).T
        self.scores = np.empty((n, k), np.float32)
        self.engine.accumulate(self.parameters)  # compiles

    def time_soft_pass(self, shape):
        self.engine.accumulate(self.parameters)

    def time_product(self, shape):
        np.matmul(self.X, self.means_t, out=self.scores)


def measure(shape, repeats, calls=4):
    """Medians of the pass, the product, and the ratio of each pass to the product before it.

    Each takes its turn for several calls in a row, as in a fit; the first of them is not counted.
    """
    benchmark = SoftPass()
    benchmark.setup(shape)
    seconds = {"pass": [], "product": []}
    for _ in range(repeats):
        for name, method in (
            ("product", benchmark.time_product),
            ("pass", benchmark.time_soft_pass),
        ):
            time.sleep(0.2)  # threads of BLAS go on spinning for a while and would be in the way
            turn = []
            for _ in range(calls):
                start = time.perf_counter()
                method(shape)
                turn.append(time.perf_counter() - start)
            seconds[name].append(np.median(turn[1:]))
    ratios = np.divide(seconds["pass"], seconds["product"])
    n, d, k = shape
    return {
        "rows": n,
        "features": d,
        "components": k,
        "product ms": round(1e3 * float(np.median(seconds["product"])), 1),
        "pass ms": round(1e3 * float(np.median(seconds["pass"])), 1),
        "pass / product": round(float(np.median(ratios)), 2),
        "lower and upper quartile": ", ".join(
            f"{q:.2f}" for q in np.quantile(ratios, [0.25, 0.75])
        ),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    results = {**machine.describe("numba"), "repeats": options.repeats, "soft_pass": []}
    for shape in SHAPES:
        results["soft_pass"].append(measure(shape, options.repeats))
        print(results["soft_pass"][-1], flush=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
