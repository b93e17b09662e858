"""Reports in notebooks: `VMFMixture.show` and the frame in which a report is shown."""

import io
import webbrowser
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from tests.notebook.elements import elements_of
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.report import InlineReport, write_report

NASTY = "</script></iframe><b>'single' \"double\" & &amp; &#x27;</b>"


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(300, n_features=8, n_components=4, random_state=0)


@pytest.fixture(scope="module")
def model(rows):
    return VMFMixture(4, random_state=0).fit(rows[0])


@pytest.fixture(scope="module")
def given(rows):
    """All kinds of options that `write_report` has."""
    return {
        "labels": rows[1],
        "title": f"A {NASTY}",
        "n_rows": 200,
        "stop_words": None,
        "tokenizer": str.split,
    }


@pytest.fixture(scope="module")
def report(rows, model, given):
    texts = [f"{NASTY} row {row}" for row in range(len(rows[0]))]
    return model.show(rows[0], texts, height=500, **given)


def test_the_frame_holds_the_page_that_write_report_writes(report, rows, model, given, tmp_path):
    texts = [f"{NASTY} row {row}" for row in range(len(rows[0]))]
    write_report(tmp_path / "report.html", model, rows[0], texts=texts, **given)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    ((tag, attributes, _),) = elements_of(report._repr_html_())
    assert tag == "iframe" and attributes["srcdoc"] == page
    assert (
        attributes["sandbox"] == "allow-scripts allow-downloads"
        and attributes["title"] == given["title"]
    )
    assert "height: 500px" in attributes["style"] and "width: 100%" in attributes["style"]
    assert len(report._repr_html_()) < 1.2 * len(page)
    report.save(tmp_path / "saved.html")
    file = io.BytesIO()
    report.save(file)
    assert (tmp_path / "saved.html").read_text(encoding="utf-8") == page
    assert file.getvalue().decode("utf-8") == page


def test_nothing_opens_before_it_is_asked_for(report, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    assert ".save(path)" in repr(report) and ".open()" in repr(report)
    assert opened == [] and [*tmp_path.iterdir()] == []
    report.open()
    (url,) = opened
    path = Path(url2pathname(urlsplit(url).path))
    assert path.parent.parent == tmp_path and path.suffix == ".html"
    file = io.BytesIO()
    report.save(file)
    assert path.read_bytes() == file.getvalue()


def test_open_without_a_browser_says_what_to_do(report, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    with pytest.raises(RuntimeError, match=r"No browser .* save\(path\)"):
        report.open()
    assert [*tmp_path.iterdir()] == []


def test_show_rejects_invalid_arguments(rows, model):
    for height in (0, -5, 2.5, "700", True, None):
        with pytest.raises(ValueError, match=r"height=.* is not allowed; pass a number"):
            model.show(rows[0], height=height)
    with pytest.raises(NotFittedError):
        VMFMixture().show(rows[0])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.show(rows[0], ["one text"])
    with pytest.raises(TypeError, match="unexpected keyword argument 'label'"):
        model.show(rows[0], label=rows[1])
    assert isinstance(model.show(rows[0], height=np.int64(300)), InlineReport)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_browser_runs_the_report_within_a_notebook(browser, report, tmp_path, width):
    page = tmp_path / "notebook.html"
    head = (
        '<!DOCTYPE html><meta charset="utf-8"><title>notebook</title>'
        '<meta name="viewport" content="width=device-width">'
    )
    page.write_text(f"{head}<p>In [1]</p>{report._repr_html_()}<p>In [2]</p>", encoding="utf-8")
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(page.as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    frame = browser.find_element("tag name", "iframe")
    assert frame.size["height"] == 500 and frame.size["width"] == pytest.approx(width, abs=20)
    browser.switch_to.frame(frame)
    assert browser.find_element("id", "title").text == f"A {NASTY}"
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.find_element("id", "query").send_keys('"row 0"')
    assert browser.find_element("css selector", "#rows ~ div td.text").text == f"{NASTY} row 0"
    browser.execute_script("scrollTo(0, 0)")
    browser.find_elements("css selector", "nav a")[1].click()
    assert browser.execute_script("return scrollY") > 100  # and the frame still has the report
    assert browser.find_element("id", "title").text == f"A {NASTY}"
    script = "try { return parent.document.title } catch { return 'no access' }"
    assert browser.execute_script(script) == "no access"
    browser.switch_to.default_content()
    assert browser.title == "notebook"
    assert browser.get_log("browser") == []
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
