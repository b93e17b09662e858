"""Validation of parameters, rows, weights and initial values."""

import numpy as np
import pytest

from vmfmix import VMFMixture
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.validation import (
    copies_per_unit_weight,
    merges_components,
    validate_finite,
    validate_initial_values,
    validate_numeric,
    validate_parameters,
    validate_row_count,
    validate_sample_weight,
)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"n_components": 4},
        {"n_components": 4, "merge": None},
        {"n_components": 4, "merge": None, "n_components_init": 4},
        {"n_components": 4, "n_components_init": 9, "means_init": np.eye(9)},
        {"n_components": 4, "selection": "stability", "means_init": np.eye(4)},
        {"n_components": 4, "weights_init": np.full(4, 0.25)},
    ],
)
def test_validate_parameters_accepts_consistent_parameters(parameters):
    validate_parameters(VMFMixture(**parameters))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"merge": None}, 'pass merge="likelihood", or an integer for n_components'),
        ({"n_components": 4, "n_components_init": 3}, "n_components_init=3 is less than n_com"),
        (
            {"n_components": 4, "n_components_init": 9, "merge": None},
            "merge=None turns merging off",
        ),
        ({"selection": "stability", "means_init": np.eye(4)}, "means_init fixes the start"),
        ({"weights_init": np.ones(1)}, "weights_init cannot be used when components are merged"),
        ({"concentrations_init": np.ones(1)}, "pass merge=None, or concentrations_init=None"),
    ],
)
def test_validate_parameters_rejects_parameters_that_exclude_each_other(parameters, message):
    with pytest.raises(ValueError, match=message):
        validate_parameters(VMFMixture(**parameters))


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, True),
        ({"n_components": 4}, True),
        ({"n_components": 4, "merge": None}, False),
        ({"n_components": 4, "n_components_init": 4}, False),
        ({"n_components": 4, "n_components_init": 5}, True),
        ({"n_components": 4, "means_init": np.eye(4)}, False),
        ({"n_components": 4, "weights_init": np.full(4, 0.25)}, False),
        ({"means_init": np.eye(4)}, True),
        ({"n_components": 4, "n_components_init": 9, "means_init": np.eye(9)}, True),
    ],
)
def test_merges_components_unless_the_start_is_given(parameters, expected):
    assert merges_components(VMFMixture(**parameters)) is expected


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize(("value", "name"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_validate_finite_checks_every_block(dtype, value, name):
    X = np.ones((5000, 100), dtype)  # more than one block
    validate_finite(X)
    X[-1, -1] = value
    with pytest.raises(ValueError, match=f"Input X contains {name} in 1 of its 5000 rows"):
        validate_finite(X)


def test_validate_finite_does_not_overflow_in_half_precision():
    validate_finite(np.full((2000, 50), 60_000, np.float16))


def test_validate_numeric_accepts_arrays_of_numbers():
    for X in (np.eye(3), np.eye(3, dtype=np.int8), [[1, 2], [3, 4]], np.arange(3.0), []):
        validate_numeric(X)


@pytest.mark.parametrize("dtype", ["datetime64[s]", "timedelta64[s]"])
def test_validate_numeric_rejects_dates_and_times(dtype):
    with pytest.raises(ValueError, match="X holds dates or times"):
        validate_numeric(np.zeros((3, 2), dtype))


def test_validate_row_count_rejects_fewer_usable_rows_than_components():
    engine = choose_engine(np.vstack([np.eye(3), np.zeros((2, 3))]))
    validate_row_count(VMFMixture(3), engine)
    with pytest.raises(ValueError, match="n_components=4 is more than the 3 rows of X"):
        validate_row_count(VMFMixture(4), engine)
    with pytest.raises(ValueError, match="n_components_init=5 is more than the 3 rows of X"):
        validate_row_count(VMFMixture(n_components_init=5), engine)


def test_validate_row_count_rejects_rows_without_direction():
    engine = choose_engine(np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"positive weight: all are zeros\."):
        validate_row_count(VMFMixture(1), engine)
    with pytest.raises(ValueError, match="equal to their mean, which center=True subtracts"):
        validate_row_count(VMFMixture(1, center=True), engine)


def test_validate_sample_weight_returns_a_copy():
    weights = np.array([1.0, 2.0, 0.0])
    found = validate_sample_weight(weights, np.eye(3))
    np.testing.assert_array_equal(found, weights)
    assert not np.shares_memory(found, weights)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -1.0, 1.0], "Negative values"),
        ([1.0, np.nan, 1.0], "NaN"),
        ([0.0, 0.0, 0.0], "at least one non-zero number|largest sample_weight is 0;"),
        ([1e-250, 0.0, 0.0], "sample_weight is 1e-250; it must be more than 1e-200"),
        ([1.0, 1.0, 1e16], r"The largest sample_weight is 1e\+16; .* at most 1e\+15"),
        ([1.0, 1.0], "sample_weight"),
    ],
)
def test_validate_sample_weight_rejects_unusable_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        validate_sample_weight(weights, np.eye(3))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([1.0, 1.0], 1.0),
        ([3.0, 1.0], 1.0),  # numbers of copies
        ([0.5, 0.5], 2.0),  # relative weights: scaled to mean 1
        ([0.0, 0.25], 4.0),  # a row of weight 0 does not count
    ],
)
def test_copies_per_unit_weight_scales_small_weights_to_mean_one(weights, expected):
    assert copies_per_unit_weight(np.array(weights), np.eye(2)) == pytest.approx(expected)


def test_validate_initial_values_scales_means_to_unit_length():
    means, weights, concentrations = validate_initial_values(
        2, 2, means_init=[[3, 4], [1e200, 0]], weights_init=[0.25, 0.75]
    )
    np.testing.assert_allclose(means, [[0.6, 0.8], [1.0, 0.0]])
    np.testing.assert_array_equal(weights, [0.25, 0.75])
    assert concentrations is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"means_init": np.eye(2)}, r"means_init has shape \(2, 2\); it must be \(2, 3\)"),
        ({"means_init": np.zeros((2, 3))}, "means_init has a row of zeros"),
        ({"means_init": np.full((2, 3), np.inf)}, "means_init contains NaN or infinity"),
        ({"weights_init": [0.5, 0.6]}, r"weights_init sums to 1\.1; it must sum to 1"),
        ({"weights_init": [-0.5, 1.5]}, r"from -0\.5 to 1\.5; .* at least 0 and at most 1\."),
        ({"concentrations_init": [1.0, 1e13]}, r"at most 1e\+12"),
        ({"concentrations_init": [1.0]}, r"concentrations_init has shape \(1,\)"),
    ],
)
def test_validate_initial_values_rejects_invalid_values(values, message):
    with pytest.raises(ValueError, match=message):
        validate_initial_values(2, 3, **values)
