"""Two minutes of mixed work from eight threads, or as many seconds as VMFMIX_LOAD_SECONDS says."""

import os
import sys

import pytest


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_threads_that_fit_predict_save_and_load_do_not_disturb_each_other():
    from benchmarks.load import run

    facts, rows = run(float(os.environ.get("VMFMIX_LOAD_SECONDS", "20")), 8)
    assert facts["errors"] == []
    assert all(row["done"] > 0 for row in rows)
    # What a thousand jobs would leave, were it only one block of responsibilities each.
    memory = facts["MiB in each tenth of the time"]
    assert memory[-1] - memory[1] < 50.0  # the first fits allocate what is then kept
    assert facts["threads left"] == facts["open files left"] == 0
