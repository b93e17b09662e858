"""The libraries of docs/ecosystem.md: a test runs the page's code on them and checks what came out.

`make test-clients` installs them; without one, its test skips itself.
"""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "ecosystem.md").read_text(encoding="utf-8")
OPENING, *SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)
SECTIONS = dict(section.split("\n", 1) for section in SECTIONS)


def run(heading):
    """What the names of a section's code stand for when it has run after that of the opening."""
    names: dict = {}
    for text in (OPENING, SECTIONS[heading]):
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            exec(block, names)
    return names
