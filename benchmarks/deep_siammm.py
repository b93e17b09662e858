"""SiamMM beside the same training without clusters, and beside losses with negative samples.

``VMFMIX_DATA=folder python -m benchmarks.deep_siammm [--data fashion_mnist] [--epochs N]
[--runs NAME ...] [--seeds 0 1 2] [--n-train N] [--network small resnet18] [--output FILE]``

All runs share encoder, views, epochs and batches. They learn from the training part; scores are
those of the test part, where k-means and VMFMixture were fitted to embeddings of the training part.
Labels are used for scores alone. A run that was finished before is not repeated, and one that was
broken off goes on from its last checkpoint in the folder given as ``--checkpoints``.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks import machine
from benchmarks.tables import save, tell
from vmfmix.deep.data import Images
from vmfmix.deep.evaluate import clustering, embed, knn, linear_probe
from vmfmix.deep.networks import resnet18, small_convnet
from vmfmix.deep.train import train
from vmfmix.deep.views import Views

RESULTS = Path(__file__).parent / "results" / "deep_siammm.json"
NETWORKS = {"small": small_convnet, "resnet18": resnet18}
N_TEST = 5000
RUNS = {
    "no clusters": {"share": 0.0},
    "SiamMM, from 30": {"n_components_init": 30},
    "SiamMM, from 100": {"n_components_init": 100},
    "SiamMM, from 300": {"n_components_init": 300},
    "SiamMM, true number": {"n_components": "true"},
    "SiamMM, three times the number": {"n_components": "triple"},
    "NCE-1, memory": {"objective": "nce1-memory"},
    "NCE-1, batch": {"objective": "nce1-batch"},
    "NCE-2": {"objective": "nce2"},
}
SCORES = {"ACC": "accuracy", "AMI": "adjusted_mutual_info"}


def images_of(name, n_train):
    """Training and test part of a set of images."""
    path = Path(os.environ["VMFMIX_DATA"]) / f"{name}.npz"
    with np.load(path) as stored:
        images, y = stored["images"], stored["y"]
    order = np.random.default_rng(0).permutation(len(y))
    test, rest = order[:N_TEST], order[N_TEST : N_TEST + n_train]
    return Images(images[rest], y[rest]), Images(images[test], y[test])


def run(name, seed, parts, options):
    """One training and its scores."""
    training, test = parts
    n_classes = len(test.labels.unique())
    config = dict(RUNS[name])
    number = {"true": n_classes, "triple": 3 * n_classes}.get(config.get("n_components"))
    if number:
        config["n_components"] = number
    torch.manual_seed(seed)
    n_channels, size = training.images.shape[1:3]
    folder = options.checkpoints and options.checkpoints / f"{name}-{seed}".replace(" ", "_")
    start = time.perf_counter()
    result = train(
        "siammm",
        training,
        encoder=NETWORKS[options.network](n_channels),
        views=Views(size, n_channels),
        out=folder,
        trainer={"enable_progress_bar": False, "precision": options.precision},
        epochs=options.epochs,
        seed=seed,
        **config,
    )
    seconds = time.perf_counter() - start
    learned = [embed(result.method, part) for part in parts]
    scores = clustering(*learned, n_classes, result.model, seed)
    last = result.history[-1]
    refits = [row["refit_seconds"] / row["epoch_seconds"] for row in result.history]
    row = {
        "run": name,
        "seed": seed,
        "kNN": round(knn(*learned), 4),
        "linear": round(linear_probe(*learned), 4),
        "clusters": last.get("n_components", 0),
        "seconds": round(seconds, 1),
        "mixture's share of an epoch": round(last["mixture_seconds"] / last["epoch_seconds"], 3),
        "refit's share of its epoch": round(max(refits), 3),
        "spread": round(last["spread"], 3),
    }
    for method, report in scores.items():
        row |= {f"{title} {method}": round(report[key], 4) for title, key in SCORES.items()}
        row[f"clusters {method}"] = report["n_clusters"]
    numbers = [row.get("n_components", 0) for row in result.history]
    return row, {"run": name, "seed": seed, "clusters in each epoch": numbers}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="fashion_mnist")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--runs", nargs="*", choices=RUNS, default=list(RUNS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--n-train", type=int, default=20_000)
    parser.add_argument("--network", choices=NETWORKS, default="small")
    parser.add_argument("--precision", default="32-true", help="as Lightning calls it")
    parser.add_argument("--checkpoints", type=Path, help="folder; default: none are kept")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    if "VMFMIX_DATA" not in os.environ:
        print("VMFMIX_DATA names no folder of images; nothing was measured.")
        return
    parts = images_of(options.data, options.n_train)
    facts = {
        **machine.describe("torch", "lightning", "kornia"),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        "data": options.data,
        "images to learn from": len(parts[0]),
        "epochs": options.epochs,
        "network": options.network,
    }
    tables: dict = {"runs": [], "numbers": []}
    if options.output.is_file():
        before = json.loads(options.output.read_text(encoding="utf-8"))
        if all(before.get(key) == value for key, value in facts.items()):
            tables = {name: before.get(name, []) for name in tables}
    done = {(row["run"], row["seed"]) for row in tables["runs"]}
    for seed in options.seeds:
        for name in options.runs:
            if (name, seed) in done:
                continue
            for table, row in zip(tables.values(), run(name, seed, parts, options)):
                table.append(row)
            tell(name, tables["runs"][-1])
            save(options.output, facts, tables, tuple(tables))


if __name__ == "__main__":
    main()
