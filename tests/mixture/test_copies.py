"""Copies and near-copies of rows, and rows of a large weight: the other rows are not affected."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # about the number found

N_ROWS = 1000


@pytest.fixture(scope="module")
def snips():
    data = load_snips()
    return data.data[:N_ROWS], data.target[:N_ROWS]


def with_copies(X, n_templates, n_copies, scatter):
    """Return the rows and copies of the first ones, each with some noise of its own."""
    copies = np.repeat(X[:n_templates], n_copies, axis=0)
    noise = np.random.default_rng(0).standard_normal(copies.shape, dtype=np.float32)
    return np.vstack([X, copies + scatter * noise])


def score(model, X, y, sample_weight=None):
    """Return the agreement with the classes of the rows that are no copies."""
    labels = model.fit(X, sample_weight=sample_weight).labels_[:N_ROWS]
    return adjusted_mutual_info_score(y, labels)


@pytest.mark.parametrize("n_components", [7, "auto"])
@pytest.mark.parametrize(
    ("n_templates", "n_copies", "scatter"),
    [
        (1, 900, 0.0),
        (1, 2000, 0.0),
        (1, 10_000, 0.0),
        (1, 2000, 0.001),
        (1, 900, 0.01),
        (1, 10_000, 0.01),
        (20, 500, 0.0),
        (20, 500, 0.01),
    ],
)
def test_copies_do_not_affect_the_clusters_of_the_other_rows(
    snips, n_components, n_templates, n_copies, scatter
):
    X, y = snips
    rows = with_copies(X, n_templates, n_copies, scatter)
    pooled, tied = (
        score(VMFMixture(n_components, concentration=each, random_state=0), rows, y)
        for each in ("pooled", "tied")
    )
    assert pooled > tied - 0.03
    assert tied > 0.5


@pytest.mark.parametrize("n_components", [7, "auto"])
@pytest.mark.parametrize("weight", [10, 500, 5000])
def test_a_large_weight_does_not_affect_the_clusters_of_the_other_rows(snips, n_components, weight):
    X, y = snips
    weights = np.ones(N_ROWS)
    weights[0] = weight
    pooled, tied = (
        score(VMFMixture(n_components, concentration=each, random_state=0), X, y, weights)
        for each in ("pooled", "tied")
    )
    assert pooled > tied - 0.03
    assert tied > 0.7


def test_copies_beside_true_clusters_leave_their_concentrations_alone():
    """The prior of the concentrations is that of the rows that scatter."""
    rng = np.random.default_rng(0)
    means = np.linalg.qr(rng.standard_normal((30, 6)))[0].T
    y = np.arange(600) % 6
    X = 3 * means[y] + rng.standard_normal((600, 30)) / np.sqrt(30)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    rows = np.vstack([X, np.repeat(np.eye(1, 30), 5000, axis=0)])
    alone = VMFMixture(6, random_state=0).fit(X)
    beside = VMFMixture(7, random_state=0).fit(rows)
    assert adjusted_mutual_info_score(y, beside.labels_[:600]) > 0.99
    others = np.sort(beside.concentrations_)[:6]
    np.testing.assert_allclose(others, np.sort(alone.concentrations_), rtol=0.1)
