"""Shared by the benchmarks of training: command line, images, and trainings run once per seed."""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.cluster import KMeans

from benchmarks import machine
from benchmarks.labeled_sets import decode_jpegs
from benchmarks.tables import print_rows, save
from vmfmix.deep.data import Images
from vmfmix.deep.evaluate import embed, report
from vmfmix.deep.networks import resnet18, small_convnet
from vmfmix.deep.train import train
from vmfmix.metrics import clustering_report

NETWORKS = {"small": small_convnet, "resnet18": resnet18}
N_TEST = 5000
PIXEL_COLUMNS = {"AMI k-means": "AMI", "ACC k-means": "ACC"}  # titles in the table of means
SCORES = {"ACC": "accuracy", "AMI": "adjusted_mutual_info"}


def parse_options(description, runs, results, **defaults):
    """Parse the command line of a benchmark of training."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--data", default="fashion_mnist", help="name of an .npz file in the folder VMFMIX_DATA"
    )
    parser.add_argument(
        "--epochs", type=int, default=defaults["epochs"], help="default: %(default)s"
    )
    parser.add_argument(
        "--runs",
        nargs="*",
        choices=runs,
        default=list(runs),
        metavar="RUN",
        help=f"any of {', '.join(map(repr, runs))}; default: all",
    )
    parser.add_argument(
        "--seeds",
        nargs="*",
        type=int,
        default=defaults["seeds"],
        help="seeds of each run; default: %(default)s",
    )
    parser.add_argument(
        "--n-train",
        type=int,
        default=defaults["n_train"],
        help="number of training images; default: %(default)s",
    )
    parser.add_argument(
        "--network", choices=NETWORKS, default="small", help="encoder; default: %(default)s"
    )
    parser.add_argument(
        "--precision", default="bf16-mixed", help="as named by Lightning; default: %(default)s"
    )
    parser.add_argument(
        "--report-from",
        type=int,
        help="number of training images that the evaluation models are fitted to; default: all",
    )
    parser.add_argument(
        "--checkpoints", type=Path, help="folder for checkpoints; default: none are written"
    )
    parser.add_argument("--output", type=Path, default=results, help="default: %(default)s")
    options = parser.parse_args()
    if "VMFMIX_DATA" not in os.environ:
        parser.exit(
            message="Nothing was measured: set the environment variable VMFMIX_DATA to a folder "
            "with images.\n"
        )
    return options


def load_images(name, n_train):
    """Return the training part and the test part of a set of images."""
    path = Path(os.environ["VMFMIX_DATA"]) / f"{name}.npz"
    with np.load(path, allow_pickle=False) as stored:
        y = stored["y"]
        images = stored["images"] if "images" in stored else decode_jpegs(stored, range(len(y)))
    order = np.random.default_rng(0).permutation(len(y))
    test, rest = order[:N_TEST], order[N_TEST : N_TEST + n_train]
    return Images(images[rest], y[rest]), Images(images[test], y[test])


def train_and_evaluate(method, name, seed, parts, options, **config):
    """Return the result of one training with its evaluation, and the seconds of the training."""
    torch.manual_seed(seed)
    n_channels = parts[0].images.shape[1]
    folder = options.checkpoints and options.checkpoints / f"{name}-{seed}".replace(" ", "_")
    start = time.perf_counter()
    result = train(
        method,
        parts[0],
        encoder=NETWORKS[options.network](n_channels),
        out=folder,
        trainer={
            "enable_progress_bar": False,
            "precision": options.precision,
            "benchmark": torch.cuda.is_available(),  # lets cuDNN pick the fastest convolutions
        },
        epochs=options.epochs,
        seed=seed,
        **config,
    )
    seconds = time.perf_counter() - start
    fitted_to = Images(
        *(rows[: options.report_from] for rows in (parts[0].images, parts[0].labels))
    )
    train_part, test_part = (embed(result.method, part) for part in (fitted_to, parts[1]))
    result.report = report(train_part, test_part, result.model, seed)
    return result, seconds


def score_columns(report):
    """Return the table columns with the scores of all clusterings of an evaluation."""
    row = {}
    for name, scores in report["clusterings"].items():
        row |= {f"{title} {name}": round(scores[key], 4) for title, key in SCORES.items()}
        row[f"clusters {name}"] = scores["n_clusters"]
    return row


def kmeans_on_pixels(parts, seeds, n_rows=None):
    """Return the scores of k-means with the true K, fitted to the pixels of `n_rows` images."""
    rows = [part.images[:n].flatten(1).numpy() / 255.0 for part, n in zip(parts, (n_rows, None))]
    truth = parts[1].labels.numpy()
    table = []
    for seed in seeds:
        fitted = KMeans(len(np.unique(truth)), n_init=10, random_state=seed).fit(rows[0])
        report = clustering_report(truth, fitted.predict(rows[1]))
        table.append(
            {"seed": seed, **{title: round(report[key], 4) for title, key in SCORES.items()}}
        )
    return table


def describe_training(parts, options, **more):
    """Return the facts shown above the tables: machine, data, and config of the trainings."""
    return {
        **machine.describe("torch", "lightning", "kornia"),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        "data": options.data,
        "training images": len(parts[0]),
        "training images used for evaluation": options.report_from or len(parts[0]),
        "epochs": options.epochs,
        "network": options.network,
        "precision": options.precision,
        **more,
    }


def means_over_seeds(rows, columns):
    """Return the mean and standard deviation over the seeds of each run, as text."""
    table = []
    for run in dict.fromkeys(row["run"] for row in rows):
        rows_of_run = [row for row in rows if row["run"] == run]
        line = {"run": run, "seeds": len(rows_of_run)}
        for title, column in columns.items():
            values = [row[column] for row in rows_of_run if column in row]
            digits = 3 if max(map(abs, values), default=0.0) <= 1.0 else 1
            line[title] = (
                f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}" if values else None
            )
        table.append(line)
    return table


def run_all(measure, parts, options, names, columns, **facts):
    """Measure every run and seed missing from the results file, saving after each of them.

    Parameters
    ----------
    measure : callable
        (run, seed) to one row for each of the tables `names`.
    parts : pair of Images
        Training part and test part.
    options : argparse.Namespace
        From `parse_options`.
    names : tuple of str
        Names of the tables.
    columns : dict
        {title: column of the first table} for the table of means over the seeds.
    **facts
        More facts to show above the tables.
    """
    facts = describe_training(parts, options, **{"test images": len(parts[1])}, **facts)
    tables: dict = {name: [] for name in names}
    if options.output.is_file():
        before = json.loads(options.output.read_text(encoding="utf-8"))
        changed = [key for key, value in facts.items() if before.get(key) != value]
        if changed:  # overwriting the file would lose hours of work
            raise SystemExit(
                f"{options.output} holds results measured with a different {', '.join(changed)}; "
                "choose another file with --output."
            )
        tables = {name: before.get(name, []) for name in names}
    done = {(row["run"], row["seed"]) for row in tables[names[0]]}
    tables["pixels"] = kmeans_on_pixels(parts, options.seeds, options.report_from)
    for seed in options.seeds:
        for run in options.runs:
            if (run, seed) in done:
                continue
            for name, row in zip(names, measure(run, seed)):
                tables[name].append({"run": run, "seed": seed, **row})
            print_rows(run, tables[names[0]][-1])
            save_with_means(options.output, facts, tables, names, columns)


def save_with_means(path, facts, tables, names, columns):
    """Write the tables, and the means over the seeds of the first."""
    pixels = [{"run": "k-means on pixels", **row} for row in tables["pixels"]]
    means = means_over_seeds(pixels, PIXEL_COLUMNS)
    means += means_over_seeds(tables[names[0]], columns)
    save(path, facts, {"means": means, **tables}, ("means", *tables))
