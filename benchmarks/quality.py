"""Quality and time of whole fits at the true number of clusters, compared with other methods.

``VMFMIX_DATA=folder python -m benchmarks.quality [--sets NAME ...] [--seeds N] [--output FILE]``

Every method gets the same unit rows in float32, the true number of classes and the same seeds; the
methods are timed in turn, so that machine drift affects all alike. Labels are used for scoring
only. The results file has the mean and standard deviation of the scores over the seeds, median
times, and the difference of the adjusted Rand index from that of KMeans with ten starts.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from benchmarks import machine
from benchmarks.labeled_sets import text_sets
from vmfmix import VMFMixture
from vmfmix.metrics import clustering_report

RESULTS = Path(__file__).parent / "results" / "quality.json"
RESULTS_OF_BUNDLED_SET = RESULTS.with_name("quality_bundled.json")  # without VMFMIX_DATA
SCORES = {"ACC": "accuracy", "NMI": "normalized_mutual_info", "ARI": "adjusted_rand"}
REFERENCE = "KMeans n_init=10"  # what a careful user does today
TIME_REFERENCES = (REFERENCE, "KMeans n_init=1")
REST = 0.2  # seconds between methods: BLAS threads keep spinning for a while and would interfere


def vmfmix_method(**options):
    return lambda X, k, seed: VMFMixture(k, random_state=seed, **options).fit_predict(X)


def kmeans_method(n_init):
    return lambda X, k, seed: KMeans(k, n_init=n_init, random_state=seed).fit_predict(X)


def gaussian_mixture(X, k, seed):
    model = GaussianMixture(k, covariance_type="spherical", random_state=seed)
    return model.fit_predict(X)


def faiss_kmeans(X, k, seed):
    import faiss

    model = faiss.Kmeans(
        X.shape[1],
        k,
        niter=100,
        spherical=True,
        seed=seed + 1,
        min_points_per_centroid=1,
        max_points_per_centroid=len(X),  # by default faiss uses at most 256 rows per centroid
    )
    model.train(X)
    return model.index.search(X, 1)[1][:, 0]


def chemomae_mixture(X, k, seed):
    import torch
    from chemomae.clustering import VMFMixture as ChemomaeMixture

    model = ChemomaeMixture(n_components=k, d=X.shape[1], device="cpu", random_state=seed)
    rows = torch.from_numpy(X)
    model.fit(rows)
    return model.predict(rows).numpy()


METHODS = {
    "vmfmix": vmfmix_method(),
    "vmfmix plain EM": vmfmix_method(merge=None),
    "vmfmix tied": vmfmix_method(concentration="tied"),
    "vmfmix free": vmfmix_method(concentration="free"),
    "KMeans n_init=1": kmeans_method(1),
    "KMeans n_init=10": kmeans_method(10),
    "faiss spherical": faiss_kmeans,
    "GaussianMixture spherical": gaussian_mixture,
    "chemomae VMFMixture": chemomae_mixture,
}


class Fit:
    """Whole fits to the bundled sentences, following the conventions of asv."""

    params = list(METHODS)
    param_names = ("method",)

    def setup(self, method):
        ((_, self.X, y),) = text_sets(["snips7"])
        self.k = len(np.unique(y))
        METHODS[method](self.X, self.k, 0)  # compiles and warms the caches

    def time_fit(self, method):
        METHODS[method](self.X, self.k, 0)


def run(X, y, method, seed):
    """Return the seconds and scores of one fit."""
    k = len(np.unique(y))
    time.sleep(REST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        labels = METHODS[method](X, k, seed)
        seconds = time.perf_counter() - start
    report = clustering_report(y, labels)
    return {"seconds": seconds, **{name: report[key] for name, key in SCORES.items()}}


def mean(runs, score):
    """Return the mean of a score over the runs."""
    return float(np.mean([each[score] for each in runs]))


def median_seconds(runs):
    """Return the median seconds of the runs."""
    return float(np.median([each["seconds"] for each in runs]))


def summarize(runs):
    """Return the mean ± standard deviation of the scores and the median time over the seeds."""
    row = {
        name: f"{mean(runs, name):.3f} ± {np.std([each[name] for each in runs]):.3f}"
        for name in SCORES
    }
    return {**row, "seconds": round(median_seconds(runs), 3)}


def measure(names, n_seeds):
    """Return all runs as {set: {method: [run, ...]}}, printing a summary of each set."""
    runs = {}
    for name, X, y in text_sets(names):
        runs[name] = {method: [] for method in METHODS}
        for method in METHODS:  # compiles and loads what is not to be timed
            METHODS[method](X[:500], 3, 0)
        for seed in range(n_seeds):
            for method in METHODS:
                runs[name][method].append(run(X, y, method, seed))
        for method in METHODS:
            print(f"{name:16} {method:26} {summarize(runs[name][method])}", flush=True)
    return runs


def tables(runs):
    """Return the tables of the results file: one over all sets and one for each set."""
    overall = []
    for method in METHODS:
        scores = {
            score: np.mean([mean(runs_of_set[method], score) for runs_of_set in runs.values()])
            for score in SCORES
        }
        ratios = {
            f"time / {reference}": np.median(
                [
                    median_seconds(runs_of_set[method]) / median_seconds(runs_of_set[reference])
                    for runs_of_set in runs.values()
                ]
            )
            for reference in TIME_REFERENCES
        }
        overall.append(
            {
                "method": method,
                **{score: round(float(value), 3) for score, value in scores.items()},
                **{title: round(float(ratio), 2) for title, ratio in ratios.items()},
            }
        )
    by_set = {
        name: [
            {
                "method": method,
                **summarize(runs_of_set[method]),
                f"ARI − {REFERENCE}": round(
                    mean(runs_of_set[method], "ARI") - mean(runs_of_set[REFERENCE], "ARI"), 3
                ),
            }
            for method in METHODS
        ]
        for name, runs_of_set in runs.items()
    }
    return {"mean_over_sets": overall, **by_set}


def readme_table(results):
    """Return the table over all sets as Markdown, for README.md."""
    rows = results["mean_over_sets"]
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|---|" + "---:|" * (len(names) - 1)]
    for row in rows:
        cells = [row["method"], *(f"{row[score]:.3f}" for score in SCORES)]
        cells += [f"{row[f'time / {reference}']:.2f}" for reference in TIME_REFERENCES]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", help="names of text sets; default: all available")
    parser.add_argument("--seeds", type=int, default=5, help="default: %(default)s")
    has_folder = "VMFMIX_DATA" in os.environ
    parser.add_argument(
        "--output",
        type=Path,
        default=RESULTS if has_folder else RESULTS_OF_BUNDLED_SET,
        help="default: %(default)s",
    )
    options = parser.parse_args()
    runs = measure(options.sets, options.seeds)
    results = {
        **machine.describe("scikit-learn", "numba", "faiss-cpu", "chemomae", "torch"),
        "seeds": options.seeds,
        **tables(runs),
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1, ensure_ascii=False)
    options.output.write_text(text + "\n", encoding="utf-8")
    print(readme_table(results))


if __name__ == "__main__":
    main()
