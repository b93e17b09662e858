"""The engine for rows some of which have known labels."""

import numpy as np
import pytest
import scipy.sparse as sp

from tests import oracle
from vmfmix.engines.choice import choose_engine, prepare_rows
from vmfmix.engines.known_rows import KnownRowsEngine
from vmfmix.engines.row_sums import sums_by_number
from vmfmix.model.statistics import MixtureParameters

KINDS = {
    "dense": np.asarray,
    "sparse": sp.csr_matrix,
    "tensor": lambda X: pytest.importorskip("torch").as_tensor(X),
    "blocks": lambda X: lambda: iter([X[:7], X[7:]]),
}
LABELS = np.array([1, -1, 0, -1, -1, 1, 0] + 13 * [-1])


def make_case(kind="dense", has_background=False):
    rng = np.random.RandomState(0)
    X, means = rng.standard_normal((20, 5)), rng.standard_normal((3 + has_background, 5))
    parameters = MixtureParameters(
        np.array([0.2, 0.5, 0.3] if not has_background else [0.2, 0.4, 0.3, 0.1]),
        means / np.linalg.norm(means, axis=1, keepdims=True),
        np.array([4.0, 2.0, 3.0, 0.0])[: 3 + has_background],
        has_background=has_background,
    )
    rows, weights = prepare_rows(KINDS[kind](X)), rng.uniform(0.5, 2.0, 20)
    all_rows = choose_engine(rows, sample_weight=weights)
    others = choose_engine(rows, sample_weight=np.where(LABELS < 0, weights, 0.0))
    sums = sums_by_number(all_rows, LABELS, 2)
    engine = KnownRowsEngine(all_rows, others, LABELS, sums)
    return X / np.linalg.norm(X, axis=1, keepdims=True), weights, parameters, engine


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("has_background", [False, True])
@pytest.mark.parametrize("hard", [False, True])
def test_sums_are_those_of_responsibilities_that_are_one_where_labels_are_known(
    kind, has_background, hard
):
    unit, weights, parameters, engine = make_case(kind, has_background)
    is_known, log_joint = LABELS >= 0, oracle.log_joint(unit, parameters)
    responsibilities = oracle.responsibilities(unit, parameters, hard=hard)
    responsibilities[is_known] = np.eye(len(parameters.weights))[LABELS[is_known]]
    densities = log_joint.max(axis=1) if hard else oracle.log_density(unit, parameters)
    densities[is_known] = log_joint[is_known, LABELS[is_known]]
    found = engine.accumulate(parameters, hard=hard)
    np.testing.assert_allclose(found.counts, weights @ responsibilities, rtol=1e-9)
    expected = (responsibilities * weights[:, np.newaxis]).T @ unit
    resultants = found.resultants
    resultants = resultants.toarray() if sp.issparse(resultants) else resultants
    np.testing.assert_allclose(resultants, expected, atol=1e-9)
    assert found.log_likelihood == pytest.approx(weights @ densities)
    assert found.weight == pytest.approx(weights.sum())


def test_rows_have_their_known_labels_with_probability_one():
    _, _, parameters, engine = make_case()
    plain = engine.all_rows.assign(parameters)
    labels, probabilities, log_densities = engine.assign(parameters)
    is_known = LABELS >= 0
    np.testing.assert_array_equal(labels, np.where(is_known, LABELS, plain.labels))
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(probabilities[is_known], 1.0)
    np.testing.assert_array_equal(probabilities[~is_known], plain.probabilities[~is_known])
    np.testing.assert_array_equal(log_densities, plain.log_densities)
