"""Tests of reports: their data, the command that writes them, and the page in a browser."""

import base64
import io
import json
import os
import re
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from vmfmix import VMFMixture
from vmfmix.cli import main as cli
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.inspection import describe, exemplars, outliers
from vmfmix.report import write_report

NASTY = (
    '<script>document.title="hacked"</script><img src=x onerror="alert(1)"> "quoted" & </script>'
)


@pytest.fixture(scope="module")
def snips():
    found = load_snips()
    rows = np.arange(0, 3500, 5)
    texts = [str(found.texts[row]) for row in rows]
    texts[0] = NASTY
    names = [str(found.target_names[k]) for k in found.target[rows]]
    names[1] = NASTY  # the only row with this label
    return found.data[rows], texts, names


@pytest.fixture(scope="module")
def model(snips):
    return VMFMixture(random_state=0).fit(snips[0])


def contents_of(path):
    """Return the data of a report, as the script of the page reads it."""
    text = path.read_text(encoding="utf-8")
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(data[1])


def positions_of(contents):
    """Return the places of the rows on the map, as integers of shape (n_rows, 2)."""
    decoded = np.frombuffer(base64.b64decode(contents["map"]["positions"]), "<u2")
    return decoded.reshape(-1, 2)


@pytest.fixture(scope="module")
def page(snips, model, tmp_path_factory):
    X, texts, names = snips
    path = tmp_path_factory.mktemp("page") / "report.html"
    details = {"Model": "model.npz", "Embeddings": "rows.npy"}  # as the command gives them
    write_report(path, model, X, texts=texts, labels=names, title=f"A {NASTY}", details=details)
    return path


def test_report_agrees_with_inspection(page, snips, model):
    X, texts, names = snips
    contents = contents_of(page)
    table = describe(model, X)
    assert contents["clusters"]["size"] == list(table["size"])
    np.testing.assert_allclose(contents["clusters"]["radius"], table["radius"], atol=1e-3)
    assert contents["clusters"]["exemplars"] == exemplars(model, X, 8).tolist()
    assert contents["rows"]["text"] == texts and contents["rows"]["label"] == names
    assert contents["rows"]["cluster"] == model.predict(X).tolist()
    assert contents["outliers"]["row"] == list(outliers(model, X)["row"])
    assert len(positions_of(contents)) == len(X)
    assert contents["summary"][:2] == ["700 rows", "384 features"]


def test_merge_levels_agree_with_merge_to(page, snips, model):
    contents = contents_of(page)["merge_levels"]
    numbers = [level["number"] for level in contents["levels"]]
    assert contents["n_components"] == model.n_components_ == min(numbers) - 1
    for level in contents["levels"]:
        labels = model.merge_to(level["number"], snips[0]).labels_
        shares = np.bincount(labels, minlength=level["number"]) / len(labels)
        np.testing.assert_allclose(level["share"], shares, atol=1e-4)
        for sources in level["sources"]:
            assert sum(share for _, share in sources) <= 1.0 + 1e-3


def with_levels(model, strengths):
    """Return a copy of a model with natural numbers of clusters, {number: strength}."""
    marked = copy(model)
    marked.merge_history_ = replace(
        model.merge_history_,
        levels=np.array([*strengths]),
        strengths=np.array([*strengths.values()]),
    )
    return marked


@pytest.fixture(scope="module")
def marked_page(snips, model, tmp_path_factory):
    """Return the page of a model with natural numbers of clusters, above and below its own."""
    path = tmp_path_factory.mktemp("marked") / "report.html"
    assert model.n_components_ == 6
    write_report(path, with_levels(model, {6: 0.5, 3: 0.25, 12: 0.125, 70: 0.125}), snips[0])
    return path


def test_report_has_natural_numbers_with_strengths(marked_page):
    contents = contents_of(marked_page)["merge_levels"]["levels"]
    strengths = {level["number"]: level["strength"] for level in contents}
    assert list(strengths) == sorted(strengths)
    marked = {number: strength for number, strength in strengths.items() if strength is not None}
    assert marked == {12: 0.125, 70: 0.125}
    assert contents_of(marked_page)["tree"]["natural"] == [[3, 0.25], [6, 0.5]]
    (level,) = (level for level in contents if level["number"] == 70)
    assert len(level["share"]) == 70


def test_report_without_natural_numbers(snips, tmp_path):
    X = snips[0][::7]
    write_report(tmp_path / "r.html", VMFMixture(5, random_state=0).fit(X), X)
    contents = contents_of(tmp_path / "r.html")["merge_levels"]["levels"]
    assert {6, 7, 8} <= {level["number"] for level in contents}
    assert {level["strength"] for level in contents} == {None}
    assert contents_of(tmp_path / "r.html")["tree"]["natural"] == []


def test_report_of_few_rows_shows_no_more_clusters_than_rows(snips, model, tmp_path):
    write_report(tmp_path / "r.html", with_levels(model, {6: 0.5, 70: 0.5}), snips[0][:50])
    contents = contents_of(tmp_path / "r.html")["merge_levels"]["levels"]
    assert max(level["number"] for level in contents) <= 50


def test_report_escapes_texts(page):
    """The data contains no "<", so the browser cannot read any text as part of the page."""
    text = page.read_text(encoding="utf-8")
    assert text.count("<script") == 2 and "onerror=" in text
    assert "<img src=x" not in text and "default-src 'none'" in text


def test_label_errors_are_listed_first(snips, model, tmp_path):
    X, texts, names = snips
    wrong = [*names]
    wrong[1] = names[2]
    one, other = exemplars(model, X, 2)[:2, 1]
    wrong[one], wrong[other] = names[other], names[one]
    write_report(tmp_path / "r.html", model, X, texts=texts, labels=wrong)
    contents = contents_of(tmp_path / "r.html")["issues"]
    assert {one, other} <= set(contents["row"][:6])
    assert contents["suggested"][contents["row"].index(one)] == names[one]


def test_probabilities_of_doubtful_rows_are_not_rounded_to_zero(tmp_path):
    X, y = make_vmf_mixture(400, 48, 4, concentration=600.0, random_state=0)
    model = VMFMixture(4, random_state=0).fit(X)
    X[:20], y[20:40] = -X[:20], (y[20:40] + 1) % 4
    write_report(tmp_path / "r.html", model, X, labels=y)
    contents = contents_of(tmp_path / "r.html")
    surprises = contents["outliers"]["minus_log10_p"]
    assert set(contents["outliers"]["row"][:20]) == set(range(20))
    assert surprises == sorted(surprises, reverse=True) and min(surprises[:20]) > 20.0
    assert len({*surprises[:20]}) == 20
    probabilities = contents["issues"]["probability"]
    assert min(probabilities) > 0.0 and len({*probabilities}) > 10


def test_report_keeps_listed_rows_when_it_subsamples(snips, model, tmp_path):
    X, texts, _ = snips
    write_report(tmp_path / "r.html", model, X, texts=texts, n_rows=50)
    contents = contents_of(tmp_path / "r.html")
    assert 50 <= len(contents["rows"]["row"]) < 300 and contents["n_rows"] == 700
    rows = set(contents["rows"]["row"])
    assert {row for of in contents["clusters"]["exemplars"] for row in of if row >= 0} <= rows
    assert set(contents["outliers"]["row"]) <= rows
    assert {
        r for level in contents["merge_levels"]["levels"] for of in level["exemplars"] for r in of
    } <= rows | {-1}
    place = contents["rows"]["row"].index(contents["outliers"]["row"][0])
    assert contents["rows"]["text"][place] == texts[contents["outliers"]["row"][0]]


@pytest.mark.parametrize("as_bytes", [True, False])
def test_report_embeds_thumbnails(tmp_path, as_bytes):
    pytest.importorskip("PIL")
    digits = load_digits()
    images = (digits.images * 15).astype(np.uint8) if as_bytes else digits.images / 16.0
    model = VMFMixture(10, random_state=0).fit(digits.data)
    write_report(tmp_path / "r.html", model, digits.data, images=images)
    contents = contents_of(tmp_path / "r.html")
    wanted = {str(row) for of in contents["clusters"]["exemplars"] for row in of}
    assert wanted <= set(contents["images"])
    assert all(image.startswith("data:image/png;base64,") for image in contents["images"].values())


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_components": 1},
        {"n_components": 3, "merge": None},
        {"n_components": 4, "background": True},
        {"n_components": "auto", "center": True},
    ],
    ids=str,
)
def test_report_of_every_kind_of_fit(parameters, tmp_path):
    X, y = make_vmf_mixture(300, n_features=6, n_components=4, random_state=0)
    model = VMFMixture(random_state=0, **parameters).fit(X)
    write_report(tmp_path / "r.html", model, X, labels=y)
    contents = contents_of(tmp_path / "r.html")
    assert len(contents["clusters"]["size"]) == model.n_components_
    assert (contents["merge_levels"] is None) == (not hasattr(model, "merge_history_"))


def test_report_of_few_sparse_rows(tmp_path):
    import scipy.sparse as sp

    rows = sp.csr_array(np.eye(4)[[0, 0, 1, 1, 2]])
    model = VMFMixture(2, random_state=0).fit(rows)
    write_report(tmp_path / "r.html", model, rows, texts=["", "a", "b", "c\x00\ud800", "d" * 9999])
    contents = contents_of(tmp_path / "r.html")
    assert len(contents["rows"]["text"][4]) == 601


def test_report_refuses_unequal_lengths(snips, model, tmp_path):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        write_report(tmp_path / "r.html", model, snips[0], texts=["one"])
    assert not any(tmp_path.iterdir())


def test_report_ignores_pandas_index(snips, model, tmp_path):
    """Rows, texts and labels go together by position, whatever their index is."""
    pd = pytest.importorskip("pandas")
    X, texts, names = snips
    write_report(tmp_path / "given.html", model, X, texts=texts, labels=names, n_rows=50)
    expected = contents_of(tmp_path / "given.html")
    for index in (
        np.arange(len(X))[::-1],
        np.arange(len(X)) + 0.5,
        [f"row {i}" for i in range(700)],
    ):
        series = (pd.Series(known, index=index) for known in (texts, names))
        given = dict(zip(("texts", "labels"), series))
        for rows in (X, pd.DataFrame(X, index=index), X.tolist()):
            write_report(tmp_path / "r.html", model, rows, n_rows=50, **given)
            contents = contents_of(tmp_path / "r.html")
            assert contents["rows"]["text"] == expected["rows"]["text"]
            assert contents["rows"]["label"] == expected["rows"]["label"]
            assert contents["clusters"]["exemplars"] == expected["clusters"]["exemplars"]


def test_thumbnails_ignore_series_index(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pd = pytest.importorskip("pandas")
    X, _ = make_vmf_mixture(20, n_features=6, n_components=2, random_state=0)
    model = VMFMixture(2, random_state=0).fit(X)
    paths = [str(tmp_path / f"{i}.png") for i in range(20)]
    for shade, path in enumerate(paths):
        image.new("L", (2, 2), shade * 10).save(path)
    series = pd.Series(paths, index=np.arange(20)[::-1])
    write_report(tmp_path / "one.html", model, X, images=paths)
    write_report(tmp_path / "other.html", model, X, images=series)
    contents = (contents_of(tmp_path / f"{name}.html")["images"] for name in ("one", "other"))
    assert next(contents) == next(contents)


def test_report_converts_texts_and_refuses_missing_labels(tmp_path):
    pd = pytest.importorskip("pandas")
    X, _ = make_vmf_mixture(6, n_features=6, n_components=2, random_state=0)
    model = VMFMixture(2, random_state=0).fit(X)
    texts = [7, None, "one", float("nan"), pd.NA, 2.5]
    for given in (texts, pd.Series(texts, dtype=object)):
        write_report(tmp_path / "r.html", model, X, texts=given)
        contents = contents_of(tmp_path / "r.html")["rows"]["text"]
        assert contents == ["7", "", "one", "", "", "2.5"]
    with pytest.raises(ValueError, match="Row 1 has no label"):
        write_report(tmp_path / "r.html", model, X, labels=["a", None, "b", "a", pd.NA, "b"])


@pytest.mark.filterwarnings("error", "ignore:.* have no direction")
@pytest.mark.parametrize("rows", [np.ones((1, 4)), np.zeros((3, 4)), np.ones((3, 4))], ids=str)
def test_report_of_equal_rows_does_not_warn(rows, tmp_path):
    X, _ = make_vmf_mixture(60, n_features=4, n_components=3, random_state=0)
    model = VMFMixture(3, random_state=0).fit(X)
    write_report(tmp_path / "r.html", model, rows)
    assert positions_of(contents_of(tmp_path / "r.html")).tolist() == [[0, 0]] * len(rows)


def test_failed_write_leaves_existing_report(snips, model, tmp_path, monkeypatch):
    (tmp_path / "r.html").write_text("before")
    monkeypatch.setattr(
        "os.fsync", lambda file: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    with pytest.raises(OSError, match="No space left"):
        write_report(tmp_path / "r.html", model, snips[0])
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    assert (tmp_path / "r.html").read_text() == "before"


# --- the command ------------------------------------------------------------------------------


@pytest.fixture
def files(snips, model, tmp_path):
    X, texts, names = snips
    np.save(tmp_path / "rows.npy", X)
    model.save(tmp_path / "model.npz")
    (tmp_path / "texts.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    (tmp_path / "labels.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    return tmp_path


def run(files, *more):
    return cli.main(["report", str(files / "model.npz"), str(files / "rows.npy"), *map(str, more)])


def test_command_writes_same_report(files, page, capsys):
    given = "--texts", files / "texts.txt", "--labels", files / "labels.txt"
    out = files / "r.html"
    assert run(files, *given, "-o", out, "--title", f"A {NASTY}") == 0
    assert out.read_text(encoding="utf-8") == page.read_text(encoding="utf-8")
    assert capsys.readouterr().out == f"Wrote {out}; open it in a browser.\n"
    assert run(files, "-o", out) == 2
    assert "already exists" in capsys.readouterr().err
    assert run(files, "-o", out, "--overwrite", "--quiet") == 0
    assert contents_of(out)["title"] == "rows"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["-o", "page.txt"], "is not named .html"),
        (["-o", "nowhere/page.html"], "There is no folder"),
        (["-o", "link.html"], "There is no folder"),
        (["-o", "page.html", "--texts", "labels.txt", "--rows", "0"], "'0' is not an integer"),
        (["-o", "page.html", "--images", "texts.txt"], "is neither a folder nor an .npz file"),
        (["-o", "page.html", "--images", "few.npz"], "has 3 images and the embeddings have 700"),
        (["-o", "page.html", "--images", "model.npz"], "has no array named images"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_command_refuses_invalid_arguments(files, capsys, monkeypatch, more, said):
    monkeypatch.chdir(files)
    np.savez(files / "few.npz", images=np.zeros((3, 4, 4), np.uint8))
    (files / "link.html").symlink_to("nowhere/page.html")
    monkeypatch.setattr("vmfmix.report.write_report", lambda *args, **kwargs: pytest.fail("late"))
    assert run(files, *more) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert [path.name for path in files.glob("*.html")] == ["link.html"]


def test_command_pairs_images_with_rows(files, capsys):
    image = pytest.importorskip("PIL.Image")
    (files / "images").mkdir()
    for i in range(700):
        image.new("RGB", (2, 2), (i // 256, i % 256, 0)).save(files / f"images/img{i}.png")
    out = files / "r.html"
    assert run(files, "-o", out, "--images", files / "images") == 2
    error = capsys.readouterr().err
    assert "natural order (img2.png before img10.png)" in error and error.count("\n") == 1
    assert not out.exists()
    (files / "list.txt").write_text("".join(f"images/img{i}.png\n" for i in range(700)))
    natural = ["--images", files / "images", "--image-order", "natural"]
    for more in natural, ["--images", files / "list.txt"]:
        assert run(files, "-o", out, "--overwrite", *more) == 0
        for row, url in contents_of(out)["images"].items():
            file = io.BytesIO(base64.b64decode(url.split(",")[1]))
            assert image.open(file).getpixel((0, 0)) == (int(row) // 256, int(row) % 256, 0)
    row = next(iter(contents_of(out)["images"]))
    (files / f"images/img{row}.png").write_bytes(b"damaged")
    capsys.readouterr()
    assert run(files, "-o", out, "--overwrite", *natural) == 2
    error = capsys.readouterr().err
    assert f"img{row}.png cannot be read as an image" in error and error.count("\n") == 1
    assert run(files, "-o", out, "--overwrite", "--skip-damaged", "--quiet", *natural) == 0
    assert f"img{row}.png cannot be read as an image" in capsys.readouterr().err
    assert row not in contents_of(out)["images"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX pipes")
def test_command_does_not_replace_pipe(files, capsys):
    os.mkfifo(files / "r.html")
    assert run(files, "-o", files / "r.html", "--overwrite") == 2
    assert "r.html is a pipe or a device" in capsys.readouterr().err
    assert (files / "r.html").is_fifo()


# --- in a browser -----------------------------------------------------------------------------


@pytest.fixture
def opened(browser, page):
    browser.get(page.as_uri())
    yield browser
    assert browser.get_log("browser") == []  # no errors, and no violations of the policy


def texts_of(browser, selector):
    return [element.text for element in browser.find_elements("css selector", selector)]


@pytest.mark.browser
def test_browser_displays_texts_without_running_them(opened):
    assert opened.title == f"A {NASTY}"
    assert opened.find_element("id", "title").text == f"A {NASTY}"
    opened.find_element("id", "query").send_keys("hacked row:0")
    assert texts_of(opened, "#rows ~ div td.text")[0] == NASTY
    assert opened.find_elements("css selector", "main img, main script") == []


@pytest.mark.browser
def test_browser_sorts_table_by_keyboard(opened, model):
    from selenium.webdriver import Keys

    headers = opened.find_elements("css selector", "#clusters ~ .scroll th button")
    (place,) = (i for i, each in enumerate(headers) if each.text == "Rows")
    header, column = headers[place], f"#clusters ~ .scroll tbody td:nth-child({place + 1})"
    sizes = [int(text.replace(",", "")) for text in texts_of(opened, column)]
    assert sizes == sorted(np.bincount(model.labels_).tolist(), reverse=True)
    header.send_keys(Keys.ENTER)
    assert [int(text.replace(",", "")) for text in texts_of(opened, column)] == sizes[::-1]
    sorts = [cell.get_attribute("aria-sort") for cell in opened.find_elements("tag name", "th")]
    assert sorts[place] == "ascending"


@pytest.mark.browser
def test_browser_opens_and_closes_cluster_by_keyboard(opened, page):
    from selenium.webdriver import Keys

    button = opened.find_element("css selector", "#clusters ~ .scroll td button")
    button.send_keys(Keys.ENTER)
    dialog = opened.find_element("id", "cluster")
    contents = contents_of(page)
    cluster = int(button.text)
    first = contents["clusters"]["exemplars"][cluster][0]
    assert dialog.is_displayed() and contents["rows"]["text"][first] in dialog.text
    opened.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed()


@pytest.mark.browser
def test_browser_searches_rows_by_text_and_cluster(opened, snips, model):
    _, texts, _ = snips
    opened.find_element("id", "query").send_keys("Movie")
    expected = sum("movie" in text.lower() for text in texts)
    assert opened.find_element("id", "row-count").text.startswith(f"{expected} rows")
    assert "movie" in texts_of(opened, "#rows ~ div td.text mark")[0].lower()
    opened.find_element("css selector", '#cluster-select option[value="0"]').click()
    expected = sum("movie" in text.lower() for text, k in zip(texts, model.labels_) if k == 0)
    assert opened.find_element("id", "row-count").text.startswith(f"{expected} row")


@pytest.mark.browser
def test_browser_shows_probabilities_that_can_be_read(opened):
    values = 0.0, 0.3, 2.0, 3.7, 6.01, 11.7, 21.85, 8.7e7
    shown = [opened.execute_script("return chance(arguments[0])", value) for value in values]
    assert shown == [
        "1.00",
        "0.50",
        "1 in 100",
        "1 in 5,000",
        "1 in 1 million",
        "1 in 500 billion",
        "< 1 in 1 trillion",
        "< 1 in 1 trillion",
    ]
    assert opened.execute_script("return chance(Infinity)") == "< 1 in 1 trillion"
    assert not {"0.00", "0e+0"} & {*texts_of(opened, "#outliers ~ div td:last-child")}


@pytest.mark.browser
def test_browser_slider_shows_other_numbers_of_clusters(opened, page):
    from selenium.webdriver import Keys

    slider, output = (opened.find_element("id", name) for name in ("level", "level-value"))
    contents = contents_of(page)["merge_levels"]
    numbers = [level["number"] for level in contents["levels"]]
    slider.send_keys(Keys.HOME)
    assert output.text.startswith(f"{contents['n_components'] + 1} clusters")
    slider.send_keys(Keys.ARROW_RIGHT)
    assert output.text.startswith(f"{numbers[1]} clusters")
    assert len(opened.find_elements("css selector", ".card")) == numbers[1]


@pytest.mark.browser
def test_browser_marks_natural_numbers_of_clusters(browser, marked_page):
    browser.get(marked_page.as_uri())
    ticks = browser.find_elements("css selector", ".ticks button")
    assert [tick.text for tick in ticks] == ["12", "70"]
    assert [tick.get_attribute("title") for tick in ticks] == [
        "12 clusters (natural number, strength 13%)",
        "70 clusters (natural number, strength 13%)",
    ]
    output = browser.find_element("id", "level-value")
    assert output.text == ticks[0].get_attribute("title")  # at first, a natural number
    for tick, n_cards in zip(ticks, (12, 50)):
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", tick)
        tick.click()
        assert output.text == tick.get_attribute("title")
        assert len(browser.find_elements("css selector", ".card")) == n_cards
        slider = browser.find_element("id", "level")
        thumb = "const box = arguments[0].getBoundingClientRect(); return box.left + 8 + "
        thumb += "(box.width - 16) * arguments[0].value / arguments[0].max"
        place = tick.rect["x"] + tick.rect["width"] / 2
        assert place == pytest.approx(browser.execute_script(thumb, slider), abs=1.5)
    assert browser.get_log("browser") == []


@pytest.mark.browser
def test_browser_marks_nothing_without_natural_numbers(browser, snips, tmp_path):
    X = snips[0][::7]
    write_report(tmp_path / "r.html", VMFMixture(5, random_state=0).fit(X), X)
    browser.get((tmp_path / "r.html").as_uri())
    assert browser.find_elements("css selector", ".ticks button, .tree-ticks button") == []
    for note in "#levels + p", "#hierarchy + p":
        assert "natural" not in browser.find_element("css selector", note).text


@pytest.mark.browser
def test_browser_fits_marks_on_a_phone(browser, snips, tmp_path):
    model = VMFMixture(n_components_init=150, random_state=0).fit(snips[0])
    strengths = dict.fromkeys((model.n_components_, 70, 100, 150), 0.25)  # adjacent at the end
    write_report(tmp_path / "r.html", with_levels(model, strengths), snips[0])
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get((tmp_path / "r.html").as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    for tick in browser.find_elements("css selector", ".ticks button"):
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", tick)
        tick.click()  # fails if another tick covers its center
        assert browser.find_element("id", "level-value").text == tick.get_attribute("title")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.browser
def test_browser_fits_phone_and_switches_dark_mode(opened):
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert opened.execute_script("return document.documentElement.scrollWidth") <= 390
    color = "return getComputedStyle(document.body).backgroundColor"
    before = opened.execute_script(color)
    button = opened.find_element("id", "theme")
    pressed = button.get_attribute("aria-pressed")
    button.click()
    assert opened.execute_script(color) != before
    assert {pressed, button.get_attribute("aria-pressed")} == {"true", "false"}
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.browser
def test_browser_page_of_many_rows_and_clusters_has_few_elements(browser, tmp_path):
    """Only visible rows and cards are elements of the page, which keeps it fast."""
    X, _ = make_vmf_mixture(20_000, n_features=8, n_components=500, random_state=0)
    model = VMFMixture(500, merge=None, max_iter=2, tol=0.0, means_init=X[:500])
    with pytest.warns(UserWarning):
        model.fit(X)
    texts = [f"text number {row}" for row in range(len(X))]
    write_report(tmp_path / "r.html", model, X, texts=texts)
    browser.get((tmp_path / "r.html").as_uri())
    count = "return document.getElementsByTagName('*').length"
    assert browser.execute_script(count) < 30_000
    browser.find_element("id", "query").send_keys("number 19999")
    assert texts_of(browser, "#rows ~ div td.text") == ["text number 19999"]
    assert browser.get_log("browser") == []


def test_words_of_a_report_follow_tokenizer_and_stop_words(snips, model, tmp_path, monkeypatch):
    X, texts, _ = snips
    labels = [np.nan, *["a"] * (len(X) - 1)]
    with pytest.raises(ValueError, match="Row 0 has no label"):
        write_report(tmp_path / "r.html", model, X, labels=labels)
    labels = [b"a", b"b"] * (len(X) // 2)
    options = {"tokenizer": lambda text: [f"{word}x" for word in text.split()], "stop_words": None}
    write_report(tmp_path / "r.html", model, X, texts=texts, labels=labels, **options)
    clusters = contents_of(tmp_path / "r.html")["clusters"]
    assert all(word.endswith("x") for words in clusters["words"] for word in words)
    assert set(clusters["label"]) <= {"a", "b"}


def test_report_shows_names_as_text(snips, tmp_path):
    X, texts, _ = snips
    model = VMFMixture(4, random_state=0).fit(X).rename({2: NASTY, 0: "weather"})
    path = tmp_path / "named.html"
    write_report(path, model, X, texts=texts)
    assert contents_of(path)["clusters"]["name"] == ["weather", "", NASTY, ""]
    assert NASTY not in path.read_text(encoding="utf-8")
    write_report(path, VMFMixture(4, random_state=0).fit(X), X)
    assert "name" not in contents_of(path)["clusters"]


@pytest.mark.parametrize("limits", [{"min_cluster_size": 60}, {"max_cluster_share": 0.05}])
def test_report_shows_a_number_beyond_the_merge_path(limits, tmp_path):
    X, _ = make_vmf_mixture(400, 8, 6, concentration=40.0, random_state=0)
    model = VMFMixture(9, n_components_init=12, random_state=0, **limits).fit(X)
    assert not 9 <= model.n_components_ <= 12
    write_report(tmp_path / "report.html", model, X)
    levels = contents_of(tmp_path / "report.html")["merge_levels"]["levels"]
    numbers = [level["number"] for level in levels]
    assert set(numbers) <= set(range(max(9, model.n_components_ + 1), 13))
    assert (len(numbers) > 0) == (model.n_components_ < 12)
    assert len(contents_of(tmp_path / "report.html")["tree"]["children"]) <= model.n_components_ - 1


def test_report_of_edited_clusters_shows_their_merges(snips, tmp_path):
    X, _, _ = snips
    model = VMFMixture(6, random_state=0).fit(X).merge_clusters([0, 2], X)
    write_report(tmp_path / "report.html", model, X)
    contents = contents_of(tmp_path / "report.html")
    assert contents["merge_levels"]["levels"] == []
    assert len(contents["tree"]["children"]) == 4


@pytest.mark.browser
def test_browser_shows_names_in_place_of_words(browser, snips, tmp_path):
    X, texts, _ = snips
    model = VMFMixture(4, random_state=0).fit(X).rename({2: NASTY})
    write_report(tmp_path / "named.html", model, X, texts=texts)
    browser.get((tmp_path / "named.html").as_uri())
    assert browser.title == "Clusters"  # the name was not run
    assert any(NASTY in text for text in texts_of(browser, "#clusters ~ * tbody tr, table tr"))
    browser.execute_script("showCluster(2)")
    assert texts_of(browser, "#cluster-name") == [f"Cluster 2: {NASTY}"]
    browser.execute_script("showCluster(1)")
    assert texts_of(browser, "#cluster-name")[0].startswith("Cluster 1: ")
    options = [
        option.get_attribute("textContent")
        for option in browser.find_elements("css selector", "#cluster-select option")
    ]
    assert f"cluster 2 ({NASTY})" in options
    assert browser.get_log("browser") == []
