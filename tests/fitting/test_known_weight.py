"""The weight of rows with known labels."""

import numpy as np
import pytest

from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.engines.row_sums import sums_by_number
from vmfmix.fitting.known_weight import weight_of_known_rows


def weight_of(X, labels):
    engine = choose_engine(X)
    others = choose_engine(X, sample_weight=(labels < 0).astype(float))
    sums = sums_by_number(engine, labels, labels.max() + 1)
    return weight_of_known_rows(engine, others, labels, sums)


def test_all_rows_count_the_same_in_a_sample_of_the_model():
    X, y = make_vmf_mixture(400, 16, 3, concentration=40.0, random_state=0)
    assert weight_of(X, np.where(np.arange(400) < 60, y, -1)) == 1.0


def test_known_rows_count_more_if_classes_are_not_where_rows_are_dense():
    """Two classes on a ridge whose longer side divides none of them."""
    rng = np.random.RandomState(0)
    y = np.arange(400) % 2
    noise = rng.standard_normal((400, 8)) * ([0.0, 0.6, 0.1] + [0.05] * 5)
    X = noise + np.eye(8)[0] + np.outer(np.where(y == 0, 0.3, -0.3), np.eye(8)[2])
    assert weight_of(X, np.where(np.arange(400) < 40, y, -1)) >= 10.0


@pytest.mark.parametrize("labels", [[0, 1, 0, 1], [0, -1, -1, 0], [0, 1, -1, -1]])
def test_the_weight_is_one_if_there_is_nothing_to_compare(labels):
    assert weight_of(np.eye(4), np.array(labels)) == 1.0
