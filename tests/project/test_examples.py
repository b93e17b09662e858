"""Run the example scripts on few rows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.limits import HANG

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def output_of(*command):
    """Run a Python command and return what it prints."""
    result = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=ROOT, timeout=HANG
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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("merge_cost", "ARI with the new cost: 1.000"),
        ("selection_rule", "clusters found with the new rule: 8 (8 are true)"),
        ("engine", "rows with the same label in both engines: 100.0%"),
        ("command_output", "means.npy"),
    ],
)
def test_extending_example(name, expected):
    assert expected in output_of(f"examples/extending/{name}.py")


@pytest.mark.training
def test_extending_objective_example():
    pytest.importorskip("lightning")
    pytest.importorskip("kornia")
    assert "clusters after 4 epochs" in output_of("examples/extending/objective.py")


@pytest.mark.parametrize(
    "name", ["merge_cost", "selection_rule", "engine", "command_output", "objective"]
)
def test_development_page_includes_the_code_of_the_example(name):
    page = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
    code = (ROOT / "examples" / "extending" / f"{name}.py").read_text(encoding="utf-8")
    block = re.search(
        rf"extending/{name}\.py\n.*?start-after: \"(.*?)\"\n:end-before: \"(.*?)\"", page, re.S
    )
    start, end = block.groups()
    assert code.index(start) < code.index(end)


def test_development_page_names_files_and_functions_that_exist():
    page = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?:\d+\. )?.* \| `([a-z_/]+\.py)` \| (.*) \|$", page, re.M)
    assert len(rows) == 12  # a fit passes through twelve files
    for file, names in rows:
        code = (ROOT / "vmfmix" / file).read_text(encoding="utf-8")
        for name in re.findall(r"`\.?([\w.]+)`", names):
            assert re.search(rf"(def|class) {name.split('.')[-1]}\b", code), f"{file}: {name}"


def test_dockerfile_copies_existing_files_and_compiles_kernels():
    text = (ROOT / "examples/docker/Dockerfile").read_text(encoding="utf-8")
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ")]
    assert all((ROOT / name).exists() for names in copied for name in names)
    assert output_of("examples/docker/compile_kernels.py") == ""
