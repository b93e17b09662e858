"""The example that shows SiamMM from scratch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.limits import HANG

pytest.importorskip("torch")
pytest.importorskip("kornia")

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.training
def test_siammm_from_scratch_prints_number_of_clusters():
    done = subprocess.run(
        [sys.executable, "examples/siammm_from_scratch.py", "--epochs", "4", "--n-images", "600"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert "loss" in lines[0] and "AMI" in lines[3]
    words = lines[-1].split()
    assert words[:3] == ["The", "images", "form"] and int(words[3]) >= 1
