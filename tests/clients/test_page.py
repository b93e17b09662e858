"""Check that every section of docs/ecosystem.md is tested."""

from pathlib import Path

from tests.clients import SECTIONS


def test_every_section_has_a_test():
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert len(SECTIONS) > 1
    for heading in SECTIONS:
        assert f'run("{heading}")' in tests, f"no test runs the section {heading!r}"
