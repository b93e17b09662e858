"""Quality and time of whole fits at the true number of clusters, compared with other methods.

``VMFMIX_DATA=folder python -m benchmarks.quality [--sets NAME ...] [--methods NAME ...]
[--seeds N] [--output FILE] [--summary]``

Every method of `benchmarks.rivals` gets the same unit rows in float32, the true number of classes
and the same seeds. The methods take turns, so that machine drift affects all alike. Labels are used
for scoring only. Both followers of UMAP, at both levels of classes, get the same embedding, and the
time and memory of the embedding count for each of them. Time and memory are those of the first
seed, which needs the machine for itself. The other seeds add scores only, so that they can run
beside other work, or as several processes with different methods and one output.

A finished run is appended to a file next to the output, ``NAME_runs.jsonl``. An interrupted
benchmark continues from there; delete that file to measure everything again. The results file is
computed from it at the end, or at any time with ``--summary``.
"""

import argparse
import warnings
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.labeled_sets import (
    HARD,
    all_sets,
    encoder_of,
    split_by_encoder,
    text_sets,
)
from benchmarks.measuring import WARM_UP_ROWS, measure
from benchmarks.planted_sets import planted
from benchmarks.rivals import METHODS
from benchmarks.runs import (
    add_options,
    append,
    append_machine,
    available,
    complete,
    mean,
    read_runs,
    runs_path,
    save_results,
)
from benchmarks.tables import markdown
from vmfmix.metrics import clustering_report

RESULTS = Path(__file__).parent / "results" / "quality.json"
SCORES = {
    "ACC": "accuracy",
    "NMI": "normalized_mutual_info",
    "AMI": "adjusted_mutual_info",
    "ARI": "adjusted_rand",
}
REFERENCE = "KMeans n_init=10"  # what a careful user does today
TIME_REFERENCES = (REFERENCE, "UMAP + KMeans")


class Fit:
    """Whole fits to the bundled sentences, following the conventions of asv."""

    params = [name for name, method in METHODS.items() if method.is_available()]
    param_names = ("method",)

    def setup(self, name):
        ((_, self.X, y),) = text_sets(["snips7"])
        self.k = len(np.unique(y))
        self.time_fit(name)  # compiles and warms the caches

    def time_fit(self, name):
        fit(name, self.X, self.k, 0)


# --- runs ----------------------------------------------------------------------------------------


def fit(name, X, k, seed):
    """Return the labels of one method."""
    method = METHODS[name]
    return method.fit(method.embed(X, seed) if method.embed else X, k, seed)


@cache
def warm_up(name):
    """Compile and load what a method uses first, so that it is not timed."""
    for n_rows in WARM_UP_ROWS:
        # The smoother leaves rows that scatter in all directions as they are.
        X, _ = planted("anisotropic", n_rows, 64, 5, 1, 0)
        fit(name, X, 5, 0)


class LastEmbedding:
    """The embedding of the last rows and seed, so that consecutive runs can share it."""

    def __init__(self):
        self._embed = self._X = self._seed = self._measured = None

    def __call__(self, embed, X, seed):
        """Return the embedded rows, and the seconds and bytes of the embedding."""
        is_same = self._embed is embed and self._seed == seed and np.array_equal(self._X, X)
        if not is_same:
            self._measured = measure(embed, X, seed)
            self._embed, self._X, self._seed = embed, X, seed
        return self._measured


def run(name, X, y, seed, embedding):
    """Return the scores, number of clusters, seconds and memory of one fit."""
    method, k = METHODS[name], len(np.unique(y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about convergence, connected graphs and threads
        warm_up(name)
        rows, seconds_before, bytes_before = X, 0.0, 0
        if method.embed:
            rows, seconds_before, bytes_before = embedding(method.embed, X, seed)
        labels, seconds, extra = measure(method.fit, rows, k, seed)
    report = clustering_report(y, labels)
    return {
        **{score: round(report[key], 5) for score, key in SCORES.items()},
        "clusters": report["n_clusters"],
        "seconds": round(seconds_before + seconds, 4),
        "peak MB": round(max(bytes_before, extra) / 1e6, 1),
    }


def measure_all(set_names, method_names, n_seeds, path):
    """Run what is not yet in the file of runs: all sets with the first seed, then with the next."""
    method_names = available(method_names, METHODS)
    done = {key(each) for each in read_runs(path, METHODS)}
    if done:
        print(f"Keeping {len(done)} finished runs of {path}; delete it to measure them again.")
    embedding = LastEmbedding()
    for seed in range(n_seeds):
        for set_name, X, y in all_sets(set_names):
            shape = {"rows": len(X), "features": X.shape[1], "classes": len(np.unique(y))}
            for name in method_names:
                about = {"set": set_name, "method": name, "seed": seed}
                if key(about) in done or (seed > 0 and not METHODS[name].is_random):
                    continue
                try:
                    scores = run(name, X, y, seed, embedding)
                except Exception as error:  # so that the other runs of a long benchmark follow
                    print(f"Failed: {name} on {set_name} with seed {seed}: {error!r}", flush=True)
                    continue
                append(path, {**about, **shape, **scores})
                cells = ", ".join(f"{title} {value}" for title, value in scores.items())
                print(f"seed {seed}  {set_name:22} {name:26} {cells}", flush=True)


def key(run):
    """Return what identifies a run."""
    return run["set"], run["method"], run["seed"]


# --- tables --------------------------------------------------------------------------------------


def timed(runs):
    """Return the run with the first seed, which has the machine for itself."""
    return min(runs, key=lambda each: each["seed"])


def grouped(runs):
    """Return the runs as {set: {method: [run, ...]}}, sets by name and methods in their order."""
    groups = {}
    for each in sorted(runs, key=lambda each: (each["set"], list(METHODS).index(each["method"]))):
        groups.setdefault(each["set"], {}).setdefault(each["method"], []).append(each)
    return groups


def table_of_set(methods):
    """Return a row for each method: mean ± standard deviation over seeds, and time and memory."""
    reference = methods.get(REFERENCE)
    return [
        {
            "method": name,
            **{
                score: f"{mean(runs, score):.3f} ± {np.std([each[score] for each in runs]):.3f}"
                for score in SCORES
            },
            f"ARI − {REFERENCE}": (
                round(mean(runs, "ARI") - mean(reference, "ARI"), 3) if reference else None
            ),
            "clusters": round(mean(runs, "clusters"), 1),
            "seconds": round(timed(runs)["seconds"], 3),
            "peak MB": timed(runs)["peak MB"],
        }
        for name, runs in methods.items()
    ]


def time_ratio(groups, name, reference):
    """Return the median over sets of the ratio of times, or None without the reference."""
    ratios = [
        timed(methods[name])["seconds"] / timed(methods[reference])["seconds"]
        for methods in groups.values()
        if reference in methods
    ]
    return round(float(np.median(ratios)), 3) if ratios else None


def table_of_means(groups):
    """Return a row for each method: means over sets that have runs of the same methods."""
    rows = []
    for name in next(iter(groups.values()), ()):
        runs_of_sets = [methods[name] for methods in groups.values()]
        peaks = [timed(runs)["peak MB"] for runs in runs_of_sets]
        means = {score: np.mean([mean(runs, score) for runs in runs_of_sets]) for score in SCORES}
        rows.append(
            {
                "method": name,
                **{score: round(float(value), 3) for score, value in means.items()},
                **{
                    f"time / {reference}": time_ratio(groups, name, reference)
                    for reference in TIME_REFERENCES
                },
                "peak MB": round(float(np.median(peaks)), 1),
            }
        )
    return rows


def table_of_sets(groups):
    """Return a row for each set: its shape, its encoder, and whether it is hard."""
    rows = []
    for name, methods in groups.items():
        first = next(iter(methods.values()))[0]
        shape = {title: first[title] for title in ("rows", "features", "classes")}
        rows.append({"set": name, "encoder": encoder_of(name), **shape, "hard": name in HARD})
    return rows


def tables(runs):
    """Return the tables of the results file."""
    groups = grouped(runs)
    comparable = complete(groups)
    usual = {name: each for name, each in comparable.items() if name not in HARD}
    hard = {name: each for name, each in comparable.items() if name in HARD}
    by_encoder = {
        encoder: table_of_means(sets) for encoder, sets in split_by_encoder(comparable).items()
    }
    return {
        "seeds": 1 + max((each["seed"] for each in runs), default=-1),
        "not_in_means": [name for name in groups if name not in comparable],
        "mean_over_sets": table_of_means(usual),
        "mean_over_hard_sets": table_of_means(hard),
        "by_encoder": by_encoder,
        "sets": table_of_sets(groups),
        "by_set": {name: table_of_set(methods) for name, methods in groups.items()},
    }


# --- tables of README.md -------------------------------------------------------------------------


def ratio_cell(ratio):
    """Return a ratio with two digits, or three if it is small."""
    return "" if ratio is None else f"{ratio:.{3 if ratio < 0.1 else 2}f}"


def readme_table(results):
    """Return the means over the sets that are not hard as Markdown, for README.md."""
    titles = [f"time / {reference}" for reference in TIME_REFERENCES]
    return markdown(
        [
            {
                "method": row["method"],
                **{score: f"{row[score]:.3f}" for score in SCORES},
                **{title: ratio_cell(row[title]) for title in titles},
            }
            for row in results["mean_over_sets"]
        ]
    )


def readme_table_of_encoders(results, score="ARI"):
    """Return the mean of a score over the sets of each encoder as Markdown, for README.md."""
    by_encoder = {
        encoder: {row["method"]: f"{row[score]:.3f}" for row in rows}
        for encoder, rows in results["by_encoder"].items()
    }
    names = [row["method"] for row in results["mean_over_sets"]]
    return markdown(
        [
            {"method": name, **{encoder: cells[name] for encoder, cells in by_encoder.items()}}
            for name in names
        ]
    )


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, METHODS, 5, RESULTS)
    options = parser.parse_args()
    if not options.summary:
        path = runs_path(options.output)
        append_machine(path)
        measure_all(options.sets, options.methods, options.seeds, path)
    results = save_results(options.output, tables, METHODS)
    if results["not_in_means"]:
        print("Not in the means, as some methods have no run:", *results["not_in_means"])
    print(readme_table(results), readme_table_of_encoders(results), sep="\n\n")


if __name__ == "__main__":
    main()
