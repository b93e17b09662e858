"""Names of clusters from the words of their texts."""

import sys
import types

import numpy as np
import pytest

import vmfmix
from vmfmix.datasets import load_snips
from vmfmix.inspection import name_clusters
from vmfmix.inspection.phrases import are_similar

CITIES = ["flights to New York", "hotels in New York", "New York in May", "rain in York"]
TEXTS = ["red apple", "green apple", "red car", "blue car"]


def test_names_consist_of_typical_words():
    assert name_clusters(TEXTS, [0, 0, 1, 1]) == ["apple, green, red", "car, blue, red"]
    assert name_clusters(TEXTS, [0, 0, 1, 1], n_words=1) == ["apple", "car"]


def test_names_of_the_bundled_sentences_say_what_they_are_about():
    snips = load_snips()
    names = name_clusters(snips.texts, snips.target)
    about = ["playlist", "restaurant", "weather", "music", "rate", "TV", "movie"]
    for name, word in zip(names, about, strict=True):
        assert word in name.split(", ")


def test_a_phrase_replaces_its_words_if_they_mostly_occur_in_it():
    assert name_clusters(CITIES, [0] * 4, n_words=1) == ["New York"]
    assert name_clusters(CITIES, [0] * 4, n_words=1, phrase_length=1) == ["York"]
    texts = [*CITIES, *["York is old"] * 5]
    assert name_clusters(texts, [0] * 9, n_words=1) == ["York"]
    texts = ["a credit card application", "my credit card application was lost"]
    assert name_clusters(texts, [0, 0], n_words=1, phrase_length=3) == ["credit card application"]
    assert name_clusters(["sell, sell. buy"] * 3, [0] * 3) == ["sell, buy"]


@pytest.mark.parametrize("between", [", ", ". ", " and ", " - ", " 7 "])
def test_words_of_a_phrase_are_adjacent(between):
    texts = [f"cats{between}dogs"] * 5
    assert sorted(name_clusters(texts, [0] * 5)[0].split(", ")) == ["cats", "dogs"]


def test_a_name_has_no_word_twice_nor_two_forms_of_it():
    texts = ["movie movie movies", "movies city cities", "weather forecast", "weather", "weather"]
    assert name_clusters(texts, [0, 0, 1, 1, 1], n_words=5) == [
        "movie, cities",
        "weather, forecast",
    ]
    for one, other in [
        ("booking", "bookings"),
        ("versicherung", "krankenversicherung"),
        ("translate", "translation"),
        ("story", "stories"),
        ("天气", "天气预报"),
    ]:
        assert are_similar(one, other) and are_similar(other, one)
    for one, other in [
        ("art", "party"),
        ("rain", "rail"),
        ("music", "movie"),
        ("tv", "television"),
    ]:
        assert not are_similar(one, other)


def test_words_have_their_usual_writing():
    texts = ["Buy an iPhone", "Buy the iPhone now", "we buy an IPHONE or an iPhone", "Apple"]
    assert name_clusters(texts, [0] * 4) == ["iPhone, buy, Apple"]
    texts = ["Apple released phones", "the Apple phones", "an apple a day", "each apple"]
    assert [name.split(", ")[0] for name in name_clusters(texts, [0, 0, 1, 1])] == ["phones", "day"]


def test_names_that_would_be_equal_get_more_words():
    texts = [*["apple"] * 9, "apple, tart", *["apple"] * 9, "apple, juice", *["car"] * 20]
    labels = np.repeat([0, 1, 2], [10, 10, 20])
    assert name_clusters(texts, labels, n_words=1) == ["apple, tart", "apple, juice", "car"]
    texts[10:20] = ["apple"] * 10
    assert name_clusters(texts, labels, n_words=1) == ["apple, tart", "apple", "car"]


def test_clusters_with_the_same_words_get_numbers():
    names = name_clusters(TEXTS * 3, np.repeat([0, 1, 2], 4))
    assert names[1:] == [f"{names[0]} (2)", f"{names[0]} (3)"]
    names = name_clusters(["x" * 99 + " y"] * 12, range(12))
    assert len(set(names)) == 12 and max(map(len, names)) <= 60
    assert names[0].endswith("x…") and names[11].endswith("x… (12)")


def test_numbers_are_not_those_of_other_names():
    texts = ["is it (2)", "is it", "is it", "IS IT"]
    assert name_clusters(texts, [0, 1, 2, 3]) == ["is it (2)", "is it", "is it (3)", "IS IT (4)"]


def test_clusters_without_words_are_named_by_a_text_or_a_number():
    texts = ["what is it", "2024-01-01", "", None, " \n\x00", "of\nseveral\tof \x1b[1m!"]
    assert name_clusters(texts, [0, 1, 2, 3, 4, 6], stop_words=["what", "is", "it", "of"]) == [
        "what is it",
        "2024-01-01",
        "cluster 2",
        "cluster 3",
        "cluster 4",
        "cluster 5",
        "several",
    ]
    assert name_clusters([texts[-1]], [0], stop_words=["of", "several"]) == ["of several of [1m!"]
    texts = ["to be or not to be", "of it", "of it"]
    assert name_clusters(texts, [0, 0, 0]) == ["of it"]  # the most frequent text
    assert name_clusters(texts, [0, 0, 0], similarities=[0.9, 0.1, 0.2]) == ["to be or not to be"]
    assert name_clusters(["7", ""], [0, 1]) == ["7", "cluster 1"]  # no words at all
    names = name_clusters(["7", "cluster 2"], [0, 1], stop_words=["cluster"], n_clusters=3)
    assert names == ["7", "cluster 2", "cluster 2 (2)"]


def test_n_clusters_names_clusters_without_texts():
    assert name_clusters(TEXTS, [0, 0, 2, 2], n_words=1, n_clusters=4) == [
        "apple",
        "cluster 1",
        "car",
        "cluster 3",
    ]
    assert name_clusters([], [], n_clusters=2) == ["cluster 0", "cluster 1"]
    assert name_clusters([], []) == []
    assert name_clusters(TEXTS, [-1] * 4) == []
    assert name_clusters(TEXTS, np.array([-1, 0, -1, 1]), n_words=1) == ["apple", "blue"]


def test_labels_that_are_names_give_a_dict():
    labels = ["fruit", "fruit", "vehicle", "vehicle"]
    assert name_clusters(TEXTS, labels, n_words=1) == {"fruit": "apple", "vehicle": "car"}
    assert name_clusters(["", "red"], ["a", "b"]) == {"a": "cluster a", "b": "red"}
    with pytest.raises(ValueError, match="n_clusters is allowed only if labels are integers"):
        name_clusters(TEXTS, labels, n_clusters=2)


def test_names_fit_into_one_line_and_rename_accepts_them():
    rng = np.random.default_rng(0)
    characters = [*"aB é\n\t\0\x1b\u202e\u200d漢字のคำไ한국😀,;'\"-7\ud800\u0301", " ", " "]
    X, _ = vmfmix.datasets.make_vmf_mixture(200, 8, 6, random_state=0)
    model = vmfmix.VMFMixture(6, random_state=0).fit(X)
    for _ in range(20):
        texts = ["".join(rng.choice(characters, rng.integers(0, 80))) for _ in range(200)]
        names = name_clusters(texts, model.labels_, stop_words=None, n_words=4, tokenizer=str.split)
        assert max(map(len, names)) <= 60
        assert all(name.isprintable() or "\u200d" in name for name in names)
        assert model.rename(names).names_.tolist() == names
        assert names == name_clusters(
            texts, model.labels_, stop_words=None, n_words=4, tokenizer=str.split
        )


def test_names_of_a_fit_are_those_of_its_texts():
    snips = load_snips()
    model = vmfmix.VMFMixture(5, random_state=0, background=True).fit(snips.data)
    names = name_clusters(snips.texts, model.labels_, n_clusters=model.n_components_)
    assert model.rename(names).names_.tolist() == names


def test_a_namer_gets_typical_texts_and_words():
    calls = []

    def namer(texts, words):
        calls.append((texts, words))
        return f"\n{texts[0].title()}\n"

    texts = [*TEXTS, "red apple", ""]
    names = name_clusters(texts, [0, 0, 1, 1, 0, 0], namer=namer, n_clusters=3)
    assert names == ["Red Apple", "Red Car", "cluster 2"]
    assert calls[0][0] == ["red apple", "green apple"]
    assert calls[0][1] == ["red apple", "green"]
    similarities = np.array([0.1, 0.9, 0.3, 0.5], dtype=np.float32)
    assert name_clusters(TEXTS, [0, 0, 1, 1], namer=namer, similarities=similarities) == [
        "Green Apple",
        "Blue Car",
    ]


def test_names_of_a_namer_are_shortened_and_numbered():
    assert name_clusters(TEXTS, [0, 0, 1, 1], namer=lambda *_: "Things") == ["Things", "Things (2)"]
    names = name_clusters(TEXTS, [0, 0, 1, 1], namer=lambda *_: "a long name " * 20)
    assert names[0].startswith("a long name") and names[1].endswith("… (2)")
    assert max(map(len, names)) <= 60


@pytest.mark.parametrize("answer", [None, 7, "", " \n\0"])
def test_a_namer_that_fails_for_some_clusters_leaves_the_names_from_words(answer):
    def namer(texts, words):
        return "Fruit" if "apple" in words else answer

    with pytest.warns(
        UserWarning, match=r"namer failed for 1 of 2 clusters \(cluster 1: Type"
    ) as w:
        assert name_clusters(TEXTS, [0, 0, 1, 1], namer=namer) == ["Fruit", "car, blue, red"]
    assert w[0].filename == __file__
    with pytest.raises(
        ValueError, match=r"namer failed for 2 of 2 clusters \(cluster 0: TypeError"
    ):
        name_clusters(TEXTS, [0, 0, 1, 1], namer=lambda *_: answer)


def test_errors_of_a_namer_are_reported_in_one_line():
    def namer(texts, words):
        if "car" in words:
            raise RuntimeError("no\nconnection")
        return "Fruit"

    with pytest.warns(UserWarning, match=r"RuntimeError: no connection\); they are named by words"):
        assert name_clusters(TEXTS, [0, 0, 1, 1], namer=namer)[1] == "car, blue, red"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_words": 0}, "n_words=0 is not allowed; pass an integer of at least 1"),
        ({"n_words": True}, "n_words=True is not allowed"),
        ({"phrase_length": 1.5}, r"phrase_length=1\.5 is not allowed"),
        ({"n_clusters": 1}, "n_clusters=1 is not allowed; pass an integer of at least 2"),
        ({"similarities": [1, 2, np.nan, 1]}, "The similarity of row 2 is NaN"),
        ({"similarities": [1, 2, "a", 1]}, "similarities is not a list of numbers"),
        ({"similarities": [[1], [2], [3], [4]]}, "similarities is not a list of numbers"),
        ({"similarities": [1, 2]}, "inconsistent numbers of samples"),
        ({"tokenizer": "spacy"}, "tokenizer='spacy' is not allowed; pass a function .* jieba"),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        name_clusters(TEXTS, [0, 0, 1, 1], **parameters)


def test_similarities_of_the_background_may_be_missing():
    similarities = [np.nan, 0.5, 0.2, 0.1]
    assert len(name_clusters(TEXTS, [-1, 0, 1, 1], similarities=similarities)) == 2


def test_texts_without_spaces_are_named_by_phrases_of_characters():
    texts = ["今天北京的天气怎么样", "上海天气预报", "播放周杰伦的音乐", "播放音乐吧"]
    with pytest.warns(UserWarning, match="Words are pairs of characters") as caught:
        names = name_clusters(texts, [0, 0, 1, 1], n_words=1)
    assert names == ["天气", "播放"] and len(caught) == 1
    texts = ["人工智能很有趣", "人工智能的课", "我吃饭", "他吃饭"]
    with pytest.warns(UserWarning, match="Words are pairs of characters"):
        assert name_clusters(texts, [0, 0, 1, 1], n_words=1) == ["人工智能", "吃饭"]


@pytest.mark.filterwarnings("error")
def test_phrases_of_a_tokenizer_are_written_as_in_the_language():
    package = {"机器学习": ["机器", "学习"], "播放音乐": ["播放", "音乐"]}
    texts = ["机器学习", "机器学习", "播放音乐", "播放音乐"]
    assert name_clusters(texts, [0, 0, 1, 1], tokenizer=package.get) == ["机器学习", "播放音乐"]
    assert name_clusters(["red apple"] * 2, [0, 0], tokenizer=str.split) == ["red apple"]


def test_tokenizers_are_known_by_the_names_of_their_packages(monkeypatch):
    def add(name, **attributes):
        module = types.ModuleType(name)
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)

    class Tagger:
        def __call__(self, text):
            return [types.SimpleNamespace(surface=word) for word in text.split("|")]

    class Tokenizer:
        def tokenize(self, text, *, wakati):
            return iter(text.split("|"))

    add("jieba", lcut=lambda text: text.split("|"))
    add("fugashi", Tagger=Tagger)
    add("janome")
    add("janome.tokenizer", Tokenizer=Tokenizer)
    add("pythainlp", word_tokenize=lambda text: text.split("|"))
    for name in ("jieba", "fugashi", "janome", "pythainlp"):
        assert name_clusters(["天气|北京", "餐厅"], [0, 1], tokenizer=name)[1] == "餐厅"

    def no_dictionary():
        raise RuntimeError("Failed initializing\nMeCab.")

    add("fugashi", Tagger=no_dictionary)
    with pytest.raises(
        ImportError, match=r"initializing MeCab\.\); run pip install fugashi unidic"
    ):
        name_clusters(["天气"], [0], tokenizer="fugashi")
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(ImportError, match=r"tokenizer='jieba' needs .*; run pip install jieba\."):
        name_clusters(["天气"], [0], tokenizer="jieba")
