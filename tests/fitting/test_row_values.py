"""Validation of known labels and groups in any form."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from vmfmix.fitting.row_values import validate_groups, validate_known_labels


@pytest.mark.parametrize(
    "values",
    [
        [1, -1, 0],
        (1.0, -1.0, 0.0),
        np.array([1, -1, 0], np.int8),
        np.array([1.0, -1.0, 0.0]),
        np.array([1, -1, 0], object),
        np.ma.array([1, -1, 0]),
        pd.Series([1, -1, 0], index=[5, 6, 7]),
        pd.array([1, -1, 0], "Int64"),
        pa.chunked_array([[1], [-1, 0]]),
    ],
    ids=lambda values: type(values).__name__,
)
def test_known_labels_of_any_container_become_integers(values):
    labels = validate_known_labels(values, 3, 2)
    assert labels.dtype == np.intp and labels.tolist() == [1, -1, 0]


def test_known_labels_of_a_tensor_become_integers():
    values = pytest.importorskip("torch").tensor([1, -1, 0])
    assert validate_known_labels(values, 3, 2).tolist() == [1, -1, 0]


def test_no_known_label_is_allowed():
    assert validate_known_labels([-1, -1], 2, 1).tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0, None, 1], "has no value in row 1; pass -1 for rows"),
        ([0, np.nan, 1], "has no value in row 1"),
        (pd.array([0, 1, None], "Int64"), "has no value in row 2"),
        (["a", "b", ""], "has 'a' in row 0, which is not an integer; encode the classes"),
        (np.array(["a", "b", "c"]), "has 'a' in row 0, which is not an integer"),
        ([0, 0.5, 1], "has 0.5 in row 1, which is not an integer"),
        ([0, np.inf, 1], "has inf in row 1"),
        ([False, True, True], "has False in row 0, which is not an integer"),
        (np.array([True, False, True]), "has True in row 0"),
        ([0, 1, -2], "contains -2; pass integers from 0, and -1"),
        ([0, 3, -1], "goes up to 3, but no row has the label 1; number the classes from 0"),
        ([1, 2, -1], "goes up to 2, but no row has the label 0"),
        ([10**30, 0, -1], "no row has the label 1"),
        ([0, 1, 2], "has 3 different labels, more than n_components=2; pass n_components=3"),
        ([0, 1], re.escape("has shape (2,); it must be (3,), with one value for each row")),
        (np.zeros((3, 1), int), re.escape("has shape (3, 1); it must be (3,)")),
        (0, "is 0; pass one value for each of the 3 rows"),
        ("abc", "is 'abc'; pass one value for each of the 3 rows"),
        (np.ma.array([0, 1, 1], mask=[0, 1, 0]), "known_labels has masked values"),
    ],
)
def test_known_labels_that_cannot_be_used_get_one_sentence(values, message):
    with pytest.raises(ValueError, match=message) as caught:
        validate_known_labels(values, 3, 2)
    assert "\n" not in str(caught.value)


def test_the_advice_for_gaps_makes_labels_without_gaps():
    known_labels = np.array([4, -1, 2, 4])
    known = known_labels >= 0
    known_labels[known] = np.unique(known_labels[known], return_inverse=True)[1]
    assert validate_known_labels(known_labels, 4, "auto").tolist() == [1, -1, 0, 1]


@pytest.mark.parametrize(
    "values",
    [
        ["b", "a", "b"],
        np.array([7, -3, 7]),
        np.array(["b", "a", "b"]),
        [("x", 1), 2, ("x", 1)],
        [True, False, True],
        pd.Series(["b", "a", "b"]).astype("category"),
        pa.array(["b", "a", "b"]),
        pd.to_datetime(["2024-01-02", "2024-01-01", "2024-01-02"]),
    ],
    ids=lambda values: type(values).__name__,
)
def test_groups_are_numbered_in_the_order_of_their_first_rows(values):
    assert validate_groups(values, 3).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", None, "b"], "groups has no value in row 1; give a row that belongs to no group"),
        (np.array([1.0, np.nan, 1.0]), "groups has no value in row 1"),
        (pd.Series(["a", pd.NA, "b"]), "groups has no value in row 1"),
        (["a", ["b"], "c"], "which is not hashable"),
        (["a"], re.escape("groups has shape (1,); it must be (3,)")),
    ],
)
def test_groups_that_cannot_be_used_get_one_sentence(values, message):
    with pytest.raises(ValueError, match=message):
        validate_groups(values, 3)
