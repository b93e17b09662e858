"""Tests of the plots of clusters: they show what the model says."""

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from vmfmix import VMFMixture  # noqa: E402
from vmfmix.datasets import make_vmf_mixture  # noqa: E402
from vmfmix.plotting import (  # noqa: E402
    plot_labels,
    plot_map,
    plot_similarity,
    plot_sizes,
    plot_sphere,
)


@pytest.fixture(scope="module")
def planted():
    X, y = make_vmf_mixture(900, 16, 5, concentration=60.0, random_state=0)
    return X, y, VMFMixture(5, random_state=0).fit(X)


@pytest.fixture
def ax():
    return Figure(layout="constrained").subplots()


def test_plot_sizes(planted, ax):
    _, _, model = planted
    plot_sizes(model, ax)
    places = ax.lines[0].get_xydata()
    np.testing.assert_array_equal(places[:, 0], np.bincount(model.labels_))
    np.testing.assert_allclose(places[:, 1], model.concentrations_)
    assert [text.get_text() for text in ax.texts] == list("01234")


def test_plot_similarity_orders_similar_clusters_together(planted, ax):
    _, _, model = planted
    plot_similarity(model, ax)
    order = [int(tick.get_text()) for tick in ax.get_xticklabels()]
    assert sorted(order) == list(range(5))
    np.testing.assert_allclose(
        ax.images[0].get_array(), (model.means_ @ model.means_.T)[np.ix_(order, order)]
    )


def test_many_clusters_are_not_labeled():
    X, y = make_vmf_mixture(3000, 16, 60, concentration=200.0, random_state=0)
    model = VMFMixture(60, merge=None, random_state=0).fit(X)
    for plot in (plot_sizes, plot_similarity):
        ax = plot(model, Figure(layout="constrained").subplots())
        assert len(ax.texts) == 0
    ax = plot_labels(model, X, y, Figure().subplots())
    assert len(ax.get_xticks()) == len(ax.texts) == 0
    assert len(plot_map(model, X, ax=Figure().subplots()).texts) == 0


def test_plot_labels(planted, ax):
    X, y, model = planted
    names = np.array(["ant", "bee", "cat", "dog", "eel"])[y]
    plot_labels(model, X, names, ax)
    shares = np.asarray(ax.images[0].get_array())
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    clusters = [int(tick.get_text()) for tick in ax.get_xticklabels()]
    found = np.mean(model.labels_[names == "bee"] == clusters[1])
    assert shares[1, 1] == pytest.approx(found)
    assert (shares.argmax(axis=1) == np.arange(5)).all()  # largest shares on the diagonal


def test_plot_map(planted, ax):
    X, _, model = planted
    plot_map(model, X, ax=ax)
    assert len(ax.collections[0].get_offsets()) == 900
    places = np.column_stack([np.arange(900.0), np.zeros(900)])
    ax = plot_map(model, X, places, n_rows=100, ax=Figure().subplots())
    np.testing.assert_array_equal(
        ax.collections[0].get_offsets()[:, 0], np.linspace(0, 899, 100).astype(int)
    )
    with pytest.raises(ValueError, match=r"pass \(900, 2\)"):
        plot_map(model, X, places[:5])


def test_plot_sphere(planted):
    X, _ = make_vmf_mixture(300, 3, 3, concentration=50.0, random_state=0)
    ax = plot_sphere(VMFMixture(3, random_state=0).fit(X), X)
    assert [text.get_text() for text in ax.texts] == list("012")
    plt.close(ax.figure)
    with pytest.raises(ValueError, match="have 16 features"):
        plot_sphere(planted[2], planted[0])


@pytest.mark.parametrize("concentration", [0.5, 20.0, 3000.0])
def test_plot_sphere_circles_contain_their_share(concentration):
    X, _ = make_vmf_mixture(20_000, 3, 1, concentration=concentration, random_state=0)
    model = VMFMixture(1, random_state=0).fit(X)
    ax = plot_sphere(model, X, n_rows=10, shares=(0.5, 0.9))
    _, *circles = ax.lines
    for circle, share in zip(circles, (0.5, 0.9), strict=True):
        places = np.array(circle.get_data_3d())
        np.testing.assert_allclose(np.linalg.norm(places, axis=0), 1.0)
        cosine = model.means_[0] @ places
        np.testing.assert_allclose(cosine, cosine[0])
        assert np.mean(X @ model.means_[0] > cosine[0]) == pytest.approx(share, abs=0.015)
    plt.close(ax.figure)
    with pytest.raises(ValueError, match="between 0 and 1"):
        plot_sphere(model, X, shares=(50,))


def test_plots_label_clusters_with_their_names(planted):
    X, y, model = planted
    named = model.rename({1: "refunds", 3: "$5 to $10"})
    expected = ["0", "refunds", "2", "$5 to $10", "4"]

    def shown(texts):
        return sorted(text.get_text().replace(r"\$", "$") for text in texts)

    figure = Figure(layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    plot_sizes(named, axes[0])
    plot_map(named, X, ax=axes[1])
    plot_similarity(named, axes[2])
    plot_labels(named, X, y, axes[3])
    for texts in (axes[0].texts, axes[1].texts, *(ax.get_xticklabels() for ax in axes[2:])):
        assert shown(texts) == sorted(expected)
    figure.canvas.draw()  # "$" starts no formula
    X, _ = make_vmf_mixture(200, 3, 2, concentration=50.0, random_state=0)
    sphere = Figure().add_subplot(projection="3d")
    plot_sphere(VMFMixture(2, random_state=0).fit(X).rename({0: "up"}), X, ax=sphere)
    assert shown(sphere.texts) == ["1", "up"]
