"""The page on installation: its extras and versions of Python are those of pyproject.toml."""

import re
import tomllib

from tests.project.layers import ROOT

PAGE = (ROOT / "docs/install.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def packages(extra):
    """Return the names of the packages that an extra installs, also those of extras within it."""
    found = set()
    for requirement in EXTRAS[extra]:
        name, others = re.match(r"([\w-]+)(?:\[(.*?)\])?", requirement).groups()
        if name == "vmfmix":
            found.update(*map(packages, others.split(",")))
        else:
            found.add(name)
    return found


def test_the_table_has_the_extras_and_their_packages():
    rows = dict(re.findall(r"^\| (\w+) \| .* \| (.*?) ?\|$", PAGE, re.MULTILINE))
    del rows["extra"]
    assert rows.pop("all") == ""
    for extra, names in rows.items():
        assert set(names.split(", ")) == packages(extra), extra
    assert packages("all") == set().union(*map(packages, rows))
    developers = re.search(r"The extras\s+(.*?) are for \[developers\]", PAGE, re.DOTALL)[1]
    assert {*rows, "all", *re.findall(r"`(\w+)`", developers)} == set(EXTRAS)


def test_the_page_has_the_versions_of_python():
    tested = [re.search(r":: (3\.\d+)$", each) for each in PROJECT["classifiers"]]
    first, *others, last = [match[1] for match in tested if match]
    assert f"is tested with {', '.join([first, *others])} and {last}." in PAGE
    assert PROJECT["requires-python"] == f">={first}"
