"""Cost of the mixture during SiamMM training: seconds per epoch, per step and per refit.

``VMFMIX_DATA=folder python -m benchmarks.deep_cost [--data fashion_mnist] [--epochs 8]
[--n-train N] [--network small resnet18]``

Runs one short training for each initial number of clusters, in which the mixture is refitted in
every epoch after the warm-up. "seconds for 100 epochs, N fits" is extrapolated: the time of 100
epochs without refits plus that of N refits. Nothing else should run on the machine meanwhile.
"""

from pathlib import Path

import numpy as np

from benchmarks.deep_runs import (
    describe_training,
    load_images,
    parse_options,
    train_and_evaluate,
)
from benchmarks.tables import print_rows, save

RESULTS = Path(__file__).parent / "results" / "deep_cost.json"
INITIAL_CLUSTERS = {str(number): number for number in (30, 100, 300, 1000)}
REFITS = (1, 4, 8, 20)


def main():
    """Run the benchmark from the command line."""
    options = parse_options(
        __doc__.splitlines()[0], INITIAL_CLUSTERS, RESULTS, epochs=8, seeds=[0], n_train=20_000
    )
    parts = load_images(options.data, options.n_train)
    table = []
    for name in options.runs:
        result, _ = train_and_evaluate(
            "siammm",
            name,
            0,
            (parts[0], None),
            options,
            n_components_init=INITIAL_CLUSTERS[name],
            warm_up=0.25,
            refits=options.epochs,
        )
        epochs_with_refit = [row for row in result.history if row["refit_seconds"] > 0]
        epoch, mixture, refit = (
            np.array([row[f"{part}_seconds"] for row in epochs_with_refit])
            for part in ("epoch", "mixture", "refit")
        )
        steps = np.median(epoch - refit)
        row = {
            "initial clusters": INITIAL_CLUSTERS[name],
            "seconds per epoch": round(float(steps), 2),
            "seconds per fit": round(float(np.median(refit)), 2),
            "mixture / epoch": round(float(np.median(mixture / (epoch - refit))), 3),
            "fit / epoch": round(float(np.median(refit) / steps), 3),
        }
        for number in REFITS:
            fits = "1 fit" if number == 1 else f"{number} fits"
            row[f"seconds for 100 epochs, {fits}"] = round(100 * steps + number * np.median(refit))
        print_rows("cost", row)
        table.append(row)
    save(options.output, describe_training(parts, options), {"cost": table}, ("cost",))


if __name__ == "__main__":
    main()
