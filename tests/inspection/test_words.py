"""Tests of the typical words of clusters."""

import sys
import types

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


@pytest.mark.parametrize(
    "word",
    [
        "हिन्दी",
        "ప్రధానమంత్రి",
        "الطَّقسُ",
        "พยากรณ์",
        "שָׁלוֹם",
        "צה״ל",
        "می\u200cخواهم",
        "rock'n'roll",
        "col·lecció",
        "größe",
    ],
)
def test_words_of_all_scripts_stay_whole(word):
    assert typical_words([f"x {word}, 7"], [0]) == [[word]]


def test_forms_of_one_word_count_as_one():
    texts = ["café", "CAFE\u0301", "ca\u00adfé", "thé", "the\u0301"]
    assert typical_words(texts, [0, 0, 0, 1, 1]) == [["café"], ["thé"]]


def test_texts_without_spaces_have_pairs_of_characters_and_cause_one_warning():
    texts = ["今天北京的天气怎么样", "北京天气预报", "我想订一个餐厅", "帮我预订餐厅座位"]
    with pytest.warns(UserWarning, match='pass a tokenizer, such as "jieba"') as caught:
        words = typical_words(texts, [0, 0, 1, 1], 2)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert words == [["北京", "天气"], ["餐厅", "一个"]]
    texts = ["東京の天気予報", "レストランを予約したい"]
    with pytest.warns(UserWarning, match="pairs of characters"):
        words = typical_words(texts, [0, 1])
    assert words == [["予報", "天気", "東京", "気予"], ["レストラン", "予約"]]
    with pytest.warns(UserWarning, match="Thai"):
        typical_words(["ฉันอยากจองโต๊ะที่ร้านอาหารไทย"], [0])


@pytest.mark.filterwarnings("error")
def test_words_that_are_separated_already_cause_no_warning():
    texts = [
        "今天 北京 天气",
        "北京 天气 预报",
        "สภาพ อากาศ วันนี้",
        "พยากรณ์ อากาศ",
        "한국어 문장을 씁니다",
    ]
    assert typical_words(texts, [0, 0, 1, 1, 2])[0][0] in {"北京", "天气"}


@pytest.mark.filterwarnings("error")
def test_a_few_words_of_another_script_cause_no_warning():
    texts = ["play the song 今天北京的天气怎么样", *["play some more music of the band"] * 50]
    assert typical_words(texts, [0] * 51, 1) == [["play"]]


def test_the_words_of_a_single_cluster_are_ordered_by_frequency():
    assert typical_words(["apple zebra", "zebra", "zebra car car"], [0, 0, 0]) == [
        ["zebra", "car", "apple"]
    ]


def test_contractions_of_stop_words_are_ignored():
    texts = ["what's the weather and doesn’t it rain? they'll say o'clock, the card's"]
    assert typical_words(texts, [0], 9) == [["card's", "o'clock", "rain", "say", "weather"]]


@pytest.mark.filterwarnings("error")
def test_a_tokenizer_finds_the_words():
    def pairs(text):
        return [text[start : start + 2] for start in range(0, len(text), 2)]

    texts = ["北京天气 ,", "北京Ab12", "餐厅座位"]
    assert typical_words(texts, [0, 0, 1], 2, tokenizer=pairs, stop_words=["天气"]) == [
        ["北京", "ab"],
        ["座位", "餐厅"],
    ]
    with pytest.raises(ValueError, match="tokenizer returned a string"):
        typical_words(texts, [0, 0, 1], tokenizer=str.upper)


def test_stop_words_of_other_languages_come_from_a_package(monkeypatch):
    package = types.ModuleType("stop_words")
    package.StopWordError = type("StopWordError", (Exception,), {})

    def get_stop_words(language):
        if language != "german":
            raise package.StopWordError(f'"{language}" is unavailable. Available languages: german')
        return ["Die", "mu\u0308de"]

    package.get_stop_words = get_stop_words
    monkeypatch.setitem(sys.modules, "stop_words", package)
    assert typical_words(["die müde Katze"], [0], stop_words="german") == [["katze"]]
    both = typical_words(["die müde Katze, the cat"], [0], stop_words="german, english")
    assert both == [["cat", "katze"]]
    with pytest.raises(ValueError, match=r"'klingon' is not allowed; .* or a language: german"):
        typical_words(["die"], [0], stop_words="klingon")
    monkeypatch.setitem(sys.modules, "stop_words", None)
    for stop_words in ("german", "english,german", "auto"):
        with pytest.raises(ImportError, match="needs the package stop-words; run pip install"):
            typical_words(["die"], [0], stop_words=stop_words)
    assert typical_words(["the cat"], [0]) == [["cat"]]  # English does not need it


def test_stop_words_auto_are_those_of_the_languages_of_the_texts():
    pytest.importorskip("stop_words")
    texts = ["Die Katze und der Hund sind nicht im Haus", "Wie wird das Wetter in den Bergen?"]
    words = typical_words(texts, [0, 1], stop_words="auto")
    assert words == [["haus", "hund", "katze"], ["bergen", "wetter"]]
    words = typical_words(
        [*texts, "the cat is in the garden", "how are you"], [0, 0, 1, 1], stop_words="auto"
    )
    assert words[1] == ["cat", "garden"]
    # Lists of keywords contain no stop words of any language.
    assert typical_words(["door want", "hat war"], [0, 1], stop_words="auto") == [
        ["door", "want"],
        ["hat", "war"],
    ]
    assert typical_words(["", "7"], [0, 1], stop_words="auto") == [[], []]


def test_stop_words_must_be_strings():
    with pytest.raises(ValueError, match=r"stop_words contains 7; pass strings"):
        typical_words(["a cat"], [0], stop_words=["the", 7])


TEXTS = ["red apple", "green apple", "red car", "blue car"]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["fruit", "fruit", "car", "car"], ["car", "fruit"]),
        ([b"fruit", b"fruit", b"car", b"car"], [b"car", b"fruit"]),
        ([1.5, 1.5, 0.0, 0.0], [0.0, 1.5]),
        ([True, True, False, False], [False, True]),
    ],
)
def test_labels_that_are_names_give_the_words_of_each(labels, names):
    words = typical_words(TEXTS, labels, 1)
    assert list(words.items()) == [(names[0], ["car"]), (names[1], ["apple"])]


def test_numbers_of_clusters_may_be_floats_or_tensors():
    torch = pytest.importorskip("torch")
    for labels in ([0.0, 0.0, 1.0, 1.0], torch.tensor([0, 0, 1, 1]), np.uint8([0, 0, 1, 1])):
        assert typical_words(TEXTS, labels, 1) == [["apple"], ["car"]]
    assert typical_words(TEXTS, [0.0, 0.0, -1.0, 1.0], 2) == [["apple", "green"], ["blue", "car"]]


@pytest.mark.parametrize("missing", [None, np.nan])
@pytest.mark.parametrize("other", [0, "fruit"])
def test_a_missing_label_is_refused(missing, other):
    for labels in ([other, missing, other, other], np.array([other, missing, other, other], "O")):
        with pytest.raises(ValueError, match="Row 1 has no label"):
            typical_words(TEXTS, labels)


def test_labels_of_mixed_types_and_tables_of_texts_are_refused():
    with pytest.raises(ValueError, match="labels mixes labels that cannot be ordered"):
        typical_words(TEXTS, ["a", 1, "a", 1])
    with pytest.raises(ValueError, match="texts has the shape"):
        typical_words(np.array([TEXTS]).T, [0, 0, 1, 1])


def test_bytes_are_decoded_and_missing_texts_are_empty():
    texts = ["größe".encode(), None, np.nan, b"\xff car"]
    assert typical_words(texts, [0, 0, 1, 1]) == [["größe"], ["car"]]
    arrow = pytest.importorskip("pyarrow")
    assert typical_words(arrow.array(["apple", None]), [0, 0]) == [["apple"]]
