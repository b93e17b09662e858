"""The Sphinx extensions in docs/_ext: tables of results, and formulas."""

import importlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def extension(monkeypatch):
    """Import a module of docs/_ext."""
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(ROOT / "docs/_ext"))
    return importlib.import_module


def test_numbers_have_separators(extension):
    cell = extension("benchmark_tables")._cell
    assert [cell(value) for value in (5000000, 3500, 12, True)] == [
        "5,000,000",
        "3,500",
        "12",
        "yes",
    ]
    assert [cell(value) for value in (3600.0, 340.3, 0.0214)] == ["3,600", "340", "0.0214"]
    assert cell([1000, "a|b"]) == "1,000, a\\|b"


def test_empty_values_are_left_out(extension):
    line = extension("benchmark_tables")._line
    assert line({"seeds": 2, "not_in_means": [], "hard_sets": ["a", "b"]}) == (
        "Seeds: 2; hard sets: a, b"
    )


def test_the_machine_of_every_results_file_is_split_off(extension):
    split = extension("benchmark_tables").split_off_machine
    files = sorted((ROOT / "benchmarks/results").glob("*.json"))
    assert files
    for file in files:
        results = json.loads(file.read_text(encoding="utf-8"))
        machine, others = split(results)
        assert {"python", "numpy", "system", "cores", "blas_kernels"} <= set(machine), file
        assert "not installed" not in machine.values()
        assert not {"python", "cores"} & set(others)


def test_tables_are_counted(extension):
    count = extension("benchmark_tables").tables_in
    row = {"a": 1}
    assert count([row, row]) == 1
    assert count({"x": row, "y": row}) == 1  # the rows of one table
    assert count({"x": [row], "y": {"z": [row], "seeds": 2}}) == 2
    assert count(3) == 0


def test_formulas_have_no_latex_left(extension):
    pytest.importorskip("latex2mathml")
    to_mathml = extension("mathml").to_mathml
    text = (ROOT / "docs/mathematics.md").read_text(encoding="utf-8")
    blocks = re.findall(r"\$\$\n(.*?)\n\$\$", text, re.DOTALL)
    lines = re.findall(
        r"(?<!\$)\$(?!\$)([^$\n]+)\$(?!\$)", re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
    )
    assert len(blocks) > 40 and len(lines) > 100
    for formula in blocks + lines:
        assert "\\" not in to_mathml(formula, "inline"), formula
