"""Progress as tasks of scikit-learn's callbacks."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.fitting.callback_tasks import CallbackTasks
from vmfmix.fitting.progress import Progress

pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brought callbacks")


class Shares:
    """A callback that records the share of a fit that is done, as scikit-learn's bar shows it."""

    def __init__(self):
        self.shares, self.names, self._ended = [], [], set()

    def setup(self, estimator, context):
        self._root = context

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self._ended.add(id(context))
        self.names.append(context.task_name)
        self.shares.append(self._share(self._root))

    def _share(self, context):
        if id(context) in self._ended:
            return 1.0
        if not context.max_subtasks:
            return 0.0
        return sum(map(self._share, context._children_map.values())) / context.max_subtasks


@pytest.mark.parametrize(
    ("options", "n_values"),
    [
        ({}, 30),
        ({"n_init": 3}, 90),
        ({"smooth": True}, 40),
        ({"n_components": 3, "merge": None}, 5),
        ({"selection": "stability"}, 80),
        ({"min_cluster_size": 30, "max_cluster_share": 0.5}, 30),
        ({"n_components": 1}, 8),
        ({"n_components": 400, "n_components_init": 400}, 50),
        ({"merge": "icl", "selection": "icl", "n_components_init": 150}, 60),
    ],
)
def test_share_of_a_fit_that_is_done_grows_in_many_steps(options, n_values):
    X, _ = make_vmf_mixture(400, 16, 4, concentration=30.0, random_state=0)
    X = 3 * X + np.random.RandomState(0).standard_normal((400, 16)) * np.linspace(1, 0.02, 16)
    callback = Shares()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (UserWarning, ConvergenceWarning))
        VMFMixture(**{"random_state": 0, **options}).set_callbacks(callback).fit(X)
    shares = np.array(callback.shares)
    assert (np.diff(shares) >= -1e-12).all()
    assert shares[-1] == 1.0
    assert len(np.unique(shares.round(9))) >= n_values


def test_warm_start_and_known_labels_have_tasks():
    X, y = make_vmf_mixture(400, 16, 4, concentration=30.0, random_state=0)
    callback = Shares()
    model = VMFMixture(4, warm_start=True, n_init=3, random_state=0).set_callbacks(callback)
    known = np.where(np.arange(400) % 5 == 0, y, -1)
    model.fit(X, known_labels=known)
    assert callback.names.count("known labels") == 1
    model.fit(X)
    assert callback.names.count("initialization") == 4


class Context:
    """A callback context that counts its subtasks, and refuses more than their maximum."""

    def __init__(self, limit=None):
        self.limit, self.children, self.has_ended = limit, [], False

    def subcontext(self, task_name, max_subtasks=0):
        assert self.limit is None or len(self.children) < self.limit
        self.children.append(Context(max_subtasks))
        return self.children[-1]

    def call_on_fit_task_begin(self, estimator):
        pass

    def call_on_fit_task_end(self, estimator):
        self.has_ended = True
        return False


@pytest.mark.parametrize("total", [1, 7, 100, 1234, 1_000_000])
@pytest.mark.parametrize("n_reports", [1, 3, 500])
def test_subtasks_of_a_stage_follow_its_count(total, n_reports):
    root = Context()
    progress = Progress(CallbackTasks(None, root))
    with progress.stage("search", "Searching", total=total) as stage:
        for done in np.linspace(0, total, n_reports + 1).astype(int):
            stage.reach(int(done))
            task = root.children[0]
            assert len(task.children) == done * min(total, 100) // total
    assert task.has_ended and all(child.has_ended for child in task.children)
    assert len(task.children) == task.limit == min(total, 100)


def test_total_that_changes_keeps_the_number_of_subtasks():
    """The number of distinct rows is known after a task was made for all rows."""
    root = Context()
    progress = Progress(CallbackTasks(None, root))
    with progress.stage("search", "Searching", total=20) as stage:
        for done in range(0, 6):
            stage.reach(done, 5)
    with progress.stage("search", "Searching", total=5) as stage:
        for done in range(0, 21):
            stage.reach(done, 20)
    with progress.stage("fit", "Fitting") as stage:
        for done in range(3):
            stage.describe("pass", done)
    assert [len(task.children) for task in root.children] == [20, 5, 3]
