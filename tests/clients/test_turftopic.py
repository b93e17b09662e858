"""Tests of turftopic with VMFMixture as the clustering step."""

import numpy as np
import pytest

from tests.clients import run
from vmfmix import VMFMixture

pytestmark = pytest.mark.filterwarnings("ignore")


def test_turftopic_topics_equal_clusters():
    pytest.importorskip("turftopic")
    page = run("turftopic")
    model, topic_model = page["model"], page["topic_model"]
    np.testing.assert_array_equal(page["labels"], model.labels_)
    np.testing.assert_array_equal(topic_model.classes_, np.arange(model.n_components_))
    assert len(topic_model.get_topics()) == len(topic_model.components_) == model.n_components_
    weather = page["labels"][page["texts"].index("What will the weather be here?")]
    words = dict(dict(topic_model.get_topics())[weather])
    assert "weather" in words


def test_turftopic_background_is_outlier_topic():
    pytest.importorskip("turftopic")
    page = run("turftopic")
    noise = np.random.default_rng(0).normal(size=(20, page["X"].shape[1])).astype(np.float32)
    topic_model = page["topic_model"]
    topic_model.clustering = VMFMixture(7, background=True, random_state=0)
    labels = topic_model.fit_predict(
        page["texts"] + ["something else"] * 20, embeddings=np.vstack([page["X"], noise])
    )
    assert set(labels[-20:]) == {-1}
    np.testing.assert_array_equal(topic_model.classes_, np.arange(-1, 7))
