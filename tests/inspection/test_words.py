"""Tests of the typical words of clusters."""

import numpy as np
import pytest

from vmfmix.inspection import typical_words


def test_typical_words_are_frequent_in_cluster_and_rarer_elsewhere():
    texts = ["a red apple", "a green apple tree", "a red car", "a blue car"]
    assert typical_words(texts, [0, 0, 1, 1], 1) == [["apple"], ["car"]]
    first, second = typical_words(texts, [0, 0, 1, 1], 9)
    assert first[0] == "apple" and first[-1] == "red"  # as frequent in the other cluster
    assert len(first) == 4 and second == ["car", "blue", "red"]


def test_typical_words_ignores_stop_words_unless_none():
    texts = ["the the the apple", "of of of car"]
    assert typical_words(texts, [0, 1]) == [["apple"], ["car"]]
    assert typical_words(texts, [0, 1], 1, stop_words=None) == [["the"], ["of"]]
    assert typical_words(texts, [0, 1], stop_words=["apple"])[0] == ["the"]


def test_typical_words_is_empty_without_words_and_for_background():
    assert typical_words(["12 34", "", "apple", "noise"], [0, 1, 3, -1]) == [[], [], [], ["apple"]]
    assert typical_words(["", "7"], [0, 1]) == [[], []]
    assert typical_words([], []) == []


def test_typical_words_ignores_series_index():
    pd = pytest.importorskip("pandas")
    texts = pd.Series(["apple", "car", None, 7, pd.NA], index=[1, 0, 5, 6, 7])
    assert typical_words(texts, [0, 1, 1, 0, 0], 1) == [["apple"], ["car"]]


def test_typical_words_accepts_letters_of_all_languages():
    texts = ["größe größe straße", "кошка кошка дом"]
    assert typical_words(texts, np.array([0, 1]), 1) == [["größe"], ["кошка"]]


def test_typical_words_refuses_unequal_lengths():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        typical_words(["one", "two"], [0])
