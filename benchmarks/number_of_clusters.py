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
import warnings
from copy import copy
from functools import cache, partial
from pathlib import Path

import numpy as np

from benchmarks.labeled_sets import all_sets, text_sets
from benchmarks.measuring import WARM_UP_ROWS, measure
from benchmarks.number_of_clusters_methods import (
    ALTERNATIVES,
    DEFAULT,
    METHODS,
    RIVALS,
    VARIANTS,
    fit,
    grid,
)
from benchmarks.number_of_clusters_tables import (
    AUTO,
    MAX_ROWS,
    PLANTED_STARTS,
    PLOTTED,
    REGRETS,
    SCORES,
    STARTS,
    tables,
)
from benchmarks.planted_sets import (
    UNCLUSTERED,
    UNCLUSTERED_DIMS,
    UNCLUSTERED_ROWS,
    planted,
    planted_keys,
    planted_title,
    unclustered,
    unclustered_title,
)
from benchmarks.runs import (
    add_options,
    append,
    append_machine,
    available,
    read_runs,
    runs_path,
    save_results,
)
from benchmarks.tables import print_rows
from vmfmix.metrics import clustering_report

RESULTS = Path(__file__).parent / "results" / "number_of_clusters.json"
MIN_ROWS_PER_COMPONENT = 4  # at the start of a fit
PATH_STEP = 1.15  # ratio of neighboring numbers on a merge path


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


PARTS = {
    "labeled": labeled_runs,
    "rivals": rival_runs,
    "alternatives": alternative_runs,
    "planted": planted_runs,
    "unclustered": unclustered_runs,
}


def measure_all(parts, set_names, method_names, n_seeds, path):
    """Run what is not yet in the file of runs."""
    method_names = available(method_names, METHODS)
    done = {key(each) for each in read_runs(path, METHODS)}
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


# --- command line --------------------------------------------------------------------------------


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--parts", nargs="*", choices=PARTS, default=list(PARTS), help="default: all"
    )
    add_options(parser, METHODS, 3, RESULTS)
    options = parser.parse_args()
    if not options.summary:
        path = runs_path(options.output)
        append_machine(path)
        measure_all(options.parts, options.sets, options.methods, options.seeds, path)
    results = save_results(options.output, tables, METHODS)
    if results["not_in_summary"]:
        print("Not in the summary, as some methods have no run:", *results["not_in_summary"])
    print_rows("summary", *results.get("summary", ()))


if __name__ == "__main__":
    main()
