"""A search over a pipeline, with callbacks of scikit-learn 1.9."""

import numpy as np
import pytest

from tests.clients import run
from vmfmix import VMFMixture

pytestmark = pytest.mark.filterwarnings("ignore:The estimator PCA does not support callbacks")


@pytest.fixture(scope="module")
def page():
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brought callbacks")
    pytest.importorskip("rich")
    return run("scikit-learn")


def test_the_search_finds_what_fits_by_hand_find(page):
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


def test_pca_with_all_dimensions_is_centring(page):
    X = page["X"].astype(np.float64)
    pipeline = page["Pipeline"](
        [("reduce", page["PCA"]()), ("mixture", VMFMixture(7, random_state=0))]
    )
    # `center` subtracts the mean of unit rows, which these are.
    centered = VMFMixture(7, center=True, random_state=0).fit(X)
    labels = pipeline.fit_predict(X)
    same = np.zeros((7, 7))
    np.add.at(same, (labels, centered.labels_), 1)
    assert same.max(axis=1).sum() > 0.999 * len(X)


class Recorder:
    """A callback that goes down to the fits inside."""

    max_propagation_depth = None
    estimators: list = []  # of the class, for the search copies its callbacks

    def setup(self, estimator, context):
        self.estimators.clear()

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.estimators.append((context.estimator_name, context.task_name))


def test_callbacks_hear_every_fit_of_the_search(page):
    search = page["GridSearchCV"](page["pipeline"], {"mixture__concentration": ["tied"]}, cv=3)
    search.set_callbacks(Recorder()).fit(page["X"])
    assert Recorder.estimators.count(("VMFMixture", "initialization")) == 4  # three and the best
    iterations = Recorder.estimators.count(("VMFMixture", "iteration"))
    assert iterations >= search.best_estimator_["mixture"].n_iter_ + 3


def test_a_progress_bar_on_a_part_is_refused(page):
    pipeline = page["Pipeline"](
        [("mixture", VMFMixture(7, random_state=0).set_callbacks(page["ProgressBar"]()))]
    )
    with pytest.raises(TypeError, match="auto-propagated"):
        pipeline.fit(page["X"])
