"""Words that were replaced by clearer ones do not come back; spelling is American."""

import re

import pytest

from tests.project.layers import ROOT

# pattern: the word to use. Names and prose are searched, in code and on pages.
REPLACED = {
    r"(?<!Zipf's )\blaws?\b": "distribution",
    r"\b(rooms?|drawers?)\b|\bthe house\b": "module, package or file",
    r"\b(told|tells?|telling)\b(?!\(\))|_told\b": "report, show or say",
    r"\b(heirs?|tame|recalls?|recalled)\b": "successor, rescale, candidates",
    r"\b(goes|went|go|gone) on (from|where|with|to)\b|\bbroken off\b": "continue, resume",
    r"\bwho (asks?|holds?|knows?|wants?)\b|\bwhoever\b|\bnobody (says|looks|asks)\b": "a subject",
    r"\bfar out\b|\blooks? wrong\b": "outlier, possible error",
    r"\bsettings\b": "parameters (of an estimator) or config (of a training)",
    r"\b(is|are|was|were) wanted\b": "requested, needed",
}
SPELLING = {
    r"neighbour": "neighbor",
    r"colour": "color",
    r"\bcentre|centred": "center",
    r"\bgrey": "gray",
    r"behaviour": "behavior",
    r"labelled(?!by\b)|modelled|cancelled": "one l",
    r"(normal|maxim|minim|optim|initial|summar|vector|penal|regular|recogn)is(ed?|es|ing)\b": "z",
}
FOLDERS = ("vmfmix", "tests", "benchmarks", "examples", "docs")
ENDINGS = (".py", ".md", ".html", ".js", ".rst", ".toml", ".css")
THIS_FILE = "tests/project/test_vocabulary.py"
# Where a word has another, usual meaning: (file, text around it).
ALLOWED = {
    ("tests/conftest.py", "settings"),  # of hypothesis
    ("tests/distribution/test_expansion.py", "hypothesis.settings"),
    ("vmfmix/report/template/page.html", "aria-labelledby"),  # of HTML
}


def texts():
    """Return the lines of all files by path."""
    paths = [path for path in ROOT.iterdir() if path.suffix == ".md" or path.name == "Makefile"]
    for folder in FOLDERS:
        paths += [path for path in (ROOT / folder).rglob("*") if path.suffix in ENDINGS]
    generated = ("docs/_build", "docs/generated", "docs/gallery")
    found = {}
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        if name != THIS_FILE and not name.startswith(generated):
            found[name] = path.read_text(encoding="utf-8").splitlines()
    return found


TEXTS = texts()


@pytest.mark.parametrize("pattern", [*REPLACED, *SPELLING])
def test_replaced_words_do_not_come_back(pattern):
    word = re.compile(pattern, re.IGNORECASE)
    hits = [
        f"{name}:{number}: {line.strip()}"
        for name, lines in TEXTS.items()
        for number, line in enumerate(lines, 1)
        if word.search(line) and not any(name == file and text in line for file, text in ALLOWED)
    ]
    better = {**REPLACED, **SPELLING}[pattern]
    assert not hits, f"say {better}:\n" + "\n".join(hits)


SAMPLES = [
    "a law of errors",
    "all drawers",
    "it was told",
    "the heirs",
    "goes on from",
    "who asks",
    "far out",
    "the settings",
    "is wanted",
    "neighbours",
    "colour",
    "the centre",
    "grey",
    "behaviour",
    "labelled",
    "normalise",
]


@pytest.mark.parametrize("pattern", [*REPLACED, *SPELLING])
def test_each_pattern_finds_a_word(pattern):
    assert any(re.search(pattern, sample) for sample in SAMPLES)
