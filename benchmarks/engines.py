"""Time and memory of passes over rows and of whole fits, beside what people use instead.

``python -m benchmarks.engines [--parts pass fit components memory startup] [--repeats N]
[--threads 1 2] [--shapes full small] [--output FILE]``

* pass: one soft EM pass, the bare matrix product of the same shapes, and one iteration of others;
* fit: whole fits at the true number of components;
* components: each iteration of one fit as the number of components grows;
* memory: peak of a fit beyond its rows;
* startup: imports, compilation on first use, and what is compiled again for other arrays.

All rows are float32, and all that is compared takes turns. Parts other than "pass" use as many
threads as the most in ``--threads``. The results file is written after each line of a table, and
keeps what it has of the other parts.
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
    *("soft_pass", "pass_ratios", "fits", "components", "component_passes", "memory"),
    *("startup", "first_fits", "signatures"),
)
MEASURED = {
    "pass": pass_part,
    "fit": fit_part,
    "components": components_part,
    "memory": memory_part,
    "startup": startup_part,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="*", choices=MEASURED, default=list(MEASURED))
    parser.add_argument("--repeats", type=int, default=15, help="most rounds of a comparison")
    parser.add_argument("--threads", nargs="*", type=int, default=THREADS)
    parser.add_argument("--shapes", choices=SHAPES, default="full")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/engines.json")
    options = parser.parse_args()
    small = options.shapes == "small"
    output = options.output or (RESULTS.with_name("engines_small.json") if small else RESULTS)
    facts = {
        **machine.describe("scikit-learn", "numba", "faiss-cpu", "torch"),
        "repeats": options.repeats,
        "seconds for each method in a line, at most about": BUDGET,
        "concentration of rows in passes, per feature": CONCENTRATION,
        "concentration of rows in fits, per feature": CONCENTRATION_OF_FITS,
        "iterations of fits for memory": MEMORY_ITERATIONS,
    }
    for part in options.parts:
        for tables in MEASURED[part](SHAPES[options.shapes], options):
            save(output, facts, tables, TABLES)


if __name__ == "__main__":
    main()
