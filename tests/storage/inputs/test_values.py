"""Texts and labels in files of their own."""

import json

import pytest

from tests.storage.inputs.formats import TEXTS, pa
from vmfmix.storage.inputs.values import read_values

N = len(TEXTS)


def write(path, kind):
    import pyarrow.parquet as pq
    from pyarrow import csv

    if kind == "json":
        path.write_text(json.dumps(TEXTS), encoding="utf-8")
    elif kind == "lines":
        path.write_text("".join(f"{json.dumps(text)}\n" for text in TEXTS), encoding="utf-8")
    elif kind == "objects":
        lines = [json.dumps({"id": 3, "text": text}) for text in TEXTS]
        path.write_text("\n".join(lines), encoding="utf-8")
    elif kind == "csv":
        csv.write_csv(pa.table({"notes": TEXTS}), path)
    else:
        pq.write_table(pa.table({"text": TEXTS, "other": TEXTS}), path)
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("x.json", "json"),
        ("x.jsonl", "lines"),
        ("x.ndjson", "objects"),
        ("x.csv", "csv"),
        ("x.parquet", "parquet"),
    ],
)
def test_texts_arrive_unharmed(tmp_path, name, kind):
    assert read_values(write(tmp_path / name, kind), N, "texts") == TEXTS


def test_labels_may_be_unknown_in_tables_and_json(tmp_path):
    (tmp_path / "x.json").write_text('["a", null, "", 3, -1]')
    assert read_values(tmp_path / "x.json", 5, "labels") == ["a", None, None, "3", None]
    (tmp_path / "x.csv").write_text("id,label\n1,a\n2,\n3,-1\n")
    assert read_values(tmp_path / "x.csv", 3, "labels") == ["a", None, None]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", '["a"]', "has 1 texts and the embeddings have 2 rows"),
        ("x.json", '{"a": "b"}', "is not a list of strings"),
        ("x.json", '[["a"], "b"]', "is not a list of strings"),
        ("x.json", '["a", ', "is not JSON"),
        ("x.json", "[" * 100_000, "is not JSON"),
        ("x.jsonl", '"a"\n"b', "is not JSON"),
        ("x.csv", "a,b\n1,2\n3,4\n", "has the columns a, b, several of which may be the texts"),
        ("x.csv", "text,document\n1,2\n3,4\n", "2 columns that may be the texts"),
    ],
)
def test_other_contents_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        read_values(tmp_path / name, 2, "texts")
