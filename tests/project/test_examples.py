"""The examples run as they stand, on few rows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def said_by(*command):
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=ROOT, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_stream_from_disk():
    said = said_by("examples/big/stream_from_disk.py", "--rows", "6000")
    assert "from the file" in said
    assert "from a stream" in said


def test_torchrun():
    pytest.importorskip("torch.distributed")
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    said = said_by(*launcher, "examples/big/torchrun_fit.py", "--rows", "5000")
    # Both write to one place, where a line may begin before the end of the other.
    found = re.findall(r"process (\d) of 2: (.*? labels)", said)
    assert sorted(rank for rank, _ in found) == ["0", "1"]
    assert found[0][1] == found[1][1]  # the same model


def test_dask():
    pytest.importorskip("distributed")
    assert "on 2 workers: 12 clusters" in said_by("examples/big/dask_fit.py", "--rows", "50000")
