"""Tests of the plot of a training."""

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib.figure import Figure  # noqa: E402

from vmfmix.plotting import plot_training  # noqa: E402


def test_plot_training():
    history = [
        {"epoch": 0, "loss": -0.1, "spread": 0.9, "share": 0.0, "refit_seconds": 0.0},
        {"epoch": 1, "loss": -0.3, "spread": 0.8, "share": 0.5, "refit_seconds": 0.2}
        | {"n_components": 30, "usage": 25.5, "knn": 0.7},
        {"epoch": 2, "loss": -0.4, "spread": 0.8, "share": 0.5, "refit_seconds": 0.0}
        | {"n_components": 12, "usage": 11.0, "knn": 0.8},
    ]
    axes = plot_training(history, Figure().subplots(1, 3))
    loss, clusters, share = axes
    np.testing.assert_array_equal(loss.lines[0].get_xydata(), [[1, -0.1], [2, -0.3], [3, -0.4]])
    np.testing.assert_array_equal(clusters.lines[0].get_xydata(), [[2, 30], [3, 12]])
    assert [text.get_text() for text in share.get_legend().get_texts()] == [
        "spread (healthy: 1)",
        "neighbors of the same class",
        "λ",
    ]
    refits = [line for line in loss.lines if line.get_linestyle() == ":"]
    assert [line.get_xdata()[0] for line in refits] == [1.5]


def test_plot_training_without_clusters():
    axes = plot_training([{"epoch": 0, "loss": 1.0, "spread": 1.0}], Figure().subplots(1, 3))
    assert [text.get_text() for text in axes[1].texts] == ["no clusters"]
