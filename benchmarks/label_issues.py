"""Detection of flipped labels by vmfmix.inspection.label_issues and by cleanlab.

``VMFMIX_DATA=folder python -m benchmarks.label_issues [--sets NAME ...] [--seeds N] [--rows N]``

In each text set, 5 and 10 % of the labels are flipped, to any other class or to the nearest one,
and both methods get the same rows. Larger sets are subsampled to ``--rows`` rows, since
cross-validation with many classes takes minutes. cleanlab uses probabilities of a logistic
regression from five-fold cross-validation, as its documentation advises.

Scores are the area under the ROC curve of the suspicion of each row; the precision: with m flipped
labels, the share of flipped ones among the m most suspicious rows; and the expected calibration
error of the probability of the most probable class, which is right if it is the class before labels
were flipped. The time of vmfmix is
that of `label_issues`; the fit of the clusters, which serves other purposes too, is given
separately. The time of cleanlab covers the probabilities and the ranking. The methods are timed in
turn.
"""

import argparse
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from benchmarks import machine
from benchmarks.labeled_sets import text_sets
from benchmarks.tables import print_rows, save
from vmfmix import VMFMixture
from vmfmix.inspection import label_issues

RESULTS = Path(__file__).parent / "results" / "label_issues.json"
SHARES = (0.05, 0.1)
KINDS = ("any class", "nearest class")


def flipped(X, y, share, kind, rng):
    """Return labels with a share of them flipped, and a mask of the flipped ones."""
    n_classes = y.max() + 1
    wrong = np.zeros(len(y), dtype=bool)
    wrong[rng.choice(len(y), int(share * len(y)), replace=False)] = True
    if kind == "any class":
        other = (y + rng.integers(1, n_classes, len(y))) % n_classes
    else:
        means = np.stack([X[y == c].mean(axis=0) for c in range(n_classes)])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        between = means @ means.T
        np.fill_diagonal(between, -np.inf)
        other = between.argmax(axis=1)[y]
    return np.where(wrong, other, y), wrong


def vmfmix_results(model, X, given):
    """Return suspicion, most probable class and its probability of each row, by vmfmix."""
    issues = label_issues(model, X, given)
    columns = "rank", "suggested_label", "suggested_label_probability"
    rank, suggested, probability = (np.asarray(issues[column]) for column in columns)
    return -rank, suggested, probability


def cleanlab_results(X, given):
    """Return suspicion, most probable class and its probability of each row, by cleanlab."""
    from cleanlab.rank import get_label_quality_scores

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about classes with fewer rows than folds
        probabilities = cross_val_predict(
            LogisticRegression(max_iter=400), X, given, cv=5, method="predict_proba"
        )
    known = np.unique(given)  # a class may have lost all of its rows
    quality = get_label_quality_scores(np.searchsorted(known, given), probabilities)
    return -quality, known[probabilities.argmax(axis=1)], probabilities.max(axis=1)


def scores_of(suspicion, wrong):
    """Return the area under the ROC curve and the precision; see the module docstring."""
    most_suspicious = np.argsort(-suspicion, kind="stable")[: wrong.sum()]
    return roc_auc_score(wrong, suspicion), wrong[most_suspicious].mean()


def calibration_error(probabilities, is_right, n_bins=15):
    """Return the expected calibration error of probabilities, in bins of equal width."""
    bins = np.minimum((n_bins * probabilities).astype(int), n_bins - 1)
    return np.abs(np.bincount(bins, probabilities - is_right)).sum() / len(bins)


def measure(name, X, y, n_seeds):
    """Iterate over the table rows of a set: means over the seeds for each way of flipping."""
    start = time.perf_counter()
    model = VMFMixture(random_state=0).fit(X)
    fit_seconds = time.perf_counter() - start
    methods = {"vmfmix": partial(vmfmix_results, model), "cleanlab": cleanlab_results}
    for kind in KINDS:
        for share in SHARES:
            results: dict = {method: [] for method in methods}
            for seed in range(n_seeds):
                given, wrong = flipped(X, y, share, kind, np.random.default_rng(seed))
                classes, given = np.unique(given, return_inverse=True)
                for method, results_of in methods.items():
                    start = time.perf_counter()
                    suspicion, suggested, probabilities = results_of(X, given)
                    seconds = time.perf_counter() - start
                    error = calibration_error(probabilities, classes[suggested] == y)
                    results[method].append((*scores_of(suspicion, wrong), error, seconds))
            row = {"set": name, "flipped to": kind, "share flipped": share}
            for method, values in results.items():
                auc, precision, error, _ = np.mean(values, axis=0)
                row |= {
                    f"{method} AUROC": round(auc, 4),
                    f"{method} precision": round(precision, 4),
                    f"{method} calibration error": round(error, 4),
                }
            vmfmix_seconds, cleanlab_seconds = (
                np.median([each[-1] for each in results[method]]) for method in methods
            )
            yield row | {
                "vmfmix ms": round(1e3 * vmfmix_seconds, 1),
                "cleanlab ms": round(1e3 * cleanlab_seconds, 1),
                "vmfmix / cleanlab time": round(vmfmix_seconds / cleanlab_seconds, 3),
                "vmfmix fit ms": round(1e3 * fit_seconds, 1),
            }


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", help="names of text sets; default: all available")
    parser.add_argument("--seeds", type=int, default=3, help="default: %(default)s")
    parser.add_argument(
        "--rows", type=int, default=6000, help="maximum rows per set; default: %(default)s"
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: %(default)s")
    options = parser.parse_args()
    rows = []
    for name, X, y in text_sets(options.sets):
        if len(np.unique(y)) < 2:
            continue
        sample = np.random.default_rng(0).permutation(len(y))[: options.rows]
        X, codes = X[sample], np.unique(y[sample], return_inverse=True)[1]
        for row in measure(name, X, codes, options.seeds):
            print_rows(name, row)
            rows.append(row)
    facts = {
        **machine.describe("cleanlab"),
        "seeds": options.seeds,
        "maximum rows per set": options.rows,
    }
    save(options.output, facts, {"means": means_of(rows), "rows": rows}, ("means", "rows"))


def means_of(rows):
    """Return means over all sets and shares, for each kind of flips and for both."""
    table = []
    for kind in (*KINDS, None):
        selected = [row for row in rows if kind in (None, row["flipped to"])]
        numbers = {
            column: round(float(np.mean([row[column] for row in selected])), 4)
            for column in rows[0]
            if isinstance(rows[0][column], float) and column != "share flipped"
        }
        table.append({"flipped to": kind or "either", **numbers})
    return table


if __name__ == "__main__":
    main()
