"""The same seed gives the same result: again, in another process, and as it was before.

That it is also the same whatever engine holds the rows is in `tests/engines/test_every_engine.py`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.metrics import adjusted_rand_score

from tests.golden import FILE, cases, record, records

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def here():
    return records()


def assert_same(found, expected, rel):
    """The same labels, and numbers that differ by no more than a share of them."""
    assert found.keys() == expected.keys()
    for name, one in found.items():
        assert one["labels"] == expected[name]["labels"], name
        for number in ("lower_bound", "concentrations"):
            assert one[number] == pytest.approx(expected[name][number], rel=rel), name


@pytest.mark.parametrize("name", cases())
def test_results_are_as_they_were(here, name):
    """Meant to change? See `tests/golden.py`. Tolerances are wide enough for another BLAS."""
    found, expected = here[name], json.loads(FILE.read_text(encoding="utf-8"))[name]
    assert found["n_components"] == expected["n_components"]
    assert adjusted_rand_score(list(found["labels"]), list(expected["labels"])) >= 0.999
    assert found["sizes"] == pytest.approx(expected["sizes"], abs=1)
    assert found["lower_bound"] == pytest.approx(expected["lower_bound"], rel=1e-5)
    assert found["concentrations"] == pytest.approx(expected["concentrations"], rel=1e-5)


def test_a_fit_again_is_the_same_to_the_last_bit(here):
    assert records() == here


@pytest.mark.parametrize("n_threads", [1, 2])
def test_another_process_finds_the_same(here, n_threads):
    """Sums of BLAS may differ in the last bits, by how many threads make them."""
    code = "import json; from tests.golden import records; print(json.dumps(records()))"
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(n_threads))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | threads,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert_same(json.loads(done.stdout), here, rel=1e-9)


@pytest.mark.parametrize("block_size", [17, 300])
def test_the_size_of_blocks_is_no_matter(here, block_size):
    """Rows of snips are float32: the shape of a block decides the 7th digit of products."""
    assert_same(records(block_size=block_size), here, rel=1e-5)


def test_a_change_would_be_noticed(here):
    name = "planted, number found"
    rows, parameters = cases()[name]
    other = record(rows, parameters | {"concentration": "tied"})
    assert other["lower_bound"] != pytest.approx(here[name]["lower_bound"], rel=1e-5)
