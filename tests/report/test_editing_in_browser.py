"""Editing, links and downloads on the page of a report, in a browser."""

import csv
import io
import json
import re
import time
from copy import copy

import numpy as np
import pytest

from tests.limits import HANG
from vmfmix import VMFMixture, load
from vmfmix.datasets import make_vmf_mixture
from vmfmix.report import write_report
from vmfmix.report.editing import editing_contents
from vmfmix.storage.fingerprints import fingerprint

NASTY = '<img src=x onerror="document.title=1">'
FORMULA = '=HYPERLINK("x", 1)'
NOT_EDITABLE = "The clusters of this model cannot be edited."


@pytest.fixture(scope="module")
def rows():
    X, _ = make_vmf_mixture(600, 8, 5, concentration=60.0, random_state=1)
    return X


@pytest.fixture(scope="module")
def model(rows):
    fitted = VMFMixture(5, random_state=0).fit(rows)
    return fitted.rename({1: "weather", 4: NASTY}).annotate({4: "a note"})


@pytest.fixture(scope="module")
def texts(rows):
    return [FORMULA, 'say "a", b\nand c', *(f"text {row}" for row in range(2, len(rows)))]


@pytest.fixture(scope="module")
def page(rows, model, texts, tmp_path_factory):
    path = tmp_path_factory.mktemp("editing") / "report.html"
    labels = ["even" if row % 2 else "odd" for row in range(len(rows))]
    write_report(path, model, rows, texts=texts, labels=labels)
    return path


@pytest.fixture
def opened(browser, page):
    browser.set_window_size(1280, 900)
    browser.get("about:blank")
    browser.get(page.as_uri())
    yield browser
    assert browser.title == "Clusters"  # no text was run
    assert browser.get_log("browser") == []
    browser.execute_script("edits.reset(); showEdits(); localStorage.clear()")


def run(browser, script, *values):
    return browser.execute_script(f"return {script}", *values)


def element(browser, name):
    return browser.find_element("id", name)


def wait_until(browser, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, HANG, poll_frequency=0.05).until(lambda _: condition())


def fill(browser, name, text):
    """Type a text into a field of the dialog, and leave the field."""
    field = element(browser, name)
    field.clear()
    field.send_keys(text, "\ue004")


def open_form(browser, cluster):
    run(browser, "showCluster(arguments[0])", cluster)
    if not element(browser, "edit-name").is_displayed():
        browser.find_element("css selector", "#edit-form summary").click()


def saved_by(browser, click):
    """Return the name and the contents of the file that a click saves."""
    run(browser, "void (saveFile = (name, text) => { window.saved = [name, text]; })")
    click()
    return run(browser, "window.saved")


def click_download(browser, what):
    selector = f'button[aria-label="Download {what}"]'
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)


# --- without a browser --------------------------------------------------------------------------


def test_contents_name_the_model_that_edits_belong_to(rows, model, tmp_path):
    model.save(tmp_path / "model.npz")
    for given in (model, load(tmp_path / "model.npz"), model.merge_to(8), model.mark_noise(2)):
        contents = editing_contents(given)
        stated = {name: contents[name] for name in ("n_components", "fingerprint")}
        document = {"format": "vmfmix edits", "version": 1, "model": stated, "edits": []}
        assert given.apply(document).n_components_ == stated["n_components"]
        assert stated["fingerprint"] == fingerprint(given)
    contents = editing_contents(model.mark_noise(2))
    assert contents["notes"] == ["", "", "", "", "a note"]
    assert contents["noise"] == [False, False, True, False, False]
    assert "noise" not in editing_contents(model)


def test_contents_of_a_model_that_cannot_be_edited():
    class Fitted:
        n_components_ = 2

    assert editing_contents(Fitted()) == {"n_components": 2, "fingerprint": None}


def test_all_outliers_and_label_errors_are_in_the_report(tmp_path):
    X, y = make_vmf_mixture(3000, 8, 3, concentration=40.0, random_state=0)
    model = VMFMixture(3, random_state=0).fit(X)
    shuffled = np.where(np.arange(len(X)) % 5 == 0, (y + 1) % 3, y)
    write_report(tmp_path / "r.html", model, X, labels=shuffled, texts=["a"] * len(X), n_rows=500)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    contents = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    listed = contents["issues"]["row"]
    assert len(listed) == 500 < contents["issues"]["count"]
    assert set(listed[:200]) <= set(contents["rows"]["row"]) and len(contents["rows"]["row"]) < 900
    write_report(tmp_path / "r.html", model, X, labels=shuffled)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    contents = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert len(contents["issues"]["row"]) == contents["issues"]["count"] >= 500


# --- editing ------------------------------------------------------------------------------------


@pytest.mark.browser
def test_edits_of_the_form_are_shown_everywhere_and_read_back(opened, model, rows):
    assert not element(opened, "edit-bar").is_displayed()
    open_form(opened, 2)
    fill(opened, "edit-name", f"{NASTY} two")
    fill(opened, "edit-note", "line\nother")
    fill(opened, "edit-parts", "3")
    assert element(opened, "cluster-name").text == f"Cluster 2: {NASTY} two"
    open_form(opened, 3)
    element(opened, "edit-noise").click()
    open_form(opened, 0)
    names = run(opened, "data.clusters.name")
    assert names == ["", "weather", f"{NASTY} two", "", NASTY]
    element(opened, "edit-search").send_keys("weather")
    (box,) = opened.find_elements("css selector", ".choices input")
    box.click()
    element(opened, "edit-merge").click()
    sizes = np.bincount(model.labels_)
    n_rows = int(sizes[0] + sizes[1])
    assert element(opened, "cluster-name").text == "Cluster 0: weather"
    assert "merged from 0, 1 · " in element(opened, "cluster").text
    assert f"{n_rows} rows" in element(opened, "cluster").text
    opened.switch_to.active_element.send_keys("\ue00c")  # Escape
    assert run(opened, "colorOf(3)") == run(opened, "colorOf(-1)")
    assert run(opened, "colorOf(1)") == run(opened, "colorOf(0)")
    options = [each.text for each in opened.find_elements("css selector", "#cluster-select option")]
    assert "cluster 0 (weather), merged from 0, 1" in options and "cluster 3, noise" in options
    assert len(options) == 1 + 4
    shown = [
        each.text
        for each in opened.find_elements("css selector", "#clusters ~ .scroll tbody tr")
        if each.is_displayed()
    ]
    assert len(shown) == 4 and any("merged from 0, 1" in text for text in shown)
    wait_until(opened, lambda: "[" in (element(opened, "map-surface").get_attribute("data-labels")))
    drawn = json.loads(element(opened, "map-surface").get_attribute("data-labels"))
    assert 1 not in {box["k"] for box in drawn}
    assert "5 edits" in element(opened, "edit-bar").text

    def save():
        element(opened, "save-edits").click()

    name, text = saved_by(opened, save)
    assert name == "edits.json" and "saved" in element(opened, "edit-bar").text
    edited = model.apply(json.loads(text), rows)
    assert edited.n_components_ == 6
    assert edited.names_.tolist()[:2] == ["weather", f"{NASTY} two"]
    assert edited.notes_.tolist()[1] == "line\nother"
    assert edited.noise_.tolist()[2]


@pytest.mark.browser
def test_errors_are_shown_beside_the_field(opened):
    open_form(opened, 0)
    fill(opened, "edit-name", "weather")
    error = element(opened, "edit-name-error")
    assert error.text == "Clusters 0 and 1 would have the same name."
    assert element(opened, "edit-name").get_attribute("aria-invalid") == "true"
    fill(opened, "edit-name", "another")
    assert error.text == "" and run(opened, "nameOf(0)") == "another"
    fill(opened, "edit-parts", "two")
    assert element(opened, "edit-parts-error").text.startswith("The number of parts is a positive")
    fill(opened, "edit-parts", "auto")
    assert element(opened, "edit-parts-error").text == ""
    assert "to be split" in element(opened, "cluster-facts").text


@pytest.mark.browser
def test_chosen_clusters_are_merged_and_undone_by_keyboard(opened):
    from selenium.webdriver import ActionChains, Keys

    for cluster in (1, 3):
        box = opened.find_element("css selector", f'td input[value="{cluster}"]')
        opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", box)
        box.click()
    element(opened, "merge-chosen").click()
    assert run(opened, "editsOf(3).clusters") == [1, 3]
    assert not opened.find_elements("id", "merge-chosen")

    def press(*keys):
        chain = ActionChains(opened).key_down(Keys.CONTROL)
        for key in keys[:-1]:
            chain = chain.key_down(key)
        chain.send_keys(keys[-1])
        for key in keys[:-1]:
            chain = chain.key_up(key)
        chain.key_up(Keys.CONTROL).perform()

    press("z")
    assert run(opened, "editsOf(3).clusters") == [3]
    press(Keys.SHIFT, "z")
    assert run(opened, "editsOf(3).clusters") == [1, 3]
    open_form(opened, 3)
    element(opened, "edit-separate").click()
    assert element(opened, "cluster-name").text == "Cluster 1: weather"
    assert run(opened, "editsOf(3).clusters") == [3]


@pytest.mark.browser
def test_clusters_of_a_lasso_are_merged(opened):
    inside = run(opened, "Array.from(rows.cluster, (k) => k === 0 || k === 2 ? 1 : 0)")
    run(opened, "select({ lasso: Uint8Array.from(arguments[0]) })", inside)
    element(opened, "choose-clusters").click()
    boxes = opened.find_elements("css selector", "td input:checked")
    assert sorted(box.get_attribute("value") for box in boxes) == ["0", "2"]
    element(opened, "merge-chosen").click()
    assert run(opened, "editsOf(2).clusters") == [0, 2]


def asks_before_leaving(browser):
    """Whether the page listens for being left, which makes leaving it slower or even stop."""
    evaluated = browser.execute_cdp_cmd("Runtime.evaluate", {"expression": "window"})
    window = {"objectId": evaluated["result"]["objectId"]}
    found = browser.execute_cdp_cmd("DOMDebugger.getEventListeners", window)
    return "beforeunload" in {each["type"] for each in found["listeners"]}


@pytest.mark.browser
def test_the_page_asks_before_it_is_left_only_while_edits_are_unsaved(opened):
    assert not asks_before_leaving(opened)
    run(opened, "edit(() => edits.merge([0, 4]))")
    assert asks_before_leaving(opened)
    run(opened, "edit(() => edits.undo())")
    assert not asks_before_leaving(opened)
    run(opened, "edit(() => edits.redo())")
    saved_by(opened, lambda: element(opened, "save-edits").click())
    assert not asks_before_leaving(opened)


@pytest.mark.browser
def test_edits_survive_a_reload_until_they_are_reset(opened):
    run(opened, "edit(() => edits.merge([0, 4]))")
    assert run(opened, "dispatchEvent(new Event('beforeunload', { cancelable: true }))") is False
    opened.refresh()
    assert run(opened, "editsOf(4).clusters") == [0, 4]
    assert "1 edit" in element(opened, "edit-bar").text
    saved_by(opened, lambda: element(opened, "save-edits").click())
    assert run(opened, "dispatchEvent(new Event('beforeunload', { cancelable: true }))") is True
    element(opened, "reset-edits").click()
    opened.refresh()
    messages = [each["message"] for each in opened.get_log("browser")]
    assert all("beforeunload" in message for message in messages)
    assert run(opened, "edits.isChanged") is False
    assert not element(opened, "edit-bar").is_displayed()


@pytest.mark.browser
def test_a_file_of_edits_is_opened_and_dropped(opened, model, tmp_path):
    file = tmp_path / "edits.json"
    document = {
        "format": "vmfmix edits",
        "version": 1,
        "model": {"n_components": 5, "fingerprint": fingerprint(model)},
        "edits": [{"edit": "rename", "cluster": 0, "name": "opened"}],
    }
    file.write_text(json.dumps(document))
    field = opened.find_element("css selector", 'input[type="file"]')
    field.send_keys(str(file))
    wait_until(opened, lambda: run(opened, "nameOf(0)") == "opened")
    drop = "const files = new DataTransfer(); files.items.add(new File([arguments[0]], 'e.json'));"
    drop += "document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: files, bubbles: true,"
    drop += " cancelable: true}))"
    document["edits"][0]["name"] = "dropped"
    opened.execute_script(drop, json.dumps(document))
    wait_until(opened, lambda: run(opened, "nameOf(0)") == "dropped")
    document["model"]["fingerprint"] = "0"
    opened.execute_script(drop, json.dumps(document))
    alert = opened.find_element("css selector", "#edit-bar [role=alert]")
    wait_until(opened, lambda: alert.text == "The edits are those of another model.")
    assert run(opened, "nameOf(0)") == "dropped"


# --- links --------------------------------------------------------------------------------------


@pytest.mark.browser
def test_back_and_links_show_the_same_view(opened, page):
    opened.find_elements("css selector", ".tools button")[0].click()
    run(opened, "select({ cluster: 2 })")
    wait_until(opened, lambda: "cluster=2" in opened.current_url)
    element(opened, "query").send_keys("text 1")
    wait_until(opened, lambda: "q=text%201" in opened.current_url)
    run(opened, "showCluster(3)")
    wait_until(opened, lambda: "open=3" in opened.current_url)
    link, count = opened.current_url, element(opened, "row-count").text
    assert "map=1.60," in link
    opened.back()
    wait_until(opened, lambda: not element(opened, "cluster").is_displayed())
    opened.back()  # the letters of a search are one step
    wait_until(opened, lambda: run(opened, "selection.query") == "")
    assert run(opened, "selection.cluster") == 2
    opened.forward()
    wait_until(opened, lambda: run(opened, "selection.query") == "text 1")
    opened.get("about:blank")
    opened.get(link)
    assert element(opened, "cluster-name").text.startswith("Cluster 3")
    assert element(opened, "row-count").text == count
    assert element(opened, "map-surface").get_attribute("data-zoom") == "1.600"
    assert element(opened, "query").get_attribute("value") == "text 1"


@pytest.mark.browser
def test_links_to_lassos_rows_and_sections(opened, page):
    run(opened, "select({ lasso: mapView.rowsInside(arguments[0]), polygon: arguments[0] })",
        [[0, 0], [1, 0], [0, 1]])  # fmt: skip
    count = run(opened, "selection.matches.length")
    wait_until(opened, lambda: "lasso=0,0,1,0,0,1" in opened.current_url)
    link = opened.current_url
    for address, shown in ((link, count), (f"{page.as_uri()}#row=7", 1)):
        opened.get("about:blank")
        opened.get(address)
        assert run(opened, "selection.matches.length") == shown
    assert "Row 7" in opened.find_element("css selector", ".map-panel").text
    opened.find_element("css selector", "#outliers ~ div .row-link").click()
    opened.find_element("xpath", "//dialog[@id='row']//button[text()='Show on map']").click()
    assert run(opened, "selection.row") == run(opened, "data.outliers.row[0]")
    opened.get("about:blank")
    opened.get(f"{page.as_uri()}#rows")
    assert run(opened, "Math.abs(byId('rows').getBoundingClientRect().top) < 120")


@pytest.mark.browser
@pytest.mark.parametrize(
    "broken",
    ["cluster=99&row=x&open=-3&map=a,b&lasso=1,2,3&q=", "%E0%A4%A=&&==&cluster", "nowhere", "#"],
)
def test_broken_links_are_ignored(opened, page, broken):
    opened.get("about:blank")
    opened.get(f"{page.as_uri()}#{broken}")
    assert run(opened, "selection.isActive()") is False
    assert not element(opened, "cluster").is_displayed()
    assert run(opened, "document.documentElement.dataset.ready") == "true"


@pytest.mark.browser
def test_a_click_beside_the_dialog_closes_it(opened):
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    run(opened, "showCluster(0)")
    element(opened, "cluster-name").click()
    assert element(opened, "cluster").is_displayed()
    mouse = ActionBuilder(opened)
    mouse.pointer_action.move_to_location(60, 300).click()
    mouse.perform()
    assert not element(opened, "cluster").is_displayed()
    assert run(opened, "selection.isActive()") is False


# --- downloads ----------------------------------------------------------------------------------


@pytest.mark.browser
def test_rows_are_downloaded_as_csv_and_json(opened, model, texts, tmp_path):
    behavior = {"behavior": "allow", "downloadPath": str(tmp_path)}
    opened.execute_cdp_cmd("Browser.setDownloadBehavior", behavior)
    click_download(opened, "the rows found as CSV")
    wait_until(opened, lambda: (tmp_path / "rows.csv").exists())
    time.sleep(0.1)  # the file appears when it is complete, but under a policy it would be empty
    contents = (tmp_path / "rows.csv").read_bytes()
    assert contents.startswith(
        b"row,text,cluster,cluster_name,similarity,margin,probability,typicality,label\r\n"
    )
    table = list(csv.DictReader(io.StringIO(contents.decode("utf-8"), newline="")))
    by_row = {int(row["row"]): row for row in table}
    assert sorted(by_row) == list(range(600))
    assert by_row[0]["text"] == "'" + FORMULA and by_row[1]["text"] == texts[1]
    assert [int(by_row[row]["cluster"]) for row in range(600)] == model.labels_.tolist()
    run(opened, "select({ cluster: 1 })")
    run(opened, "edit(() => edits.setNoise(2, true))")
    name, text = saved_by(opened, lambda: click_download(opened, "the rows found as JSON"))
    found = json.loads(text)
    assert name == "rows.json" and {row["cluster_name"] for row in found} == {"weather"}
    assert len(found) == int((model.labels_ == 1).sum())
    run(opened, "showCluster(2)")
    name, text = saved_by(
        opened, lambda: click_download(opened, "the rows of this cluster as JSON")
    )
    found = json.loads(text)
    assert name == "cluster-2.json" and {row["cluster"] for row in found} == {-1}
    assert len(found) == int((model.labels_ == 2).sum())


@pytest.mark.browser
def test_lists_and_the_table_of_clusters_are_downloaded(opened):
    run(opened, "edit(() => edits.merge([0, 3]))")
    _, text = saved_by(opened, lambda: click_download(opened, "the table of clusters as JSON"))
    table = json.loads(text)
    assert [row["cluster"] for row in table] == [0, 1, 2, 4]
    assert table[0]["merged_from"] == "0 3" and table[3]["note"] == "a note"
    for what, values in (("outliers", "outliers"), ("possible label errors", "issues")):
        _, text = saved_by(opened, lambda what=what: click_download(opened, f"all {what} as CSV"))
        found = list(csv.DictReader(io.StringIO(text, newline="")))
        assert [int(row["row"]) for row in found] == run(opened, f"data.{values}.row")
        assert "3" not in {row["cluster"] for row in found}


@pytest.mark.browser
def test_pages_of_other_models_work(browser, rows, model, tmp_path, monkeypatch):
    one, noisy = VMFMixture(1, random_state=0).fit(rows), model.mark_noise(2)
    monkeypatch.setattr("vmfmix.report.editing.fingerprint", lambda _: None)
    write_report(tmp_path / "fixed.html", copy(model), rows, n_rows=100)
    monkeypatch.undo()
    write_report(tmp_path / "one.html", one, rows)
    write_report(tmp_path / "noisy.html", noisy, rows)
    browser.get((tmp_path / "fixed.html").as_uri())
    run(browser, "showCluster(1)")
    assert NOT_EDITABLE in element(browser, "cluster").text
    assert not browser.find_elements("id", "edit-bar")
    assert "rows are in this report" in browser.find_element("css selector", "#rows + p").text
    assert not browser.find_elements("css selector", "td input")
    browser.get((tmp_path / "one.html").as_uri())
    open_form(browser, 0)
    fill(browser, "edit-name", "all")
    assert not browser.find_elements("id", "edit-merge")
    assert "1 edit" in run(browser, "byId('edit-bar').textContent")
    run(browser, "localStorage.clear()")
    browser.get((tmp_path / "noisy.html").as_uri())
    open_form(browser, 2)
    assert element(browser, "edit-noise").is_selected()
    element(browser, "edit-noise").click()
    assert run(browser, "edits.toJSON().edits") == [{"edit": "noise", "cluster": 2, "noise": False}]
    run(browser, "localStorage.clear()")
    assert browser.get_log("browser") == []
