"""Tests of the plots of a merge history: they show what the history says."""

import sys
from dataclasses import replace

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.colors import to_hex  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from vmfmix.merging.history import MergeHistory  # noqa: E402
from vmfmix.plotting import plot_dendrogram, plot_merging, plot_scores  # noqa: E402

# Five components of 3, 3, 4, 4 and 6 rows merge in three rounds; rows move between the rounds.
HISTORY = MergeHistory(
    children=np.array([[0, 1], [2, 3], [5, 4], [6, 7]]),
    costs=np.array([1.0, 2.0, 40.0, 30.0]),
    rounds=np.array([5, 3, 2, 1]),
    nodes=np.array([0, 1, 2, 3, 4, 5, 6, 4, 7, 6, 8]),
    counts=np.array([3.0, 3, 4, 4, 6, 7, 5, 8, 14, 6, 20]),
    resultants=np.zeros((11, 2), dtype=np.float32),
    n_components=np.array([5, 5, 3, 2, 1, 3, 3, 3]),
    log_likelihoods=np.zeros(8),
    seconds=np.arange(8.0),
    candidates=np.array([5, 4, 3, 2, 1]),
    scores=np.array([0.2, 0.4, 0.75, 0.75 - 1e-9, -0.1]),
    levels=np.array([3, 5]),
    strengths=np.array([0.75, 0.25]),
)
NOTHING = np.array([])
ALONE = MergeHistory(
    children=np.zeros((0, 2), dtype=int),
    costs=NOTHING,
    rounds=np.array([1]),
    nodes=np.array([0]),
    counts=np.array([20.0]),
    resultants=np.zeros((1, 2), dtype=np.float32),
    n_components=np.ones(4, dtype=int),
    log_likelihoods=np.zeros(4),
    seconds=np.arange(4.0),
    candidates=np.array([1]),
    scores=np.array([-1.14]),
    levels=np.array([1]),
    strengths=np.array([1.0]),
)


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    left = plt.get_fignums()
    plt.close("all")
    assert not left


@pytest.fixture
def ax():
    figure = Figure()
    FigureCanvasAgg(figure)
    return figure.subplots()


def ticks(axis):
    """Return the labels of the visible ticks."""
    axis.axes.figure.canvas.draw()
    low, high = sorted(axis.get_view_interval())
    labels = zip(axis.get_majorticklocs(), axis.get_ticklabels())
    return [label.get_text() for place, label in labels if low <= place <= high]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend_labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def unions(ax):
    """Return (height, color) of each union in a drawn tree, the lowest first."""
    return sorted(
        (segment[1][1], to_hex(lines.get_color()[0]))
        for lines in ax.collections
        for segment in lines.get_segments()
    )


def stems_across(ax, height):
    """Return how many vertical lines of a drawn tree cross a height."""
    return sum(
        lower < height < segment[1][1]
        for lines in ax.collections
        for segment in lines.get_segments()
        for lower in (segment[0][1], segment[3][1])
    )


def test_plot_merging_draws_number_of_each_iteration(ax):
    assert plot_merging(HISTORY, ax=ax) is ax
    (line,) = ax.lines
    drawn = np.isfinite(line.get_ydata())
    np.testing.assert_array_equal(line.get_xdata()[drawn], np.arange(1, 9))
    np.testing.assert_array_equal(line.get_ydata()[drawn], HISTORY.n_components)
    assert line.get_drawstyle() == "steps-post"
    assert ax.get_yscale() == "log"
    assert ax.get_legend() is None
    assert "components" in ax.get_ylabel()
    assert "iteration" in ax.get_xlabel()


def test_plot_merging_marks_increase_by_dotted_line(ax):
    plot_merging(HISTORY, ax=ax)
    (line,) = ax.lines
    gap = np.flatnonzero(np.isnan(line.get_ydata()))
    np.testing.assert_array_equal(line.get_xdata()[gap], [6])  # EM continues with 3 in iteration 6
    ((rise,),) = (lines.get_segments() for lines in ax.collections)
    np.testing.assert_array_equal(rise, [[6, 1], [6, 3]])


def test_plot_merging_labels_final_number(ax):
    plot_merging(HISTORY, ax=ax)
    (text,) = ax.texts
    assert text.get_text() == "3"
    assert text.xy == (8, 3)


@pytest.mark.parametrize(
    ("numbers", "labels"),
    [
        ([600, 30, 1, 7], ["1", "2", "5", "10", "20", "50", "100", "200", "500"]),
        ([21, 14, 7], ["10", "15", "20", "25"]),
        ([1500, 900], ["750", "1000", "1250", "1500", "1750"]),
        ([2, 1], ["1", "2"]),
        ([1, 1, 1], ["1"]),
    ],
)
def test_plot_merging_has_plain_tick_labels(ax, numbers, labels):
    plot_merging(replace(HISTORY, n_components=np.array(numbers)), ax=ax)
    assert ticks(ax.yaxis) == labels


@pytest.mark.parametrize("order", [1, -1])
def test_plot_merging_of_several_histories(ax, order):
    longer = replace(HISTORY, n_components=np.array([80, 80, 40, 20, 10, 5, 3, 2, 1, 3]))
    names = ["from 5", "from 80"][::order]
    for history, label in zip([HISTORY, longer][::order], names):
        plot_merging(history, ax=ax, label=label)
    assert legend_labels(ax) == names
    one, other = ax.lines
    assert one.get_color() != other.get_color()
    assert ax.get_xlim()[1] > 10
    assert ax.get_ylim()[0] < 1 < 80 < ax.get_ylim()[1]
    assert [(text.get_text(), text.xy) for text in ax.texts] == [("3", (10, 3))]


def test_plot_merging_labels_do_not_overlap(ax):
    for last in (31, 30, 300, 29):
        plot_merging(replace(HISTORY, n_components=np.array([400, 1, last])), ax=ax)
    ax.figure.canvas.draw()
    boxes = {text.get_text(): text.get_window_extent() for text in ax.texts}
    assert list(boxes) == ["29", "30", "31", "300"]
    for lower, upper in zip(boxes.values(), list(boxes.values())[1:]):
        assert lower.y1 < upper.y0


def test_plot_scores(ax):
    assert plot_scores(HISTORY, ax=ax) is ax
    curve, line, point = ax.lines
    np.testing.assert_array_equal(curve.get_xdata(), HISTORY.candidates)
    np.testing.assert_array_equal(curve.get_ydata(), HISTORY.scores)
    assert list(line.get_xdata()) == [3, 3]
    np.testing.assert_array_equal(point.get_xydata(), [[3, 0.75]])
    assert texts(ax) == ["3 (score 0.75)"]
    assert ax.get_xscale() == "log"
    assert ticks(ax.xaxis) == ["1", "2", "5"]
    assert "components" in ax.get_xlabel()
    assert "score" in ax.get_ylabel()


def test_plot_scores_marks_smaller_of_equal_scores(ax):
    plot_scores(replace(HISTORY, scores=np.array([0.2, 0.7, 0.1, 0.7, 0.0])), ax=ax)
    assert texts(ax) == ["2 (score 0.7)"]


def test_plot_scores_shades_numbers_with_similar_scores(ax):
    plot_scores(HISTORY, ax=ax)
    (shade,) = ax.patches
    assert HISTORY.range_of_similar_scores() == (2, 3)
    assert (shade.get_extents().x0, shade.get_extents().x1) == pytest.approx(
        tuple(ax.transData.transform([(2, 0), (3, 0)])[:, 0])
    )
    assert legend_labels(ax) == ["within 3% of the best score"]


def test_plot_scores_shades_nothing_if_one_number_is_best(ax):
    plot_scores(replace(HISTORY, scores=np.array([0.2, 0.4, 0.7, 0.5, 0.0])), ax=ax)
    assert not ax.patches and ax.get_legend() is None


def test_plot_scores_shows_natural_numbers_at_the_top(ax):
    plot_scores(replace(HISTORY, levels=np.array([3, 1, 9])), ax=ax)
    (top,) = ax.child_axes
    assert list(top.get_xticks()) == [3, 1, 9]
    labels = top.get_xticklabels()
    assert [label.get_text() for label in labels] == ["3", "1", "9"]
    chosen, *others = (to_hex(label.get_color()) for label in labels)
    assert chosen == to_hex(ax.lines[1].get_color()) and chosen not in others
    left, right = ax.get_xlim()
    assert left < 1 and right > 9  # 9 is not among the candidates
    assert "natural numbers" in top.get_xlabel()


def test_plot_scores_without_natural_numbers(ax):
    plot_scores(replace(HISTORY, levels=np.array([], dtype=int), strengths=NOTHING), ax=ax)
    assert ax.child_axes == []


def test_plot_scores_of_a_single_candidate(ax):
    plot_scores(ALONE, ax=ax)
    assert texts(ax) == ["1 (score -1.14)"]
    assert ticks(ax.xaxis) == ["1"]


def test_dendrogram_heights_are_costs(ax):
    assert plot_dendrogram(HISTORY, ax=ax) is ax
    # The last merge cost less than the one before, but a node is never below its children.
    assert [height for height, _ in unions(ax)] == [1.0, 2.0, 40.0, 40.0]
    assert ax.get_yscale() == "log"
    assert ticks(ax.yaxis)[:4] == ["1", "2", "5", "10"]
    assert "cost of the merge" in ax.get_ylabel()


def test_dendrogram_height_of_unrelated_merges(ax):
    plot_dendrogram(replace(HISTORY, costs=np.array([4.0, 2.0, 3.0, 9.0])), ax=ax)
    assert [height for height, _ in unions(ax)] == [2.0, 4.0, 4.0, 9.0]
    assert ax.get_yscale() == "linear"


@pytest.mark.parametrize(
    ("n_components", "rows"),
    [(30, [3, 3, 4, 4, 6]), (5, [3, 3, 4, 4, 6]), (4, [4, 4, 6, 6]), (3, [5, 7, 8]), (2, [6, 14])],
)
def test_dendrogram_leaves_are_labeled_by_rows(ax, n_components, rows):
    plot_dendrogram(HISTORY, n_components=n_components, ax=ax)
    assert sorted(int(label) for label in ticks(ax.xaxis)) == rows
    assert "rows" in ax.get_xlabel()


def test_dendrogram_of_small_figure_has_no_labels():
    ax = Figure(figsize=(0.4, 4.0)).subplots()
    plot_dendrogram(HISTORY, ax=ax)
    assert not any(label.get_text() for label in ax.get_xticklabels())
    assert "rows" not in ax.get_xlabel()


@pytest.mark.parametrize("costs", [[1.0, 2.0, 40.0, 90.0], [4.0, 5.0, 6.0, 9.0], [0, 0.5, 1, 9]])
@pytest.mark.parametrize("chosen", [1, 2, 3, 4])
def test_dendrogram_cut_into_chosen_number(ax, chosen, costs):
    scores = (HISTORY.candidates == chosen).astype(float)
    plot_dendrogram(replace(HISTORY, scores=scores, costs=np.array(costs)), 4, ax=ax)
    (line,) = ax.lines
    height = line.get_ydata()[0]
    bottom, top = ax.get_ylim()
    assert bottom < height < top
    assert stems_across(ax, height) == (chosen if chosen > 1 else 0)
    assert legend_labels(ax) == [f"cut into {chosen} component{'s' if chosen > 1 else ''}"]
    below = {color for union, color in unions(ax) if union < height}
    above = {color for union, color in unions(ax) if union > height}
    assert not below & above


def test_dendrogram_cut_below_the_leaves(ax):
    plot_dendrogram(HISTORY, n_components=2, ax=ax)
    assert legend_labels(ax) == ["cut into 3 components below the leaves"]
    assert not any(len(line.get_xdata()) for line in ax.lines)


@pytest.mark.parametrize("costs", [[50.0, 2.0, 40.0, 30.0], [0.0, 0.0, 0.0, 0.0]])
def test_dendrogram_cut_shown_by_color(ax, costs):
    plot_dendrogram(replace(HISTORY, costs=np.array(costs)), ax=ax)
    assert legend_labels(ax) == ["within the 3 components chosen"]
    assert not any(len(line.get_xdata()) for line in ax.lines)
    within = to_hex(ax.lines[0].get_color())
    assert sum(color == within for _, color in unions(ax)) == 2


@pytest.mark.parametrize("plot", [plot_merging, plot_scores, plot_dendrogram])
def test_new_figure_shows_everything(plot):
    ax = plot(HISTORY)
    figure = ax.figure
    assert plt.get_fignums() == [figure.number]
    figure.canvas.draw()
    drawn, whole = figure.get_tightbbox(), figure.bbox_inches
    plt.close(figure)
    assert whole.x0 <= drawn.x0 and drawn.x1 <= whole.x1
    assert whole.y0 <= drawn.y0 and drawn.y1 <= whole.y1


def test_plot_methods_of_merge_history(ax):
    assert HISTORY.plot(ax=ax) is ax
    assert texts(ax) == ["3"]
    ax.clear()
    assert HISTORY.plot_scores(ax=ax) is ax
    assert texts(ax) == ["3 (score 0.75)"]
    ax.clear()
    assert HISTORY.plot_dendrogram(n_components=2, ax=ax) is ax
    assert len(unions(ax)) == 1


@pytest.mark.parametrize(
    ("plot", "history", "arguments", "message"),
    [
        (plot_scores, replace(HISTORY, candidates=NOTHING, scores=NOTHING), {}, "no scores"),
        (plot_dendrogram, replace(HISTORY, rounds=np.array([5, 3])), {}, "stops at 3"),
        (plot_dendrogram, ALONE, {}, "nothing was merged"),
        (plot_dendrogram, HISTORY, {"n_components": 1}, "n_components=1 is not allowed"),
        (plot_dendrogram, HISTORY, {"n_components": "all"}, "n_components='all' is not allowed"),
    ],
)
def test_invalid_arguments_leave_no_figure(plot, history, arguments, message):
    with pytest.raises(ValueError, match=message):
        plot(history, **arguments)


@pytest.mark.parametrize("plot", [plot_merging, plot_scores, plot_dendrogram])
def test_missing_matplotlib(monkeypatch, plot):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    message = rf'{plot.__name__} needs matplotlib; run pip install "\.\[plot\]"'
    with pytest.raises(ImportError, match=message):
        plot(HISTORY)
