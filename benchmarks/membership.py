"""Do probabilities mean what they say? Calibration, random rows and false alarms.

``VMFMIX_DATA=folder python -m benchmarks.membership [--sets NAME ...] [--seeds N] [--output FILE]``

Each set is divided into random halves, and a mixture with the true number of classes is fitted to
one half. A row is *right* if its class is the most frequent one of its cluster.

``sets``
    For the rows of the fit: the expected calibration error of their probabilities (ECE [1]_, the
    mean difference between probability and share of right rows in 15 intervals), as posterior
    probabilities of the mixture, as `predict_proba` returns them, and after `calibrate`. For the
    other half: the share of rows that ``predict(X, false_alarm_rate=...)`` rejects. For rows of
    random directions: the greatest probability, and the share that is rejected.
``planted``
    The same on planted von Mises-Fisher mixtures with known components.
``factors``
    Other rules for the power: isotropy / (c − (c − 1) isotropy). For each set, the c that is best
    on the other sets is chosen; vmfmix uses c = 2.

Means are over sets whose classes are clusters: at least 85% of the rows have the class of most of
their ten nearest neighbors.

.. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger (2017). On calibration of modern neural networks.
   ICML, 1321-1330.
"""

import argparse
import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.labeled_sets import all_sets, encoder_of
from benchmarks.planted_sets import planted, planted_keys, planted_title
from benchmarks.tables import markdown, print_rows, write
from vmfmix import VMFMixture
from vmfmix.neighbors import nearest_neighbors

RESULTS = Path(__file__).parent / "results" / "membership.json"
VARIANTS = {"VMFMixture": {}, "VMFMixture, smoothed": {"smooth": True}}
FACTORS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
FALSE_ALARM_RATES = (0.01, 0.05)
N_BINS, N_NEIGHBORS, N_RANDOM_ROWS = 15, 10, 500
CLASSES_ARE_CLUSTERS = 0.85  # accuracy of the nearest neighbors
MAX_ROWS = 10_000


def calibration_error(probabilities, is_right):
    """Return the expected calibration error."""
    bins = np.minimum((probabilities * N_BINS).astype(int), N_BINS - 1)
    gaps = np.bincount(bins, probabilities - is_right, N_BINS)
    return float(np.abs(gaps).sum() / len(bins))


def is_of_majority(labels, y):
    """Return which rows have the most frequent class of their cluster."""
    counts = np.zeros((labels.max() + 1, y.max() + 1))
    np.add.at(counts, (labels, y), 1)
    return counts.argmax(axis=1)[labels] == y


def neighbor_accuracy(X, y):
    """Return the share of rows with the class of most of their nearest neighbors."""
    found = nearest_neighbors(X, N_NEIGHBORS).rows
    counts = np.zeros((len(X), y.max() + 1))
    for neighbor in found.T:
        counts[np.arange(len(X)), y[neighbor]] += 1
    return float((counts.argmax(axis=1) == y).mean())


def with_power(model, power):
    """Return the probabilities of the labels for another power of the joint densities."""
    engine, parameters = model
    return engine.assign(replace(parameters, power=power)).probabilities


def run(X, y, options, seed):
    """Fit to a half of the rows, and return what is measured."""
    order = np.random.default_rng(seed).permutation(len(X))
    half, others = (X[np.sort(part)] for part in np.split(order, [len(X) // 2]))
    y = y[np.sort(order[: len(X) // 2])]
    k = len(np.unique(y))
    model = VMFMixture(k, random_state=seed, **options).fit(half)
    is_right = is_of_majority(model.labels_, y)
    posterior = model.predict_proba(half, calibrated=False).max(axis=1)
    random_rows = np.random.default_rng(seed).standard_normal((N_RANDOM_ROWS, X.shape[1]))
    engine = model._engine_for_new_rows(half), model._parameters()
    power = model.probability_power_
    isotropy = 2.0 * power / (1.0 + power)
    result = {
        "right": float(is_right.mean()),
        "power": power,
        "probability": float(model.probabilities_.mean()),
        "ECE, posterior": calibration_error(posterior, is_right),
        "ECE": calibration_error(model.probabilities_, is_right),
        "random rows, posterior": float(
            np.median(model.predict_proba(random_rows, calibrated=False).max(axis=1))
        ),
        "random rows": float(np.median(model.predict_proba(random_rows).max(axis=1))),
        "random rows rejected": float(
            (model.predict(random_rows, false_alarm_rate=FALSE_ALARM_RATES[-1]) == -1).mean()
        ),
        "factors": [
            calibration_error(with_power(engine, isotropy / (c - (c - 1) * isotropy)), is_right)
            for c in FACTORS
        ],
    }
    for rate in FALSE_ALARM_RATES:
        rejected = model.predict(others, false_alarm_rate=rate) == -1
        result[f"false alarms at {rate}"] = float(rejected.mean())
    calibrated = model.calibrate(half)
    result["ECE, calibrate"] = calibration_error(calibrated.probabilities_, is_right)
    return result


def mean_of(runs):
    """Return the means of the runs with several seeds."""
    return {name: np.mean([each[name] for each in runs], axis=0) for name in runs[0]}


def chosen_on_others(errors):
    """Return the mean error on each set of the factor that is best on the other sets.

    Parameters
    ----------
    errors : ndarray of shape (n_sets, n_factors)

    Returns
    -------
    float
    """
    best = [np.delete(errors, i, axis=0).mean(axis=0).argmin() for i in range(len(errors))]
    return float(errors[np.arange(len(errors)), best].mean())


def summary_of(found, variant):
    """Return means over the sets whose classes are clusters."""
    good = [each for each in found.values() if each["10-NN"] >= CLASSES_ARE_CLUSTERS]
    titles = ["ECE, posterior", "ECE", "ECE, calibrate", "random rows"]
    titles += [f"false alarms at {rate}" for rate in FALSE_ALARM_RATES]
    means = {title: np.mean([each[title] for each in good]) for title in titles}
    errors = np.array([each["factors"] for each in good])
    return {
        "method": variant,
        "sets": len(good),
        **rounded(means),
        "largest ECE": round(float(max(each["ECE"] for each in good)), 3),
        "ECE of all sets": round(float(np.mean([each["ECE"] for each in found.values()])), 3),
        **{
            f"ECE with c = {c}": round(float(mean), 3)
            for c, mean in zip(FACTORS, errors.mean(axis=0))
        },
        "ECE with c chosen on the other sets": round(chosen_on_others(errors), 3)
        if len(errors) > 1
        else None,
    }


def page_table(results):
    """Return the table of docs/membership.md as Markdown."""
    titles = "ECE, posterior", "ECE", "ECE, calibrate", "random rows"
    means = {each["method"]: [each[title] for title in titles] for each in results["summary"]}
    means["VMFMixture, planted mixtures"] = [
        np.mean([each[title] for each in results["planted"]]) for title in titles
    ]
    return markdown(
        [
            {
                "ECE of": name,
                "posterior": f"{posterior:.3f}",
                "calibrated": f"{calibrated:.3f}",
                "after `calibrate`": f"{again:.3f}",
                "probability of random rows": f"{random_rows:.2f}",
            }
            for name, (posterior, calibrated, again, random_rows) in means.items()
        ]
    )


def rounded(values):
    """Return numbers with three decimals; lists are left out."""
    return {name: round(float(x), 3) for name, x in values.items() if np.ndim(x) == 0}


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", help="names of labeled sets; default: all available")
    parser.add_argument("--seeds", type=int, default=2, help="number; default: %(default)s")
    bundled = RESULTS.with_name("membership_bundled.json")  # without VMFMIX_DATA
    parser.add_argument(
        "--output",
        type=Path,
        default=RESULTS if "VMFMIX_DATA" in os.environ else bundled,
        help="default: %(default)s",
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # about classes that are too small for a half
    tables = {"summary": [], "sets": [], "planted": []}
    found = {variant: {} for variant in VARIANTS}
    for name, X, y in all_sets(options.sets):
        y = np.unique(y, return_inverse=True)[1]
        if len(X) > MAX_ROWS:
            sample = np.sort(np.random.default_rng(0).choice(len(X), MAX_ROWS, replace=False))
            X, y = X[sample], y[sample]
        accuracy = neighbor_accuracy(X, y)
        for variant, parameters in VARIANTS.items():
            runs = [run(X, y, parameters, seed) for seed in range(options.seeds)]
            found[variant][name] = {"10-NN": accuracy, **mean_of(runs)}
            about = {"set": name, "encoder": encoder_of(name), "method": variant}
            tables["sets"].append({**about, **rounded(found[variant][name])})
            print_rows("sets", tables["sets"][-1])
    for key in planted_keys():
        kind, imbalance, dim, k, n = key
        if kind == "anisotropic" or (options.sets and n > 2000):
            continue
        X, y = planted(kind, n, dim, k, imbalance, 0)
        title = planted_title(kind, imbalance, dim, k, n)
        tables["planted"].append({"set": title, **rounded(run(X, y, {}, 0))})
        print_rows("planted", tables["planted"][-1])
    tables["summary"] = [summary_of(found[variant], variant) for variant in VARIANTS]
    print_rows("summary", *tables["summary"])
    facts = machine.describe("scikit-learn", "numba")
    write(options.output, {**facts, "seeds": options.seeds, **tables})


if __name__ == "__main__":
    main()
