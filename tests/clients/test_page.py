"""No code of the page is left out."""

from pathlib import Path

from tests.clients import SECTIONS


def test_every_section_is_run():
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert len(SECTIONS) > 1
    for heading in SECTIONS:
        assert f'run("{heading}")' in tests, f"no test runs the section {heading}"
