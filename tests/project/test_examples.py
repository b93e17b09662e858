"""Run the example scripts on few rows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def output_of(*command):
    """Run a Python command and return what it prints."""
    result = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=ROOT, timeout=200
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_stream_from_disk_example():
    output = output_of("examples/big/stream_from_disk.py", "--rows", "6000")
    assert "from the file" in output
    assert "from a stream" in output


def test_torchrun_example():
    pytest.importorskip("torch.distributed")
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    output = output_of(*launcher, "examples/big/torchrun_fit.py", "--rows", "5000")
    # Both processes write to the same stream, so their lines may be interleaved.
    found = re.findall(r"process (\d) of 2: (.*? labels)", output)
    assert sorted(rank for rank, _ in found) == ["0", "1"]
    assert found[0][1] == found[1][1]  # the same model


def test_dask_example():
    pytest.importorskip("distributed")
    assert "on 2 workers: 12 clusters" in output_of("examples/big/dask_fit.py", "--rows", "50000")
