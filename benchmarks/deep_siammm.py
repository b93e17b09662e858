"""SiamMM compared with the same training without clusters, and with losses that use negatives.

``VMFMIX_DATA=folder python -m benchmarks.deep_siammm [--data fashion_mnist] [--epochs N]
[--runs NAME ...] [--seeds 0 1 2] [--n-train N] [--network small resnet18]``

All runs share encoder, views, epochs and batches. They are trained on the training part and scored
on the test part, with k-means and VMFMixture fitted to embeddings of the training part. Labels are
used for scoring only. Runs that are already in the results file are not repeated, and an
interrupted run resumes from its last checkpoint in the folder given as ``--checkpoints``.

On a GPU: ``--data cifar10 --network resnet18 --epochs 200 --n-train 55000 --report-from 8000
--checkpoints FOLDER --output FILE``.
"""

from pathlib import Path

from benchmarks.deep_runs import (
    load_images,
    parse_options,
    run_all,
    score_columns,
    train_and_evaluate,
)

RESULTS = Path(__file__).parent / "results" / "deep_siammm.json"
RUNS = {
    "no clusters": {"share": 0.0},
    "SiamMM, initial K = 30": {"n_components_init": 30},
    "SiamMM, initial K = 100": {"n_components_init": 100},
    "SiamMM, initial K = 300": {"n_components_init": 300},
    "SiamMM, true K": {"n_components": "true"},
    "SiamMM, 3 × true K": {"n_components": "triple"},
    "NCE-1, memory": {"objective": "nce1-memory"},
    "NCE-1, batch": {"objective": "nce1-batch"},
    "NCE-2": {"objective": "nce2"},
}
CONFIGS = {
    # Chosen by training on the same images and scoring on 5,000 images that are in neither part.
    "fashion_mnist": {"least_area": 0.5},
    "cifar10": {"batch_size": 512},
}
COLUMNS = {
    "kNN": "kNN",
    "linear": "linear",
    "clusters": "clusters mixture of the training",
    "AMI": "AMI mixture of the training",
    "ACC": "ACC mixture of the training",
    "AMI k-means": "AMI k-means, on unit embeddings",
    "ACC k-means": "ACC k-means, on unit embeddings",
    "AMI k-means on features": "AMI k-means, on unit features",
    "ACC k-means on features": "ACC k-means, on unit features",
}


def main():
    """Run the benchmark from the command line."""
    options = parse_options(
        __doc__.splitlines()[0], RUNS, RESULTS, epochs=40, seeds=[0, 1, 2], n_train=20_000
    )
    parts = load_images(options.data, options.n_train)
    n_classes = len(parts[1].labels.unique())
    base_config = CONFIGS.get(options.data, {})

    def measure(name, seed):
        config = {**base_config, **RUNS[name]}
        number = {"true": n_classes, "triple": 3 * n_classes}.get(config.get("n_components"))
        if number:
            config["n_components"] = number
        result, seconds = train_and_evaluate("siammm", name, seed, parts, options, **config)
        last = result.history[-1]
        refits = [row for row in result.history if row["refit_seconds"] > 0.01]
        largest_refit = max(
            (each["refit_seconds"] / each["epoch_seconds"] for each in refits), default=0.0
        )
        row = {
            "kNN": round(result.report["knn"], 4),
            "linear": round(result.report["linear"], 4),
            "clusters": last.get("n_components", 0),
            "seconds": round(seconds, 1),
            "mixture / epoch": round(last["mixture_seconds"] / last["epoch_seconds"], 3),
            "refit / its epoch, largest": round(largest_refit, 3),
            "spread": round(last["spread"], 3),
            **score_columns(result.report),
        }
        numbers = [each.get("n_components", 0) for each in result.history]
        return row, {"clusters in each epoch": numbers}

    run_all(measure, parts, options, ("runs", "numbers"), COLUMNS, config=base_config)


if __name__ == "__main__":
    main()
