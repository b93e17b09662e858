"""Training on rows compared with the rows themselves, and with smoothed rows.

``VMFMIX_DATA=folder python -m benchmarks.deep_rows [--sets NAME ...] [--runs RUN ...]
[--seeds 0 1 ...] [--rows N] [--output FILE]``

Each run trains on the rows of each set that is not marked as hard, without labels. Scores are those
of a `VMFMixture` with the true number of classes on raw rows, smoothed rows, the trained
embeddings, and the smoothed embeddings. With ``--rows``, a random sample of each larger set is
used, the same for all runs and seeds. Each (set, run, seed) is one line of the output, and lines
that are there already are not repeated.

A process uses one thread; start several with different sets and outputs to use more. A run is
``name`` of `RUNS`, or ``method:parameter=value:…`` with any parameters of the config, such as
``simclr:share=0.3:concentration=10:n_components=true``, where "true" is the number of classes.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import yaml
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from threadpoolctl import threadpool_limits

from benchmarks.labeled_sets import HARD, all_sets
from benchmarks.runs import append, append_machine, read_records
from vmfmix import VMFMixture
from vmfmix.deep.console import quiet_lightning
from vmfmix.deep.train import train

OUTPUT = Path(__file__).parent / "results" / "deep_rows_runs.jsonl"
RAW = "raw"  # no training
BATCH = 256  # rows, or all of a smaller set
TRUE = "true"  # the number of classes
PULL = {"n_components": TRUE, "share": 1.0, "concentration": 20.0, "refits": 10}
RUNS = {
    RAW: None,
    "NT-Xent, one step": ("simclr", {"walk": 1.0}),
    "NT-Xent": ("simclr", {}),
    "NT-Xent, drawn to clusters": ("simclr", PULL),
    "BYOL": ("byol", {}),
    "SiamMM, true K": ("siammm", {"n_components": TRUE}),
    "SiamMM, merging": ("siammm", {}),
    "MIX'EM": ("mixem", {"n_components": TRUE}),
    "MIX'EM, no component entropy": ("mixem", {"n_components": TRUE, "component_weight": 0.0}),
    "MIX'EM, no conditional entropy": ("mixem", {"n_components": TRUE, "conditional_weight": 0.0}),
    "MIX'EM, no pull and push": (
        "mixem",
        {"n_components": TRUE, "pull_weight": 0.0, "push_weight": 0.0},
    ),
}
SCORES = {"ARI": adjusted_rand_score, "NMI": normalized_mutual_info_score}


def parse_run(text):
    """Return the method and the config of a run, or None if it does not train."""
    if text in RUNS:
        return RUNS[text]
    method, *parts = text.split(":")
    return method, dict((name, yaml.safe_load(value)) for name, value in pairs(parts))


def pairs(parts):
    """Iterate over (name, value) of texts such as "share=0.3"."""
    for part in parts:
        name, separator, value = part.partition("=")
        if not separator:
            raise argparse.ArgumentTypeError(f"'{part}' is not of the form parameter=value")
        yield name, value


def scores_of(X, y, seed):
    """Return the scores at the true number of classes, of rows as they are and smoothed."""
    k = len(np.unique(y))
    scores = {}
    for suffix, smooth in {"": False, ", smoothed": True}.items():
        labels = VMFMixture(k, smooth=smooth, random_state=seed).fit_predict(X)
        scores |= {f"{name}{suffix}": round(score(y, labels), 4) for name, score in SCORES.items()}
    return scores


def measure(X, y, run, seed):
    """Return the scores of one run with one seed."""
    if run is None:
        return scores_of(X, y, seed)
    method, config = run
    n_classes = len(np.unique(y))
    config = {"batch_size": min(BATCH, len(X)), **config}
    for name in ("n_components", "n_clusters"):
        if config.get(name) in (TRUE, True):  # YAML reads "true" as a bool
            config[name] = n_classes
    start = time.perf_counter()
    with quiet_lightning(), threadpool_limits(1):
        trainer = {"enable_progress_bar": False, "accelerator": "cpu"}
        result = train(method, X, seed=seed, trainer=trainer, **config)
    seconds = time.perf_counter() - start
    last = result.history[-1]
    return {
        **scores_of(result.embeddings, y, seed),
        "ARI of the training": round(adjusted_rand_score(y, result.model.labels_), 4),
        "clusters": result.model.n_components_,
        "spread": round(last["spread"], 3),
        "effective rank": round(last["effective_rank"], 1),
        "seconds": round(seconds, 1),
    }


def print_means(records):
    """Print the mean scores of each run over the sets on which all runs were measured."""
    groups = {}
    for each in records:
        groups.setdefault(each["run"], {}).setdefault(each["set"], []).append(each)
    common = set.intersection(*(set(sets) for sets in groups.values())) if groups else set()
    print(f"Means over {len(common)} sets: {', '.join(sorted(common))}")
    titles = [f"{name}{suffix}" for suffix in ("", ", smoothed") for name in SCORES]
    for run, sets in groups.items():
        means = {
            title: np.mean([np.mean([each[title] for each in sets[name]]) for name in common])
            for title in titles
            if common
        }
        print(f"{run:32} " + "  ".join(f"{title} {value:.3f}" for title, value in means.items()))


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", help="names of labeled sets; default: all available")
    parser.add_argument(
        "--runs", nargs="*", default=list(RUNS), help="see above; default: all named ones"
    )
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1], help="default: 0 1")
    parser.add_argument("--rows", type=int, help="largest number of rows of a set; default: all")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="default: %(default)s")
    parser.add_argument("--summary", action="store_true", help="only print the means")
    options = parser.parse_args()
    torch.set_num_threads(1)
    runs = {name: parse_run(name) for name in options.runs}
    records = read_records(options.output)
    keys = "set", "run", "seed", "rows"
    done = {tuple(each.get(key) for key in keys) for each in records}
    if not options.summary:
        append_machine(options.output)
        for name, X, y in all_sets(options.sets):
            if name in HARD and not options.sets:
                continue
            if options.rows is not None and len(X) > options.rows:
                sample = np.random.default_rng(0).choice(len(X), options.rows, replace=False)
                X, y = X[np.sort(sample)], y[np.sort(sample)]
            for seed in options.seeds:
                for run, config in runs.items():
                    record = {"set": name, "run": run, "seed": seed, "rows": len(X)}
                    if tuple(record.values()) in done:
                        continue
                    record |= measure(X, y, config, seed)
                    append(options.output, record)
                    print(record, flush=True)
    print_means([each for each in read_records(options.output) if "run" in each])


if __name__ == "__main__":
    main()
