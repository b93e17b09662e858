"""SiamMM beside the same training without clusters, and beside losses with negative samples.

``VMFMIX_DATA=folder python -m benchmarks.deep_siammm [--data fashion_mnist] [--epochs N]
[--runs NAME ...] [--seeds 0 1 2] [--n-train N] [--network small resnet18]``

All runs share encoder, views, epochs and batches. They learn from the training part; scores are
those of the test part, where k-means and VMFMixture were fitted to embeddings of the training part.
Labels are used for scores alone. A run that was finished before is not repeated, and one that was
broken off goes on from its last checkpoint in the folder given as ``--checkpoints``.

On a GPU: ``--data cifar10 --network resnet18 --epochs 200 --n-train 55000 --report-from 8000
--checkpoints FOLDER --output FILE``.
"""

from pathlib import Path

from benchmarks.deep_runs import images_of, options_of, run_all, scores_of, trained

RESULTS = Path(__file__).parent / "results" / "deep_siammm.json"
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
RECIPES = {
    # Chosen by training on the same images and scoring on 5 000 that are in neither part.
    "fashion_mnist": {"least_area": 0.5},
    "cifar10": {"batch_size": 512},
}
COLUMNS = {
    "kNN": "kNN",
    "linear": "linear",
    "clusters": "clusters mixture of the training",
    "AMI": "AMI mixture of the training",
    "ACC": "ACC mixture of the training",
    "k-means' AMI": "AMI k-means, on unit embeddings",
    "k-means' ACC": "ACC k-means, on unit embeddings",
    "k-means' AMI on features": "AMI k-means, on unit features",
    "k-means' ACC on features": "ACC k-means, on unit features",
}


def main():
    options = options_of(
        __doc__.splitlines()[0], RUNS, RESULTS, epochs=40, seeds=[0, 1, 2], n_train=20_000
    )
    parts = images_of(options.data, options.n_train)
    n_classes = len(parts[1].labels.unique())
    recipe = RECIPES.get(options.data, {})

    def measure(name, seed):
        config = {**recipe, **RUNS[name]}
        number = {"true": n_classes, "triple": 3 * n_classes}.get(config.get("n_components"))
        if number:
            config["n_components"] = number
        result, seconds = trained("siammm", name, seed, parts, options, **config)
        last = result.history[-1]
        refits = [row for row in result.history if row["refit_seconds"] > 0.01]
        row = {
            "kNN": round(result.report["knn"], 4),
            "linear": round(result.report["linear"], 4),
            "clusters": last.get("n_components", 0),
            "seconds": round(seconds, 1),
            "mixture's share of an epoch": round(
                last["mixture_seconds"] / last["epoch_seconds"], 3
            ),
            "refit's share of its epoch": round(
                max(
                    (each["refit_seconds"] / each["epoch_seconds"] for each in refits), default=0.0
                ),
                3,
            ),
            "spread": round(last["spread"], 3),
            **scores_of(result.report),
        }
        numbers = [each.get("n_components", 0) for each in result.history]
        return row, {"clusters in each epoch": numbers}

    run_all(measure, parts, options, ("runs", "numbers"), COLUMNS, recipe=recipe)


if __name__ == "__main__":
    main()
