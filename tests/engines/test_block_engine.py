"""Passes over a source of blocks: rows that change, reading threads and progress reports."""

import threading

import numpy as np
import pytest

from tests.engines.test_block_source import Sliced, blocks_with, with_nan
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture


@pytest.fixture(scope="module")
def X():
    return make_vmf_mixture(2000, 16, 5, concentration=30.0, dtype=np.float32, random_state=0)[0]


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        (np.float32, "Block 2 of X, which starts at row 1000, cannot be used. Input contains NaN"),
        (np.float16, "contain NaN or infinity, which they did not"),
    ],
)
def test_refuses_rows_that_become_invalid_between_passes(X, dtype, message):
    reads = [0]

    def changing():
        reads[0] += 1
        part = X.astype(dtype)
        if reads[0] > 3:
            part[1234] = np.nan
        return iter(np.array_split(part, 4))

    model = VMFMixture(3, block_size=500)
    with pytest.raises(ValueError, match=message):
        model.fit(changing)
    assert not hasattr(model, "means_")


def test_failed_fit_leaves_no_reading_thread(X):
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(ValueError, match="Block 5"):
            VMFMixture(3).fit(blocks_with(X, with_nan))
    assert threading.active_count() <= before + 1


def test_reports_progress_with_rate_and_time_left(X, capsys, monkeypatch):
    monkeypatch.setattr("vmfmix.fitting.progress_lines._SECONDS_BETWEEN_LINES", 0.0)
    VMFMixture(3, random_state=0, verbose=1, block_size=500).fit(Sliced(X))
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("  500 of 2,000 rows, ") and "s left" in line for line in lines)


@pytest.mark.parametrize("first_bad", range(1, 6))
@pytest.mark.parametrize("options", [{}, {"merge": None}, {"center": True}])
def test_refuses_rows_that_become_nan_in_a_later_pass(X, first_bad, options):
    passes = []

    def blocks():
        passes.append(1)
        rows = X.copy()
        if len(passes) > first_bad:
            rows[1:] = np.nan
        return iter([rows])

    with pytest.raises(ValueError, match=r"Input X? ?contains NaN|contain NaN"):
        VMFMixture(5, random_state=0, **options).fit(blocks)
