"""Flipped labels found by vmfmix.inspection.label_issues and by cleanlab, on the same rows.

``VMFMIX_DATA=folder python -m benchmarks.label_issues [--sets NAME ...] [--seeds N] [--rows N]``

Of sets with more rows, so many are drawn, since cross-validation with many classes takes minutes.
5 and 10 % of the labels of each text set are flipped, to any other class or to the nearest one.
cleanlab judges by probabilities of a logistic regression, cross-validated in five folds, as its
documentation advises. Scores: area under the ROC curve of the suspicion of each row, and the share
of flipped rows among the most suspicious, as many as were flipped. vmfmix's seconds are without and
with the fit of the clusters, which are there for other purposes; cleanlab's are those of the
probabilities and of its ranking. Both take turns.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from benchmarks import machine
from benchmarks.labeled_sets import text_sets
from benchmarks.tables import save, tell
from vmfmix import VMFMixture
from vmfmix.inspection import label_issues

RESULTS = Path(__file__).parent / "results" / "label_issues.json"
SHARES = (0.05, 0.1)
KINDS = ("any class", "nearest class")


def flipped(X, y, share, kind, rng):
    """Labels, some of which are wrong, and which."""
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


def by_cleanlab(X, given):
    """Suspicion of each row."""
    from cleanlab.rank import get_label_quality_scores

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes with fewer rows than folds
        probabilities = cross_val_predict(
            LogisticRegression(max_iter=400), X, given, cv=5, method="predict_proba"
        )
    known = np.unique(given)  # a class may have lost all of its rows
    return -get_label_quality_scores(np.searchsorted(known, given), probabilities)


def scores_of(suspicion, wrong):
    """Area under the ROC curve, and precision among as many as are wrong."""
    first = np.argsort(-suspicion, kind="stable")[: wrong.sum()]
    return roc_auc_score(wrong, suspicion), wrong[first].mean()


def measure(name, X, y, n_seeds):
    """Rows of the table for a set: a mean over the seeds for each way of flipping."""
    start = time.perf_counter()
    model = VMFMixture(random_state=0).fit(X)
    fit = time.perf_counter() - start
    for kind in KINDS:
        for share in SHARES:
            found: dict = {"vmfmix": [], "cleanlab": []}
            for seed in range(n_seeds):
                given, wrong = flipped(X, y, share, kind, np.random.default_rng(seed))
                given = np.unique(given, return_inverse=True)[1]
                for method, judge in {
                    "vmfmix": lambda X, z: (
                        -np.nan_to_num(
                            np.asarray(label_issues(model, X, z)["given_label_probability"]),
                            nan=1.0,
                        )
                    ),
                    "cleanlab": by_cleanlab,
                }.items():
                    start = time.perf_counter()
                    suspicion = judge(X, given)
                    seconds = time.perf_counter() - start
                    found[method].append((*scores_of(suspicion, wrong), seconds))
            row = {"set": name, "flipped to": kind, "share": share}
            for method, values in found.items():
                auc, precision, _ = np.mean(values, axis=0)
                row |= {
                    f"{method} AUROC": round(auc, 4),
                    f"{method} precision": round(precision, 4),
                }
            ours, theirs = (np.median([each[2] for each in found[m]]) for m in found)
            yield row | {
                "vmfmix ms": round(1e3 * ours, 1),
                "cleanlab ms": round(1e3 * theirs, 1),
                "time ratio": round(ours / theirs, 3),
                "fit ms": round(1e3 * fit, 1),
            }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    rows = []
    for name, X, y in text_sets(options.sets):
        if len(np.unique(y)) < 2:
            continue
        some = np.random.default_rng(0).permutation(len(y))[: options.rows]
        X, codes = X[some], np.unique(y[some], return_inverse=True)[1]
        for row in measure(name, X, codes, options.seeds):
            tell(name, row)
            rows.append(row)
    facts = {**machine.describe("cleanlab"), "seeds": options.seeds, "rows at most": options.rows}
    save(options.output, facts, {"means": means_of(rows), "rows": rows}, ("means", "rows"))


def means_of(rows):
    """Over all sets and shares, for each kind of flips and for all."""
    table = []
    for kind in (*KINDS, None):
        those = [row for row in rows if kind in (None, row["flipped to"])]
        numbers = {
            column: round(float(np.mean([row[column] for row in those])), 4)
            for column in rows[0]
            if isinstance(rows[0][column], float) and column != "share"
        }
        table.append({"flipped to": kind or "either", **numbers})
    return table


if __name__ == "__main__":
    main()
