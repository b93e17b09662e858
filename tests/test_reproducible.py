"""The same seed gives the same result: again, in another process, and in later versions.

`tests/engines/test_every_engine.py` tests that it is also the same on every engine.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.metrics import adjusted_rand_score

from tests.golden import FILE, cases, record, records
from tests.limits import HANG

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def results():
    return records()


def assert_same(found, expected, rel):
    """Assert equal labels, and numbers that are equal to within a relative tolerance."""
    assert found.keys() == expected.keys()
    for name, result in found.items():
        assert result["labels"] == expected[name]["labels"], name
        for number in ("lower_bound", "concentrations"):
            assert result[number] == pytest.approx(expected[name][number], rel=rel), name


@pytest.mark.parametrize("name", cases())
def test_results_equal_golden_file(results, name):
    """To change results on purpose, see `tests/golden.py`.  Tolerances allow for another BLAS."""
    found, expected = results[name], json.loads(FILE.read_text(encoding="utf-8"))[name]
    assert found["n_components"] == expected["n_components"]
    assert adjusted_rand_score(list(found["labels"]), list(expected["labels"])) >= 0.999
    assert found["sizes"] == pytest.approx(expected["sizes"], abs=1)
    assert found["lower_bound"] == pytest.approx(expected["lower_bound"], rel=1e-5)
    assert found["concentrations"] == pytest.approx(expected["concentrations"], rel=1e-5)


def test_repeated_fits_are_equal_bit_for_bit(results):
    assert records() == results


@pytest.mark.slow
@pytest.mark.parametrize("n_threads", [1, 2])
def test_another_process_gives_same_results(results, n_threads):
    """The last bits of sums in BLAS may depend on the number of threads."""
    code = "import json; from tests.golden import records; print(json.dumps(records()))"
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(n_threads))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | threads,
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    assert done.returncode == 0, done.stderr
    assert_same(json.loads(done.stdout), results, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("block_size", [17, 300])
def test_block_size_does_not_change_results(results, block_size):
    """The rows of snips are float32: the 7th digit of products depends on the shape of a block."""
    assert_same(records(block_size=block_size), results, rel=1e-5)


def test_comparison_detects_a_change(results):
    name = "planted, number estimated"
    rows, parameters = cases()[name]
    other = record(rows, parameters | {"concentration": "tied"})
    assert other["lower_bound"] != pytest.approx(results[name]["lower_bound"], rel=1e-5)
