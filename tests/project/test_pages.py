"""What the README says: its code runs, and its numbers are those of the results files."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.limits import HANG

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_results_file():
    pytest.importorskip("sklearn")
    from benchmarks.quality import RESULTS, readme_table, readme_table_of_encoders

    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert readme_table(results) in README
    assert readme_table_of_encoders(results) in README
    usual = [each["set"] for each in results["sets"] if not each["hard"]]
    assert f"Averages over {len(usual)} labeled sets" in README
    for name in usual:
        scores = {row["method"]: float(row["ARI"].split()[0]) for row in results["by_set"][name]}
        if scores["VMFMixture, smoothed"] < scores["VMFMixture"] - 0.02:
            assert name in README  # the sets that smoothing makes worse are named


def test_the_table_of_unknown_numbers_is_that_of_the_results_file():
    pytest.importorskip("sklearn")
    from benchmarks.number_of_clusters import RESULTS
    from benchmarks.number_of_clusters_tables import readme_table

    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert readme_table(results) in README


def test_the_table_of_the_front_page_is_that_of_the_results_files():
    pytest.importorskip("sklearn")
    from benchmarks.front_page import table

    assert table() in (ROOT / "docs/index.md").read_text(encoding="utf-8")


def test_the_table_of_calibration_is_that_of_the_results_file():
    pytest.importorskip("sklearn")
    from benchmarks.membership import RESULTS, page_table

    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert page_table(results) in (ROOT / "docs/membership.md").read_text(encoding="utf-8")


PAGES = {  # and how many blocks of code are followed by what they print
    "README.md": 0,
    "docs/quickstart.md": 0,
    "docs/number_of_clusters.md": 1,
    "docs/membership.md": 3,
    "docs/editing.md": 7,
    "docs/steering.md": 1,
    "docs/tutorial.md": 14,
    "docs/pitfalls.md": 17,
}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_code_runs_and_prints_what_the_page_says(page, tmp_path, monkeypatch, capsys):
    if PAGES[page]:
        pytest.importorskip("pandas")  # tables are printed
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", text, re.DOTALL)
    assert blocks
    assert sum(bool(said) for _, said in blocks) == PAGES[page]
    names = {}
    for code, said in blocks:
        exec(code, names)
        printed = capsys.readouterr().out
        if said:
            assert_alike(printed, said)


def assert_alike(printed, said):
    """The same words, and nearly the same numbers.

    Libraries of other versions round otherwise, and EM may then stop at another iteration.
    """
    (words, numbers), (said_words, said_numbers) = map(words_and_numbers, (printed, said))
    assert words == said_words
    assert numbers == pytest.approx(said_numbers, rel=0.05, abs=0.03)


def words_and_numbers(text):
    parts = re.split(r"(-?\d+(?:\.\d+)?)", " ".join(text.split()))
    return [word.strip() for word in parts[::2]], [float(number) for number in parts[1::2]]


@pytest.mark.training
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
            timeout=HANG,
        )
        assert done.returncode == 0, done.stderr
    assert "mixture of the training" in done.stdout
    printed = set(re.search(r"Wrote (.*) to run", block)[1].split(", "))
    assert {path.name for path in (tmp_path / "run").iterdir()} == printed


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert "://" in target or (ROOT / target).exists(), target


def test_every_promise_names_a_test_that_is_there():
    page = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    page, _ = page.split("\n## What is not promised")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len(named) > 30
    for file, test in named:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {test or 'test_'}" in text, f"{file}::{test}"
    for promise in page.split("\n* ")[1:]:
        assert "\n  `tests/" in promise, promise


def test_the_cheat_sheet_names_what_exists():
    import inspect

    import vmfmix

    page = (ROOT / "docs/cheat_sheet.md").read_text(encoding="utf-8")
    model = vmfmix.VMFMixture
    for name in set(re.findall(r"\bmodel\.(\w+)", page)) - {"npz"}:
        assert hasattr(model, name) or f"\n    {name} : " in model.__doc__, name
    for module, name in set(re.findall(r"`vmfmix\.(\w+)\.(\w+)", page)):
        assert hasattr(importlib.import_module(f"vmfmix.{module}"), name), name
    table = page.split("## Parameters that matter")[1].split("\n## ")[0]
    defaults = inspect.signature(model).parameters
    for names, values in re.findall(r"^\| (`\w.*?) \| (.*?) \|", table, re.MULTILINE):
        for name, value in zip(names.split(", "), values.split(", "), strict=True):
            assert repr(defaults[name.strip("`")].default) == value.strip("`").replace('"', "'")
