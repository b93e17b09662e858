"""Load test: eight threads run mixed jobs for VMFMIX_LOAD_SECONDS seconds, by default 20."""

import os
import sys

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_concurrent_fit_predict_save_and_load():
    from benchmarks.load import run

    facts, rows = run(float(os.environ.get("VMFMIX_LOAD_SECONDS", "20")), 8)
    assert facts["errors"] == []
    assert all(row["completed"] > 0 for row in rows)
    # A leak of one block of responsibilities per job would exceed this after a thousand jobs.
    memory = facts["memory in each tenth of the run, MiB"]
    assert memory[-1] - memory[1] < 50.0  # the first fits allocate buffers that are kept
    # Garbage of earlier tests may be collected meanwhile, which closes files.
    assert facts["leaked threads"] <= 0 and facts["leaked open files"] <= 0
