"""How well the number of clusters is found, and how little it matters where a fit starts.

``VMFMIX_DATA=folder python -m benchmarks.number_of_clusters [--parts real peers planted nulls]
[--sets NAME ...] [--seeds N] [--output FILE]``

``VMFMixture()`` finds its number of clusters on labeled sets, on planted mixtures, and where there
are no clusters; from its own starting number, and from 2, 4 and 8 times the true number K*. Other
ways to a number are measured beside it on the same labeled rows, at most 3 000 of a set, with one
seed. Labels are used for scoring, for these starts and for the grids of the others alone. The
results file is written after each part, and keeps what it has of the others.
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
from benchmarks.planted_sets import NULL_DIMS, NULL_ROWS, NULLS, null, planted, planted_keys
from vmfmix import VMFMixture
from vmfmix.metrics import clustering_report

RESULTS = Path(__file__).parent / "results" / "number_of_clusters.json"
RESULTS_OF_BUNDLED_SETS = RESULTS.with_name("number_of_clusters_bundled.json")
PARTS = ("real", "peers", "planted", "nulls")
TABLES = ("summary", "found", "peers", "planted", "nulls", "histories")
SCORES = {"AMI": "adjusted_mutual_info", "ARI": "adjusted_rand", "ACC": "accuracy"}
STARTS = {"auto": None, "2 K*": 2, "4 K*": 4, "8 K*": 8}  # times K*; None: vmfmix's own number
FEWEST_ROWS = 4  # for each component that is started from
PLANTED_STARTS = {"auto": None, "4 K*": 4}
DRAWN = {"snips7": 16, "digits": 16, "stackoverflow20": 16, "clinc150": 16}  # one more start
MOST_ROWS = 3000  # for the peers
STEP = 1.5  # of the peers' grids
REST = 0.2  # seconds between peers: threads of BLAS go on spinning and would be in the way

# --- other ways to a number ----------------------------------------------------------------------


def hdbscan(min_cluster_size):
    return lambda X, k, seed: HDBSCAN(min_cluster_size, copy=True).fit_predict(X)


def bayesian_mixture(X, k, seed):
    """Starts from twice as many as there are; a small weight is left to those without rows."""
    model = BayesianGaussianMixture(
        n_components=2 * k, covariance_type="spherical", random_state=seed
    )
    return model.fit_predict(X)


def lowest_bic(X, k, seed):
    models = (
        GaussianMixture(number, covariance_type="spherical", random_state=seed).fit(X)
        for number in grid(k)
    )
    return min(models, key=lambda model: model.bic(X)).predict(X)


def best_silhouette(X, k, seed):
    clusterings = (KMeans(number, random_state=seed).fit_predict(X) for number in grid(k))
    size = min(len(X), 2000)
    return max(
        clusterings,
        key=lambda labels: silhouette_score(X, labels, merge_sample_size=size, random_state=seed),
    )


def grid(k):
    """Numbers from 2 to 3 K* in geometric steps, K* among them."""
    n_steps = int(np.ceil(np.log(1.5 * k) / np.log(STEP)))
    return sorted({*np.geomspace(2, 3 * k, n_steps + 1).round().astype(int).tolist(), k})


OWN = "vmfmix, same rows"
PEERS = {
    OWN: lambda X, k, seed: VMFMixture(random_state=seed).fit_predict(X),
    "HDBSCAN(5)": hdbscan(5),
    "HDBSCAN(15)": hdbscan(15),
    "BayesianGaussianMixture": bayesian_mixture,
    "GaussianMixture, BIC": lowest_bic,
    "KMeans, silhouette": best_silhouette,
}


class Number:
    """Fits that find their number on the bundled sentences, in the shape asv expects."""

    params = list(STARTS)
    param_names = ("start",)

    def setup(self, start):
        ((_, self.X, y),) = text_sets(["snips7"])
        self.k = len(np.unique(y))
        fit(self.X, self.k, 0, STARTS[start])

    def time_fit(self, start):
        fit(self.X, self.k, 0, STARTS[start])


# --- measuring -----------------------------------------------------------------------------------


def fit(X, k, seed, times=None):
    """A model that has found its number of clusters, from `times` K* or from its own start."""
    return VMFMixture(
        n_components_init=None if times is None else times * k, random_state=seed
    ).fit(X)


def run(X, y, seed, times=None):
    """One fit: number, scores, seconds, and the number of components in each iteration."""
    k = len(np.unique(y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no clusters, of a start that was too small
        start = time.perf_counter()
        model = fit(X, k, seed, times)
        seconds = time.perf_counter() - start
    return {
        "K": model.n_components_,
        "seconds": seconds,
        **scores(y, model.labels_),
        "history": model.merge_history_.n_components.tolist(),
    }


def scores(y, labels):
    report = clustering_report(y, labels)
    return {name: report[key] for name, key in SCORES.items()}


def run_peer(X, y, name, seed=0):
    """One peer: number, noise, scores and seconds."""
    time.sleep(REST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        labels = PEERS[name](X, len(np.unique(y)), seed)
        seconds = time.perf_counter() - start
    report = clustering_report(y, labels)
    return {
        "K": report["n_clusters"],
        "seconds": seconds,
        "noise": report["noise_share"],
        **scores(y, labels),
    }


def measured(title, draw, n_seeds, starts=STARTS):
    """Every start with every seed; `draw` gives rows and classes for a seed.

    Returns
    -------
    dict
        rows, features, K*, and ``starts``: {start: [run, ...]}.
    """
    runs_from = {}
    for seed in range(n_seeds):
        X, y = draw(seed)
        k = len(np.unique(y))
        wanted = dict(starts)
        if seed == 0 and title in DRAWN:
            wanted[f"{DRAWN[title]} K*"] = DRAWN[title]
        for start, times in wanted.items():
            if times is None or times * k * FEWEST_ROWS <= len(X):
                runs_from.setdefault(start, []).append(run(X, y, seed, times))
    found = {start: [each["K"] for each in runs] for start, runs in runs_from.items()}
    line = ", ".join(f"{start}: {numbers}" for start, numbers in found.items())
    auto = runs_from["auto"]
    print(
        f"{title:40} K* = {k:3}; {line}; ARI {mean(auto, 'ARI'):.3f}, {seconds(auto):.2f} s",
        flush=True,
    )
    return {"rows": len(X), "features": X.shape[1], "K*": k, "starts": runs_from}


def measure_peers(name, X, y):
    """Every peer on at most MOST_ROWS rows: rows, K*, and {peer: run}."""
    if len(X) > MOST_ROWS:
        some = np.random.default_rng(0).choice(len(X), MOST_ROWS, replace=False)
        X, y = X[some], y[some]
    k, by_peer = len(np.unique(y)), {}
    for peer in PEERS:
        by_peer[peer] = run_peer(X, y, peer)
        cell = f"{peer_cell(by_peer[peer])}, {by_peer[peer]['seconds']:.2f} s"
        print(f"{name:16} K* = {k:3}  {peer:24} {cell}", flush=True)
    return {"rows": len(X), "K*": k, "peers": by_peer}


def warm_up():
    """What is compiled or loaded on first use is not part of a fit."""
    X, y = planted("plain", 500, 64, 5, 1, 0)
    run(X, y, 0)


# --- tables --------------------------------------------------------------------------------------


def mean(runs, key):
    return float(np.mean([each[key] for each in runs]))


def seconds(runs):
    return float(np.median([each["seconds"] for each in runs]))


def factor(found, true):
    """By how much a number is off, up or down, as a factor of at least 1; none counts as one."""
    return float(np.exp(abs(np.log(max(found, 1) / true))))


def mean_factor(runs, true):
    """Geometric mean over seeds, in which too many and too few do not cancel."""
    return float(np.exp(np.mean([np.log(factor(each["K"], true)) for each in runs])))


def spread(starts):
    """Largest over smallest number found from different starts."""
    numbers = [mean(runs, "K") for start, runs in starts.items() if start in STARTS]
    return max(numbers) / min(numbers)


def span(runs):
    """Range over seeds."""
    numbers = [each["K"] for each in runs]
    least, most = min(numbers), max(numbers)
    return str(least) if least == most else f"{least}–{most}"


def other_starts(starts):
    """Mean number found from each multiple of K*; empty where it was too many for the rows."""
    return {
        f"K from {start}": round(mean(starts[start], "K"), 1) if start in starts else None
        for start in STARTS
        if start != "auto"
    }


def found_table(real):
    rows = []
    for name, of_set in real.items():
        auto = of_set["starts"]["auto"]
        rows.append(
            {
                "set": name,
                "rows": of_set["rows"],
                "K*": of_set["K*"],
                "K found": round(mean(auto, "K"), 1),
                "range": span(auto),
                "K / K*": round(mean(auto, "K") / of_set["K*"], 2),
                **other_starts(of_set["starts"]),
                **{score: round(mean(auto, score), 3) for score in SCORES},
                "seconds": round(seconds(auto), 2),
            }
        )
    return rows


def peer_cell(one):
    """`K (ARI)`, with the share of rows that are noise."""
    noise = f", {one['noise']:.0%} noise" if one["noise"] > 0 else ""
    return f"{one['K']} ({one['ARI']:.2f}{noise})"


def peers_table(peers):
    return [
        {
            "set": name,
            "rows": of_set["rows"],
            "K*": of_set["K*"],
            **{f"{peer}: K (ARI)": peer_cell(one) for peer, one in of_set["peers"].items()},
        }
        for name, of_set in peers.items()
    ]


def summary_row(method, factors, aris, times, spreads=()):
    worst = max(factors, key=factors.get)
    row = {
        "method": method,
        "sets": len(factors),
        "factor off, median": round(float(np.median(list(factors.values()))), 2),
        "factor off, worst": round(factors[worst], 2),
        "worst set": worst,
        "ARI, mean": round(float(np.mean(aris)), 3),
        "seconds, median": round(float(np.median(times)), 2),
    }
    if len(spreads):
        row["largest / smallest K over starts, median"] = round(float(np.median(spreads)), 2)
        row["the same, worst"] = round(float(np.max(spreads)), 2)
    return row


def summary_table(real, peers):
    """How far each method is off over the real sets, max(K/K*, K*/K)."""
    rows = []
    if real:
        autos = {name: of_set["starts"]["auto"] for name, of_set in real.items()}
        rows.append(
            summary_row(
                "vmfmix, all rows",
                {name: mean_factor(runs, real[name]["K*"]) for name, runs in autos.items()},
                [mean(runs, "ARI") for runs in autos.values()],
                [seconds(runs) for runs in autos.values()],
                [spread(of_set["starts"]) for of_set in real.values()],
            )
        )
    for peer in PEERS if peers else ():
        runs = {name: of_set["peers"][peer] for name, of_set in peers.items()}
        rows.append(
            summary_row(
                peer,
                {name: factor(one["K"], peers[name]["K*"]) for name, one in runs.items()},
                [one["ARI"] for one in runs.values()],
                [one["seconds"] for one in runs.values()],
            )
        )
    return rows


def planted_table(planted_runs):
    """A row for each mixture, the numbers of rows side by side."""
    rows = {}
    for (kind, imbalance, dim, k, n), of_set in planted_runs.items():
        row = rows.setdefault(
            (kind, imbalance, dim, k),
            {
                "kind": kind,
                "sizes": "equal" if imbalance == 1 else f"{imbalance}:1",
                "features": dim,
                "K*": k,
                "of_sets": [],
            },
        )
        row[f"K found in {n} rows"] = span(of_set["starts"]["auto"])
        row["of_sets"].append(of_set["starts"])
    for row in rows.values():
        of_sets = row.pop("of_sets")
        for start in STARTS:
            runs = [each for starts in of_sets for each in starts.get(start, [])]
            if start != "auto" and runs:
                row[f"K from {start}"] = span(runs)
        autos = [each for starts in of_sets for each in starts["auto"]]
        row["ARI"] = round(mean(autos, "ARI"), 3)
        row["seconds"] = round(seconds(autos), 2)
    return list(rows.values())


def nulls_table(null_runs):
    return [
        {
            "law": law,
            "features": dim,
            "rows": of_set["rows"],
            "K found": span(of_set["starts"]["auto"]),
            **{
                f"K from {times}": span(of_set["starts"][start])
                for start, times in STARTS.items()
                if times is not None
            },
            "seconds": round(seconds(of_set["starts"]["auto"]), 2),
        }
        for (law, dim), of_set in null_runs.items()
    ]


def histories(real):
    """Number of components in each iteration from each start, for the figure: the first seed."""
    return {
        name: {
            "K*": real[name]["K*"],
            **{start: runs[0]["history"] for start, runs in real[name]["starts"].items()},
        }
        for name in DRAWN
        if name in real
    }


def tables(runs):
    """The results file's tables, and what the figure is drawn from."""
    real, peers = runs["real"], runs["peers"]
    made = {
        "summary": summary_table(real, peers),
        "found": found_table(real),
        "peers": peers_table(peers),
        "planted": planted_table(runs["planted"]),
        "nulls": nulls_table(runs["nulls"]),
        "histories": histories(real),
    }
    return {name: table for name, table in made.items() if table}


def joined(earlier, new):
    """The new tables, and of parts that were not measured again the earlier ones."""
    kept = {name: earlier[name] for name in TABLES if name in earlier}
    rows = {row["method"]: row for part in (kept, new) for row in part.get("summary", [])}
    tables_of_all = {**kept, **new, "summary": list(rows.values())}
    return {name: tables_of_all[name] for name in TABLES if tables_of_all.get(name)}


def measure(parts, names, n_seeds, save=lambda runs: None):
    """All runs of these parts, printed as they come; `save` is called after each part."""
    warm_up()
    runs = {part: {} for part in PARTS}
    if "real" in parts:
        for name, X, y in all_sets(names):
            runs["real"][name] = measured(name, lambda seed, X=X, y=y: (X, y), n_seeds)
        save(runs)
    if "peers" in parts:
        for name, X, y in all_sets(names):
            runs["peers"][name] = measure_peers(name, X, y)
        save(runs)
    if "planted" in parts:
        for key in planted_keys():
            kind, imbalance, dim, k, n = key
            runs["planted"][key] = measured(
                f"{kind} {imbalance}:1 d={dim} n={n}",
                lambda seed, kind=kind, imbalance=imbalance, dim=dim, k=k, n=n: planted(
                    kind, n, dim, k, imbalance, seed
                ),
                n_seeds,
                PLANTED_STARTS,
            )
        save(runs)
    if "nulls" in parts:
        for law in NULLS:
            for dim in NULL_DIMS:
                runs["nulls"][law, dim] = measured(
                    f"{law} d={dim}",
                    lambda seed, law=law, dim=dim: null(law, NULL_ROWS, dim, seed),
                    n_seeds,
                )
        save(runs)
    return runs


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--sets", nargs="*", help="names of labeled sets; default: all there are")
    parser.add_argument("--seeds", type=int, default=3)
    has_more = "VMFMIX_DATA" in os.environ
    parser.add_argument(
        "--output", type=Path, default=RESULTS if has_more else RESULTS_OF_BUNDLED_SETS
    )
    options = parser.parse_args()
    facts = {**machine.describe("scikit-learn", "numba"), "seeds": options.seeds}

    def save(runs):
        options.output.parent.mkdir(parents=True, exist_ok=True)
        earlier = {}
        if options.output.is_file():
            earlier = json.loads(options.output.read_text(encoding="utf-8"))
        results = {**facts, **joined(earlier, tables(runs))}
        text = json.dumps(results, indent=1, ensure_ascii=False)
        text = re.sub(r"\[[\s\d,]+\]", lambda numbers: " ".join(numbers[0].split()), text)
        options.output.write_text(text + "\n", encoding="utf-8")

    for row in tables(measure(options.parts, options.sets, options.seeds, save)).get("summary", []):
        print(row)


if __name__ == "__main__":
    main()
