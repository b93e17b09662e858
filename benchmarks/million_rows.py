"""Neighbors, smoothing, levels and a report of a million rows, stage by stage.

``python -m benchmarks.million_rows [--rows N ...] [--threads N] [--output FILE]``

Rows of 384 features scatter in 48 directions around the means of 50 clusters. Each number of rows
has a process of its own, whose functions are compiled before. The last rows of the table are
estimates for ten times the largest number of rows: the time of the search for neighbors grows as
n log n, all other times and memory as n; the report draws the same number of rows in any case.
"""

import argparse
import math
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks import machine
from benchmarks.baselines import limited_to
from benchmarks.fresh_processes import run_code, status_bytes
from benchmarks.large_data import CLUSTERS_TO_SMOOTH, FEATURES, PeakPrivateMemory
from benchmarks.planted_sets import planted
from benchmarks.tables import print_rows, save
from vmfmix import NeighborSmoother, VMFMixture
from vmfmix.neighbors import nearest_neighbors
from vmfmix.report import write_report

RESULTS = Path(__file__).parent / "results" / "million_rows.json"
N_NEIGHBORS = 15
SAMPLED_ROWS = 1000  # whose true neighbors are found
ROWS_OF_WARM_UP = 130_000  # enough for approximate neighbors


class Stages:
    """Runs functions one after the other, and lists their time and memory."""

    def __init__(self, n_rows):
        self.n_rows = n_rows
        self.table = []

    def run(self, name, function):
        """Return the result of a function."""
        before = status_bytes("RssAnon")
        with PeakPrivateMemory() as peak:
            start = time.perf_counter()
            result = function()
            seconds = time.perf_counter() - start
        self.table.append(
            {
                "rows": self.n_rows,
                "stage": name,
                "seconds": round(seconds, 1),
                "peak memory MiB": round(max(peak.bytes - before, 0) / 2**20),
            }
        )
        return result


def share_of_neighbors_found(rows, found):
    """Return the share of the true neighbors of a sample of rows that a search has found."""
    sample = np.random.default_rng(0).choice(len(rows), SAMPLED_ROWS, replace=False)
    exact = nearest_neighbors(rows, N_NEIGHBORS + 1, queries=rows[sample]).rows
    n_found = sum(
        len(set(neighbors) & (set(true) - {row}))
        for row, neighbors, true in zip(sample, found.rows[sample], exact)
    )
    return n_found / (SAMPLED_ROWS * N_NEIGHBORS)


def all_stages(n_rows, n_threads, folder):
    """Return the table of the stages; meant to run in a fresh process."""
    X, y = planted("anisotropic", n_rows, FEATURES, CLUSTERS_TO_SMOOTH, 1, 0)
    with limited_to(n_threads):
        run_stages(Stages(ROWS_OF_WARM_UP), X[:ROWS_OF_WARM_UP], y[:ROWS_OF_WARM_UP], folder)
        stages = Stages(n_rows)
        run_stages(stages, X, y, folder)
    return stages.table


def run_stages(stages, X, y, folder):
    """Run all stages on these rows."""
    found = stages.run(
        "approximate search for neighbors",
        lambda: nearest_neighbors(X, N_NEIGHBORS, approximate=True),
    )
    share = share_of_neighbors_found(X, found)
    stages.table[-1]["result"] = f"{100 * share:.1f} % of the true neighbors"
    del found
    smoother = NeighborSmoother()
    smoothed = stages.run("search and smoothing", lambda: smoother.fit_transform(X))
    stages.table[-1]["result"] = f"restart {smoother.restart_:.2f}"
    model = VMFMixture(random_state=0)
    stages.run("fit, number of clusters unknown", lambda: model.fit(smoothed))
    ari = adjusted_rand_score(y, model.labels_)
    stages.table[-1]["result"] = f"{model.n_components_} clusters, ARI {ari:.3f}"
    levels = stages.run("natural numbers of clusters", lambda: model.levels_)
    numbers = ", ".join(str(level.n_components) for level in levels)
    stages.table[-1]["result"] = numbers
    path = Path(folder) / "report.html"
    stages.run("report with a map of 20,000 rows", lambda: write_report(path, model, smoothed))
    stages.table[-1]["result"] = f"{path.stat().st_size / 2**20:.1f} MiB"


def estimates(table):
    """Return estimates for ten times the largest number of rows."""
    n_rows = max(each["rows"] for each in table)
    n_log_n = 10 * math.log(10 * n_rows) / math.log(n_rows)
    return [
        {
            "rows": 10 * n_rows,
            "stage": f"{each['stage']}, estimated",
            "seconds": round(each["seconds"] * (n_log_n if "search" in each["stage"] else 10)),
            "peak memory MiB": 10 * each["peak memory MiB"],
        }
        for each in table
        if each["rows"] == n_rows
    ]


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rows", nargs="*", type=int, default=[200_000, 1_000_000], help="default: %(default)s"
    )
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: %(default)s")
    options = parser.parse_args()
    facts = machine.describe("scikit-learn", "numba", "pynndescent")
    table = []
    for n_rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            code = (
                "import json; from benchmarks.million_rows import all_stages; "
                f"print(json.dumps(all_stages({n_rows}, {options.threads}, {folder!r})))"
            )
            table += run_code(code)
        print_rows(n_rows, *table[-5:])
        tables = {"stages": table, "estimates": estimates(table)}
        save(options.output, facts, tables, tuple(tables))


if __name__ == "__main__":
    main()
