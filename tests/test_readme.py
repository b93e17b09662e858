"""What the README says: its code runs, and its numbers are those of the results files."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_results_file():
    pytest.importorskip("sklearn")
    from benchmarks.quality import RESULTS, readme_table

    assert readme_table(json.loads(RESULTS.read_text(encoding="utf-8"))) in README


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md", "docs/number_of_clusters.md"])
def test_the_code_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    assert blocks
    exec("\n".join(blocks), {})


def test_the_commands_of_training_run_as_printed(tmp_path):
    for needed in ("lightning", "kornia", "PIL"):
        pytest.importorskip(needed)
    section = README.split("## Train on your own images")[1].split("\n## ")[0]
    block = re.search(r"```\n(.*?)```", section, re.DOTALL)[1]
    commands = re.findall(r"^\$ ((?:.*\\\n)*.*)$", block, re.MULTILINE)
    assert len(commands) == 2
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for command in commands:
        done = subprocess.run(
            command.replace("python", sys.executable, 1),
            shell=True,
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
    assert "mixture of the training" in done.stdout
    printed = set(re.search(r"Wrote (.*) to run", block)[1].split(", "))
    assert {path.name for path in (tmp_path / "run").iterdir()} == printed


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert "://" in target or (ROOT / target).exists(), target
