"""Tests of the code in docs/ecosystem.md with the libraries that it names.

`make test-clients` installs the libraries. The tests of a missing library are skipped.
"""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "ecosystem.md").read_text(encoding="utf-8")
INTRODUCTION, *SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)
SECTIONS = dict(section.split("\n", 1) for section in SECTIONS)


def run(heading):
    """Run the code of the introduction and of a section, and return the variables that it sets."""
    variables: dict = {}
    for text in (INTRODUCTION, SECTIONS[heading]):
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            exec(block, variables)
    return variables
