"""Reference values with 26 digits, and ranges of arguments, for the tests of the distribution."""

import json
from pathlib import Path

import numpy as np

TABLE = json.loads((Path(__file__).parents[1] / "data" / "vmf_reference.json").read_text("utf-8"))
BAR = 1e-13  # largest relative error that is accepted
EPS = 2.0**-52
DIMS = [2, 3, 4, 5, 16, 51, 52, 53, 384, 1024, 100_000]


def columns(table):
    """Return the columns of a table as float64; missing values become NaN."""
    rows = [[np.nan if cell is None else float(cell) for cell in row] for row in TABLE[table]]
    dim, *rest = np.array(rows).T
    return dim.astype(int), *rest


def concentrations(dim, n=400, low=1e-9, high=1e9):
    """Return n concentrations between `low` and `high` times the dimension."""
    return dim * np.geomspace(low, high, n)
