"""The options of the command line for typical words."""

import sys
import types

import pytest

from vmfmix.cli.words import find_stop_words, find_tokenizer


def test_a_tokenizer_is_imported_by_name(tmp_path, monkeypatch):
    (tmp_path / "own_words.py").write_text("def cut(text):\n    return text.split('|')\n")
    monkeypatch.chdir(tmp_path)
    assert find_tokenizer("own_words:cut")("a|b") == ["a", "b"]
    assert find_tokenizer("builtins:str.split")("a b") == ["a", "b"]
    assert find_tokenizer(None) is None


def test_a_tokenizer_may_be_the_name_of_a_package(monkeypatch):
    package = types.ModuleType("jieba")
    package.lcut = str.split
    monkeypatch.setitem(sys.modules, "jieba", package)
    assert find_tokenizer("jieba")("a b") == find_tokenizer("jieba:lcut")("a b") == ["a", "b"]
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(ValueError, match=r"--tokenizer jieba needs .*; run pip install jieba\."):
        find_tokenizer("jieba")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nltk", "nltk is not allowed; give jieba, fugashi, janome, pythainlp, or MODULE:FUNCTION"),
        ("jieba:", "not of the form MODULE:FUNCTION"),
        ("no_such_module:cut", "cannot be imported: No module named"),
        ("string:no_such_function", "cannot be imported"),
        ("string:digits", "is not a function"),
    ],
)
def test_an_unknown_tokenizer_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        find_tokenizer(name)


def test_stop_words_come_from_a_file_or_a_language(tmp_path):
    (tmp_path / "words.txt").write_text("der\ndie\n", encoding="utf-8")
    assert find_stop_words(str(tmp_path / "words.txt")) == ["der", "die"]
    assert find_stop_words("english") == "english"
    assert find_stop_words("none") is None
    pytest.importorskip("stop_words")
    assert find_stop_words("german,english") == "german,english"
    assert find_stop_words("auto") == "auto"
    with pytest.raises(ValueError, match=r"'german,latin' is not allowed"):
        find_stop_words("german,latin")
    with pytest.raises(ValueError, match=r"--stop-words nowhere\.txt is no file with words"):
        find_stop_words("nowhere.txt")
    (tmp_path / "latin.txt").write_bytes(b"gr\xf6\xdfe")
    with pytest.raises(ValueError, match=r"latin\.txt is not text in UTF-8"):
        find_stop_words(str(tmp_path / "latin.txt"))
