"""`VMFMixture` with the tools of scikit-learn."""

import pickle
import warnings

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from vmfmix import VMFMixture


def test_dataframe_columns_become_feature_names(planted):
    pd = pytest.importorskip("pandas")
    X = planted[0]
    frame = pd.DataFrame(X, columns=[f"e{j}" for j in range(16)])
    model = VMFMixture(4, random_state=0).set_output(transform="pandas").fit(frame)
    assert list(model.feature_names_in_) == list(frame.columns)
    cosines = model.transform(frame)
    assert list(cosines.columns) == [f"vmfmixture{k}" for k in range(4)]
    np.testing.assert_allclose(cosines.to_numpy(), X @ model.means_.T)
    assert list(model.rename({2: "weather"}).transform(frame).columns) == list(cosines.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"e0": "other"}))


@pytest.mark.parametrize("options", [{}, {"n_components": 3}])
def test_callback_stops_merging(planted, options):
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brought callbacks")

    class StopAfterEightSteps:
        def __init__(self):
            self.n_steps = 0

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            self.n_steps += context.task_name == "merging"
            return self.n_steps == 8

    callback = StopAfterEightSteps()
    model = VMFMixture(random_state=0, **options).set_callbacks(callback)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(planted[0])
    assert callback.n_steps == 8
    assert model.n_iter_ == 1
    assert model.n_components_ > 10
    assert len(model.predict(planted[0])) == 900


def test_pickle_joblib_and_clone(planted, model, tmp_path):
    X = planted[0]
    joblib.dump(model, tmp_path / "model.joblib")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(copy.predict(X), model.labels_)
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "means_")


def test_pipeline_predicts_and_scores(planted, model):
    X = planted[0]
    pipeline = make_pipeline(FunctionTransformer(lambda X: 3 * X), VMFMixture(4, random_state=0))
    np.testing.assert_array_equal(pipeline.fit_predict(X), model.labels_)
    np.testing.assert_array_equal(pipeline.predict(X), model.labels_)
    assert pipeline.score(X) == pytest.approx(model.score(X))
    assert pipeline[-1].get_feature_names_out().tolist() == [f"vmfmixture{k}" for k in range(4)]


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search_by_held_out_log_likelihood(planted, n_jobs):
    """Held-out log-likelihood is greatest at the planted number of clusters."""
    search = GridSearchCV(
        VMFMixture(random_state=0, n_init=3), {"n_components": [2, 3, 4]}, cv=3, n_jobs=n_jobs
    )
    search.fit(planted[0])
    assert search.best_params_ == {"n_components": 4}
    assert search.predict(planted[0]).shape == (900,)


def test_metadata_routing_passes_sample_weight(planted):
    X, y, _ = planted
    weight = (y != 0).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        mixture = VMFMixture(3, random_state=0).set_fit_request(sample_weight=True)
        mixture = mixture.set_score_request(sample_weight=True)
        pipeline = make_pipeline(FunctionTransformer(), mixture)
        pipeline.fit(X, sample_weight=weight)
    direct = VMFMixture(3, random_state=0).fit(X, sample_weight=weight)
    np.testing.assert_array_equal(pipeline[-1].means_, direct.means_)


def test_callbacks_receive_every_iteration(planted):
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brought callbacks")

    class Recorder:
        def __init__(self):
            self.tasks = []

        def setup(self, estimator, context):
            self.tasks.append("setup")

        def teardown(self, estimator, context):
            self.tasks.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            self.tasks.append(context.task_name)
            return self.tasks.count("iteration") == 3

    recorder = Recorder()
    model = VMFMixture(6, tol=0, merge=None, concentration="tied", random_state=0)
    model.set_callbacks(recorder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(planted[0])
    seeding = [*["step"] * 6, "seeding"]
    em = [*["iteration"] * 3, "expectation maximization", "initialization"]
    assert recorder.tasks == ["setup", *seeding, *em, "labels", "fit", "teardown"]
    assert model.n_iter_ == 3


def test_repr_shows_changed_parameters():
    assert (
        repr(VMFMixture(4, concentration="free"))
        == "VMFMixture(concentration='free', n_components=4)"
    )
