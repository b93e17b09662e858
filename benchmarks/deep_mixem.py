"""MIX'EM compared with contrastive learning of a single embedding, and with ablations of MIX'EM.

``VMFMIX_DATA=folder python -m benchmarks.deep_mixem [--data fashion_mnist] [--epochs N]
[--runs NAME ...] [--seeds 0 1 2 3 4] [--n-train N] [--network small resnet18]``

All runs share encoder, views, epochs and batches. They are trained on the training part and scored
on the test part; labels are used for scoring only. Runs that are already in the results file are
not repeated.

On a GPU: ``--data cifar10 --network resnet18 --epochs 200 --n-train 55000 --report-from 8000
--checkpoints FOLDER --output FILE``. The paper trains on the training and test parts together.
"""

from pathlib import Path

from benchmarks.deep_runs import (
    load_images,
    parse_options,
    run_all,
    score_columns,
    train_and_evaluate,
)

RESULTS = Path(__file__).parent / "results" / "deep_mixem.json"
RUNS = {
    "SimCLR": {"pretraining": "all"},
    "MIX'EM": {},
    "no component entropy": {"component_weight": 0.0},
    "no image entropy": {"conditional_weight": 0.0},
    "no pull and push": {"pull_weight": 0.0, "push_weight": 0.0},
}
CONFIGS = {
    # The authors' learning rate is for 200 epochs of 13,000 images; there are fewer steps here.
    # Views and weights were chosen by training on these images and scoring on 5,000 images that
    # are in neither part.
    "fashion_mnist": {
        "batch_size": 256,
        "learning_rate": 1e-3,
        "constant": 3,
        "hidden": 256,
        "conditional_weight": 0.3,
        "least_area": 0.5,
        "color": 1.0,
        "blur": False,
    },
    "cifar10": {
        "learning_rate": 1e-3,
        "constant": 3,
        "temperature": 0.2,
        "least_area": 0.2,
        "color": 1.0,
        "blur": False,
    },
}
COLUMNS = {
    "kNN": "kNN",
    "linear": "linear",
    "components used": "components used",
    "ACC coefficients": "ACC coefficients",
    "ACC k-means": "ACC k-means, on unit features",
    "ACC k-means, raw": "ACC k-means, on raw features",
    "ACC k-means from components": "ACC k-means from components, on unit features",
    "ACC k-means from components, raw": "ACC k-means from components, on raw features",
    "ACC VMFMixture from coefficients": "ACC VMFMixture from coefficients, on unit features",
    "ACC k-means from components, z": "ACC k-means from components, on unit embeddings",
    "ACC k-means, z": "ACC k-means, on unit embeddings",
    "ACC VMFMixture from coefficients, z": "ACC VMFMixture from coefficients, on unit embeddings",
}


def main():
    """Run the benchmark from the command line."""
    options = parse_options(
        __doc__.splitlines()[0], RUNS, RESULTS, epochs=60, seeds=range(5), n_train=8000
    )
    parts = load_images(options.data, options.n_train)
    n_classes = len(parts[1].labels.unique())
    # The first half of the epochs learns a single embedding.
    base_config = {**CONFIGS.get(options.data, {}), "pretraining": options.epochs // 2}

    def measure(name, seed):
        config = {**base_config, **RUNS[name], "n_components": n_classes}
        if config.get("pretraining") == "all":
            config["pretraining"] = options.epochs
        result, seconds = train_and_evaluate("mixem", name, seed, parts, options, **config)
        last = result.history[-1]
        row = {
            "kNN": round(result.report["knn"], 4),
            "linear": round(result.report["linear"], 4),
            "components used": round(last.get("usage", 0.0), 1),
            "largest coefficient": round(last.get("largest_coefficient", 0.0), 3),
            "seconds": round(seconds, 1),
            **score_columns(result.report),
        }
        return (row,)

    run_all(measure, parts, options, ("runs",), COLUMNS, config=base_config)


if __name__ == "__main__":
    main()
