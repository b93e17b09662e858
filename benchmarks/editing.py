"""Time of edits of clusters, compared with that of labeling all rows.

``python -m benchmarks.editing [--rows N] [--components K ...] [--repeats N] [--output FILE]``
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.baselines import without_warnings
from benchmarks.tables import print_rows, write
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture

RESULTS = Path(__file__).parent / "results" / "editing.json"
ROWS, FEATURES, COMPONENTS = 1_000_000, 384, (100,)
CONCENTRATION = 200.0


def seconds_of(function, repeats):
    """Return the median time of some calls."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def edits(n_rows, n_components, repeats):
    """Return the time of each edit of a model with this many rows and components."""
    X, _ = make_vmf_mixture(
        n_rows,
        FEATURES,
        n_components,
        concentration=CONCENTRATION,
        random_state=0,
        dtype=np.float32,
    )
    model = VMFMixture(
        n_components, merge=None, init_params="random_from_data", max_iter=3, random_state=0
    )
    without_warnings(model.fit, X)
    calls = {
        "predict(X)": lambda: model.predict(X),
        "merge_clusters([1, 3])": lambda: model.merge_clusters([1, 3]),
        "merge_clusters([1, 3], X)": lambda: model.merge_clusters([1, 3], X),
        "split(0, X)": lambda: without_warnings(model.split, 0, X),
        "drop([1, 3])": lambda: model.drop([1, 3]),
        "rename({3: 'refunds'})": lambda: model.rename({3: "refunds"}),
    }
    return [
        {"call": name, "clusters": n_components, "seconds": round(seconds_of(call, repeats), 3)}
        for name, call in calls.items()
    ]


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS, help="default: %(default)s")
    parser.add_argument("--components", type=int, nargs="+", default=COMPONENTS, metavar="K")
    parser.add_argument("--repeats", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: %(default)s")
    options = parser.parse_args()
    rows = []
    for n_components in options.components:
        rows += edits(options.rows, n_components, options.repeats)
    print_rows("edits", *rows)
    facts = {**machine.describe("scikit-learn", "numba"), "rows": options.rows}
    write(options.output, {**facts, "features": FEATURES, "edits": rows})


if __name__ == "__main__":
    main()
