"""Which columns of a table hold the embeddings."""

import pytest

from vmfmix.engines.rows.columns import Column, ColumnError, choose_columns

EMBEDDINGS = [Column(f"e{i}", "float", "float32") for i in range(4)]
ID = Column("id", "integer", "int64")
LABEL = Column("label", "other", "string")
VECTORS = Column("embedding", "vector", "list<float>")


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        ([ID, *EMBEDDINGS, LABEL], EMBEDDINGS),
        ([*EMBEDDINGS, Column("group3", "integer", "int64")], EMBEDDINGS),
        ([ID, *EMBEDDINGS, VECTORS], [VECTORS]),
        ([LABEL, *(Column(f"p{i}", "integer", "int8") for i in range(3))], None),
        ([Column(name, "float", "float64") for name in ("width", "length")], None),
    ],
)
def test_embeddings_are_chosen_where_no_others_can_be_meant(columns, chosen):
    expected = [column for column in columns if column != LABEL] if chosen is None else chosen
    assert choose_columns(columns) == expected


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            [*EMBEDDINGS, Column("score", "float", "float64")],
            r"several types: 4 of float32 \(e0…e3\) and 1 of float64 \(score\); choose",
        ),
        ([*EMBEDDINGS, Column("score", "float", "float32")], r"numbered and other .*e0…e3, score"),
        (
            [*EMBEDDINGS, Column("x0", "float", "float32"), Column("x1", "float", "float32")],
            "x0…x1",
        ),
        ([*EMBEDDINGS[:3], Column("e3", "integer", "int64")], "numbered columns of integers"),
        ([ID, Column("year", "integer", "int64")], r"may be identifiers or labels: .*id, year"),
        ([ID, Column("p0", "integer", "int64"), Column("p1", "integer", "int64")], "id, p0…p1"),
        ([VECTORS, VECTORS._replace(name="other")], r"2 columns of vectors \(embedding, other\)"),
        ([LABEL], "no column of numbers or of lists of numbers, but label"),
    ],
)
def test_columns_with_several_readings_are_refused(columns, message):
    with pytest.raises(ColumnError, match=message):
        choose_columns(columns, source="table")


def test_named_columns_may_have_any_type_of_numbers():
    columns = [ID, *EMBEDDINGS, Column("score", "float", "float64"), LABEL, VECTORS]
    assert choose_columns(columns[:-1], ["e*"]) == EMBEDDINGS
    assert choose_columns(columns, ["score", "e1", "id"]) == [columns[5], EMBEDDINGS[1], ID]
    assert choose_columns(columns, ["embedding"]) == [VECTORS]
    with pytest.raises(ColumnError, match=r"no column 'x\*'; choose from id, e0…e3, score, label"):
        choose_columns(columns, ["x*"])
    for names in (["label", "e0"], ["embedding", "e0"], ["*"]):
        with pytest.raises(ColumnError, match="other types than numbers"):
            choose_columns(columns, names)
