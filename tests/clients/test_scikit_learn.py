"""Tests of a grid search over a pipeline, with the callbacks of scikit-learn 1.9."""

import numpy as np
import pytest

from tests.clients import run
from vmfmix import VMFMixture

pytestmark = pytest.mark.filterwarnings("ignore:The estimator PCA does not support callbacks")


@pytest.fixture(scope="module")
def page():
    pytest.importorskip("sklearn.callback", reason="callbacks need scikit-learn 1.9")
    pytest.importorskip("rich")
    return run("scikit-learn")


@pytest.mark.slow
def test_grid_search_equals_cross_validation_by_hand(page):
    from sklearn.base import clone
    from sklearn.model_selection import cross_val_score

    X, search = page["X"], page["search"]
    scores = {}
    for concentration in ("pooled", "tied", "free"):
        pipeline = clone(page["pipeline"]).set_params(mixture__concentration=concentration)
        scores[concentration] = cross_val_score(pipeline, X, cv=3).mean()
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], list(scores.values()))
    best = search.best_params_["mixture__concentration"]
    assert best == max(scores, key=scores.get)
    pca = page["PCA"](50, random_state=0)
    direct = VMFMixture(7, concentration=best, random_state=0).fit(pca.fit_transform(X))
    np.testing.assert_array_equal(search.best_estimator_["mixture"].labels_, direct.labels_)
    np.testing.assert_array_equal(page["labels"], direct.predict(pca.transform(X)))


@pytest.mark.slow
def test_pca_with_all_dimensions_equals_centering(page):
    X = page["X"].astype(np.float64)
    pipeline = page["Pipeline"](
        [("reduce", page["PCA"]()), ("mixture", VMFMixture(7, random_state=0))]
    )
    # `center` subtracts the mean of the unit rows; these rows have unit length already.
    centered = VMFMixture(7, center=True, random_state=0).fit(X)
    labels = pipeline.fit_predict(X)
    contingency = np.zeros((7, 7))
    np.add.at(contingency, (labels, centered.labels_), 1)
    assert contingency.max(axis=1).sum() > 0.999 * len(X)


class Recorder:
    """Callback that records the tasks of the inner fits."""

    max_propagation_depth = None
    estimators: list = []  # a class attribute, since the search copies its callbacks

    def setup(self, estimator, context):
        self.estimators.clear()

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.estimators.append((context.estimator_name, context.task_name))


def test_callbacks_receive_every_fit_of_the_search(page):
    search = page["GridSearchCV"](page["pipeline"], {"mixture__concentration": ["tied"]}, cv=3)
    search.set_callbacks(Recorder()).fit(page["X"])
    fits = Recorder.estimators.count(("VMFMixture", "initialization"))
    assert fits == 4  # three folds and the refit
    iterations = Recorder.estimators.count(("VMFMixture", "iteration"))
    assert iterations >= search.best_estimator_["mixture"].n_iter_ + 3


def test_refuses_progress_bar_on_pipeline_step(page):
    pipeline = page["Pipeline"](
        [("mixture", VMFMixture(7, random_state=0).set_callbacks(page["ProgressBar"]()))]
    )
    with pytest.raises(TypeError, match="auto-propagated"):
        pipeline.fit(page["X"])
