"""Tests of BERTopic with VMFMixture in place of HDBSCAN."""

import numpy as np
import pytest

from tests.clients import run
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture

pytestmark = pytest.mark.filterwarnings("ignore")  # umap and plotly emit many


@pytest.fixture(scope="module")
def page():
    pytest.importorskip("bertopic")
    return run("BERTopic")


def topics_of(labels, topic_model):
    """Return the topic numbers that BERTopic assigns to cluster labels."""
    mapping = topic_model.topic_mapper_.get_mappings()
    return [int(mapping[label]) for label in labels]


def test_bertopic_topics_equal_clusters(page):
    topic_model = page["topic_model"]
    model = VMFMixture(smooth=True, random_state=0).fit(page["X"])
    np.testing.assert_array_equal(topic_model.hdbscan_model.labels_, model.labels_)
    np.testing.assert_array_equal(page["topics"], topics_of(model.labels_, topic_model))
    np.testing.assert_array_equal(page["probabilities"], model.probabilities_)
    info = topic_model.get_topic_info()
    assert list(info["Topic"]) == list(range(model.n_components_))
    assert list(info["Count"]) == sorted(np.bincount(model.labels_), reverse=True)
    weather = page["topics"][page["texts"].index("What will the weather be here?")]
    assert "weather" in dict(topic_model.get_topic(weather))


def test_bertopic_transform_assigns_same_topics(page):
    topics, probabilities = page["topic_model"].transform(page["texts"][:50], page["X"][:50])
    np.testing.assert_array_equal(topics, page["topics"][:50])
    assert probabilities is None  # as documented


def test_bertopic_background_is_outlier_topic(page):
    X, _ = make_vmf_mixture(300, 32, 3, concentration=200.0, random_state=0)
    outliers = np.linalg.svd(X)[2][-5:]  # nearly orthogonal to all clusters
    rows = np.vstack([X, outliers])
    texts = [f"word{i % 9} text" for i in range(300)] + 5 * ["odd"]
    topic_model = page["BERTopic"](
        embedding_model=None,
        umap_model=page["BaseDimensionalityReduction"](),
        hdbscan_model=VMFMixture(3, background=True, random_state=0),
    )
    topics, _ = topic_model.fit_transform(texts, rows)
    assert set(topics[-5:]) == {-1}
    assert set(topics) == {-1, 0, 1, 2}


def test_bertopic_shows_the_names_of_clusters(page):
    names = page["edited"].names_.tolist()
    mapping = page["named_topics"].topic_mapper_.get_mappings()
    shown = [page["named_topics"].custom_labels_[mapping[cluster]] for cluster in range(len(names))]
    assert shown == names
