"""HTML representations in a browser: nothing runs, they fit a phone, and follow the theme."""

import warnings

import pytest

from vmfmix import VMFMixture
from vmfmix._notebook.mixture import mixture_html
from vmfmix.datasets import make_vmf_mixture

NAMES = {0: '<script>document.title="run"</script><img src=x onerror="alert(1)">', 1: "word" * 99}
HEAD = '<!DOCTYPE html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'


@pytest.mark.browser
@pytest.mark.parametrize("theme", [("white", "black"), ("black", "white")], ids=["light", "dark"])
def test_browser_shows_names_as_text_in_the_color_of_the_page(browser, theme, tmp_path):
    rows, _ = make_vmf_mixture(400, n_features=12, n_components=5, random_state=0)
    with warnings.catch_warnings(action="ignore"):
        model = VMFMixture(random_state=0).fit(rows).rename(NAMES)
    cells = mixture_html(model, "") + model.merge_history_._repr_html_()
    cells += model.levels_._repr_html_()
    background, color = theme
    body = f'<body style="background: {background}; color: {color}">{cells}'
    (tmp_path / "cells.html").write_text(HEAD + body, encoding="utf-8")
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get((tmp_path / "cells.html").as_uri())
    assert browser.title == ""
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    names = [element.text for element in browser.find_elements("tag name", "bdi")]
    assert NAMES[0] in names
    colors = browser.execute_script(
        "return [...document.querySelectorAll('th, td, p, strong, svg, text')]"
        ".map(element => getComputedStyle(element).color)"
    )
    (shown,) = {*colors}
    assert shown == {"black": "rgb(0, 0, 0)", "white": "rgb(255, 255, 255)"}[color]
    bars = browser.find_elements("css selector", "td.bar div")
    assert len(bars) > 5 and bars[0].size["width"] > bars[4].size["width"] > 0
    assert browser.get_log("browser") == []
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
