"""Search over the words of texts: the script `text_search.js`, run by Node.js."""

import json
import random
import re
import shutil
import subprocess
from importlib.resources import files

import pytest

from tests.limits import HANG

NODE = shutil.which("node")
SCRIPT = files("vmfmix") / "report" / "template" / "text_search.js"
pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")

# Runs queries one after the other in one search; returns the rows of each, or null for all rows.
FIND = """
const { TextSearch } = require(process.argv[1]);
const { columns, numbers, queries } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const search = new TextSearch(columns, numbers ?? columns[0].map((_, i) => i));
const found = queries.map((query) => search.find(query));
const rowsOf = (marks) => marks && [...marks].flatMap((mark, i) => mark ? [i] : []);
console.log(JSON.stringify(found.map(rowsOf)));
"""
# Returns texts with matches of a query in brackets.
HIGHLIGHT = """
const { matchedRanges } = require(process.argv[1]);
const pairs = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(pairs.map(([text, query]) => {
  let shown = "", end = 0;
  for (const [from, to] of matchedRanges(text, query)) {
    shown += text.slice(end, from) + "[" + text.slice(from, to) + "]";
    end = to;
  }
  return shown + text.slice(end);
})));
"""


def run(script, given):
    done = subprocess.run(
        [NODE, "-e", script, str(SCRIPT)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def find(texts, *queries, labels=None, numbers=None):
    columns = [column for column in (texts, labels) if column is not None]
    return run(FIND, {"columns": columns, "numbers": numbers, "queries": queries})


TEXTS = [
    "I lost my card",
    "My CARD was lost, again",
    "Two cards",
    "a scar and a cardboard box",
    "",
    "lost\n\n card",
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("card lost", [0, 1, 5]),
        ("car", [0, 1, 2, 3, 5]),
        ("scar", [3]),
        ('"card"', [0, 1, 5]),
        ('"lost card"', [5]),
        ('"lost ca', [5]),
        ("“card was” LOST", [1]),
        ("card -lost", [2, 3]),
        ('-"card" -two', [3, 4]),
        ("-card", [4]),
        ("card lost,", [1]),
        ("row:3", [3]),
        ("card -row:3", [0, 1, 2, 5]),
        ("ROW:0 card", [0]),
        ("row:9", []),
        ("nothing", []),
    ],
)
def test_terms_are_found_in_any_order(query, expected):
    assert find(TEXTS, query) == [expected]


@pytest.mark.parametrize("query", ["", "  ", "-", '"', '""', '-"', "\u0301", "\u200b"])
def test_query_without_words_finds_everything(query):
    assert find(TEXTS, query) == [None]


def test_case_and_diacritics_do_not_count():
    texts = ["Café", "CAFÉ", "cafe\u0301", "cafe", "Straße", "STRASSE", "İSTANBUL", "ıstanbul"]
    texts += ["ﬁnd oﬃces", "Łódź Ærø", "ΟΔΟΣ", "οδός", "ёлка", "don’t", "ｆｕｌｌ"]
    queries = ["café", "CAFE", "strasse", "STRAßE", "Istanbul", "office", "lodz aero", "οδος"]
    queries += ["елка", "don't", "full"]
    expected = [[0, 1, 2, 3]] * 2 + [[4, 5]] * 2 + [[6, 7], [8], [9], [10, 11], [12], [13], [14]]
    assert find(texts, *queries) == expected


def test_words_within_text_are_found_in_scripts_that_join_words():
    texts = [
        "我的信用卡丢了",
        "クレジットカードをなくした",
        "في الكِتَاب",
        "בַּבַּיִת",
        "บัตรหาย",
        "我有iPhone",
    ]
    queries = ["信用卡", "カード", "كتاب", "בית", "หาย", "iphone", "カート"]
    assert find(texts, *queries) == [[0], [1], [2], [3], [4], [5], []]


def test_labels_and_rows_are_searched():
    texts, labels = ["a b", "c d", "e"], ["Größe", "lost card", "b"]
    assert find(texts, "grosse", "b", '"d lost"', "c lost", labels=labels) == [[0], [0, 2], [], [1]]
    assert find(None, "lost", "-lost", labels=labels, numbers=[5, 7, 9]) == [[1], [0, 2]]
    without = {"columns": [], "numbers": [5, 7, 55], "queries": ["5", "row:7", "-5", "x"]}
    assert run(FIND, without) == [[0], [1], [1, 2], []]


def test_results_do_not_depend_on_earlier_queries():
    rng = random.Random(0)
    words = ["card", "cards", "lost", "los", "a", "été", "ete", "c", "-", "信用", "x-y"]
    texts = [" ".join(rng.choices(words, k=rng.randint(0, 6))) for _ in range(200)]
    queries = []
    for _ in range(60):
        query = " ".join(rng.choice(["", "-", '"']) + word for word in rng.choices(words, k=2))
        queries += [query[:end] for end in range(1, len(query) + 1)]
    together = find(texts, *queries)
    rng.shuffle(order := list(range(len(queries))))
    for i, found in zip(order, find(texts, *(queries[i] for i in order))):
        assert found == together[i], queries[i]
    for query in ("los", "card", "ete"):
        folded = [text.replace("é", "e") for text in texts]
        expected = [i for i, t in enumerate(folded) if re.search(rf"(?<!\w){query}", t)]
        assert find(texts, query) == [expected]


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("I lost my Card, cards!", "card lost", "I [lost] my [Card], [card]s!"),
        ("İİİ café CAFE\u0301 x", "cafe", "İİİ [café] [CAFE\u0301] x"),
        ("Straße, Strasse", "strass", "[Straß]e, [Strass]e"),
        ("ﬁne oﬃce", "fi off", "[ﬁ]ne [oﬃ]ce"),
        ("我的信用卡丢了", "信用卡 丢", "我的[信用卡丢]了"),
        ("في الكِتَاب", "كتاب", "في ال[كِتَاب]"),
        ("שָׁלוֹם עולם", "שלום", "[שָׁלוֹם] עולם"),
        ("lost  \n card", '"lost card"', "[lost  \n card]"),
        ("cardboard card", '"card"', "cardboard [card]"),
        ("card scar", "car -scar row:1", "[car]d scar"),
        ("👍🏽 ok 👍", "👍", "[👍🏽] ok [👍]"),
        ("한국 \u1112\u1161\u11ab", "한", "[한]국 [\u1112\u1161\u11ab]"),
        ("a <b>a</b>", "a", "[a] <b>[a]</b>"),
        ("nothing", "", "nothing"),
    ],
)
def test_matches_are_highlighted_in_place(text, query, expected):
    assert run(HIGHLIGHT, [[text, query]]) == [expected]


def test_long_texts_without_matches_are_fast():
    assert find(["x" * 100_000 + "é"] * 5, "y", "é", "x" * 50_000) == [[], [], list(range(5))]
