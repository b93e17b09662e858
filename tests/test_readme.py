"""What the README says: its code runs, and its numbers are those of the results files."""

import json
import re
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


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert "://" in target or (ROOT / target).exists(), target
