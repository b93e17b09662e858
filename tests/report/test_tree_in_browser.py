"""The hierarchy of a report in a browser: the cut, by pointer and keyboard, and its nodes."""

import numpy as np
import pytest

from tests.report.test_report import contents_of, texts_of, with_levels
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.report import write_report

pytestmark = pytest.mark.browser

NASTY = '<img src=x onerror="document.title=1">'
NUMBER = "return Number(document.getElementById('cut').getAttribute('aria-valuenow'))"
CENTER = "arguments[0].scrollIntoView({block: 'center'})"


def page_of(path, n_clusters, levels, texts=None, **options):
    """Write the report of a mixture with as many clusters, each at a place of its own."""
    X, _ = make_vmf_mixture(20 * n_clusters, 16, n_clusters, concentration=400.0, random_state=0)
    model = VMFMixture(n_clusters, n_components_init=n_clusters + 5, random_state=0).fit(X)
    assert model.n_components_ == n_clusters
    model = with_levels(model, levels)
    clusters = model.predict(X)
    words = [f"{NASTY} word{k} each{k % 3}" for k in clusters] if texts is None else texts
    write_report(path, model, X, texts=words, coordinates=X[:, :2], **options)
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("tree") / "report.html"
    return page_of(path, 12, {12: 0.4, 5: 0.3, 16: 0.2, 3: 0.1})


@pytest.fixture(scope="module")
def large_page(tmp_path_factory):
    return page_of(tmp_path_factory.mktemp("large") / "report.html", 100, {10: 0.5})


@pytest.fixture
def opened(browser, page):
    browser.set_window_size(1280, 900)
    browser.get(page.as_uri())
    yield browser
    assert browser.title == "Clusters"  # no text was run
    assert browser.get_log("browser") == []


def drag(browser, number, more=0):
    """Drag the line to the place of a number of clusters, and some pixels further."""
    from selenium.webdriver import ActionChains

    tick = browser.find_element("css selector", f".tree-ticks [aria-label^='Cut into {number} ']")
    knob = browser.find_element("css selector", ".knob")
    browser.execute_script(CENTER, knob)
    center = [element.rect["x"] + element.rect["width"] / 2 for element in (knob, tick)]
    chain = ActionChains(browser, duration=50).click_and_hold(knob)
    chain.move_by_offset(round(center[1] - center[0]) + more, 5).release().perform()
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")


def click(browser, element):
    from selenium.webdriver import ActionChains

    browser.execute_script(CENTER, element)
    ActionChains(browser, duration=20).move_to_element(element).click().perform()


def groups(browser):
    """Return the clusters of each group of the cut."""
    return browser.execute_script(
        "return groupsAt(selection.cut).map((group) => hierarchy.members[group])"
    )


def test_cut_starts_at_the_fit_and_its_natural_number(opened):
    assert opened.execute_script(NUMBER) == 12
    slider = opened.find_element("id", "cut")
    assert slider.get_attribute("aria-valuetext") == (
        "12 clusters (this fit; natural number, strength 40%)"
    )
    assert slider.get_attribute("aria-valuemax") == "12" and slider.aria_role == "slider"
    assert opened.execute_script("return selection.cut") is None
    assert texts_of(opened, ".tree-ticks button") == ["3\n10%", "5\n30%", "12\n40%"]
    assert opened.find_elements("css selector", "tr.group") == []
    assert not opened.find_element("id", "cut-fit").is_enabled()


def test_dragging_snaps_to_natural_numbers_and_groups_map_and_table(opened, page):
    before = opened.execute_script("return [...Array(12).keys()].map(colorOf)")
    drag(opened, 5, more=4)
    assert opened.execute_script(NUMBER) == 5 and len(groups(opened)) == 5
    assert opened.find_element("id", "cut-value").text.startswith("5 clusters (natural number")
    colors = opened.execute_script("return [...Array(12).keys()].map(colorOf)")
    assert colors != before and len({*colors}) == 5
    assert all(len({colors[k] for k in group}) == 1 for group in groups(opened))
    labels = "return JSON.parse(document.getElementById('map-surface').dataset.labels)"
    labeled = {label["k"] for label in opened.execute_script(labels)}
    assert labeled <= {*opened.execute_script("return groupsAt(5)")}
    large = [group for group in groups(opened) if len(group) > 1]
    rows = opened.find_elements("css selector", "tr.group")
    assert len(rows) == len(large)
    sizes = contents_of(page)["clusters"]["size"]
    most = max(large, key=lambda group: (sum(sizes[k] for k in group), -group[0]))
    n_rows = sum(sizes[k] for k in most)
    assert f"{len(most)} clusters · {n_rows} rows" in rows[0].text
    opened.find_element("id", "cut-fit").click()
    assert opened.execute_script(NUMBER) == 12
    assert opened.execute_script("return [...Array(12).keys()].map(colorOf)") == before
    assert opened.find_elements("css selector", "tr.group") == []


def test_group_rows_open_to_their_clusters_and_follow_the_filter(opened):
    opened.execute_script("select({cut: 3})")
    shown = len(texts_of(opened, "#clusters ~ .scroll tbody tr"))
    toggle = opened.find_element("css selector", "tr.group [aria-expanded]")
    assert toggle.get_attribute("aria-expanded") == "false"
    count = int(toggle.text.split()[-2])
    toggle.click()
    assert toggle.get_attribute("aria-expanded") == "true"
    assert len(texts_of(opened, "#clusters ~ .scroll tbody tr")) == shown + count
    opened.find_element("id", "cluster-filter").send_keys("word7")
    visible = [text for text in texts_of(opened, "#clusters ~ .scroll tbody tr") if text]
    assert any("word7" in text.split("\n")[-1] or "word7" in text for text in visible)
    assert len(visible) == 2 or len(visible) == 1


def test_keys_move_the_cut(opened):
    from selenium.webdriver import Keys

    slider = opened.find_element("id", "cut")
    for key, number in [
        (Keys.ARROW_LEFT, 11),
        (Keys.ARROW_DOWN, 10),
        (Keys.ARROW_RIGHT, 11),
        (Keys.PAGE_DOWN, 5),
        (Keys.PAGE_DOWN, 3),
        (Keys.PAGE_UP, 5),
        (Keys.HOME, 1),
        (Keys.ARROW_LEFT, 1),
        (Keys.END, 12),
        (Keys.ARROW_RIGHT, 12),
    ]:
        slider.send_keys(key)
        assert opened.execute_script(NUMBER) == number
        assert slider.get_attribute("aria-valuetext").startswith(f"{number} cluster")
        assert len(groups(opened)) == number


def test_node_selects_its_rows_everywhere(opened, page):
    root = opened.execute_script("return hierarchy.root")
    first, second = opened.execute_script("return hierarchy.childrenOf(hierarchy.root)")
    node = first if first >= 12 else second
    members = opened.execute_script("return hierarchy.members[arguments[0]]", node)
    sizes = contents_of(page)["clusters"]["size"]
    hit = opened.find_element("css selector", f".tree [data-node='{node}'] .hit")
    click(opened, hit)
    n_rows = sum(sizes[k] for k in members)
    assert opened.find_element("id", "row-count").text.startswith(f"{n_rows} rows")
    assert f"{n_rows} rows" in opened.find_element("css selector", ".map-panel").text
    assert f"In {len(members)} clusters" in opened.find_element("css selector", ".map-panel").text
    assert opened.execute_script("return selection.clusters") == sorted(members)
    selected = opened.find_elements("css selector", "#clusters ~ .scroll tr.selected")
    assert len(selected) == len(members)
    chosen = opened.find_elements("css selector", ".tree [aria-selected='true']")
    assert len(chosen) == 2 * len(members) - 1
    opened.execute_script("select({cluster: 3})")
    assert opened.execute_script("return selection.clusters") is None
    opened.execute_script("select({clusters: [4]})")
    assert opened.execute_script("return [selection.cluster, selection.clusters]") == [4, None]
    opened.execute_script("selectNode(arguments[0])", root)
    assert opened.find_element("id", "row-count").text.startswith("240 rows")


def test_click_on_the_map_selects_the_group_of_a_cut(opened):
    opened.execute_script("select({cut: 2})")
    surface = opened.find_element("id", "map-surface")
    opened.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    surface.send_keys("+")
    surface.send_keys("0")
    label = opened.execute_script("return JSON.parse(arguments[0].dataset.labels)[0]", surface)
    from selenium.webdriver import ActionChains

    x = (label["x0"] + label["x1"]) / 2 - surface.size["width"] / 2
    y = (label["y0"] + label["y1"]) / 2 - surface.size["height"] / 2
    opened.execute_script(CENTER, surface)
    ActionChains(opened).move_to_element_with_offset(surface, x, y).click().perform()
    expected = opened.execute_script("return hierarchy.members[arguments[0]]", label["k"])
    assert opened.execute_script("return selection.clusters") == sorted(expected)


def test_tree_can_be_read_and_used_by_keyboard(opened):
    from selenium.webdriver import Keys

    nodes = opened.find_elements("css selector", ".tree [role='treeitem']")
    assert len(nodes) == 23 and [n.get_attribute("tabindex") for n in nodes].count("0") == 1
    opened.execute_script("document.querySelector('.tree [tabindex=\"0\"]').focus()")
    active = opened.switch_to.active_element
    assert active.get_attribute("aria-label") == "All clusters, 12 clusters, 240 rows, 100%"
    active.send_keys(Keys.ARROW_RIGHT)
    label = opened.switch_to.active_element.get_attribute("aria-label")
    assert "joins " in label and "at 1 cluster" in label
    tip = opened.find_element("css selector", ".tree-frame .tip")
    assert tip.is_displayed() and "Joins" in tip.text
    opened.switch_to.active_element.send_keys(Keys.ENTER)
    assert opened.execute_script("return selection.isActive()")
    opened.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
    assert opened.switch_to.active_element.get_attribute("aria-level") == "1"
    opened.switch_to.active_element.send_keys(Keys.HOME)
    top = opened.switch_to.active_element
    top.send_keys(Keys.END)
    assert opened.switch_to.active_element.rect["y"] > top.rect["y"]


def test_groups_of_many_clusters_are_folded_and_open(browser, large_page):
    browser.set_window_size(1280, 900)
    browser.get(large_page.as_uri())
    leaves = ".tree .leaf"
    assert len(browser.find_elements("css selector", leaves)) == 100
    drag(browser, 10)
    assert browser.execute_script(NUMBER) == 10
    folded = browser.find_elements("css selector", leaves)
    assert len(folded) == 10
    node = next(each for each in folded if each.get_attribute("aria-expanded") == "false")
    number = node.get_attribute("data-node")
    count = len(browser.execute_script("return hierarchy.members[arguments[0]]", int(number)))
    assert f"({count} clusters)" in node.text
    click(browser, node.find_element("css selector", ".hit"))
    assert len(browser.find_elements("css selector", leaves)) == 9 + count
    from selenium.webdriver import Keys

    assert browser.switch_to.active_element.get_attribute("data-node") == number
    browser.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
    assert len(browser.find_elements("css selector", leaves)) == 10
    assert browser.get_log("browser") == []


def test_merge_as_cut_hands_the_groups_to_editing(opened):
    assert not opened.find_element("id", "cut-merge").is_displayed()
    opened.execute_script("select({cut: 4})")
    expected = sorted(sorted(group) for group in groups(opened))
    opened.find_element("id", "cut-merge").click()
    merged = opened.execute_script("return edits.groups.map((each) => each.clusters)")
    assert sorted(merged) == expected and opened.execute_script("return selection.cut") is None
    opened.execute_script("edit(() => edits.undo())")
    assert opened.execute_script("return edits.isChanged") is False


def test_invalid_cuts_are_those_of_the_fit(opened):
    for cut in "0", "12", "99", "-1", "2.5", "NaN", "'3'", "undefined", "null":
        opened.execute_script(f"select({{cut: {cut}}})")
        assert opened.execute_script("return selection.cut") is None
        assert opened.execute_script(NUMBER) == 12
    assert opened.execute_script("return groupOf(-1)") == -1


def test_hierarchy_fits_a_phone(browser, page):
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(page.as_uri())
    browser.execute_script("select({cut: 3})")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    width = "const box = document.querySelector('.tree'); return box.scrollWidth - box.clientWidth"
    assert browser.execute_script(width) <= 0
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("n_clusters", [1, 2])
def test_few_clusters_and_clusters_without_rows(browser, tmp_path, n_clusters):
    X, _ = make_vmf_mixture(60, 6, 3, concentration=100.0, random_state=0)
    model = VMFMixture(3, random_state=0, merge=None).fit(X)
    kept = X[np.isin(model.labels_, range(n_clusters))]
    write_report(tmp_path / "r.html", model, kept)
    browser.set_window_size(1280, 900)
    browser.get((tmp_path / "r.html").as_uri())
    assert len(browser.find_elements("id", "hierarchy")) == n_clusters - 1
    if n_clusters == 2:
        browser.execute_script("select({cut: 1})")
        assert browser.execute_script(NUMBER) == 1
        assert len(browser.find_elements("css selector", "tr.group")) == 1
        rows = texts_of(browser, "#clusters ~ .scroll tbody tr")
        assert len(rows) == 2 and rows[0].startswith("2 clusters")  # and the one without rows
    assert browser.get_log("browser") == []
