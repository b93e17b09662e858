"""What the mixture of SiamMM costs: seconds of an epoch, of its steps, and of fitting it anew.

``VMFMIX_DATA=folder python -m benchmarks.deep_cost [--data fashion_mnist] [--epochs 8]
[--n-train N] [--network small resnet18]``

One short training for each number of clusters to begin with, with the mixture fitted anew in each
epoch after the warm-up. Seconds for 100 epochs are those of 100 epochs without fits and of so many
fits. Nothing else should run meanwhile.
"""

from pathlib import Path

import numpy as np

from benchmarks.deep_runs import facts_of, images_of, options_of, trained
from benchmarks.tables import save, tell

RESULTS = Path(__file__).parent / "results" / "deep_cost.json"
STARTS = {str(number): number for number in (30, 100, 300, 1000)}
REFITS = (1, 4, 8, 20)


def main():
    options = options_of(
        __doc__.splitlines()[0], STARTS, RESULTS, epochs=8, seeds=[0], n_train=20_000
    )
    parts = images_of(options.data, options.n_train)
    table = []
    for name in options.runs:
        result, _ = trained(
            "siammm",
            name,
            0,
            (parts[0], None),
            options,
            n_components_init=STARTS[name],
            warm_up=0.25,
            refits=options.epochs,
        )
        rows = [row for row in result.history if row["refit_seconds"] > 0]
        epoch, mixture, refit = (
            np.array([row[f"{part}_seconds"] for row in rows])
            for part in ("epoch", "mixture", "refit")
        )
        steps = np.median(epoch - refit)
        row = {
            "clusters to begin with": STARTS[name],
            "seconds of an epoch": round(float(steps), 2),
            "seconds of a fit": round(float(np.median(refit)), 2),
            "mixture's share of an epoch": round(float(np.median(mixture / (epoch - refit))), 3),
            "fit's share of an epoch": round(float(np.median(refit) / steps), 3),
        }
        row |= {
            f"seconds for 100 epochs, {number} fits": round(100 * steps + number * np.median(refit))
            for number in REFITS
        }
        tell("cost", row)
        table.append(row)
    save(options.output, facts_of(parts, options), {"cost": table}, ("cost",))


if __name__ == "__main__":
    main()
