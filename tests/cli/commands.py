"""Commands that the tests run, and what they look for afterwards."""

import csv
import json
import subprocess
import sys
from pathlib import Path

from tests.limits import HANG
from vmfmix.cli.main import main

ROOT = Path(__file__).parents[2]
FIT = ["fit", "rows.npy", "--n-components", "3"]
REPORT = ["report", "out/model.npz", "rows.npy", "-o", "page.html"]
PREDICT_FILES = {"clusters.csv", "labels.npy", "probabilities.npy"}
FIT_FILES = {*PREDICT_FILES, "model.npz", "summary.csv"}


def files():
    """Return all paths below the working folder, with size and time of each file."""
    return {
        path: (path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else None
        for path in Path().rglob("*")
    }


def fails(capsys, *argv):
    """Run a command that must fail, and return its error: one line, and no file is changed."""
    before = files()
    assert main([str(word) for word in argv]) == 2
    assert files() == before
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("vmfmix: error: ")
    assert captured.err.count("\n") == 1 and captured.err.endswith("\n")
    return captured.err


def read_rows(folder):
    """Return the rows of the only table of rows in a folder, as dicts."""
    (path,) = Path(folder).glob("clusters.*")
    if path.suffix in (".csv", ".tsv"):
        return read_table(path)
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    from pyarrow import feather, parquet

    read = parquet.read_table if path.suffix == ".parquet" else feather.read_table
    return read(path).to_pylist()


def read_table(path):
    with open(path, newline="", encoding="utf-8") as file:
        delimiter = "\t" if str(path).endswith(".tsv") else ","
        return list(csv.DictReader(file, delimiter=delimiter))


def run_module(*argv, **options):
    return subprocess.run(
        [sys.executable, *argv], cwd=ROOT, capture_output=True, text=True, timeout=HANG, **options
    )
