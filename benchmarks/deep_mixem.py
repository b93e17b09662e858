"""MIX'EM beside contrastive learning with one embedding, and without each of its parts.

``VMFMIX_DATA=folder python -m benchmarks.deep_mixem [--data fashion_mnist] [--epochs N]
[--runs NAME ...] [--seeds 0 1 2 3 4] [--n-train N] [--network small resnet18]``

All runs share encoder, views, epochs and batches. They learn from the training part, and scores are
those of the test part; labels are used for scores alone. A run that was finished before is not
repeated.

On a GPU: ``--data cifar10 --network resnet18 --epochs 200 --n-train 55000 --report-from 8000
--checkpoints FOLDER --output FILE``. The paper trains on the training and the test part together.
"""

from pathlib import Path

from benchmarks.deep_runs import images_of, options_of, run_all, scores_of, trained

RESULTS = Path(__file__).parent / "results" / "deep_mixem.json"
RUNS = {
    "SimCLR": {"pretraining": "all"},
    "MIX'EM": {},
    "without entropy of components": {"component_weight": 0.0},
    "without entropy of images": {"conditional_weight": 0.0},
    "without pull and push": {"pull_weight": 0.0, "push_weight": 0.0},
}
RECIPES = {
    # The authors' rate is for 200 epochs of 13 000 images, and there are fewer steps here. Views
    # and weights were chosen by training on these images and scoring on 5 000 in neither part.
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
    "ACC of coefficients": "ACC coefficients",
    "k-means' ACC": "ACC k-means, on unit features",
    "k-means' ACC, raw": "ACC k-means, on raw features",
    "started from components": "ACC k-means from components, on unit features",
    "started, raw": "ACC k-means from components, on raw features",
    "VMFMixture from coefficients": "ACC VMFMixture from coefficients, on unit features",
    "started, z": "ACC k-means from components, on unit embeddings",
    "k-means' ACC, z": "ACC k-means, on unit embeddings",
    "VMFMixture from coefficients, z": "ACC VMFMixture from coefficients, on unit embeddings",
}


def main():
    options = options_of(
        __doc__.splitlines()[0], RUNS, RESULTS, epochs=60, seeds=range(5), n_train=8000
    )
    parts = images_of(options.data, options.n_train)
    n_classes = len(parts[1].labels.unique())
    # Half of the epochs learn one embedding first.
    recipe = {**RECIPES.get(options.data, {}), "pretraining": options.epochs // 2}

    def measure(name, seed):
        config = {**recipe, **RUNS[name], "n_components": n_classes}
        if config.get("pretraining") == "all":
            config["pretraining"] = options.epochs
        result, seconds = trained("mixem", name, seed, parts, options, **config)
        last = result.history[-1]
        row = {
            "kNN": round(result.report["knn"], 4),
            "linear": round(result.report["linear"], 4),
            "components used": round(last.get("usage", 0.0), 1),
            "largest coefficient": round(last.get("largest_coefficient", 0.0), 3),
            "seconds": round(seconds, 1),
            **scores_of(result.report),
        }
        return (row,)

    run_all(measure, parts, options, ("runs",), COLUMNS, recipe=recipe)


if __name__ == "__main__":
    main()
