"""Time and memory of EM passes and of whole fits, compared with other libraries.

``python -m benchmarks.engines [--parts pass fit components memory startup] [--repeats N]
[--threads 1 2] [--shapes full few small] [--output FILE]``

* pass: one soft EM pass, the matrix product of the same shapes alone, and one iteration of other
  methods;
* fit: whole fits at the true number of components;
* components: each pass of one fit as the number of components grows;
* memory: peak memory of a fit, without its rows;
* startup: imports, compilation on first use, and recompilation for other kinds of arrays.

All rows are float32, and all methods in a comparison are timed in turn. Parts other than "pass" use
the largest number of threads in ``--threads``. The results file is updated after each row of a
table, and keeps the results of parts that were not run.
"""

import argparse
from pathlib import Path

from benchmarks import machine
from benchmarks.alternating import BUDGET
from benchmarks.engine_fits import fit_part
from benchmarks.engine_footprint import MEMORY_ITERATIONS, memory_part, startup_part
from benchmarks.engine_passes import components_part, pass_part
from benchmarks.engine_sets import CONCENTRATION, CONCENTRATION_OF_FITS, SHAPES, THREADS
from benchmarks.tables import save

RESULTS = Path(__file__).parent / "results" / "engines.json"
TABLES = (
    "soft_pass",
    "pass_ratios",
    "fits",
    "components",
    "component_passes",
    "memory",
    "startup",
    "first_fits",
    "signatures",
)
PARTS = {
    "pass": pass_part,
    "fit": fit_part,
    "components": components_part,
    "memory": memory_part,
    "startup": startup_part,
}


def main():
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--parts", nargs="*", choices=PARTS, default=list(PARTS), help="default: all"
    )
    parser.add_argument(
        "--repeats",
        type=int,
        default=15,
        help="maximum number of rounds of a comparison; default: %(default)s",
    )
    parser.add_argument(
        "--threads",
        nargs="*",
        type=int,
        default=THREADS,
        help="numbers of threads for the passes; the other parts use the largest",
    )
    parser.add_argument(
        "--shapes",
        choices=SHAPES,
        default="full",
        help=(
            "few: few components, for the parts pass and fit; small: to check quickly that "
            "everything runs; default: %(default)s"
        ),
    )
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/engines.json")
    options = parser.parse_args()
    is_full = options.shapes == "full"
    name = RESULTS.name if is_full else f"engines_{options.shapes}.json"
    output = options.output or RESULTS.with_name(name)
    facts = {
        **machine.describe("scikit-learn", "numba", "faiss-cpu", "torch"),
        "repeats": options.repeats,
        "seconds per method and table row, approximate limit": BUDGET,
        "concentration per feature of rows in passes": CONCENTRATION,
        "concentration per feature of rows in fits": CONCENTRATION_OF_FITS,
        "iterations of fits when measuring memory": MEMORY_ITERATIONS,
    }
    for part in options.parts:
        for tables in PARTS[part](SHAPES[options.shapes], options):
            save(output, facts, tables, TABLES)


if __name__ == "__main__":
    main()
