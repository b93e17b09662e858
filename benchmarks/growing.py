"""Updates of a fitted mixture with new rows among which are two new topics.

``VMFMIX_DATA=folder python -m benchmarks.growing [--sets NAME ...] [--seeds N] [--output FILE]``

Two random classes of at least 20 rows are held out from each text set with at least six classes
that is not marked as hard. The new rows are a fifth of all rows: rows of the held-out classes, at
most half of the new rows, and random other rows. A mixture is fitted to the remaining rows, with
the true number of classes and with "auto", and updated with the new rows. A new topic is found if
it is the majority of the new rows of some new cluster, which holds more than half of the topic's
new rows. A new fit to all rows, in which any cluster may be that of the topic, shows how many can
be found at all.

The search of `update` was designed with seeds 0 and 1, so that the benchmark starts at seed 2.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks import machine
from benchmarks.labeled_sets import HARD, text_sets
from benchmarks.tables import print_rows, write
from vmfmix import VMFMixture

RESULTS = Path(__file__).parent / "results" / "growing.json"
RESULTS_OF_BUNDLED_SETS = RESULTS.with_name("growing_bundled.json")  # without VMFMIX_DATA
NEW_SHARE = 0.2
N_TOPICS = 2
MIN_CLASSES, MIN_ROWS = 6, 20
FIRST_SEED = 2


def divided(y, seed):
    """Return the positions of the rows of the fit, those of the update, and the new topics."""
    rng = np.random.default_rng(seed)
    classes, sizes = np.unique(y, return_counts=True)
    topics = rng.choice(classes[sizes >= MIN_ROWS], N_TOPICS, replace=False)
    n_new = int(NEW_SHARE * len(y))
    is_new = np.isin(y, topics)
    of_topics = rng.permutation(np.flatnonzero(is_new))[: n_new // 2]
    others = rng.permutation(np.flatnonzero(~is_new))
    n_others = n_new - len(of_topics)
    return others[n_others:], np.concatenate([others[:n_others], of_topics]), topics


def is_found(topic, y, labels, n_before):
    """Return whether a new cluster holds most rows of a topic, and mostly rows of it."""
    own = np.bincount(labels[y == topic], minlength=labels.max() + 1)
    cluster = own.argmax()
    return bool(
        cluster >= n_before
        and own[cluster] > 0.5 * (y == topic).sum()
        and own[cluster] > 0.5 * (labels == cluster).sum()
    )


def run(X, y, number, seed):
    """Return the results of one update.

    Parameters
    ----------
    X, y : ndarray
    number : {"K given", "auto"}
    seed : int

    Returns
    -------
    dict
    """
    earlier, new, topics = divided(y, seed)
    n_classes = len(np.unique(y)) - N_TOPICS
    model = VMFMixture(n_classes if number == "K given" else "auto", random_state=seed)
    with warnings.catch_warnings(action="ignore"):
        before = model.fit(X[earlier]).labels_
        n_before = model.n_components_
        start = time.perf_counter()
        model.update(X[new])
        seconds = time.perf_counter() - start
        again = VMFMixture(
            n_classes + N_TOPICS if number == "K given" else "auto", random_state=seed
        ).fit(X[np.concatenate([earlier, new])])
    after, labels = model.predict(X[earlier]), model.labels_
    classes = y[np.concatenate([earlier, new])]
    return {
        "kept": float((after == before).mean()),
        "found": sum(is_found(topic, y[new], labels, n_before) for topic in topics),
        "found again": sum(
            is_found(topic, y[new], again.labels_[len(earlier) :], 0) for topic in topics
        ),
        "before": n_before,
        "added": model.n_components_ - n_before,
        "ARI": float(adjusted_rand_score(classes, np.concatenate([after, labels]))),
        "ARI of a new fit": float(adjusted_rand_score(classes, again.labels_)),
        "seconds": seconds,
    }


def table(results):
    """Return one row for each set and way of choosing the number of clusters."""
    rows = []
    for (name, number), runs in results.items():
        mean = {key: np.mean([each[key] for each in runs]) for key in runs[0]}
        rows.append(
            {
                "set": name,
                "clusters": number,
                "rows that keep their number": round(min(each["kept"] for each in runs), 3),
                "new topics found": f"{sum(each['found'] for each in runs)} of {2 * len(runs)}",
                "by a new fit": f"{sum(each['found again'] for each in runs)} of {2 * len(runs)}",
                "clusters before": round(mean["before"], 1),
                "clusters added": round(mean["added"], 1),
                "ARI, updated": round(mean["ARI"], 3),
                "ARI, fitted again": round(mean["ARI of a new fit"], 3),
                "seconds": round(mean["seconds"], 1),
            }
        )
    return rows


def summary(results):
    """Return sums and means over the sets, for each way of choosing the number of clusters."""
    rows = []
    for number in ("K given", "auto"):
        runs = [each for (_, used), each in results.items() if used == number]
        flat = [each for part in runs for each in part]
        kept = [min(each["kept"] for each in part) for part in runs]
        rows.append(
            {
                "clusters": number,
                "sets": len(runs),
                "rows that keep their number": round(float(np.mean(kept)), 3),
                "sets with at least 98%": sum(share >= 0.98 for share in kept),
                "new topics": N_TOPICS * len(flat),
                "found": sum(each["found"] for each in flat),
                "by a new fit": sum(each["found again"] for each in flat),
            }
        )
    return rows


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", help="names of labeled sets; default: all available")
    parser.add_argument("--seeds", type=int, default=2, help="number; default: %(default)s")
    has_folder = "VMFMIX_DATA" in os.environ
    parser.add_argument(
        "--output",
        type=Path,
        default=RESULTS if has_folder else RESULTS_OF_BUNDLED_SETS,
        help="default: %(default)s",
    )
    options = parser.parse_args()
    results = {}
    for name, X, y in text_sets(options.sets):
        sizes = np.unique(y, return_counts=True)[1]
        if name in HARD or len(sizes) < MIN_CLASSES or (sizes >= MIN_ROWS).sum() < N_TOPICS:
            continue
        seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
        for number in ("K given", "auto"):
            results[name, number] = [run(X, y, number, seed) for seed in seeds]
            print_rows("sets", *table({(name, number): results[name, number]}))
        facts = machine.describe("scikit-learn", "numba")
        tables = {"summary": summary(results), "sets": table(results)}
        write(options.output, {**facts, "seeds": options.seeds, **tables})


if __name__ == "__main__":
    main()
