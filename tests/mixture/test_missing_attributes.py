"""Fitted attributes that a model lacks: the error says why, and what to do."""

import copy
import inspect
import io
import pickle
import re
import traceback
import warnings

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import vmfmix
from vmfmix import NeighborSmoother, VMFMixture
from vmfmix.datasets import make_vmf_mixture


def documented(estimator):
    """Return the names of the documented fitted attributes."""
    text = inspect.getdoc(estimator)  # without indentation, which Python 3.13 removes itself
    section = re.search(r"\nAttributes\n.*?\nSee Also\n", text, re.DOTALL)[0]
    return re.findall(r"^(\w+_) :", section, re.MULTILINE)


def saved_and_loaded(model, **options):
    file = io.BytesIO()
    model.save(file, **options)
    return vmfmix.load(io.BytesIO(file.getvalue()))


X = make_vmf_mixture(400, n_features=12, n_components=5, random_state=0)[0]
HALF = X[:200]
WAYS = {
    "fit": lambda model: model.fit(X),
    "load": lambda model: saved_and_loaded(model.fit(X)),
    "load without history": lambda model: saved_and_loaded(model.fit(X), history=False),
    "merge_to": lambda model: model.fit(X).merge_to(7),
    "merge_to and load": lambda model: saved_and_loaded(model.fit(X).merge_to(7)),
    "merge_to with rows": lambda model: model.fit(X).merge_to(7, X),
    "merge_clusters": lambda model: model.fit(X).merge_clusters([0, 1]),
    "split": lambda model: model.fit(X).split(0, X),
    "drop": lambda model: model.fit(X).drop(0),
    "rename": lambda model: model.fit(X).rename({0: "a"}),
    "update": lambda model: model.fit(HALF).update(X[200:]),
    "merge_to and update": lambda model: model.fit(HALF).merge_to(7).update(X[200:]),
    "partial_fit": lambda model: model.partial_fit(X),
    "fit and partial_fit": lambda model: model.fit(HALF).partial_fit(X[200:]),
    "drop and partial_fit": lambda model: model.fit(HALF).drop(0).partial_fit(X[200:]),
    "calibrate": lambda model: model.fit(X).calibrate(X),
    "renumber_like": lambda model: model.fit(X).renumber_like(copy.copy(model)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("concentration", ["pooled", "tied"])
def test_every_missing_attribute_says_why_and_what_to_do(way, concentration):
    with warnings.catch_warnings(action="ignore"):
        model = WAYS[way](VMFMixture(concentration=concentration, random_state=0))
    names = documented(VMFMixture)
    assert {"labels_", "levels_", "changes_", "feature_names_in_"} <= {*names}
    missing = [name for name in names if not hasattr(model, name)]
    assert {"smoother_", "center_", "background_weight_"} <= {*missing}
    for name in missing:
        with pytest.raises(AttributeError) as raised:
            getattr(model, name)
        message = str(raised.value)
        pattern = rf"This model has no {name}, since [^;]+; (pass|call|fit) [^;]+\."
        assert re.fullmatch(pattern, message) and "{" not in message.replace("{0: ", ""), message


def test_labels_after_merge_to_say_which_call_labels_rows():
    model = VMFMixture(random_state=0).fit(X)
    for cut in model.merge_to(12), saved_and_loaded(model.merge_to(12)):
        with pytest.raises(AttributeError, match=r"as in merge_to\(12, X\), or call predict\(X\)"):
            cut.labels_  # noqa: B018
        with pytest.raises(AttributeError, match=r"merge_to\(12, X\), or call predict_proba\(X\)"):
            cut.probabilities_  # noqa: B018
    try:
        model.merge_to(12).labels_  # noqa: B018
    except AttributeError:
        assert "Did you mean" not in traceback.format_exc()
    np.testing.assert_array_equal(saved_and_loaded(model).labels_, model.labels_)


def test_other_attributes_and_methods_keep_their_errors():
    model = VMFMixture(3, random_state=0)
    for name in ("labels_", "means_", "levels_"):
        with pytest.raises(NotFittedError, match=f"not fitted, so it has no {name}; call fit"):
            getattr(model, name)
    for each in model, model.fit(X):
        with pytest.raises(AttributeError, match="'VMFMixture' object has no attribute 'label'"):
            each.label  # noqa: B018
    with pytest.raises(AttributeError) as raised:
        VMFMixture(smooth=True).partial_fit  # noqa: B018
    assert "cannot smooth rows" in str(raised.value.__cause__)
    for again in copy.deepcopy(model), pickle.loads(pickle.dumps(model)), copy.copy(model):
        np.testing.assert_array_equal(again.labels_, model.labels_)


def test_missing_attributes_of_a_smoother():
    smoother = NeighborSmoother(restart=0.1).fit(X)
    file = io.BytesIO()
    smoother.save(file)
    loaded = NeighborSmoother.load(io.BytesIO(file.getvalue()))
    with warnings.catch_warnings(action="ignore"):
        model = VMFMixture(3, smooth=True, random_state=0).fit(X)
    for each in loaded, model.smoother_:
        with pytest.raises(
            AttributeError, match=r"has no embedding_, since .*; call transform\(X\)"
        ):
            each.embedding_  # noqa: B018
    with pytest.raises(NotFittedError, match="NeighborSmoother is not fitted"):
        NeighborSmoother().embedding_  # noqa: B018
    missing = [name for name in documented(NeighborSmoother) if not hasattr(smoother, name)]
    for name in missing:
        with pytest.raises(AttributeError, match=f"has no {name}, since [^;]+; fit "):
            getattr(smoother, name)
