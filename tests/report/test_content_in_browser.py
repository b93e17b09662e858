"""The contents of a report in a browser: columns, rows in a dialog, images and comparison."""

import numpy as np
import pytest

from tests.report.test_contents import contents_of
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.report import write_report

pytestmark = pytest.mark.browser

NASTY = '<img src=x onerror="document.title=1">'
ARABIC = "مرحبا بالعالم"
LABELS = ["a label " + "that is long " * 4, NASTY, ARABIC, "unbrokenwordof" * 4]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("content")


@pytest.fixture(scope="module")
def page(folder):
    """Return the page of texts, with labels and another clustering."""
    X, y = make_vmf_mixture(240, 8, 4, concentration=12.0, random_state=0)
    model = VMFMixture(4, random_state=0).fit(X).rename({0: NASTY, 1: ARABIC}).mark_noise(3)
    texts = [f"{NASTY} text {row}" if row % 2 else f"{ARABIC} {row}" for row in range(240)]
    labels = np.array(LABELS)[y]
    path = folder / "texts.html"
    other = np.where(y == 3, 2, y)
    other[:20] = -1
    names = np.array([NASTY, "second", "third", "-1"])[other]
    write_report(
        path,
        model,
        X,
        texts=texts,
        labels=labels,
        compare_with=names,
        compare_name=NASTY,
        details={NASTY: NASTY},
    )
    return path


@pytest.fixture
def opened(browser, page):
    browser.set_window_size(1280, 900)
    browser.get(page.as_uri())
    yield browser
    assert browser.title == "Clusters"  # no text was run
    assert browser.find_elements("css selector", "main img") == []
    assert browser.get_log("browser") == []


def all_of(browser, selector):
    return browser.find_elements("css selector", selector)


def click(browser, element):
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


@pytest.fixture
def phone(opened):
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield opened
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def hidden_columns(browser):
    """Return the titles of columns that are beyond the right edge of their table."""
    script = """return [...document.querySelectorAll(".scroll")].flatMap((table) =>
      [...table.querySelectorAll("tbody tr:first-child td")].filter((cell) => cell.textContent
        && cell.getBoundingClientRect().width > 0
        && cell.getBoundingClientRect().right > table.getBoundingClientRect().right + 1)
      .map((cell) => table.getAttribute("aria-label") + " " + cell.dataset.title))"""
    return browser.execute_script(script)


def test_columns_are_visible_without_scrolling(opened):
    assert hidden_columns(opened) == []
    titles = [cell.text for cell in all_of(opened, "#clusters ~ .scroll th")]
    assert [title.rstrip("\u00a0▼ ") for title in titles] == [
        *("Cluster", "Name", "Rows", "Share", "Typical words"),
        *("Label", "Purity", "Clear", "Nearest", "Radius"),
    ]
    notes = [b.get_attribute("title") for b in all_of(opened, "#clusters ~ .scroll th button")]
    assert "Share of its rows for which it is at least 4 times as likely as any other" in notes


def test_columns_are_visible_on_a_phone(phone):
    assert hidden_columns(phone) == []
    assert phone.execute_script("return document.documentElement.scrollWidth") <= 390
    card = all_of(phone, "#clusters ~ .scroll tbody tr")[0]
    purity = card.find_element("css selector", "[data-title=Purity]")
    assert purity.is_displayed() and card.find_element("css selector", "[data-title=Label]").text
    assert not card.find_element("css selector", "[data-title=Share]").is_displayed()
    roles = {tag: all_of(phone, tag)[0].aria_role for tag in ("table", "tbody tr", "tbody td")}
    assert roles == {"table": "table", "tbody tr": "row", "tbody td": "cell"}


def test_texts_have_their_own_direction(opened):
    direction = "return getComputedStyle(arguments[0]).direction"
    names = all_of(opened, "#clusters ~ .scroll td[data-title=Name]")
    found = {cell.text: opened.execute_script(direction, cell) for cell in names}
    assert found[ARABIC] == "rtl" and found[NASTY] == "ltr"


def test_noise_is_marked_and_counted(opened):
    (remark,) = all_of(opened, "#clusters ~ .scroll td.name .soft")
    row = remark.find_element("xpath", "ancestor::tr")
    assert remark.text == "noise"
    assert int(row.find_element("css selector", "[data-title=Rows]").text) > 20


def test_row_opens_with_its_likely_clusters_and_arrow_keys(opened, page):
    from selenium.webdriver import Keys

    contents = contents_of(page)
    links = all_of(opened, "#outliers ~ div .row-link")
    listed = [int(link.text) for link in links]
    assert listed == contents["outliers"]["row"] and len(listed) > 1
    links[0].send_keys(Keys.ENTER)
    dialog = opened.find_element("id", "row")
    assert opened.switch_to.active_element.text == f"Row {listed[0]}"
    assert f"1 of {len(listed)}" in dialog.text
    index = contents["rows"]["row"].index(listed[0])
    assert contents["rows"]["text"][index] in dialog.text
    assert len(all_of(dialog, ".likely li")) == 1 + len(contents["rows"]["likely"][index] or []) / 2
    for key, row in ((Keys.ARROW_RIGHT, 1), (Keys.ARROW_LEFT, 0), (Keys.ARROW_LEFT, 0)):
        opened.switch_to.active_element.send_keys(key)
        assert dialog.find_element("id", "row-title").text == f"Row {listed[row]}"
    opened.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed() and opened.switch_to.active_element == links[0]
    opened.execute_script("showRow(0)")
    all_of(dialog, ".likely .link")[0].click()
    assert not dialog.is_displayed() and opened.find_element("id", "cluster").is_displayed()


def test_pairs_of_labels_filter_the_label_errors(opened, page):
    given, suggested, count = contents_of(page)["issues"]["pairs"][0]
    button = all_of(opened, ".pair")[0]
    assert button.text.split() == f"{given} → {suggested} {count}".split()
    listed = "#label-errors ~ div tbody tr"
    n_all = len(all_of(opened, listed))
    click(opened, button)
    assert button.get_attribute("aria-pressed") == "true"
    assert len(all_of(opened, listed)) == count < n_all
    click(opened, button)
    assert len(all_of(opened, listed)) == n_all


def test_comparison_shows_rows_of_a_band_and_lists(opened, page):
    comparison = contents_of(page)["comparison"]
    bands = all_of(opened, ".band")
    assert bands and all_of(opened, ".flows svg")[0].get_attribute("role") == "img"
    script = "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    opened.execute_script(script, bands[0])
    title = opened.execute_script(
        "return arguments[0].querySelector('title').textContent", bands[0]
    )
    count = title.split(" row")[0]
    assert f"{count} row" in all_of(opened, ".flows + div [role=status]")[0].text
    assert len(all_of(opened, ".flows + div li")) == min(int(count), 50)
    pairs = all_of(opened, "#comparison ~ details")[-1]
    click(opened, pairs.find_element("tag name", "summary"))
    assert len(all_of(pairs, "tbody tr")) == comparison["n_flows"]
    click(opened, all_of(pairs, "[data-title=Rows] button")[0])
    *_, count = comparison["flows"][0]
    assert f"{count} rows" in all_of(opened, ".flows + div [role=status]")[0].text
    assert NASTY in opened.find_element("xpath", "//h2[@id='comparison']/..").text
    opened.execute_script("edit(() => edits.merge([0, 1, 2]))")  # bands are those of the model
    click(opened, all_of(pairs, "[data-title=Rows] button")[0])
    assert f"{count} rows" in all_of(opened, ".flows + div [role=status]")[0].text
    opened.execute_script("edit(() => edits.undo())")


def test_page_ends_with_how_it_was_made(opened):
    section = opened.find_element("css selector", ".made")
    assert "vmfmix" in section.text and NASTY in section.text
    assert "VMFMixture(n_components=4, random_state=0).fit(X)" in section.text


def test_images_are_enlarged_in_a_dialog(browser, folder):
    pytest.importorskip("PIL")
    from selenium.webdriver import Keys

    X, _ = make_vmf_mixture(120, 8, 3, concentration=60.0, random_state=0)
    images = np.random.default_rng(0).integers(0, 256, (120, 12, 9), np.uint8)
    write_report(folder / "i.html", VMFMixture(3, random_state=0).fit(X), X, images=images)
    browser.get((folder / "i.html").as_uri())
    first = contents_of(folder / "i.html")["clusters"]["exemplars"][0]
    browser.execute_script("showCluster(0)")
    grid = all_of(browser, "#cluster .thumbs .row-link")
    assert [int(link.get_attribute("data-row")) for link in grid][:8] == first
    assert all_of(grid[0], "img")[0].get_attribute("alt") == f"Image of row {first[0]}"
    grid[0].send_keys(Keys.ENTER)
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    (image,) = all_of(browser, "#row img")
    assert image.get_attribute("alt") == f"Image of row {first[1]}"
    assert image.size["width"] > 200
    assert browser.get_log("browser") == []


def test_page_without_texts_and_images_has_no_empty_parts(browser, folder):
    X, _ = make_vmf_mixture(60, 8, 3, concentration=60.0, random_state=0)
    model = VMFMixture(3, random_state=0).fit(X)
    write_report(folder / "bare.html", model, X, ids=[f"id {row}" for row in range(60)])
    browser.get((folder / "bare.html").as_uri())
    headings = {heading.text for heading in all_of(browser, "h2")}
    assert not headings & {"Possible label errors", "Comparison"} and "Clusters" in headings
    links = all_of(browser, "#clusters ~ .scroll td[data-title='Typical rows'] .row-link")
    assert len(links) == 12 and links[0].text.startswith("id ")
    write_report(folder / "bare.html", model, X)
    browser.get((folder / "bare.html").as_uri())
    assert not all_of(browser, "td[data-title='Typical rows']")
    assert browser.get_log("browser") == []
