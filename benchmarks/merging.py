"""Time of merging thousands of components, and of fits with unknown and given K next to KMeans.

``VMFMIX_DATA=folder python -m benchmarks.merging [--repeats N] [--output FILE]``

Fits are timed in turn on clinc150 (15,000 × 384), or on the bundled sentences if VMFMIX_DATA is not
set. Random components are merged down to one in rounds with each merge cost, without the passes
over rows that come in between in a fit.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans

from benchmarks import machine
from benchmarks.labeled_sets import text_sets
from vmfmix import VMFMixture
from vmfmix.merging.costs import COSTS
from vmfmix.merging.pairs import groups_after, merge_components
from vmfmix.model.statistics import SufficientStatistics

RESULTS = Path(__file__).parent / "results" / "merging.json"
RESULTS_OF_BUNDLED_SET = RESULTS.with_name("merging_bundled.json")
N_COMPONENTS, DIM = 4000, 384
KEPT = 0.87  # share of the components left after a round, as in the merge path of a fit
REST = 0.3  # seconds between fits: BLAS threads keep spinning for a while and would interfere


def merge_all(cost):
    """Return the seconds to merge random resultants down to one, in rounds."""
    rng = np.random.RandomState(0)
    directions = rng.standard_normal((N_COMPONENTS, DIM))
    resultants = 6.0 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    statistics = SufficientStatistics(np.full(N_COMPONENTS, 10.0), resultants, 0.0, 40_000.0)
    start = time.perf_counter()
    while len(statistics.counts) > 1:
        n_before = len(statistics.counts)
        n_after = min(round(KEPT * n_before), n_before - 1)
        merges = merge_components(statistics, n_after, cost=cost, dim=DIM)
        statistics = statistics.merged(groups_after(merges, n_before))
    return time.perf_counter() - start


def fits(X, k, repeats):
    """Return the table of the seconds of each fit, timed in turn."""
    models = {
        "VMFMixture()": lambda seed: VMFMixture(random_state=seed),
        "VMFMixture(smooth=True)": lambda seed: VMFMixture(smooth=True, random_state=seed),
        f"VMFMixture({k})": lambda seed: VMFMixture(k, random_state=seed),
        f"KMeans({k}, n_init=1)": lambda seed: KMeans(k, n_init=1, random_state=seed),
    }
    seconds = {name: [] for name in models}
    for make_model in models.values():
        make_model(0).fit(X[:2000])  # compiles and warms the caches
    for seed in range(repeats):
        for name, make_model in models.items():
            time.sleep(REST)
            start = time.perf_counter()
            make_model(seed).fit(X)
            seconds[name].append(time.perf_counter() - start)
    reference = f"KMeans({k}, n_init=1)"
    medians = {name: float(np.median(each)) for name, each in seconds.items()}
    return [
        {
            "fit": name,
            "seconds": round(median, 2),
            "time / KMeans": round(median / medians[reference], 2),
        }
        for name, median in medians.items()
    ]


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="default: %(default)s")
    has_folder = "VMFMIX_DATA" in os.environ
    parser.add_argument(
        "--output",
        type=Path,
        default=RESULTS if has_folder else RESULTS_OF_BUNDLED_SET,
        help="default: %(default)s",
    )
    options = parser.parse_args()
    name, X, y = next(text_sets(["clinc150" if has_folder else "snips7"]))
    results = {
        **machine.describe("scikit-learn", "numba"),
        "set": name,
        "rows": len(X),
        "repeats": options.repeats,
        "fits": fits(X, len(np.unique(y)), options.repeats),
        f"{N_COMPONENTS} components merged to 1": [
            {"cost": cost, "features": DIM, "seconds": round(merge_all(cost), 1)}
            for cost in sorted(COSTS)
        ],
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    options.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
