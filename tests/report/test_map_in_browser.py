"""The map of a report in a browser: hover, selection, lasso, labels, zoom and keyboard."""

import json
import re

import numpy as np
import pytest

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.report import write_report

pytestmark = pytest.mark.browser

NASTY = '<img src=x onerror="document.title=1">'
# The places of three groups of rows: left, right, and above the middle.
CENTERS = np.array([[0.0, 0.0], [10.0, 0.0], [5.0, 6.0]])


@pytest.fixture(scope="module")
def rows():
    X, _ = make_vmf_mixture(300, 8, 3, concentration=200.0, random_state=0)
    model = VMFMixture(3, random_state=0, merge=None).fit(X)
    texts = [f"{NASTY} text {row}" for row in range(len(X))]
    noise = np.random.RandomState(0).uniform(-0.5, 0.5, (len(X), 2))
    return model.rename({0: "the first", 1: NASTY}), X, texts, CENTERS[model.labels_] + noise


@pytest.fixture(scope="module")
def page(rows, tmp_path_factory):
    model, X, texts, coordinates = rows
    path = tmp_path_factory.mktemp("map") / "report.html"
    write_report(path, model, X, texts=texts, coordinates=coordinates)
    return path


@pytest.fixture
def surface(browser, page):
    browser.set_window_size(1280, 900)
    browser.get(page.as_uri())
    yield browser.find_element("id", "map-surface")
    assert browser.title == "Clusters"  # no text was run
    assert browser.get_log("browser") == []


def pixel_of(surface, place):
    """Return where coordinates are drawn, relative to the center of the surface."""
    low, high = CENTERS.min(axis=0) - 0.5, CENTERS.max(axis=0) + 0.5
    width, height = surface.size["width"], surface.size["height"]
    scale = min((width - 68) / (high - low)[0], (height - 68) / (high - low)[1])
    across, up = (np.asarray(place) - (low + high) / 2) * scale
    return round(across), round(-up)


def actions(surface):
    from selenium.webdriver import ActionChains

    surface.parent.execute_script("arguments[0].scrollIntoView({block: 'center'})", surface)
    return ActionChains(surface.parent, duration=20)


def panel(surface):
    return surface.parent.find_element("css selector", ".map-panel").text


def row_count(surface):
    return int(re.match(r"[\d,]+", surface.parent.find_element("id", "row-count").text)[0])


def test_hover_shows_text_and_cluster(surface, rows):
    model, _, _, coordinates = rows
    row = int(np.flatnonzero(model.labels_ == 1)[0])
    tip = surface.parent.find_element("css selector", ".tip")
    assert not tip.is_displayed()
    place = pixel_of(surface, coordinates[row])
    surface.parent.execute_script("arguments[0].scrollIntoView({block: 'center'})", surface)
    script = "const box = arguments[0].getBoundingClientRect(); for (let i = 0; i < 5; i++) "
    script += "arguments[0].dispatchEvent(new WheelEvent('wheel', {deltaY: -80, bubbles: true, "
    script += "cancelable: true, clientX: box.left + box.width / 2 + arguments[1], "
    script += "clientY: box.top + box.height / 2 + arguments[2]}))"
    surface.parent.execute_script(script, surface, *place)
    assert float(surface.get_attribute("data-zoom")) > 3
    actions(surface).move_to_element_with_offset(surface, *place).perform()
    assert tip.is_displayed()
    assert f"Cluster 1 ({NASTY})" in tip.text
    shown = int(re.search(re.escape(f"{NASTY} text ") + r"(\d+)", tip.text)[1])
    assert np.abs(coordinates[shown] - coordinates[row]).max() < 0.3
    actions(surface).move_to_element(surface.parent.find_element("id", "title")).perform()
    assert not tip.is_displayed()


def test_click_selects_the_cluster_everywhere(surface, rows):
    model = rows[0]
    place = pixel_of(surface, CENTERS[2])
    actions(surface).move_to_element_with_offset(surface, *place).click().perform()
    n_rows = int((model.labels_ == 2).sum())
    assert panel(surface).startswith("Cluster 2") and f"{n_rows} rows" in panel(surface)
    assert row_count(surface) == n_rows
    choice = surface.parent.find_element("id", "cluster-select")
    assert choice.get_attribute("value") == "2"
    selected = surface.parent.find_elements("css selector", "tr.selected")
    assert [row.find_element("css selector", "td").text for row in selected] == ["2"]
    surface.parent.find_element("id", "clear-selection").click()
    assert row_count(surface) == 300 and "Nothing selected" in panel(surface)


def test_search_and_dialog_select_on_the_map(surface):
    surface.parent.find_element("id", "query").send_keys("text 29")
    assert "Rows with “text 29”" in panel(surface) and f"{row_count(surface)} rows" in panel(
        surface
    )
    surface.parent.execute_script("showCluster(1)")
    buttons = surface.parent.find_elements("css selector", "#cluster button")
    next(button for button in buttons if button.text == "Show on map").click()
    assert panel(surface).startswith(f"Cluster 1 ({NASTY})")
    assert surface.parent.find_element("id", "query").get_attribute("value") == ""


def test_words_are_found_in_any_order_and_highlighted(surface):
    field = surface.parent.find_element("id", "query")
    field.send_keys("12 TEXT")
    marks = "return [...document.querySelectorAll(arguments[0])].map((mark) => mark.textContent)"
    # 12 and 120 to 129
    assert row_count(surface) == 11
    for place in ("td mark", ".map-panel mark"):
        found = surface.parent.execute_script(marks, place)
        assert found.count("text") == found.count("12") == 11 and len(found) == 22
    field.clear()
    field.send_keys("row:12")
    assert row_count(surface) == 1 and f"{NASTY} text 12" in panel(surface)
    field.clear()
    field.send_keys("-text")
    assert row_count(surface) == 0


@pytest.mark.parametrize("how", ["shift", "button"])
def test_lasso_selects_and_lists_rows(surface, rows, how):
    from selenium.webdriver import Keys

    model = rows[0]
    corners = [pixel_of(surface, CENTERS[0] + offset) for offset in ([-0.7, -0.7], [-0.7, 0.7])]
    corners += [pixel_of(surface, CENTERS[0] + offset) for offset in ([0.7, 0.7], [0.7, -0.7])]
    chain = actions(surface)
    if how == "button":
        surface.parent.find_element("id", "lasso").click()
        assert surface.parent.find_element("id", "lasso").get_attribute("aria-pressed") == "true"
    else:
        chain = chain.key_down(Keys.SHIFT)
    chain = chain.move_to_element_with_offset(surface, *corners[0]).click_and_hold()
    for corner in corners[1:]:
        chain = chain.move_to_element_with_offset(surface, *corner)
    chain.release().key_up(Keys.SHIFT).perform()
    n_rows = int((model.labels_ == 0).sum())
    assert "Rows in the lasso" in panel(surface) and "In 1 cluster: 0" in panel(surface)
    assert row_count(surface) == n_rows
    assert surface.parent.find_element("id", "lasso").get_attribute("aria-pressed") == "false"
    actions(surface).move_to_element_with_offset(surface, 0, 0).click().perform()
    assert row_count(surface) == 300


def test_keyboard_zooms_moves_and_selects(surface, rows):
    from selenium.webdriver import Keys

    def zoom():
        return float(surface.get_attribute("data-zoom"))

    surface.send_keys("++")
    assert zoom() == pytest.approx(2.56)
    surface.send_keys("-")
    assert zoom() == pytest.approx(1.6)
    for _ in range(12):
        surface.send_keys(Keys.ARROW_RIGHT)
    for _ in range(12):
        surface.send_keys(Keys.ARROW_DOWN)
    surface.send_keys(Keys.ENTER)  # the cluster at the right, where the center cannot move further
    assert row_count(surface) == int((rows[0].labels_ == 1).sum())
    surface.send_keys(Keys.ESCAPE)
    assert row_count(surface) == 300
    surface.send_keys("0")
    assert zoom() == 1
    assert "300 rows in 3 clusters" in surface.get_attribute("aria-label")


def test_buttons_and_double_click_zoom(surface):
    buttons = {b.text: b for b in surface.parent.find_elements("css selector", ".tools button")}
    buttons["+"].click()
    assert float(surface.get_attribute("data-zoom")) == pytest.approx(1.6)
    actions(surface).move_to_element(surface).double_click().perform()
    assert float(surface.get_attribute("data-zoom")) == pytest.approx(3.2)
    buttons["Reset view"].click()
    assert float(surface.get_attribute("data-zoom")) == 1


def test_labels_do_not_overlap_and_more_appear_with_zoom(browser, tmp_path):
    X, _ = make_vmf_mixture(2000, 16, 100, concentration=300.0, random_state=0)
    model = VMFMixture(100, merge=None, random_state=0, max_iter=5, tol=0.0, means_init=X[:100])
    with pytest.warns(UserWarning):
        model.fit(X)
    names = [f"cluster named {k}" for k in range(model.n_components_)]
    write_report(tmp_path / "r.html", model.rename(names), X)
    browser.set_window_size(1280, 900)
    browser.get((tmp_path / "r.html").as_uri())
    surface = browser.find_element("id", "map-surface")
    script = "return JSON.parse(document.getElementById('map-surface').dataset.labels)"

    def boxes():
        browser.execute_async_script(
            "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
        )
        return browser.execute_script(script)

    whole = boxes()
    assert 10 < len(whole) < 100
    for i, a in enumerate(whole):
        assert a["x0"] >= 0 and a["y0"] >= 0
        for b in whole[:i]:
            apart = a["x1"] <= b["x0"] or b["x1"] <= a["x0"]
            assert apart or a["y1"] <= b["y0"] or b["y1"] <= a["y0"]
    surface.send_keys("++")
    new = {box["k"] for box in boxes()} - {box["k"] for box in whole}
    assert len(new) > 3
    assert json.dumps(browser.get_log("browser")) == "[]"


def test_map_of_one_cluster_and_of_a_background(browser, tmp_path):
    X, _ = make_vmf_mixture(60, 6, 2, random_state=0)
    for number, model in enumerate(
        (VMFMixture(1, random_state=0), VMFMixture(2, background=True, random_state=0))
    ):
        path = tmp_path / f"{number}.html"
        write_report(path, model.fit(X), X[: 1 if number == 0 else None])
        browser.get(path.as_uri())
        browser.find_element("id", "map-surface").send_keys("+")
        assert browser.get_log("browser") == []
