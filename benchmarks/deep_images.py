"""Trainings on CIFAR-10 that two CPU cores can do: SimCLR, BYOL, SiamMM and MIX'EM.

``VMFMIX_DATA=folder python -m benchmarks.deep_images [--runs NAME ...] [--seeds 0 1 ...]
[--epochs N] [--more-epochs N] [--train-images N] [--folder FOLDER] [--output FILE]``

All runs share the encoder, a narrow residual network, and the views. Those of `RUNS` without a
start are trained for ``--epochs``; the others continue for ``--more-epochs`` from the encoder of
the run that they start from, with the same seed. Each is scored on 5,000 test images; labels are
used for scoring only. A training that was interrupted is resumed from its checkpoint in the folder,
and a run that is in the output already is not repeated. A process uses one thread. The results
file, ``deep_images.json``, has the means over the seeds.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from benchmarks.deep_runs import kmeans_on_pixels, load_images
from benchmarks.runs import append, append_machine, read_machines, read_records, runs_path
from benchmarks.tables import write
from vmfmix.deep.console import quiet_lightning
from vmfmix.deep.evaluate import embed, report
from vmfmix.deep.networks import small_resnet
from vmfmix.deep.train import train

RESULTS = Path(__file__).parent / "results" / "deep_images.json"
PIXELS = "k-means on pixels"
SIAMESE = {"optimizer": "adamw", "learning_rate": 2e-3, "weight_decay": 1e-2}
CONTRAST = {**SIAMESE, "temperature": 0.2}
MIXTURE = {"learning_rate": 1e-3, "constant": 3, "temperature": 0.2, "conditional_weight": 0.3}
CLUSTERINGS = {  # title of the accuracy, and name in the evaluation
    "ACC k-means": "k-means, on raw features",
    "ACC k-means, unit": "k-means, on unit features",
    "ACC VMFMixture": "VMFMixture, K given, on unit features",
    "ACC k-means, z": "k-means, on unit embeddings",
    "ACC VMFMixture, z": "VMFMixture, K given, on unit embeddings",
    "ACC components": "coefficients",
    "ACC k-means from components": "k-means from components, on raw features",
    "ACC k-means from components, z": "k-means from components, on unit embeddings",
}
SAME_VIEWS = {"least_area": 0.2, "color": 1.0, "blur": False, "batch_size": 256}
RUNS = {
    PIXELS: None,
    # Method, config, and the run whose encoder the training starts from.
    "SimCLR": ("simclr", CONTRAST, None),
    "BYOL": ("byol", SIAMESE, None),
    "SiamMM": ("siammm", SIAMESE, None),
    "SimCLR, continued": ("simclr", CONTRAST, "SimCLR"),
    "SimCLR, then BYOL": ("byol", SIAMESE, "SimCLR"),
    "SimCLR, then SiamMM from 30": ("siammm", {**SIAMESE, "n_components_init": 30}, "SimCLR"),
    "SimCLR, then SiamMM from 100": ("siammm", {**SIAMESE, "n_components_init": 100}, "SimCLR"),
    "SimCLR, then SiamMM from 300": ("siammm", {**SIAMESE, "n_components_init": 300}, "SimCLR"),
    "SimCLR, then clusters": ("simclr", {**CONTRAST, "share": 1.0}, "SimCLR"),
    "SimCLR, then MIX'EM": ("mixem", {**MIXTURE, "n_components": 10}, "SimCLR"),
}


def measure(run, seed, parts, epochs, folder):
    """Train and score one run, and return its record."""
    method, config, start = RUNS[run]
    torch.manual_seed(seed)
    with quiet_lightning():
        result = train(
            method,
            parts[0],
            encoder=small_resnet(3),
            start=start and folder / f"{start}-{seed}" / "last.ckpt",
            out=folder / f"{run}-{seed}",
            trainer={"enable_progress_bar": False, "accelerator": "cpu"},
            epochs=epochs,
            seed=seed,
            **SAME_VIEWS,
            **config,
        )
    scores = report(*(embed(result.method, part) for part in parts), result.model, seed)
    seconds = sum(epoch["epoch_seconds"] for epoch in result.history)
    return {
        "epochs": epochs,
        "training images": len(parts[0]),
        "images per second": round(len(parts[0]) * epochs / seconds, 1),
        "clusters by epoch": [epoch.get("n_components", 0) for epoch in result.history],
        **scores,
    }


def measure_pixels(seed, parts):
    """Return the record of k-means on the pixels of the training images."""
    (scores,) = kmeans_on_pixels(parts, [seed])
    return {"training images": len(parts[0]), "accuracy": scores["ACC"]}


def results(records):
    """Return the means over the seeds of each run, and the spread of accuracies."""
    runs = {}
    for each in records:
        if "run" in each:
            runs.setdefault(each["run"], []).append(each)
    return {"means": [_means(run, seeds) for run, seeds in runs.items()]}


def _means(run, records):
    row = {"run": run, "seeds": len(records)}
    if run == PIXELS:
        return row | {"ACC k-means": _mean_and_spread(each["accuracy"] for each in records)}
    row["epochs"] = records[0]["epochs"]
    row["images per second"] = round(np.mean([each["images per second"] for each in records]))
    for title in ("knn", "linear"):
        row[title] = _mean_and_spread(each[title] for each in records)
    row["clusters of the training"] = _mean_and_spread(
        each["clusterings"]["mixture of the training"]["n_clusters"] for each in records
    )
    for title, clustering in CLUSTERINGS.items():
        found = [each["clusterings"].get(clustering) for each in records]
        if all(found):
            row[title] = _mean_and_spread(each["accuracy"] for each in found)
    return row


def _mean_and_spread(values):
    values = list(values)
    digits = 3 if max(values) <= 1 else 1
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values):.{digits}f}"


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="cifar10", help="default: %(default)s")
    parser.add_argument("--runs", nargs="*", choices=RUNS, default=list(RUNS), metavar="RUN")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1], help="default: 0 1")
    parser.add_argument("--epochs", type=int, default=100, help="default: %(default)s")
    parser.add_argument("--more-epochs", type=int, default=30, help="default: %(default)s")
    parser.add_argument("--train-images", type=int, default=20_000, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, required=True, help="for checkpoints")
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: %(default)s")
    options = parser.parse_args()
    torch.set_num_threads(1)
    path = runs_path(options.output)
    done = {(each.get("run"), each.get("seed")) for each in read_records(path)}
    append_machine(path)
    parts = load_images(options.data, options.train_images)
    for seed in options.seeds:
        for run in options.runs:
            if (run, seed) in done:
                continue
            record = {"run": run, "seed": seed, "data": options.data}
            if run == PIXELS:
                append(path, record | measure_pixels(seed, parts))
                continue
            epochs = options.epochs if RUNS[run][2] is None else options.more_epochs
            record |= measure(run, seed, parts, epochs, options.folder)
            append(path, record)
            print(run, seed, f"kNN {record['knn']:.3f}, linear {record['linear']:.3f}", flush=True)
    write(options.output, {**read_machines(path)[0], **results(read_records(path))})


if __name__ == "__main__":
    main()
