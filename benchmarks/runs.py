"""Finished runs of a long benchmark: the file that keeps them, and means over them.

Each line of the file is a run, or the machine and the versions of the runs that follow.
"""

import json
import os
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.tables import write

PACKAGES = ("scikit-learn", "numba", "faiss-cpu", "chemomae", "torch", "umap-learn", "leidenalg")


def runs_path(output):
    """Return the path of the file of runs that belongs to a results file."""
    return output.with_name(f"{output.stem}_runs.jsonl")


def append(path, record):
    """Append one line to a file; after a line that was cut off, it still starts a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(record, ensure_ascii=False))


def read_records(path):
    """Return the complete lines of a file."""
    records = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:  # empty, or cut off by an interruption
            continue
    return records


def read_machines(path):
    """Return the machines and versions of the runs, the latest last."""
    return [each["machine"] for each in read_records(path) if "machine" in each]


def append_machine(path):
    """Note the machine and the versions, if they are not those of the runs before."""
    facts = machine.describe(*PACKAGES)
    if read_machines(path)[-1:] != [facts]:
        append(path, {"machine": facts})


def read_runs(path, methods):
    """Return the finished runs of the methods."""
    return [each for each in read_records(path) if each.get("method") in methods]


def available(names, methods):
    """Return the methods whose packages are installed, printing which are skipped."""
    for name in names:
        if not methods[name].is_available():
            print(f"Skipping {name}: the package {methods[name].package} is not installed.")
    return [name for name in names if methods[name].is_available()]


def save_results(path, tables, methods):
    """Compute the results file from the file of runs, and return the results."""
    machines = read_machines(runs_path(path))
    if len(machines) > 1:
        print("The runs are from several machines or versions; the results name the first.")
    runs = read_runs(runs_path(path), methods)
    results = {**(machines[0] if machines else {}), **tables(runs)}
    write(path, results)
    return results


def add_options(parser, methods, n_seeds, results):
    """Add the options of a benchmark that keeps its runs.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    methods : dict
        {name: `benchmarks.rivals.Method`}.
    n_seeds : int
        The default.
    results : pathlib.Path
        The default output with VMFMIX_DATA. Without it, the name gets the suffix ``_bundled``.
    """
    parser.add_argument("--sets", nargs="*", help="names of labeled sets; default: all available")
    parser.add_argument(
        "--methods", nargs="*", choices=methods, default=list(methods), help="default: all"
    )
    parser.add_argument("--seeds", type=int, default=n_seeds, help="number; default: %(default)s")
    bundled = results.with_name(f"{results.stem}_bundled.json")
    parser.add_argument(
        "--output",
        type=Path,
        default=results if "VMFMIX_DATA" in os.environ else bundled,
        help="default: %(default)s",
    )
    parser.add_argument(
        "--summary", action="store_true", help="only compute the results from the finished runs"
    )


# --- means ---------------------------------------------------------------------------------------


def mean(runs, title):
    """Return the mean of a value over the runs."""
    return float(np.mean([each[title] for each in runs]))


def median(runs, title):
    """Return the median of a value over the runs."""
    return float(np.median([each[title] for each in runs]))


def complete(groups):
    """Return the sets on which every method was run, as means over others are not comparable."""
    names = {name for methods in groups.values() for name in methods}
    return {set_name: methods for set_name, methods in groups.items() if set(methods) == names}
