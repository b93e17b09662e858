"""Vectors that are written as text in columns of tables."""

import numpy as np
import pytest

from vmfmix.storage.inputs import InputError, read_input

pa = pytest.importorskip("pyarrow")


def write(path, cells, more=""):
    lines = [f'"{cell}"{more}' for cell in cells]
    path.write_text("\n".join([f"vector{',score,price' if more else ''}", *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    "cells",
    [
        ["[0.5, 1.5, -2e-05]", "[1.0,2.0,3.0]"],
        ["[ 0.5    1.5   -2.e-05]", "[1. 2.\n 3.]"],
        [" [0.5, 1.5, -0.00002]", "[1, 2, 3] "],
        ["[+0.5, 1.5E0, -2E-5]", "[1., 2, 3]"],
    ],
    ids=range(4),
)
def test_vectors_of_python_and_numpy_are_read(tmp_path, cells):
    path = write(tmp_path / "x.csv", cells, ",0.5,2.5")
    found = read_input(path)
    np.testing.assert_array_equal(found.rows, [[0.5, 1.5, -2e-5], [1.0, 2.0, 3.0]])
    assert found.description == ["embeddings: column vector, 3 numbers; left out: score, price"]
    np.testing.assert_array_equal(read_input(path, embedding_column="vector").rows, found.rows)
    np.testing.assert_array_equal(read_input(path, columns="vector").rows, found.rows)


@pytest.mark.parametrize(
    "cell",
    [
        "[0.5, 1.5",
        "[0.5, , 1.5]",
        "[0.5 ... 1.5]",
        "[[0.5, 1.5]]",
        "[0.5, x]",
        "[]",
        "one",
        "[1-2]",
    ],
)
def test_cells_that_are_no_vectors_are_refused(tmp_path, cell):
    path = write(tmp_path / "x.csv", ["[0.5, 1.5]", cell])
    with pytest.raises(ValueError, match=r"cannot be read, first in row 1 .*; write them as"):
        read_input(path)


def test_vectors_that_numpy_shortened_are_refused(tmp_path):
    path = write(tmp_path / "x.csv", ["[0.5 1.5 ... 2.5 3.5]"] * 2, ",0.5,2.5")
    with pytest.raises(ValueError, match=r"vectors as text that cannot be read, first in row 0 "):
        read_input(path)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("[0.5]", "different lengths: 2 in row 0, 1 in row 1"),
        ("", "null values in 1 of its 2 rows, first row 1 "),
        ("[nan, 1.5]", "1 of the 2 rows of .* have NaN or infinite values, first row 1 "),
    ],
)
def test_faults_are_named_with_their_rows(tmp_path, cell, message):
    with pytest.raises(ValueError, match=message):
        read_input(write(tmp_path / "x.csv", ["[0.5, 1.5]", cell]))


def test_texts_in_brackets_are_no_vectors(tmp_path):
    (tmp_path / "x.csv").write_text('text,e0,e1\n"[1] see the list",0.5,1.5\n')
    found = read_input(tmp_path / "x.csv")
    assert found.texts == ["[1] see the list"] and found.rows.shape == (1, 2)
    with pytest.raises(InputError, match="no column of lists of numbers named 'text'"):
        read_input(tmp_path / "x.csv", embedding_column="text")
