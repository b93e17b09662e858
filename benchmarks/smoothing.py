"""Parameters of `NeighborSmoother` compared, and how well the best ones hold on other sets.

``VMFMIX_DATA=folder python -m benchmarks.smoothing [--sets NAME ...] [--seeds N] [--output FILE]``

Each variant smooths the rows of each set that is not marked as hard, before a mixture with the true
number of classes is fitted. For each set, the variant with the greatest mean score on all other
sets is chosen, and its score on the set that was left out is what a choice by these sets can be
expected to give on new ones.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks import machine
from benchmarks.labeled_sets import HARD, all_sets, encoder_of
from vmfmix import NeighborSmoother, VMFMixture

RESULTS = Path(__file__).parent / "results" / "smoothing.json"
RESULTS_OF_BUNDLED_SETS = RESULTS.with_name("smoothing_bundled.json")  # without VMFMIX_DATA
DEFAULT = "default"
NOT_SMOOTHED = "not smoothed"
PARAMETERS = {
    NOT_SMOOTHED: None,
    DEFAULT: {},
    "restart=0.01": {"restart": 0.01},
    "restart=0.05": {"restart": 0.05},
    "restart=0.1": {"restart": 0.1},
    "n_neighbors=7": {"n_neighbors": 7},
    "n_neighbors=30": {"n_neighbors": 30},
    "center=False": {"center": False},
    "n_components=64": {"n_components": 64},
    "whiten=False": {"whiten": False},
    "whiten=False, restart=0.1": {"whiten": False, "restart": 0.1},
}


def scores_of(X, y, options, n_seeds):
    """Return the adjusted Rand index with each seed."""
    k = len(np.unique(y))
    rows = X if options is None else NeighborSmoother(**options).fit_transform(X)
    return [
        adjusted_rand_score(y, VMFMixture(k, random_state=seed).fit_predict(rows))
        for seed in range(n_seeds)
    ]


def left_out(scores):
    """Return for each set the variant that is best on the others, and its score on this set.

    Parameters
    ----------
    scores : dict of dict
        {set: {variant: score}}.

    Returns
    -------
    dict of tuple
        {set: (variant, score)}
    """
    choices = {}
    for name, own in scores.items():
        others = [each for other, each in scores.items() if other != name] or [own]
        best = max(own, key=lambda variant: np.mean([each[variant] for each in others]))
        choices[name] = best, own[best]
    return choices


def tables(scores):
    """Return the tables of the results file."""
    choices = left_out(scores)
    means = {name: float(np.mean([each[name] for each in scores.values()])) for name in PARAMETERS}
    chosen = float(np.mean([score for _, score in choices.values()]))
    return {
        "parameters": [{"parameters": name, "ARI": round(mean, 3)} for name, mean in means.items()]
        + [{"parameters": "chosen on the other sets", "ARI": round(chosen, 3)}],
        "sets": [
            {
                "set": name,
                "encoder": encoder_of(name),
                "ARI, not smoothed": round(own[NOT_SMOOTHED], 3),
                "ARI, smoothed": round(own[DEFAULT], 3),
                "difference": round(own[DEFAULT] - own[NOT_SMOOTHED], 3),
                "chosen on the other sets": choices[name][0],
                "ARI, chosen": round(choices[name][1], 3),
            }
            for name, own in scores.items()
        ],
    }


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
    scores = {}
    for name, X, y in all_sets(options.sets):
        if name in HARD:
            continue
        scores[name] = {
            variant: float(np.mean(scores_of(X, y, values, options.seeds)))
            for variant, values in PARAMETERS.items()
        }
        cells = ", ".join(f"{variant} {score:.3f}" for variant, score in scores[name].items())
        print(f"{name:22} {cells}", flush=True)
    results = {
        **machine.describe("scikit-learn", "numba"),
        "seeds": options.seeds,
        **tables(scores),
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    options.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
