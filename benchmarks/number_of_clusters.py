"""Accuracy of the estimated number of clusters, and its dependence on the initial number.

``VMFMIX_DATA=folder python -m benchmarks.number_of_clusters
[--parts labeled alternatives planted unclustered] [--sets NAME ...] [--seeds N] [--output FILE]``

``VMFMixture()`` estimates the number of clusters on labeled sets, on planted mixtures, and on
samples without clusters, starting from its automatic initial number and from 2, 4 and 8 times the
true number K*. Alternative methods are run on the same labeled sets, on at most 3,000 rows of each
and with one seed. Labels are used only for scoring, for these initial numbers, and for the grids of
the alternatives. The results file is updated after each part, and keeps the results of parts that
were not run.
"""

import argparse
import json
import os
import re
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.metrics import silhouette_score
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from benchmarks import machine
from benchmarks.labeled_sets import all_sets, text_sets
from benchmarks.planted_sets import (
    UNCLUSTERED,
    UNCLUSTERED_DIMS,
    UNCLUSTERED_ROWS,
    planted,
    planted_keys,
    unclustered,
)
from vmfmix import VMFMixture
from vmfmix.metrics import clustering_report

RESULTS = Path(__file__).parent / "results" / "number_of_clusters.json"
RESULTS_OF_BUNDLED_SETS = RESULTS.with_name("number_of_clusters_bundled.json")
PARTS = ("labeled", "alternatives", "planted", "unclustered")
TABLES = ("summary", "labeled", "alternatives", "planted", "unclustered", "histories")
SCORES = {"AMI": "adjusted_mutual_info", "ARI": "adjusted_rand", "ACC": "accuracy"}
STARTS = {"auto": None, "2 K*": 2, "4 K*": 4, "8 K*": 8}  # multiples of K*; None: automatic
MIN_ROWS_PER_COMPONENT = 4  # at the start of a fit
PLANTED_STARTS = {"auto": None, "4 K*": 4}
PLOTTED = {"snips7": 16, "digits": 16, "stackoverflow20": 16, "clinc150": 16}  # additional start
MAX_ROWS = 3000  # for the alternatives
STEP = 1.5  # ratio of neighboring numbers in the grids of the alternatives
REST = 0.2  # seconds between methods: BLAS threads keep spinning for a while and would interfere

# --- alternative methods -------------------------------------------------------------------------


def hdbscan(min_cluster_size):
    return lambda X, k, seed: HDBSCAN(min_cluster_size, copy=True).fit_predict(X)


def bayesian_mixture(X, k, seed):
    """Fit 2 K* components, of which those without rows keep a small weight."""
    model = BayesianGaussianMixture(
        n_components=2 * k, covariance_type="spherical", random_state=seed
    )
    return model.fit_predict(X)


def lowest_bic(X, k, seed):
    """Fit Gaussian mixtures and return the labels of the one with the lowest BIC."""
    models = (
        GaussianMixture(number, covariance_type="spherical", random_state=seed).fit(X)
        for number in grid(k)
    )
    return min(models, key=lambda model: model.bic(X)).predict(X)


def best_silhouette(X, k, seed):
    """Fit k-means and return the labels with the highest silhouette score."""
    clusterings = (KMeans(number, random_state=seed).fit_predict(X) for number in grid(k))
    size = min(len(X), 2000)
    return max(
        clusterings,
        key=lambda labels: silhouette_score(X, labels, merge_sample_size=size, random_state=seed),
    )


def grid(k):
    """Return numbers from 2 to 3 K* in geometric steps, including K*."""
    n_steps = int(np.ceil(np.log(1.5 * k) / np.log(STEP)))
    return sorted({*np.geomspace(2, 3 * k, n_steps + 1).round().astype(int).tolist(), k})


ALTERNATIVES = {
    f"vmfmix, ≤ {MAX_ROWS} rows": lambda X, k, seed: VMFMixture(random_state=seed).fit_predict(X),
    "HDBSCAN(5)": hdbscan(5),
    "HDBSCAN(15)": hdbscan(15),
    "BayesianGaussianMixture": bayesian_mixture,
    "GaussianMixture, BIC": lowest_bic,
    "KMeans, silhouette": best_silhouette,
}


class NumberOfClusters:
    """Fits with unknown K to the bundled sentences, following the conventions of asv."""

    params = list(STARTS)
    param_names = ("start",)

    def setup(self, start):
        ((_, self.X, y),) = text_sets(["snips7"])
        self.k = len(np.unique(y))
        fit(self.X, self.k, 0, STARTS[start])

    def time_fit(self, start):
        fit(self.X, self.k, 0, STARTS[start])


# --- measurements --------------------------------------------------------------------------------


def fit(X, k, seed, times=None):
    """Fit with unknown K, starting with `times` K* components or the automatic number."""
    n_components_init = None if times is None else times * k
    return VMFMixture(n_components_init=n_components_init, random_state=seed).fit(X)


def run(X, y, seed, times=None):
    """Return K, scores, seconds, and the number of components in each iteration of one fit."""
    k = len(np.unique(y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about data without clusters and a small initial number
        start = time.perf_counter()
        model = fit(X, k, seed, times)
        seconds = time.perf_counter() - start
    return {
        "K": model.n_components_,
        "seconds": seconds,
        **scores_of(y, model.labels_),
        "history": model.merge_history_.n_components.tolist(),
    }


def scores_of(y, labels):
    """Return the scores of a clustering."""
    report = clustering_report(y, labels)
    return {name: report[key] for name, key in SCORES.items()}


def run_alternative(X, y, name, seed=0):
    """Return K, share of noise, scores and seconds of one alternative method."""
    time.sleep(REST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        labels = ALTERNATIVES[name](X, len(np.unique(y)), seed)
        seconds = time.perf_counter() - start
    report = clustering_report(y, labels)
    return {
        "K": report["n_clusters"],
        "seconds": seconds,
        "noise": report["noise_share"],
        **scores_of(y, labels),
    }


def run_starts(title, draw, n_seeds, starts=STARTS):
    """Fit from every start with every seed; `draw` returns rows and classes for a seed.

    Returns
    -------
    dict
        rows, features, K*, and ``starts``: {start: [run, ...]}.
    """
    runs_from = {}
    for seed in range(n_seeds):
        X, y = draw(seed)
        k = len(np.unique(y))
        starts_of_seed = dict(starts)
        if seed == 0 and title in PLOTTED:
            starts_of_seed[f"{PLOTTED[title]} K*"] = PLOTTED[title]
        for start, times in starts_of_seed.items():
            if times is None or times * k * MIN_ROWS_PER_COMPONENT <= len(X):
                runs_from.setdefault(start, []).append(run(X, y, seed, times))
    line = ", ".join(
        f"{start}: {[each['K'] for each in runs]}" for start, runs in runs_from.items()
    )
    auto = runs_from["auto"]
    print(
        f"{title:40} K* = {k:3}; {line}; ARI {mean(auto, 'ARI'):.3f}, {median_seconds(auto):.2f} s",
        flush=True,
    )
    return {"rows": len(X), "features": X.shape[1], "K*": k, "starts": runs_from}


def run_alternatives(name, X, y):
    """Run every alternative on at most MAX_ROWS rows: rows, K*, and {method: run}."""
    if len(X) > MAX_ROWS:
        sample = np.random.default_rng(0).choice(len(X), MAX_ROWS, replace=False)
        X, y = X[sample], y[sample]
    k, runs = len(np.unique(y)), {}
    for method in ALTERNATIVES:
        runs[method] = run_alternative(X, y, method)
        cell = f"{alternative_cell(runs[method])}, {runs[method]['seconds']:.2f} s"
        print(f"{name:16} K* = {k:3}  {method:24} {cell}", flush=True)
    return {"rows": len(X), "K*": k, "methods": runs}


def warm_up():
    """Compile and load what is used first, so that it is not timed."""
    X, y = planted("plain", 500, 64, 5, 1, 0)
    run(X, y, 0)


# --- tables --------------------------------------------------------------------------------------


def mean(runs, key):
    """Return the mean of a value over the runs."""
    return float(np.mean([each[key] for each in runs]))


def median_seconds(runs):
    """Return the median seconds of the runs."""
    return float(np.median([each["seconds"] for each in runs]))


def error_factor(estimate, true):
    """Return max(K / K*, K* / K); an estimate of 0 clusters counts as 1."""
    return float(np.exp(abs(np.log(max(estimate, 1) / true))))


def mean_error_factor(runs, true):
    """Return the geometric mean over the seeds; over- and underestimates do not cancel."""
    return float(np.exp(np.mean([np.log(error_factor(each["K"], true)) for each in runs])))


def spread(starts):
    """Return the ratio of the largest to the smallest K estimated from different starts."""
    numbers = [mean(runs, "K") for start, runs in starts.items() if start in STARTS]
    return max(numbers) / min(numbers)


def k_range(runs):
    """Return the range of K over the runs, as text."""
    numbers = [each["K"] for each in runs]
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}–{high}"


def other_starts(starts):
    """Return the mean K from each multiple of K*, or None if there were too few rows."""
    return {
        f"K from {start}": round(mean(starts[start], "K"), 1) if start in starts else None
        for start in STARTS
        if start != "auto"
    }


def labeled_table(labeled):
    """Return the table of the labeled sets."""
    rows = []
    for name, results in labeled.items():
        auto = results["starts"]["auto"]
        rows.append(
            {
                "set": name,
                "rows": results["rows"],
                "K*": results["K*"],
                "K found": round(mean(auto, "K"), 1),
                "range": k_range(auto),
                "K / K*": round(mean(auto, "K") / results["K*"], 2),
                **other_starts(results["starts"]),
                **{score: round(mean(auto, score), 3) for score in SCORES},
                "seconds": round(median_seconds(auto), 2),
            }
        )
    return rows


def alternative_cell(run):
    """Return `K (ARI)`, with the share of rows that are noise."""
    noise = f", {run['noise']:.0%} noise" if run["noise"] > 0 else ""
    return f"{run['K']} ({run['ARI']:.2f}{noise})"


def alternatives_table(alternatives):
    """Return the table of the alternatives on the labeled sets."""
    return [
        {
            "set": name,
            "rows": results["rows"],
            "K*": results["K*"],
            **{
                f"{method}: K (ARI)": alternative_cell(run)
                for method, run in results["methods"].items()
            },
        }
        for name, results in alternatives.items()
    ]


def summary_row(method, factors, aris, times, spreads=()):
    """Return a row of the summary; `factors` has the error factor of each set."""
    worst = max(factors, key=factors.get)
    row = {
        "method": method,
        "sets": len(factors),
        "error factor, median": round(float(np.median(list(factors.values()))), 2),
        "error factor, worst": round(factors[worst], 2),
        "worst set": worst,
        "ARI, mean": round(float(np.mean(aris)), 3),
        "seconds, median": round(float(np.median(times)), 2),
    }
    if len(spreads):
        row["largest / smallest K over starts, median"] = round(float(np.median(spreads)), 2)
        row["largest / smallest K over starts, worst"] = round(float(np.max(spreads)), 2)
    return row


def summary_table(labeled, alternatives):
    """Return the error factors, max(K/K*, K*/K), of each method over the labeled sets."""
    rows = []
    if labeled:
        autos = {name: results["starts"]["auto"] for name, results in labeled.items()}
        rows.append(
            summary_row(
                "vmfmix, all rows",
                {
                    name: mean_error_factor(runs, labeled[name]["K*"])
                    for name, runs in autos.items()
                },
                [mean(runs, "ARI") for runs in autos.values()],
                [median_seconds(runs) for runs in autos.values()],
                [spread(results["starts"]) for results in labeled.values()],
            )
        )
    for method in ALTERNATIVES if alternatives else ():
        runs = {name: results["methods"][method] for name, results in alternatives.items()}
        rows.append(
            summary_row(
                method,
                {
                    name: error_factor(run["K"], alternatives[name]["K*"])
                    for name, run in runs.items()
                },
                [run["ARI"] for run in runs.values()],
                [run["seconds"] for run in runs.values()],
            )
        )
    return rows


def planted_table(planted_runs):
    """Return a row for each mixture, with the sample sizes side by side."""
    rows = {}
    for (kind, imbalance, dim, k, n), results in planted_runs.items():
        row = rows.setdefault(
            (kind, imbalance, dim, k),
            {
                "kind": kind,
                "sizes": "equal" if imbalance == 1 else f"{imbalance}:1",
                "features": dim,
                "K*": k,
                "all_starts": [],
            },
        )
        row[f"K found in {n} rows"] = k_range(results["starts"]["auto"])
        row["all_starts"].append(results["starts"])
    for row in rows.values():
        all_starts = row.pop("all_starts")
        for start in STARTS:
            runs = [each for starts in all_starts for each in starts.get(start, [])]
            if start != "auto" and runs:
                row[f"K from {start}"] = k_range(runs)
        autos = [each for starts in all_starts for each in starts["auto"]]
        row["ARI"] = round(mean(autos, "ARI"), 3)
        row["seconds"] = round(median_seconds(autos), 2)
    return list(rows.values())


def unclustered_table(unclustered_runs):
    """Return the table of the samples without clusters."""
    return [
        {
            "distribution": distribution,
            "features": dim,
            "rows": results["rows"],
            "K found": k_range(results["starts"]["auto"]),
            **{
                f"K from {times}": k_range(results["starts"][start])
                for start, times in STARTS.items()
                if times is not None
            },
            "seconds": round(median_seconds(results["starts"]["auto"]), 2),
        }
        for (distribution, dim), results in unclustered_runs.items()
    ]


def histories(labeled):
    """Return the number of components in each iteration, by set and start, for the first seed."""
    return {
        name: {
            "K*": labeled[name]["K*"],
            **{start: runs[0]["history"] for start, runs in labeled[name]["starts"].items()},
        }
        for name in PLOTTED
        if name in labeled
    }


def tables(runs):
    """Return the tables of the results file, and the data of the figure."""
    labeled, alternatives = runs["labeled"], runs["alternatives"]
    all_tables = {
        "summary": summary_table(labeled, alternatives),
        "labeled": labeled_table(labeled),
        "alternatives": alternatives_table(alternatives),
        "planted": planted_table(runs["planted"]),
        "unclustered": unclustered_table(runs["unclustered"]),
        "histories": histories(labeled),
    }
    return {name: table for name, table in all_tables.items() if table}


def merge_with_earlier(earlier, new):
    """Return the new tables, plus earlier ones that were not measured again."""
    kept = {name: earlier[name] for name in TABLES if name in earlier}
    rows = {row["method"]: row for part in (kept, new) for row in part.get("summary", [])}
    merged = {**kept, **new, "summary": list(rows.values())}
    return {name: merged[name] for name in TABLES if merged.get(name)}


def measure(parts, names, n_seeds, save=lambda runs: None):
    """Return all runs of these parts, printing each; `save` is called after each part."""
    warm_up()
    runs = {part: {} for part in PARTS}
    if "labeled" in parts:
        for name, X, y in all_sets(names):
            runs["labeled"][name] = run_starts(name, lambda seed, X=X, y=y: (X, y), n_seeds)
        save(runs)
    if "alternatives" in parts:
        for name, X, y in all_sets(names):
            runs["alternatives"][name] = run_alternatives(name, X, y)
        save(runs)
    if "planted" in parts:
        for key in planted_keys():
            kind, imbalance, dim, k, n = key
            runs["planted"][key] = run_starts(
                f"{kind} {imbalance}:1 d={dim} n={n}",
                lambda seed, kind=kind, imbalance=imbalance, dim=dim, k=k, n=n: planted(
                    kind, n, dim, k, imbalance, seed
                ),
                n_seeds,
                PLANTED_STARTS,
            )
        save(runs)
    if "unclustered" in parts:
        for distribution in UNCLUSTERED:
            for dim in UNCLUSTERED_DIMS:
                runs["unclustered"][distribution, dim] = run_starts(
                    f"{distribution} d={dim}",
                    lambda seed, distribution=distribution, dim=dim: unclustered(
                        distribution, UNCLUSTERED_ROWS, dim, seed
                    ),
                    n_seeds,
                )
        save(runs)
    return runs


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--sets", nargs="*", help="names of labeled sets; default: all available")
    parser.add_argument("--seeds", type=int, default=3, help="default: %(default)s")
    has_folder = "VMFMIX_DATA" in os.environ
    parser.add_argument(
        "--output",
        type=Path,
        default=RESULTS if has_folder else RESULTS_OF_BUNDLED_SETS,
        help="default: %(default)s",
    )
    options = parser.parse_args()
    facts = {**machine.describe("scikit-learn", "numba"), "seeds": options.seeds}

    def save(runs):
        options.output.parent.mkdir(parents=True, exist_ok=True)
        earlier = {}
        if options.output.is_file():
            earlier = json.loads(options.output.read_text(encoding="utf-8"))
        results = {**facts, **merge_with_earlier(earlier, tables(runs))}
        text = json.dumps(results, indent=1, ensure_ascii=False)
        # Lists of numbers go on one line.
        text = re.sub(r"\[[\s\d,]+\]", lambda numbers: " ".join(numbers[0].split()), text)
        options.output.write_text(text + "\n", encoding="utf-8")

    for row in tables(measure(options.parts, options.sets, options.seeds, save)).get("summary", []):
        print(row)


if __name__ == "__main__":
    main()
