"""Time and accuracy of the vMF distribution, compared with SciPy's Bessel function.

``python -m benchmarks.distribution [--output FILE]``

Times are medians per evaluation of the functions in `vmfmix.distribution`. Errors are measured
against the high-precision values in ``tests/data/vmf_reference.json``.
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


class Evaluation:
    """Evaluation of 1000 concentrations, log-uniform between 0.1 and 1e4, in one dimension.

    The methods follow the conventions of asv.
    """

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
    """Return the median nanoseconds per concentration of each function, timed in turn."""
    evaluation = Evaluation()
    evaluation.setup(dim)
    methods = [name for name in vars(Evaluation) if name.startswith("time_")]
    times = {name: [] for name in methods}
    for repeat in range(repeats + 1):
        for name in methods:
            start = time.perf_counter()
            getattr(evaluation, name)(dim)
            if repeat:  # the first round fills the coefficient caches
                times[name].append(time.perf_counter() - start)
    medians = {name.removeprefix("time_"): np.median(times[name]) for name in methods}
    n_evaluations = evaluation.kappa.size
    return {name: round(1e9 * seconds / n_evaluations, 1) for name, seconds in medians.items()}


@np.errstate(all="ignore")
def scipy_phi(kappa, dim):
    """Return log C(0) − log C(κ) from `ive`, with the formula as it is usually written."""
    order = 0.5 * dim - 1.0
    return np.log(ive(order, kappa)) + kappa + gammaln(order + 1.0) + order * np.log(2.0 / kappa)


@np.errstate(all="ignore")
def scipy_length(kappa, dim):
    """Return the mean resultant length as a ratio of two Bessel functions."""
    return ive(0.5 * dim, kappa) / ive(0.5 * dim - 1.0, kappa)


def accuracy():
    """Return the largest relative error of finite values and their share, by range of dimension."""
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
    for quantity, method, values in rows:
        for regime, (low, high) in REGIMES.items():
            in_regime = (dim >= low) & (dim <= high)
            finite = in_regime & np.isfinite(values)
            exact = expected[quantity][finite]
            error = np.max(np.abs(values[finite] - exact) / exact)
            report.append(
                {
                    "quantity": quantity,
                    "method": method,
                    "dimension": regime,
                    "max_relative_error": float(f"{error:.2g}"),
                    "finite": f"{finite.sum() / in_regime.sum():.1%}",
                    "reference values": int(in_regime.sum()),
                }
            )
    return report


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: %(default)s")
    output = parser.parse_args().output
    results = {
        **machine.describe(),
        "threads": 1,  # none of these functions uses threads
        "concentrations": "1000, log-uniform between 0.1 and 1e4",
        "scipy_ive_alone": (
            "one Bessel function (A needs two), which returns early where its value is 0"
        ),
        "nanoseconds_per_evaluation": [{"dim": dim, **nanoseconds(dim)} for dim in DIMS],
        "accuracy": accuracy(),
    }
    text = json.dumps(results, indent=1, ensure_ascii=False)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
