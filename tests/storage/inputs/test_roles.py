"""Columns of texts, labels, identifiers and images: by name, guessed, and refused."""

import numpy as np
import pytest

from vmfmix.storage.inputs import InputError, read_input

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

VECTORS = np.eye(6, 4, dtype=np.float32) + 0.5
SENTENCES = [f"sentence number {row}" for row in range(6)]


@pytest.fixture
def read(tmp_path):
    """Return a function that reads columns beside a column of vectors, and describes them."""

    def read(parameters=None, **columns):
        path = tmp_path / "x.parquet"
        pq.write_table(pa.table({"vector": list(VECTORS), **columns}), path)
        found = read_input(path, **(parameters or {}))
        np.testing.assert_array_equal(found.rows, VECTORS)
        return found

    return read


def described(found):
    return found.description[-1].removeprefix("embeddings: column vector, 4 numbers").lstrip("; ")


@pytest.mark.parametrize("name", ["text", "Document", "CONTENT", "sentence", "title", "abstract"])
def test_texts_with_usual_names_are_found(read, name):
    assert described(read(**{name: ["a"] * 6, "other": SENTENCES})) == (
        f"texts: {name}; left out: other"
    )


def test_the_more_usual_name_is_preferred(read):
    found = read(title=["a"] * 6, abstract=["b"] * 6, text=["c"] * 6)
    assert found.texts == ["c"] * 6
    assert read(title=["a"] * 6, abstract=["b"] * 6).texts == ["b"] * 6


def test_two_texts_with_equally_usual_names_are_refused(read):
    with pytest.raises(InputError, match=r"2 columns that may be the texts \(text, document\)"):
        read(text=["a"] * 6, document=["b"] * 6)
    found = read({"text_column": "document"}, text=["a"] * 6, document=["b"] * 6)
    assert found.texts == ["b"] * 6
    assert read({"text_column": ""}, text=["a"] * 6, document=["b"] * 6).texts is None


def test_the_only_column_of_different_sentences_is_that_of_the_texts(read):
    assert read(notes=SENTENCES, kind=["a b"] * 6, url=[f"u{i}" for i in range(6)]).texts == (
        SENTENCES
    )
    chinese = [f"东京都立大学{row}" for row in range(6)]
    assert read(notes=chinese).texts == chinese
    assert read(notes=SENTENCES, remarks=SENTENCES[::-1]).texts is None
    assert read(notes=["the same words"] * 6).texts is None
    assert read(notes=[f"2024-01-0{row} 10:00" for row in range(6)]).texts is None


@pytest.mark.parametrize("name", ["label", "Labels", "target", "class", "category", "intent"])
def test_labels_with_usual_names_are_found(read, name):
    found = read(**{name: ["a", "b"] * 3})
    assert found.labels == ["a", "b"] * 3
    assert described(found) == f"labels (only to compare): {name}"


@pytest.mark.parametrize("name", ["kind", "cluster", "score", "label_text", "my label"])
def test_labels_with_other_names_are_not_guessed(read, name):
    assert read(**{name: ["a", "b"] * 3}).labels is None
    assert read({"label_column": name}, **{name: ["a", "b"] * 3}).labels == ["a", "b"] * 3


def test_numbers_with_fractions_are_no_labels(read):
    assert read(target=[0.5, 1.0] * 3).labels is None
    assert read(target=[1.0, 0.0, np.nan] * 2).labels == ["1", "0", None] * 2


@pytest.mark.parametrize(
    "labels",
    [
        pa.array([3, None, 4, -1, 4, 3]),
        pa.array(["3", None, "4", "-1", "4", "3"]),
        pa.array(["3", "", "4", " ", "4", "3"]),
        pa.array(["3", "", "4", None, "4", "3"]).dictionary_encode(),
        pa.array([3.0, np.nan, 4.0, None, 4.0, 3.0]),
    ],
    ids=range(5),
)
def test_missing_values_and_minus_one_are_unknown_labels(read, labels):
    assert read(label=labels).labels == ["3", None, "4", None, "4", "3"]


def test_numbers_of_classes_have_names_in_datasets_of_hugging_face(tmp_path):
    features = '{"info": {"features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}}}'
    table = pa.table({"vector": list(VECTORS), "label": [0, 1, -1, 1, 0, 0]})
    table = table.replace_schema_metadata({"huggingface": features})
    pq.write_table(table, tmp_path / "x.parquet")
    labels = read_input(tmp_path / "x.parquet").labels
    assert labels == ["neg", "pos", None, "pos", "neg", "neg"]


@pytest.mark.parametrize("name", ["id", "ID", "doc_id", "docId", "uuid", "index", "key"])
def test_identifiers_are_found_if_none_is_repeated(read, name):
    assert read(**{name: list("abcdef")}).ids == list("abcdef")
    assert read(**{name: list("aacdef")}).ids is None


def test_identifiers_are_not_guessed_among_several(read):
    assert read(user_id=list("abcdef"), doc_id=list("ghijkl")).ids is None
    assert read(user_id=list("aaadef"), doc_id=list("ghijkl")).ids == list("ghijkl")
    assert read(doc_id=list("abcdef"), id=[3, 1, 2, 5, 6, 7]).ids == ["3", "1", "2", "5", "6", "7"]


def test_images_are_read_only_if_their_column_is_named(read):
    images = [f"{row}.png" for row in range(6)]
    assert read(image=images).images is None
    found = read({"image_column": "image"}, image=images)
    assert found.images == images and described(found) == "images: image"


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("text_column", "b", r"has no column 'b'; choose from vector, text, e0…e1, id"),
        ("label_column", "vector", r"has values of type list<.*; choose a column of labels"),
        ("image_column", "vector", r"choose a column of paths"),
        ("id_column", "b", "has no column 'b'"),
        ("embedding_column", "b", r"has no column 'b'; choose from"),
        ("embedding_column", "text", r"no column of lists of numbers named 'text'; .* vector"),
        ("embedding_column", "id", r"no column of lists of numbers named 'id'; .* vector"),
        ("array", "b", r"no column of lists of numbers named 'b'; .* vector"),
        ("columns", "b", r"has no column 'b'; choose from"),
    ],
)
def test_columns_that_cannot_be_meant_are_refused(read, parameter, value, message):
    columns = {"text": ["a"] * 6, "e0": [1.0] * 6, "e1": [2.0] * 6, "id": [1] * 6}
    with pytest.raises(InputError, match=message) as error:
        read({parameter: value}, **columns)
    assert error.value.parameter == parameter


def test_labels_are_never_embeddings(tmp_path):
    columns = {f"e{i}": VECTORS[:, i] for i in range(4)}
    label = pa.array([0, 1, 1, 0, None, 1], pa.float32())
    pq.write_table(pa.table({**columns, "label": label, "y": label}), tmp_path / "x.parquet")
    with pytest.raises(InputError, match=r"numbered and other columns of numbers"):
        read_input(tmp_path / "x.parquet")
    found = read_input(tmp_path / "x.parquet", label_column="y", columns="e*")
    np.testing.assert_array_equal(found.rows, VECTORS)
    pq.write_table(pa.table({**columns, "label": label}), tmp_path / "x.parquet")
    found = read_input(tmp_path / "x.parquet")
    np.testing.assert_array_equal(found.rows, VECTORS)
    assert found.labels == ["0", "1", "1", "0", None, "1"]
    with pytest.raises(InputError, match=r"'label' of .* is one of the embeddings"):
        read_input(tmp_path / "x.parquet", columns="*", label_column="label")


def test_two_columns_of_vectors_are_refused_unless_one_is_named(tmp_path):
    table = pa.table({"a": list(VECTORS), "b": list(VECTORS * 2), "text": SENTENCES})
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(InputError, match=r"2 columns of vectors \(a, b\); choose"):
        read_input(tmp_path / "x.parquet")
    found = read_input(tmp_path / "x.parquet", embedding_column="b")
    np.testing.assert_array_equal(found.rows, VECTORS * 2)
    assert found.other_columns().column_names == ["a", "text"]
    with pytest.raises(InputError, match="--columns and --embedding-column both choose"):
        read_input(tmp_path / "x.parquet", embedding_column="b", columns=["a"])


def test_texts_that_are_not_in_utf8_are_refused(tmp_path):
    (tmp_path / "x.csv").write_bytes("text,e0,e1\ngröße,0.5,1.5\n".encode("latin-1"))
    assert read_input(tmp_path / "x.csv").texts is None
    found = read_input(tmp_path / "x.csv", text_column="text")
    with pytest.raises(ValueError, match=r"Column 'text' of .*x\.csv is not text in UTF-8"):
        _ = found.texts


def test_the_index_of_pandas_may_hold_identifiers(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"vector": list(VECTORS)}, index=pd.Index(list("abcdef"), name="id"))
    frame.to_parquet(tmp_path / "x.parquet")
    found = read_input(tmp_path / "x.parquet")
    assert found.ids == list("abcdef")
    assert found.other_columns().column_names == ["id"]
