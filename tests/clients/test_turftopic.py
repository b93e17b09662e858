"""turftopic's clustering topic model."""

import numpy as np
import pytest

from tests.clients import run
from vmfmix import VMFMixture

pytestmark = pytest.mark.filterwarnings("ignore")


def test_topics_are_the_clusters():
    pytest.importorskip("turftopic")
    page = run("turftopic")
    model, topic_model = page["model"], page["topic_model"]
    np.testing.assert_array_equal(page["labels"], model.labels_)
    np.testing.assert_array_equal(topic_model.classes_, np.arange(model.n_components_))
    assert len(topic_model.get_topics()) == len(topic_model.components_) == model.n_components_
    weather = page["labels"][page["texts"].index("What will the weather be here?")]
    words = dict(dict(topic_model.get_topics())[weather])
    assert "weather" in words


def test_the_background_is_the_topic_of_outliers():
    pytest.importorskip("turftopic")
    page = run("turftopic")
    junk = np.random.default_rng(0).normal(size=(20, page["X"].shape[1])).astype(np.float32)
    topic_model = page["topic_model"]
    topic_model.clustering = VMFMixture(7, background=True, random_state=0)
    labels = topic_model.fit_predict(
        page["texts"] + ["nothing of this"] * 20, embeddings=np.vstack([page["X"], junk])
    )
    assert set(labels[-20:]) == {-1}
    np.testing.assert_array_equal(topic_model.classes_, np.arange(-1, 7))
