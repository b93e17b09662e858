"""The HTML representations of merge histories and of natural numbers of clusters."""

import re

import numpy as np
import pytest

from tests.notebook.elements import elements_of, facts_of, rows_of
from vmfmix import VMFMixture
from vmfmix._notebook.curve import curve
from vmfmix.datasets import make_vmf_mixture
from vmfmix.merging.levels import Level, Levels


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(600, n_features=12, n_components=5, random_state=0)[0]


@pytest.fixture(scope="module")
def model(rows):
    return VMFMixture(random_state=0).fit(rows)


def texts_of(html, wanted):
    return [text for tag, _, text in elements_of(html) if tag == wanted]


def test_history_of_an_estimated_number(model):
    history = model.merge_history_
    html = history._repr_html_()
    facts = facts_of(html)
    n_start, n_rounds = history.n_components_init, len(history.rounds) - 1
    assert facts["Merged"] == f"{n_start} components down to 1 in {n_rounds} rounds"
    assert facts["Clusters"] == "5, number estimated"
    assert [row[0] for row in rows_of(html) if len(row) == 3][1] == "5"
    assert "5 clusters" in texts_of(html, "text")
    assert texts_of(html, "p")[-1] == "Score of each number of clusters (greater is better)"


def test_history_of_a_given_number(rows):
    html = VMFMixture(3, background=True, random_state=0).fit(rows).merge_history_._repr_html_()
    assert facts_of(html)["Clusters"] == "3, number given"
    assert "3 clusters" in texts_of(html, "text")
    assert texts_of(html, "p")[-1].startswith("Cost of the merge that leads to each number")


def test_history_of_edited_clusters_and_without_merges(rows, model):
    html = model.merge_clusters([0, 1]).merge_history_._repr_html_()
    assert facts_of(html) == {"Merged": "4 components down to 1 in 1 round"}
    assert texts_of(html, "svg")
    single = VMFMixture(2, random_state=0).fit(rows).merge_clusters([0, 1])
    html = single.merge_history_._repr_html_()
    assert facts_of(html) == {"Merged": "nothing; the path starts and ends with 1 component"}
    assert not texts_of(html, "svg")


def test_natural_numbers_are_a_list_and_a_table(model):
    levels = model.levels_
    assert isinstance(levels, list) and isinstance(levels[0], Level)
    assert repr(levels) == repr(list(levels))
    html = Levels([Level(1200, 0.75), Level(3, 0.25)])._repr_html_()
    assert rows_of(html)[1:] == [["1,200", "75%", ""], ["3", "25%", ""]]


def points_of(svg):
    points = re.search(r'points="([^"]*)"', svg)[1]
    return np.array([point.split(",") for point in points.split()], dtype=float)


def test_curve_has_logarithmic_axes():
    numbers = np.array([1, 10, 100])
    x, y = points_of(curve(numbers, np.array([1.0, 10.0, 100.0]), 10, "Cost", may_be_log=True)).T
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=1)
    assert y[0] - y[1] == pytest.approx(y[1] - y[2], abs=1) and y[0] > y[2]
    x, y = points_of(curve(numbers, np.array([1.0, 10.0, 100.0]), 10, "Cost", may_be_log=False)).T
    assert 10 * (y[0] - y[1]) == pytest.approx(y[1] - y[2], abs=1)


@pytest.mark.parametrize(
    ("values", "n_points"),
    [
        ([1.0, np.nan, 3.0, -np.inf], 2),
        ([0.0, 1.0, 50.0, 100.0], 3),  # a logarithmic axis has no 0
        ([-2.0, -1.0, 0.0, 0.0], 4),
        ([2.0, 2.0, 2.0, 2.0], 4),
    ],
)
def test_curve_leaves_out_what_it_cannot_draw(values, n_points):
    svg = curve(np.array([1, 3, 9, 27]), np.array(values), 3, "Cost", may_be_log=True)
    elements_of(svg)
    assert len(points_of(svg)) == n_points and "nan" not in svg


def test_curve_of_one_or_no_point():
    assert "<circle" in curve(np.array([4]), np.array([1.0]), 4, "Cost", may_be_log=True)
    assert curve(np.array([4]), np.array([np.nan]), 4, "Cost", may_be_log=True) == ""
    assert curve(np.empty(0, int), np.empty(0), None, "Cost", may_be_log=True) == ""


def test_curve_of_thousands_of_numbers_is_small():
    numbers = np.arange(1, 4001)
    svg = curve(numbers, np.sqrt(numbers), 37, "A & B <c>", may_be_log=True)
    assert len(svg) < 6000
    assert texts_of(svg, "p") == ["A & B <c> (logarithmic)"]
    labels = texts_of(svg, "text")
    assert {"1", "10", "100", "4,000", "37 clusters"} <= {*labels}
