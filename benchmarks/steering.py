"""Known labels of a few rows: VMFMixture compared with semi-supervised methods.

``VMFMIX_DATA=folder python -m benchmarks.steering [--sets NAME ...] [--seeds N] [--output FILE]``

In each set of text embeddings, 5 % of the rows of each class get a known label, at least one, drawn
at random for each seed. Scores are accuracies on all other rows. All methods get the same unit rows
and labels:

* VMFMixture with ``known_labels``, also with ``smooth=True``;
* LabelSpreading of scikit-learn with its two kernels and default parameters; "rbf" needs several
  arrays of all pairs of rows and is left out for sets with more than ``--rbf-rows`` rows;
* constrained k-means, in which rows with known labels keep them, and seeded k-means, in which they
  only give the first means [1]_;
* the nearest class mean, which uses no unlabeled row.

Means over sets leave out those that are marked as hard.

.. [1] S. Basu, A. Banerjee, R. Mooney (2002). Semi-supervised clustering by seeding. ICML.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.semi_supervised import LabelSpreading

from benchmarks import machine
from benchmarks.labeled_sets import SETS_OF_ENCODERS, all_sets, encoder_of, split_by_encoder
from benchmarks.tables import write
from vmfmix import VMFMixture

RESULTS = Path(__file__).parent / "results" / "steering.json"
RESULTS_OF_BUNDLED_SETS = RESULTS.with_name("steering_bundled.json")  # without VMFMIX_DATA
TEXT_ENCODERS = ("MiniLM", "mpnet", "e5")
SHARE = 0.05
_MAX_ITERATIONS = 300


def draw_known(y, rng, share=SHARE):
    """Return known labels: a share of the rows of each class, at least one; -1 for the others."""
    known = np.full(len(y), -1)
    for label in range(y.max() + 1):
        rows = np.flatnonzero(y == label)
        drawn = rng.choice(rows, max(round(share * len(rows)), 1), replace=False)
        known[drawn] = label
    return known


def class_means(X, labels):
    """Return the mean of the rows with each label, from 0; other rows have the label -1."""
    return np.stack([X[labels == label].mean(axis=0) for label in range(labels.max() + 1)])


def nearest(X, means):
    """Return the number of the nearest mean of each row, by Euclidean distance."""
    return (np.square(means).sum(axis=1) - 2.0 * X @ means.T).argmin(axis=1)


def kmeans(X, known, is_constrained):
    """Return the labels of constrained or seeded k-means of Basu, Banerjee and Mooney."""
    means, labels = class_means(X, known), known
    for _ in range(_MAX_ITERATIONS):
        new = nearest(X, means)
        if is_constrained:
            new = np.where(known >= 0, known, new)
        if (new == labels).all():
            break
        labels = new
        occupied = np.unique(labels)
        means[occupied] = [X[labels == label].mean(axis=0) for label in occupied]
    return labels


def fit_predict(X, known, **options):
    """Return the labels of VMFMixture."""
    model = VMFMixture(int(known.max()) + 1, random_state=0, **options)
    return model.fit_predict(X, known_labels=known)


def spread(X, known, kernel):
    """Return the labels of LabelSpreading with its default parameters."""
    return LabelSpreading(kernel=kernel).fit(X, known).transduction_


RBF = "LabelSpreading, rbf"
METHODS = {
    "VMFMixture": fit_predict,
    "VMFMixture, smooth=True": lambda X, known: fit_predict(X, known, smooth=True),
    "LabelSpreading, knn": lambda X, known: spread(X, known, "knn"),
    RBF: lambda X, known: spread(X, known, "rbf"),
    "constrained k-means": lambda X, known: kmeans(X, known, is_constrained=True),
    "seeded k-means": lambda X, known: kmeans(X, known, is_constrained=False),
    "nearest class mean": lambda X, known: nearest(X, class_means(X, known)),
}


def run_set(X, y, n_seeds, rbf_rows):
    """Return the mean accuracy and the mean time of each method that is not left out."""
    y = np.unique(y, return_inverse=True)[1]
    accuracies, seconds = {}, {}
    for seed in range(n_seeds):
        known = draw_known(y, np.random.default_rng(seed))
        is_other = known < 0
        for name, method in METHODS.items():
            if name == RBF and len(y) > rbf_rows:
                continue
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                labels = method(X, known)
            seconds.setdefault(name, []).append(time.perf_counter() - start)
            accuracy = np.mean(labels[is_other] == y[is_other])
            accuracies.setdefault(name, []).append(float(accuracy))
    return {
        "accuracy": {name: float(np.mean(values)) for name, values in accuracies.items()},
        "seconds": {name: float(np.median(values)) for name, values in seconds.items()},
    }


def mean_scores(sets):
    """Return the mean accuracy of each method that has one on all of these sets."""
    return {
        name: round(float(np.mean([each["accuracy"][name] for each in sets])), 3)
        for name in METHODS
        if all(name in each["accuracy"] for each in sets)
    }


def tables(sets):
    """Return the tables of the results file, from {set: result of `run_set`}."""
    by_encoder = split_by_encoder(sets)
    groups = {name: list(each.values()) for name, each in by_encoder.items()}
    groups["all"] = [each for group in groups.values() for each in group]
    groups["all with rbf"] = [each for each in groups["all"] if RBF in each["accuracy"]]
    return {
        "means": [
            {"encoder": name, "sets": len(each), **mean_scores(each)}
            for name, each in groups.items()
            if each
        ],
        "sets": [
            {
                "set": name,
                "encoder": encoder_of(name),
                **{key: round(value, 3) for key, value in each["accuracy"].items()},
            }
            for name, each in sets.items()
        ],
        "seconds": [
            {"set": name, **{key: round(value, 2) for key, value in each["seconds"].items()}}
            for name, each in sets.items()
        ],
    }


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", help="names of labeled sets; default: those of text")
    parser.add_argument("--seeds", type=int, default=3, help="number; default: %(default)s")
    parser.add_argument(
        "--rbf-rows",
        type=int,
        default=6_000,
        help="most rows for LabelSpreading with the kernel rbf; default: %(default)s",
    )
    has_folder = "VMFMIX_DATA" in os.environ
    parser.add_argument(
        "--output",
        type=Path,
        default=RESULTS if has_folder else RESULTS_OF_BUNDLED_SETS,
        help="default: %(default)s",
    )
    options = parser.parse_args()
    text_names = [name for encoder in TEXT_ENCODERS for name in SETS_OF_ENCODERS[encoder]]
    sets = {}
    for name, X, y in all_sets(options.sets or text_names):
        sets[name] = run_set(X, y, options.seeds, options.rbf_rows)
        scores = sets[name]["accuracy"].items()
        print(f"{name:22}", ", ".join(f"{key} {value:.3f}" for key, value in scores), flush=True)
        about = {"seeds": options.seeds, "share": SHARE, "rbf_rows": options.rbf_rows}
        facts = machine.describe("scikit-learn", "numba")
        write(options.output, {**facts, **about, **tables(sets)})


if __name__ == "__main__":
    main()
