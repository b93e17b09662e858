"""The HTML representation of a fitted mixture, and when scikit-learn's diagram is shown."""

import io
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import vmfmix
from tests.notebook.elements import elements_of, facts_of, rows_of
from vmfmix import VMFMixture
from vmfmix._notebook.mixture import mixture_html
from vmfmix.datasets import make_vmf_mixture

NAMES = {
    0: "<script>alert(1)</script>",
    1: "שלום \u202e reversed",
    2: "long " * 1000,
    3: "\"double\" & 'single' \ud800",
}


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(600, n_features=12, n_components=5, random_state=0)[0]


@pytest.fixture(scope="module")
def model(rows):
    return VMFMixture(random_state=0).fit(rows)


def of(model):
    """Return the representation without scikit-learn's diagram, which must be static and valid."""
    html = mixture_html(model, "")
    tags = {tag for tag, _, _ in elements_of(html)}
    assert not tags & {"script", "img", "iframe", "link", "object"}
    assert "onclick" not in html and "http" not in html
    assert len(html.encode("utf-8")) < 20_000
    return html


def test_the_clusters_are_listed_by_size_with_their_names(model):
    named = model.rename(NAMES)
    listed = [row for row in rows_of(of(named)) if len(row) == 5][1:]
    sizes = np.bincount(model.labels_)
    order = np.argsort(-sizes, kind="stable")
    assert [int(row[0]) for row in listed] == order.tolist()
    assert [int(row[2]) for row in listed] == sizes[order].tolist()
    assert [row[3] for row in listed] == [f"{size / 600:.1%}" for size in sizes[order]]
    names = {int(row[0]): row[1] for row in listed}
    assert names[0] == NAMES[0] and names[1] == NAMES[1]
    assert len(names[2]) == 80 and names[2].endswith("…")
    assert names[3] == "\"double\" & 'single' ?"
    assert names[4] == ""
    styles = [
        attributes.get("style") for tag, attributes, _ in elements_of(of(named)) if tag == "div"
    ]
    bars = styles[1:]
    assert bars == [f"width: {100 * size / sizes.max():.3g}%" for size in sizes[order]]


def test_facts_of_an_estimated_number(model):
    facts = facts_of(of(model))
    n_start = model.merge_history_.n_components_init
    assert facts["Clusters"] == f"5, number estimated by merging {n_start} components"
    assert facts["Rows"] == "600 with 12 features"
    assert facts["Natural numbers"].startswith("5 (strength ")
    assert facts["EM"].startswith(f"converged after {model.n_iter_} iteration")
    assert facts["Isotropy"] == f"{model.isotropy_:.2f} (the model assumes 1)"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"n_components": 3}, {"Clusters": "3, number given"}),
        ({"n_components": 1}, {"Clusters": "1, number given"}),
        ({"n_components": 3, "center": True}, {"Rows": "600 with 12 features, centered"}),
        ({"n_components": 3, "max_iter": 1}, {"EM": "did not converge in 1 iteration"}),
        ({"n_components": 3, "concentration": 20.0}, {"Concentration": "20"}),
        (
            {"n_components": 9, "min_cluster_size": 80},
            {"Clusters": "5, n_components=9 was given"},
        ),
    ],
    ids=str,
)
def test_facts_of_other_fits(rows, options, expected):
    with warnings.catch_warnings(action="ignore"):
        model = VMFMixture(random_state=0, **options).fit(rows)
    facts = facts_of(of(model))
    assert {name: facts[name] for name in expected} == expected


def test_smoothed_sparse_and_background_rows(rows):
    smooth = VMFMixture(3, smooth=vmfmix.NeighborSmoother(restart=0.1), random_state=0).fit(rows)
    n_neighbors = smooth.smoother_.n_neighbors_
    expected = f"600 with 12 features, averaged with {n_neighbors} neighbors"
    assert facts_of(of(smooth))["Rows"] == expected
    sparse = VMFMixture(2, random_state=0).fit(sp.csr_array(np.abs(rows)))
    assert facts_of(of(sparse))["Clusters"] == "2, number given"
    noise = np.random.default_rng(0).standard_normal((200, 12))
    noisy = VMFMixture(5, background=True, random_state=0).fit(np.vstack([rows, noise]))
    n_rows = int((noisy.labels_ == -1).sum())
    assert n_rows > 0
    expected = f"{n_rows} rows, weight {noisy.background_weight_:.1%}"
    assert facts_of(of(noisy))["Background"] == expected


def test_models_without_labels_of_all_rows_show_weights(rows, model):
    cut = model.merge_to(7)
    listed = [row for row in rows_of(of(cut)) if len(row) == 3][1:]
    assert [row[1] for row in listed] == [f"{weight:.1%}" for weight in -np.sort(-cut.weights_)]
    n_start = model.merge_history_.n_components_init
    facts = facts_of(of(cut))
    assert facts["Clusters"] == f"7, cut from the merge path of {n_start} components"
    assert facts["EM"] == "not run since the clusters were changed"
    dropped = facts_of(of(model.drop(0)))
    assert dropped["Clusters"] == "4, edited" and "Natural numbers" not in dropped
    streamed = VMFMixture(5, random_state=0).fit(rows[:300]).partial_fit(rows[300:])
    assert facts_of(of(streamed))["Rows"] == "600 with 12 features"
    assert ["Cluster", "Weight", ""] in rows_of(of(streamed))


def test_an_updated_and_a_loaded_model(rows, model):
    file = io.BytesIO()
    model.rename({2: "weather"}).save(file, history=False)
    loaded = vmfmix.load(io.BytesIO(file.getvalue()))
    html = of(loaded)
    assert facts_of(html)["Clusters"] == "5, number estimated" and "weather" in html
    model.merge_to(3).save(file := io.BytesIO(), history=False)
    cut = vmfmix.load(io.BytesIO(file.getvalue()))
    assert facts_of(of(cut))["Clusters"] == "3, changed after the fit"
    updated = loaded.update(rows[50:100])
    assert facts_of(of(updated))["Clusters"] == "5, after an update"


def test_only_the_largest_of_many_clusters_are_listed():
    rows, _ = make_vmf_mixture(3000, 16, 500, concentration=100.0, random_state=0)
    with warnings.catch_warnings(action="ignore"):
        model = VMFMixture(500, merge=None, max_iter=2, means_init=rows[:500]).fit(rows)
    model = model.rename({k: f"{k} <{'&' * 500}>" for k in range(model.n_components_)})
    html = of(model)
    sizes = -np.sort(-np.bincount(model.labels_))
    assert len([row for row in rows_of(html) if len(row) == 5]) == 1 + 20
    left = sizes[20:].sum()
    expected = (
        f"{model.n_components_ - 20} smaller clusters have {left:,} rows ({left / 3000:.1%})."
    )
    assert [text for tag, _, text in elements_of(html) if tag == "p"][-1] == expected


def test_notebooks_show_the_diagram_of_scikit_learn_for_other_models(model):
    for shown in model._repr_html_(), model._repr_mimebundle_()["text/html"]:
        assert "vmfmix-repr" in shown and "sk-top-container" in shown
    assert model._repr_mimebundle_()["text/plain"] == repr(model) == "VMFMixture(random_state=0)"
    pipeline = make_pipeline(FunctionTransformer(), model)
    for other in (VMFMixture(), clone(model), pipeline):
        shown = other._repr_mimebundle_()["text/html"]
        assert "sk-top-container" in shown and "vmfmix-repr" not in shown
        assert "sk-top-container" in other._repr_html_()
    with sklearn.config_context(display="text"):
        assert not hasattr(model, "_repr_html_")
        assert list(model._repr_mimebundle_()) == ["text/plain"]
