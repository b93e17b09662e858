"""Time of merging thousands of components, and of a fit that finds its number beside KMeans.

``VMFMIX_DATA=folder python -m benchmarks.merging [--repeats N] [--output FILE]``

The fits take turns on clinc150 (15 000 × 384), or on the bundled sentences where it is not there.
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
KEPT = 0.87  # of the components in a round, as on a merge path
REST = 0.3  # seconds between fits: threads of BLAS go on spinning and would be in the way


def merge_all(cost):
    """Seconds to merge random resultants down to one, round by round, without rows."""
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
    """Seconds of each fit, in turn."""
    models = {
        "VMFMixture()": lambda seed: VMFMixture(random_state=seed),
        f"VMFMixture({k})": lambda seed: VMFMixture(k, random_state=seed),
        f"KMeans({k}, n_init=1)": lambda seed: KMeans(k, n_init=1, random_state=seed),
    }
    seconds = {name: [] for name in models}
    for make in models.values():
        make(0).fit(X[:2000])  # compiled, and loaded into the caches
    for seed in range(repeats):
        for name, make in models.items():
            time.sleep(REST)
            start = time.perf_counter()
            make(seed).fit(X)
            seconds[name].append(time.perf_counter() - start)
    medians = {name: float(np.median(each)) for name, each in seconds.items()}
    return [
        {
            "fit": name,
            "seconds": round(median, 2),
            "ratio to KMeans": round(median / medians[f"KMeans({k}, n_init=1)"], 2),
        }
        for name, median in medians.items()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    has_more = "VMFMIX_DATA" in os.environ
    parser.add_argument(
        "--output", type=Path, default=RESULTS if has_more else RESULTS_OF_BUNDLED_SET
    )
    options = parser.parse_args()
    name, X, y = next(text_sets(["clinc150" if has_more else "snips7"]))
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
