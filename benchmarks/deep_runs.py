"""What the benchmarks of training share: images, and runs that are done once."""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.cluster import KMeans

from benchmarks import machine
from benchmarks.labeled_sets import decoded
from benchmarks.tables import save, tell
from vmfmix.deep.data import Images
from vmfmix.deep.evaluate import embed, report
from vmfmix.deep.networks import resnet18, small_convnet
from vmfmix.deep.train import train
from vmfmix.metrics import clustering_report

NETWORKS = {"small": small_convnet, "resnet18": resnet18}
N_TEST = 5000
PIXELS = {"k-means' AMI": "AMI", "k-means' ACC": "ACC"}  # as columns of the means
SCORES = {"ACC": "accuracy", "AMI": "adjusted_mutual_info"}


def options_of(description, runs, results, **defaults):
    """The command line of a benchmark of training."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", default="fashion_mnist")
    parser.add_argument("--epochs", type=int, default=defaults["epochs"])
    parser.add_argument("--runs", nargs="*", choices=runs, default=list(runs))
    parser.add_argument("--seeds", nargs="*", type=int, default=defaults["seeds"])
    parser.add_argument("--n-train", type=int, default=defaults["n_train"])
    parser.add_argument("--network", choices=NETWORKS, default="small")
    parser.add_argument("--precision", default="bf16-mixed", help="as Lightning calls it")
    parser.add_argument(
        "--report-from", type=int, help="images that models of reports learn from; default: all"
    )
    parser.add_argument("--checkpoints", type=Path, help="folder; default: none are kept")
    parser.add_argument("--output", type=Path, default=results)
    options = parser.parse_args()
    if "VMFMIX_DATA" not in os.environ:
        parser.exit(message="VMFMIX_DATA names no folder of images; nothing was measured.\n")
    return options


def images_of(name, n_train):
    """Training and test part of a set of images."""
    path = Path(os.environ["VMFMIX_DATA"]) / f"{name}.npz"
    with np.load(path, allow_pickle=False) as stored:
        y = stored["y"]
        images = stored["images"] if "images" in stored else decoded(stored, range(len(y)))
    order = np.random.default_rng(0).permutation(len(y))
    test, rest = order[:N_TEST], order[N_TEST : N_TEST + n_train]
    return Images(images[rest], y[rest]), Images(images[test], y[test])


def trained(method, name, seed, parts, options, **config):
    """One training with its report, and its seconds without the report."""
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
            "benchmark": torch.cuda.is_available(),  # cuDNN looks for the fastest convolutions
        },
        epochs=options.epochs,
        seed=seed,
        **config,
    )
    seconds = time.perf_counter() - start
    known = Images(*(rows[: options.report_from] for rows in (parts[0].images, parts[0].labels)))
    learned, asked = (embed(result.method, part) for part in (known, parts[1]))
    result.report = report(learned, asked, result.model, seed)
    return result, seconds


def scores_of(report):
    """Columns of a table for the clusterings of a report."""
    row = {}
    for name, scores in report["clusterings"].items():
        row |= {f"{title} {name}": round(scores[key], 4) for title, key in SCORES.items()}
        row[f"clusters {name}"] = scores["n_clusters"]
    return row


def raw_pixels(parts, seeds, n_rows=None):
    """k-means on pixels of so many images, with the number of classes."""
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


def facts_of(parts, options, **more):
    """What stands above the tables."""
    return {
        **machine.describe("torch", "lightning", "kornia"),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        "data": options.data,
        "images to learn from": len(parts[0]),
        "models of the report learn from": options.report_from or len(parts[0]),
        "epochs": options.epochs,
        "network": options.network,
        "precision": options.precision,
        **more,
    }


def means_of(rows, columns):
    """Mean and standard deviation over the seeds of each run, as text."""
    table = []
    for run in dict.fromkeys(row["run"] for row in rows):
        of_run = [row for row in rows if row["run"] == run]
        line = {"run": run, "seeds": len(of_run)}
        for title, column in columns.items():
            values = [row[column] for row in of_run if column in row]
            digits = 3 if max(map(abs, values), default=0.0) <= 1.0 else 1
            line[title] = (
                f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}" if values else None
            )
        table.append(line)
    return table


def run_all(measure, parts, options, names, columns, **facts):
    """Measure each run and seed that is not in the file yet, and keep the file up to date.

    `measure` takes a name and a seed, and gives a row for each of the tables `names`; `columns` of
    the first table are shown as means.
    """
    facts = facts_of(parts, options, **{"test images": len(parts[1])}, **facts)
    tables: dict = {name: [] for name in names}
    if options.output.is_file():
        before = json.loads(options.output.read_text(encoding="utf-8"))
        other = [key for key, value in facts.items() if before.get(key) != value]
        if other:  # hours of work would be lost
            raise SystemExit(
                f"{options.output} was measured with other {', '.join(other)}; pass another "
                "--output."
            )
        tables = {name: before.get(name, []) for name in names}
    done = {(row["run"], row["seed"]) for row in tables[names[0]]}
    tables["pixels"] = raw_pixels(parts, options.seeds, options.report_from)
    for seed in options.seeds:
        for run in options.runs:
            if (run, seed) in done:
                continue
            for name, row in zip(names, measure(run, seed)):
                tables[name].append({"run": run, "seed": seed, **row})
            tell(run, tables[names[0]][-1])
            keep(options.output, facts, tables, names, columns)


def keep(path, facts, tables, names, columns):
    """Write the tables, and the means of the first."""
    means = means_of([{"run": "k-means on pixels", **row} for row in tables["pixels"]], PIXELS)
    means += means_of(tables[names[0]], columns)
    save(path, facts, {"means": means, **tables}, ("means", *tables))
