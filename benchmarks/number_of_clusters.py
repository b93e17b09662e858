"""Accuracy of the estimated number of clusters, beside methods that also estimate it.

``VMFMIX_DATA=folder python -m benchmarks.number_of_clusters
[--parts labeled rivals alternatives planted unclustered] [--sets NAME ...] [--methods NAME ...]
[--seeds N] [--output FILE] [--summary]``

``labeled``
    ``VMFMixture()``, with and without smoothing, on labeled sets. It starts from its automatic
    initial number, and from 2, 4 and 8 times the true number K*. The fit with the automatic start
    is cut at many numbers along its merge path: the *regret* is the best score among these cuts
    and the fit itself, minus the score of the fit.
``rivals``
    Other methods on the same rows, with their usual parameters. Leiden by CPM has the default
    resolution of leidenalg, which is too high for a graph of nearest neighbors.
``alternatives``
    Slow methods on at most 3,000 rows of each set and with one seed.
``planted``, ``unclustered``
    ``VMFMixture()`` on planted mixtures, and on samples without clusters.

Rows with fine and coarse classes are two labeled sets. A method is fitted once to them and scored
with both. Labels are used only for scoring, for the initial numbers from 2 K* on, and for the grids
of the alternatives. No constant of vmfmix is chosen here. Two constants were chosen on these sets
before: the width of a vote for a number (0.5 in its logarithm), and the range of scales that vote
(1.5 to 48 steps of a random walk).

A finished run is appended to a file next to the output, ``NAME_runs.jsonl``. An interrupted
benchmark continues from there; delete that file to measure everything again. The results file is
computed from it at the end, or at any time with ``--summary``.
"""

import argparse
import os
import warnings
from copy import copy
from functools import cache, partial
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from benchmarks.labeled_sets import (
    HARD,
    OTHER_ENCODER,
    SETS_OF_ENCODERS,
    all_sets,
    encoder_of,
    text_sets,
)
from benchmarks.planted_sets import (
    UNCLUSTERED,
    UNCLUSTERED_DIMS,
    UNCLUSTERED_ROWS,
    planted,
    planted_keys,
    unclustered,
)
from benchmarks.quality import (
    WARM_UP_ROWS,
    append,
    append_machine,
    complete,
    markdown,
    mean,
    measure,
    median,
    read_machines,
    read_records,
    runs_path,
)
from benchmarks.rivals import WITHOUT_NUMBER as RIVALS
from benchmarks.rivals import Method
from benchmarks.tables import print_rows, write
from vmfmix import VMFMixture
from vmfmix.metrics import clustering_report

RESULTS = Path(__file__).parent / "results" / "number_of_clusters.json"
RESULTS_OF_BUNDLED_SETS = RESULTS.with_name("number_of_clusters_bundled.json")
CHOSEN = "the width of a vote (0.5) and the range of scales (1.5 to 48 steps)"
DEFAULT = "VMFMixture"
VARIANTS = {DEFAULT: {}, "VMFMixture, smoothed": {"smooth": True}}
SCORES = {"AMI": "adjusted_mutual_info", "ARI": "adjusted_rand", "ACC": "accuracy"}
REGRETS = ("ARI", "AMI")
AUTO = "auto"
STARTS = {"2 K*": 2, "4 K*": 4, "8 K*": 8}  # multiples of K*, besides the automatic start
MIN_ROWS_PER_COMPONENT = 4  # at the start of a fit
PLANTED_STARTS = {"4 K*": 4}
PLOTTED = {"snips7": 16, "digits": 16, "stackoverflow20": 16, "clinc150": 16}  # additional start
MAX_ROWS = 3000  # for the alternatives
STEP = 1.5  # ratio of neighboring numbers in the grids of the alternatives
PATH_STEP = 1.15  # and on a merge path
N_LEVELS = 3  # that a user would look at
NEAR = 1.5  # greatest ratio of a level to K* that counts as found

# --- alternative methods -------------------------------------------------------------------------


def automatic(X, k, seed, method):
    return fit(X, method, seed).labels_


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
        for number in grid(3 * k, STEP, k)
    )
    return min(models, key=lambda model: model.bic(X)).predict(X)


def best_silhouette(X, k, seed):
    """Fit k-means and return the labels with the highest silhouette score."""
    clusterings = (
        KMeans(number, random_state=seed).fit_predict(X) for number in grid(3 * k, STEP, k)
    )
    size = min(len(X), 2000)
    return max(
        clusterings,
        key=lambda labels: silhouette_score(X, labels, sample_size=size, random_state=seed),
    )


def grid(largest, step, *others):
    """Return numbers from 2 in steps of at most this ratio, and other numbers up to the largest."""
    n_steps = int(np.ceil(np.log(largest / 2) / np.log(step)))
    numbers = np.geomspace(2, largest, n_steps + 1).round().astype(int).tolist()
    return sorted({*numbers, *(other for other in others if other <= largest)})


ALTERNATIVES = {
    **{name: Method(partial(automatic, method=name)) for name in VARIANTS},
    "BayesianGaussianMixture": Method(bayesian_mixture),
    "GaussianMixture, BIC": Method(lowest_bic),
    "KMeans, silhouette": Method(best_silhouette),
}
METHODS = {**ALTERNATIVES, **RIVALS}


class NumberOfClusters:
    """Fits with unknown K to the bundled sentences, following the conventions of asv."""

    params = [AUTO, *STARTS]
    param_names = ("start",)

    def setup(self, start):
        ((_, self.X, y),) = text_sets(["snips7"])
        self.n_components_init = None if start == AUTO else STARTS[start] * len(np.unique(y))
        self.time_fit(start)

    def time_fit(self, start):
        fit(self.X, DEFAULT, 0, self.n_components_init)


# --- runs ----------------------------------------------------------------------------------------


def fit(X, method, seed, n_components_init=None):
    """Fit one of the variants with unknown K."""
    model = VMFMixture(n_components_init=n_components_init, random_state=seed, **VARIANTS[method])
    return model.fit(X)


def run(X, classes, method, seed, n_components_init=None, *, cut=False):
    """Fit once, and return the number found and the scores for each of several classes.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    classes : list of ndarray of shape (n_rows,)
    method : str
    seed : int
    n_components_init : int, default=None
    cut : bool, default=False
        Whether to compare with the other numbers on the merge path.

    Returns
    -------
    list of dict
    """
    model, seconds, _ = measure(fit, X, method, seed, n_components_init)
    found = {
        "K": model.n_components_,
        "seconds": round(seconds, 4),
        "levels": [[number, round(share, 4)] for number, share in getattr(model, "levels_", ())],
        "history": model.merge_history_.n_components.tolist(),
    }
    results = [{**found, **scores_of(y, model.labels_)} for y in classes]
    if cut:
        numbers = grid(
            model.merge_history_.n_components_init,
            PATH_STEP,
            *(len(np.unique(y)) for y in classes),
            model.n_components_,
        )
        clusterings = labels_on_path(model, X, numbers)
        for y, result in zip(classes, results):
            on_path = [scores_of(y, labels) for labels in clusterings]
            result.update(regrets(result, dict(zip(numbers, on_path))))
    return results


def labels_on_path(model, X, numbers):
    """Return the labels at several numbers on the merge path; X is smoothed only once."""
    rows = X
    if hasattr(model, "smoother_"):
        rows, model = model.smoother_.transform(X), copy(model)
        del model.smoother_
        model.n_features_in_ = rows.shape[1]
    return [model.merge_to(number, rows).labels_ for number in numbers]


def regrets(found, on_path):
    """Return by how much, and at which number, scores on the merge path exceed those of the fit.

    Parameters
    ----------
    found : dict
        K and scores of the fit.
    on_path : dict of dict
        {number: scores}.
    """
    values = {}
    for score in REGRETS:
        best = max(on_path, key=lambda number, score=score: on_path[number][score])
        regret = on_path[best][score] - found[score]
        values[f"regret {score}"] = round(max(regret, 0.0), 5)
        values[f"K of best {score}"] = best if regret > 0 else found["K"]
    return values


def run_method(X, classes, method, seed):
    """Return the number found, scores, noise and seconds of another method, as `run` does."""
    k = len(np.unique(classes[0]))
    labels, seconds, _ = measure(METHODS[method].fit, X, k, seed)
    noise = labels == -1
    found = {
        "K": len(np.unique(labels[~noise])),
        "seconds": round(seconds, 4),
        "noise": round(float(noise.mean()), 5),
    }
    return [{**found, **scores_of(y, labels)} for y in classes]


def scores_of(y, labels):
    """Return the scores of a clustering; noise is a cluster, but counts as wrong in ACC."""
    report = clustering_report(y, labels)
    return {name: round(report[key], 5) for name, key in SCORES.items()}


@cache
def warm_up(method):
    """Compile and load what a method uses first, so that it is not timed."""
    for n_rows in WARM_UP_ROWS:
        # The smoother leaves rows that scatter in all directions as they are.
        X, _ = planted("anisotropic", n_rows, 64, 5, 1, 0)
        METHODS[method].fit(X, 5, 0)


# --- parts ---------------------------------------------------------------------------------------
# Each part iterates over its fits, as pairs: what identifies the runs of a fit, one for each of
# several classes of the same rows, and a call that returns their results.


def rows_with_classes(names):
    """Iterate over rows and {set: classes}; all_sets yields sets of the same rows in succession."""
    rows, classes = None, {}
    for name, X, y in all_sets(names):
        if classes and not np.array_equal(X, rows):
            yield rows, classes
            classes = {}
        rows, classes = X, {**classes, name: y}
    if classes:
        yield rows, classes


def identities(part, shape, numbers, method, seed, start=AUTO):
    """Return what identifies the run of each set with the same rows; `numbers` is {set: K*}."""
    about = {"part": part, "method": method, "seed": seed, "start": start}
    shape = {"rows": shape[0], "features": shape[1], "true numbers": sorted(numbers.values())}
    return [{**about, "set": name, **shape, "K*": k} for name, k in numbers.items()]


def numbers_of(classes):
    """Return {set: K*}."""
    return {name: len(np.unique(y)) for name, y in classes.items()}


def starts_for(k, n_rows, multiples):
    """Return {start: initial number}, without those that are too large for the rows."""
    numbers = {start: times * k for start, times in multiples.items()}
    return {
        start: number
        for start, number in numbers.items()
        if number * MIN_ROWS_PER_COMPONENT <= n_rows
    }


def labeled_runs(names, n_seeds):
    for seed in range(n_seeds):
        for X, classes in rows_with_classes(names):
            for method in VARIANTS:
                abouts = identities("labeled", X.shape, numbers_of(classes), method, seed)
                yield abouts, partial(run, X, list(classes.values()), method, seed, cut=True)
                for about, y in zip(abouts, classes.values()):
                    multiples = dict(STARTS)
                    if seed == 0 and method == DEFAULT and about["set"] in PLOTTED:
                        times = PLOTTED[about["set"]]
                        multiples[f"{times} K*"] = times
                    for start, n_init in starts_for(about["K*"], len(X), multiples).items():
                        yield (
                            [{**about, "start": start}],
                            partial(run, X, [y], method, seed, n_init),
                        )


def rival_runs(names, n_seeds):
    for seed in range(n_seeds):
        for X, classes in rows_with_classes(names):
            for name, method in RIVALS.items():
                if seed == 0 or method.is_random:
                    yield (
                        identities("rivals", X.shape, numbers_of(classes), name, seed),
                        partial(run_method, X, list(classes.values()), name, seed),
                    )


def alternative_runs(names, n_seeds):
    for X, classes in rows_with_classes(names):
        if len(X) > MAX_ROWS:
            sample = np.random.default_rng(0).choice(len(X), MAX_ROWS, replace=False)
            X, classes = X[sample], {name: y[sample] for name, y in classes.items()}
        for method in ALTERNATIVES:
            abouts = identities("alternatives", X.shape, numbers_of(classes), method, 0)
            for about, y in zip(abouts, classes.values()):
                yield [about], partial(run_method, X, [y], method, 0)


def planted_runs(names, n_seeds):
    for seed in range(n_seeds):
        for kind, imbalance, dim, k, n in planted_keys():
            draw = partial(planted, kind, n, dim, k, imbalance, seed)
            title = planted_title(kind, imbalance, dim, k, n)
            yield from runs_of_sample("planted", title, draw, (n, dim), k, DEFAULT, seed)


def unclustered_runs(names, n_seeds):
    for seed in range(n_seeds):
        for distribution in UNCLUSTERED:
            for dim in UNCLUSTERED_DIMS:
                draw = partial(unclustered, distribution, UNCLUSTERED_ROWS, dim, seed)
                title = unclustered_title(distribution, dim)
                for method in VARIANTS:
                    yield from runs_of_sample(
                        "unclustered", title, draw, (UNCLUSTERED_ROWS, dim), 1, method, seed
                    )


def runs_of_sample(part, title, draw, shape, k, method, seed):
    """Iterate over the runs with a sample from every start; the sample is drawn by each call."""

    def call(n_init):
        X, y = draw()
        return run(X, [y], method, seed, n_init)

    multiples = PLANTED_STARTS if part == "planted" else STARTS
    for start, n_init in {AUTO: None, **starts_for(k, shape[0], multiples)}.items():
        yield identities(part, shape, {title: k}, method, seed, start), partial(call, n_init)


def planted_title(kind, imbalance, dim, k, n):
    return f"{kind} {imbalance}:1 d={dim} K*={k} n={n}"


def unclustered_title(distribution, dim):
    return f"{distribution} d={dim}"


PARTS = {
    "labeled": labeled_runs,
    "rivals": rival_runs,
    "alternatives": alternative_runs,
    "planted": planted_runs,
    "unclustered": unclustered_runs,
}


def available(names):
    """Return the methods whose packages are installed, printing which are skipped."""
    for name in names:
        if not METHODS[name].is_available():
            print(f"Skipping {name}: the package {METHODS[name].package} is not installed.")
    return [name for name in names if METHODS[name].is_available()]


def measure_all(parts, set_names, method_names, n_seeds, path):
    """Run what is not yet in the file of runs."""
    method_names = available(method_names)
    done = {key(each) for each in read_runs(path)}
    if done:
        print(f"Keeping {len(done)} finished runs of {path}; delete it to measure them again.")
    for part in parts:
        for abouts, call in PARTS[part](set_names, n_seeds):
            method = abouts[0]["method"]
            missing = [about for about in abouts if key(about) not in done]
            if method not in method_names or not missing:
                continue
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # about doubtful numbers and threads
                    warm_up(method)
                    results = call()
            except Exception as error:  # so that the other runs of a long benchmark follow
                print("Failed:", *key(abouts[0]), repr(error), flush=True)
                continue
            for about, result in zip(abouts, results):
                if about in missing:
                    append(path, {**about, **result})
                    print_run({**about, **result})


def print_run(run):
    """Print one run on a line."""
    titles = ("K", *SCORES, *(f"regret {score}" for score in REGRETS), "noise", "seconds", "levels")
    cells = ", ".join(f"{title} {run[title]}" for title in titles if title in run)
    where = f"{run['part']:12} seed {run['seed']}  {run['set']:22} {run['method']:24}"
    print(f"{where} {run['start']:6} K* {run['K*']}: {cells}", flush=True)


def key(run):
    """Return what identifies a run."""
    return run["part"], run["set"], run["method"], run["seed"], run["start"]


def read_runs(path):
    """Return the finished runs of methods that are still compared."""
    return [each for each in read_records(path) if each.get("method") in METHODS]


# --- tables --------------------------------------------------------------------------------------


def error_factor(estimate, *true):
    """Return max(K / K*, K* / K) for the nearest true number; an estimate of 0 counts as 1."""
    return float(min(np.exp(abs(np.log(max(estimate, 1) / k))) for k in true))


def mean_error_factor(runs, true="K*"):
    """Return the geometric mean over the seeds; over- and underestimates do not cancel."""
    factors = [error_factor(each["K"], *np.atleast_1d(each[true])) for each in runs]
    return float(np.exp(np.mean(np.log(factors))))


def share_with_level(runs):
    """Return the share of the runs in which one of the first levels is near K*."""
    return float(np.mean([has_near_level(each) for each in runs]))


def has_near_level(run):
    """Return whether one of the first levels is near K*."""
    numbers = [number for number, _ in run["levels"][:N_LEVELS]]
    return any(error_factor(number, run["K*"]) <= NEAR + 1e-9 for number in numbers)


def spread(starts):
    """Return the ratio of the largest to the smallest K estimated from different starts."""
    numbers = [mean(runs, "K") for start, runs in starts.items() if start in (AUTO, *STARTS)]
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
    }


def order(run):
    """Return the position of a run in the tables."""
    return list(PARTS).index(run["part"]), run["set"], list(METHODS).index(run["method"])


def by_start(runs, part):
    """Return the runs of a part as {(set, method): {start: [run, ...]}}."""
    groups = {}
    for each in runs:
        if each["part"] == part:
            starts = groups.setdefault((each["set"], each["method"]), {})
            starts.setdefault(each["start"], []).append(each)
    return groups


def title_of(run):
    """Return the name of a method, and whether it got only some rows."""
    few_rows = f", ≤ {MAX_ROWS} rows" if run["part"] == "alternatives" else ""
    return run["method"] + few_rows


def compared(runs):
    """Return the runs of the labeled sets from the automatic start, {set: {method: [run, ...]}}."""
    groups = {}
    for each in runs:
        if each["part"] in ("labeled", "rivals", "alternatives") and each["start"] == AUTO:
            groups.setdefault(each["set"], {}).setdefault(title_of(each), []).append(each)
    return dict(sorted(groups.items()))


def summary_table(groups, labeled):
    """Return a row for each method, over sets that have runs of the same methods.

    Parameters
    ----------
    groups : dict
        Of `compared`.
    labeled : dict
        The runs from every start, of `by_start`.
    """
    return [
        summary_row(
            title,
            {name: methods[title] for name, methods in groups.items()},
            [spread(labeled[name, title]) for name in groups if (name, title) in labeled],
        )
        for title in next(iter(groups.values()), ())
    ]


def summary_row(title, runs_of_sets, spreads):
    """Return a row of the summary; `runs_of_sets` is {set: [run, ...]}."""

    def over_sets(value, *arguments):
        return {name: value(runs, *arguments) for name, runs in runs_of_sets.items()}

    def average(key):
        return round(float(np.mean(list(over_sets(mean, key).values()))), 3)

    errors = {
        "error factor": over_sets(mean_error_factor),
        "error factor to the nearer K*": over_sets(mean_error_factor, "true numbers"),
    }
    row = {"method": title, "sets": len(runs_of_sets)}
    for name, factors in errors.items():
        row[f"{name}, median"] = round(float(np.median(list(factors.values()))), 2)
        row |= worst(name, factors)
    row |= {f"{score}, mean": average(score) for score in REGRETS}
    first = next(iter(runs_of_sets.values()))[0]
    if "noise" in first:
        row["noise, mean"] = average("noise")
    if "levels" in first:
        for score in REGRETS:
            row[f"regret {score}, mean"] = average(f"regret {score}")
            row |= worst(f"regret {score}", over_sets(mean, f"regret {score}"), 3)
        shares = over_sets(share_with_level)
        row[f"K* within a factor {NEAR} of a level"] = round(np.mean(list(shares.values())), 3)
        row["largest / smallest K over starts, median"] = round(float(np.median(spreads)), 2)
        row["largest / smallest K over starts, worst"] = round(max(spreads), 2)
    row["seconds, median"] = round(np.median(list(over_sets(median, "seconds").values())), 2)
    return row


def worst(title, values, digits=2):
    """Return the greatest value, and its set."""
    name = max(values, key=values.get)
    return {f"{title}, worst": round(values[name], digits), f"{title}, worst set": name}


def encoder_table(groups):
    """Return a row for each method: means over the sets of one encoder."""
    rows = []
    for title in next(iter(groups.values()), ()):
        runs_of_sets = [methods[title] for methods in groups.values()]
        factors = [mean_error_factor(runs) for runs in runs_of_sets]
        rows.append(
            {
                "method": title,
                "sets": len(runs_of_sets),
                "error factor, median": round(float(np.median(factors)), 2),
                **{
                    score: round(float(np.mean([mean(runs, score) for runs in runs_of_sets])), 3)
                    for score in REGRETS
                },
            }
        )
    return rows


def labeled_table(labeled):
    """Return a row for each labeled set and variant."""
    rows = []
    for (name, method), starts in labeled.items():
        auto = starts[AUTO]
        rows.append(
            {
                "set": name,
                "method": method,
                "encoder": encoder_of(name),
                "hard": name in HARD,
                "rows": auto[0]["rows"],
                "K*": auto[0]["K*"],
                "K found": round(mean(auto, "K"), 1),
                "range": k_range(auto),
                "error factor": round(mean_error_factor(auto), 2),
                "to the nearer K*": round(mean_error_factor(auto, "true numbers"), 2),
                "levels": levels_cell(auto[0]["levels"]),
                f"K* within a factor {NEAR} of a level": round(share_with_level(auto), 2),
                **other_starts(starts),
                **{score: round(mean(auto, score), 3) for score in SCORES},
                **{f"regret {score}": round(mean(auto, f"regret {score}"), 3) for score in REGRETS},
                **{f"K of best {score}": auto[0][f"K of best {score}"] for score in REGRETS},
                "seconds": round(median(auto, "seconds"), 2),
            }
        )
    return rows


def levels_cell(levels):
    """Return numbers with their strengths as text."""
    return ", ".join(f"{number} ({strength:.2f})" for number, strength in levels)


def methods_table(runs, part):
    """Return a row for each labeled set, with a column for each method of a part."""
    rows = {}
    for (name, method), starts in by_start(runs, part).items():
        auto = starts[AUTO]
        about = {"set": name, "rows": auto[0]["rows"], "K*": auto[0]["K*"]}
        rows.setdefault(name, about)[f"{method}: K (ARI, AMI)"] = method_cell(auto)
    return list(rows.values())


def method_cell(runs):
    """Return `K (ARI, AMI)`, with the share of rows that are noise."""
    share = mean(runs, "noise")
    noise = f", {share:.0%} noise" if share > 0 else ""
    return f"{k_range(runs)} ({mean(runs, 'ARI'):.2f}, {mean(runs, 'AMI'):.2f}{noise})"


def planted_table(mixtures):
    """Return a row for each mixture, with the sample sizes side by side."""
    rows, all_starts = {}, {}
    for kind, imbalance, dim, k, n in planted_keys():
        starts = mixtures.get((planted_title(kind, imbalance, dim, k, n), DEFAULT))
        if starts is None:
            continue
        row = rows.setdefault(
            (kind, imbalance, dim, k),
            {
                "kind": kind,
                "sizes": "equal" if imbalance == 1 else f"{imbalance}:1",
                "features": dim,
                "K*": k,
            },
        )
        row[f"K found in {n} rows"] = k_range(starts[AUTO])
        all_starts.setdefault((kind, imbalance, dim, k), []).append(starts)
    for mixture, row in rows.items():
        for start in PLANTED_STARTS:
            runs = [each for starts in all_starts[mixture] for each in starts.get(start, ())]
            row[f"K from {start}"] = k_range(runs) if runs else None
        autos = [each for starts in all_starts[mixture] for each in starts[AUTO]]
        row["ARI"] = round(mean(autos, "ARI"), 3)
        row["seconds"] = round(median(autos, "seconds"), 2)
    return list(rows.values())


def unclustered_table(samples):
    """Return the table of the samples without clusters."""
    rows = []
    for distribution in UNCLUSTERED:
        for dim in UNCLUSTERED_DIMS:
            for method in VARIANTS:
                starts = samples.get((unclustered_title(distribution, dim), method))
                if starts is None:
                    continue
                rows.append(
                    {
                        "distribution": distribution,
                        "features": dim,
                        "rows": starts[AUTO][0]["rows"],
                        "method": method,
                        "K found": k_range(starts[AUTO]),
                        **{
                            f"K from {times}": k_range(starts[start]) if start in starts else None
                            for start, times in STARTS.items()
                        },
                        "seconds": round(median(starts[AUTO], "seconds"), 2),
                    }
                )
    return rows


def histories(labeled):
    """Return the number of components in each iteration, by set and start, for the first seed."""
    found = {}
    for name in PLOTTED:
        if starts := labeled.get((name, DEFAULT)):
            found[name] = {
                "K*": starts[AUTO][0]["K*"],
                **{start: runs[0]["history"] for start, runs in starts.items()},
            }
    return found


def tables(runs):
    """Return the tables of the results file, and the data of the figure."""
    runs = sorted(runs, key=order)
    # A set is left out of the tables until it has a run from the automatic start.
    labeled, mixtures, samples = (
        {each: starts for each, starts in by_start(runs, part).items() if AUTO in starts}
        for part in ("labeled", "planted", "unclustered")
    )
    groups = compared(runs)
    comparable = complete(groups)
    usual = {name: each for name, each in comparable.items() if name not in HARD}
    hard = {name: each for name, each in comparable.items() if name in HARD}
    by_encoder = {
        encoder: encoder_table(
            {name: each for name, each in usual.items() if encoder_of(name) == encoder}
        )
        for encoder in (*SETS_OF_ENCODERS, OTHER_ENCODER)
    }
    found = {
        "summary": summary_table(usual, labeled),
        "summary_of_hard_sets": summary_table(hard, labeled),
        "encoders": {encoder: rows for encoder, rows in by_encoder.items() if rows},
        "labeled": labeled_table(labeled),
        "rivals": methods_table(runs, "rivals"),
        "alternatives": methods_table(runs, "alternatives"),
        "planted": planted_table(mixtures),
        "unclustered": unclustered_table(samples),
        "histories": histories(labeled),
    }
    return {
        "seeds": 1 + max((each["seed"] for each in runs), default=-1),
        "chosen_on_these_sets": CHOSEN,
        "hard_sets": [name for name in groups if name in HARD],
        "not_in_summary": [name for name in groups if name not in comparable],
        **{name: table for name, table in found.items() if table},
    }


def save_results(path):
    """Compute the results file from the file of runs, and return the results."""
    machines = read_machines(runs_path(path))
    if len(machines) > 1:
        print("The runs are from several machines or versions; the results name the latest.")
    results = {**(machines[-1] if machines else {}), **tables(read_runs(runs_path(path)))}
    write(path, results)
    return results


def readme_table(results):
    """Return the means over the sets that are not hard as Markdown, for README.md."""
    factor = "error factor to the nearer K*, median"
    return markdown(
        [
            {
                "method": row["method"],
                "AMI": f"{row['AMI, mean']:.3f}",
                "ARI": f"{row['ARI, mean']:.3f}",
                "error factor": f"{row[factor]:.2f}",
                "noise": f"{row.get('noise, mean', 0.0):.0%}",
            }
            for row in results["summary"]
        ]
    )


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--parts", nargs="*", choices=PARTS, default=list(PARTS), help="default: all"
    )
    parser.add_argument("--sets", nargs="*", help="names of labeled sets; default: all available")
    parser.add_argument(
        "--methods", nargs="*", choices=METHODS, default=list(METHODS), help="default: all"
    )
    parser.add_argument("--seeds", type=int, default=3, help="number; default: %(default)s")
    has_folder = "VMFMIX_DATA" in os.environ
    parser.add_argument(
        "--output",
        type=Path,
        default=RESULTS if has_folder else RESULTS_OF_BUNDLED_SETS,
        help="default: %(default)s",
    )
    parser.add_argument(
        "--summary", action="store_true", help="only compute the results from the finished runs"
    )
    options = parser.parse_args()
    if not options.summary:
        path = runs_path(options.output)
        append_machine(path)
        measure_all(options.parts, options.sets, options.methods, options.seeds, path)
    results = save_results(options.output)
    if results["not_in_summary"]:
        print("Not in the summary, as some methods have no run:", *results["not_in_summary"])
    print_rows("summary", *results.get("summary", ()))


if __name__ == "__main__":
    main()
