"""Time and accuracy of the vMF law, beside the route through scipy's Bessel function.

``python -m benchmarks.distribution [--output FILE]`` writes the JSON file that the documentation
shows as tables; the class has the shape asv expects.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy.special import gammaln, ive

from benchmarks import machine
from vmfmix import distribution as vmf

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "tests" / "data" / "vmf_reference.json"
RESULTS = ROOT / "benchmarks" / "results" / "distribution.json"
DIMS = [2, 8, 64, 384, 1024, 3072, 100_000]
REGIMES = {"d < 52": (2, 51), "52 to 1024": (52, 1024), "d > 1024": (1025, 2**53)}


class Law:
    """Evaluations of 1000 concentrations, log-uniform between 0.1 and 1e4, at one dimension."""

    params = DIMS
    param_names = ("dim",)

    def setup(self, dim):
        rng = np.random.default_rng(0)
        self.kappa = np.exp(rng.uniform(np.log(0.1), np.log(1e4), 1000))
        self.r = vmf.mean_resultant_length(self.kappa, dim)
        self.one_minus_r = vmf.mean_resultant_length(self.kappa, dim, complement=True)

    def time_log_normalizer(self, dim):
        vmf.log_normalizer(self.kappa, dim)

    def time_mean_resultant_length(self, dim):
        vmf.mean_resultant_length(self.kappa, dim)

    def time_derivative(self, dim):
        vmf.mean_resultant_length_derivative(self.kappa, dim)

    def time_concentration(self, dim):
        vmf.concentration(self.r, dim, one_minus_r=self.one_minus_r)

    def time_scipy_ive_alone(self, dim):
        ive(0.5 * dim - 1.0, self.kappa)


def nanoseconds(dim, repeats=31):
    """Median time per concentration of every method of `Law`, the methods in turn."""
    law = Law()
    law.setup(dim)
    methods = [name for name in vars(Law) if name.startswith("time_")]
    times = {name: [] for name in methods}
    for repeat in range(repeats + 1):
        for name in methods:
            start = time.perf_counter()
            getattr(law, name)(dim)
            if repeat:  # the first round fills the caches of coefficients
                times[name].append(time.perf_counter() - start)
    row = {name.removeprefix("time_"): np.median(seconds) for name, seconds in times.items()}
    return {name: round(1e9 * seconds / law.kappa.size, 1) for name, seconds in row.items()}


@np.errstate(all="ignore")
def scipy_phi(kappa, dim):
    """log C(0) − log C(κ) from `ive`, as the formula is usually typed."""
    order = 0.5 * dim - 1.0
    return np.log(ive(order, kappa)) + kappa + gammaln(order + 1.0) + order * np.log(2.0 / kappa)


@np.errstate(all="ignore")
def scipy_length(kappa, dim):
    return ive(0.5 * dim, kappa) / ive(0.5 * dim - 1.0, kappa)


def accuracy():
    """Largest relative error on the finite values and share of finite ones, per regime."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    columns = np.array([[float(cell) for cell in row] for row in table["normalizer"]]).T
    dim, kappa, _, minus_phi, length, complement, derivative, divergence, _ = columns
    dim = dim.astype(int)
    rows = [
        ("log C(0)/C(κ)", "vmfmix", -vmf.log_normalizer(kappa, dim, relative_to="uniform")),
        ("log C(0)/C(κ)", "scipy ive", scipy_phi(kappa, dim)),
        ("A", "vmfmix", vmf.mean_resultant_length(kappa, dim)),
        ("A", "scipy ive", scipy_length(kappa, dim)),
        ("1 − A", "vmfmix", vmf.mean_resultant_length(kappa, dim, complement=True)),
        ("1 − A", "scipy ive", 1.0 - scipy_length(kappa, dim)),
        ("A'", "vmfmix", vmf.mean_resultant_length_derivative(kappa, dim)),
        ("KL to uniform", "vmfmix", vmf.kl_from_uniform(kappa, dim)),
        ("inverse of A", "vmfmix", vmf.concentration(length, dim, one_minus_r=complement)),
    ]
    expected = {
        "log C(0)/C(κ)": -minus_phi,
        "A": length,
        "1 − A": complement,
        "A'": derivative,
        "KL to uniform": divergence,
        "inverse of A": kappa,
    }
    report = []
    for quantity, method, found in rows:
        for regime, (low, high) in REGIMES.items():
            here = (dim >= low) & (dim <= high)
            finite = here & np.isfinite(found)
            exact = expected[quantity][finite]
            error = np.max(np.abs(found[finite] - exact) / exact)
            report.append(
                {
                    "quantity": quantity,
                    "method": method,
                    "dimension": regime,
                    "max_relative_error": float(f"{error:.2g}"),
                    "finite": f"{finite.sum() / here.sum():.1%}",
                    "rows": int(here.sum()),
                }
            )
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESULTS)
    output = parser.parse_args().output
    results = {
        **machine.describe(),
        "threads": 1,  # nothing here is threaded
        "concentrations": "1000, log-uniform between 0.1 and 1e4",
        "scipy_ive_alone": "one Bessel function (A takes two), returning early where it is 0",
        "nanoseconds_per_evaluation": [{"dim": dim, **nanoseconds(dim)} for dim in DIMS],
        "accuracy": accuracy(),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
