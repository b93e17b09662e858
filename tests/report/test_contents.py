"""The data of a report: how well rows fit, rows that need a look, noise, and how it was made."""

import json
import re

import numpy as np
import pytest

from vmfmix import NeighborSmoother, VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.inspection import label_issues, membership
from vmfmix.report import write_report
from vmfmix.report.provenance import provenance
from vmfmix.report.thumbnails import thumbnails_of_rows


def contents_of(path):
    text = path.read_text(encoding="utf-8")
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(data[1])


def report(tmp_path, model, X, **options):
    write_report(tmp_path / "r.html", model, X, **options)
    return contents_of(tmp_path / "r.html")


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(240, 8, 4, concentration=12.0, random_state=0)


@pytest.fixture(scope="module")
def model(rows):
    return VMFMixture(4, random_state=0).fit(rows[0])


def test_rows_have_the_figures_of_membership(rows, model, tmp_path):
    X, _ = rows
    found, expected = report(tmp_path, model, X)["rows"], membership(model, X)
    assert found["cluster"] == list(expected["cluster"])
    assert found["next"] == list(expected["next_cluster"])
    for name, column in (("probability", "probability"), ("margin", "margin")):
        np.testing.assert_allclose(found[name], expected[column], atol=6e-4)
    np.testing.assert_allclose(found["cosine"], expected["similarity"], atol=6e-5)
    np.testing.assert_allclose(found["typicality"], expected["typicality"], rtol=0.06)


def test_rows_have_their_most_likely_clusters(rows, model, tmp_path):
    found = report(tmp_path, model, rows[0])["rows"]
    probabilities = model.predict_proba(rows[0])
    for row, others in enumerate(found["likely"]):
        order = np.argsort(-probabilities[row])[1:3]
        percent = np.rint(100 * probabilities[row, order]).astype(int)
        expected = [int(v) for pair in zip(order, percent) for v in pair if pair[1] > 0]
        assert (others or []) == expected


def test_clarity_is_the_share_of_rows_with_a_much_more_likely_cluster(rows, model, tmp_path):
    X, _ = rows
    clusters = report(tmp_path, model, X, n_rows=20)["clusters"]  # from all rows, not those shown
    table = membership(model, X)
    labels, sorted_probabilities = np.asarray(table["cluster"]), np.sort(model.predict_proba(X))
    is_clear = sorted_probabilities[:, -1] >= 4 * sorted_probabilities[:, -2]
    expected = [is_clear[labels == k].mean() for k in range(4)]
    np.testing.assert_allclose(clusters["clear"], expected, atol=1e-4)
    assert 0.0 < min(expected) < max(expected) and "silhouette" not in clusters


@pytest.mark.parametrize("kind", ["cut", "old", "center", "smooth", "background", "sparse", "one"])
def test_figures_of_every_kind_of_model(rows, kind, tmp_path):
    import scipy.sparse as sp

    X, y = rows
    parameters = {kind: True} if kind in ("center", "smooth", "background") else {}
    model = VMFMixture(1 if kind == "one" else 4, random_state=0, **parameters)
    X = sp.csr_array(np.where(X > 0, X, 0.0)) if kind == "sparse" else X
    model.fit(X)
    if kind == "cut":
        model = VMFMixture(random_state=0).fit(X).merge_to(2)
    if kind == "old":  # saved before probabilities were calibrated
        del model.reference_densities_, model.probability_power_
    contents = report(tmp_path, model, X, labels=y, compare_with=y)
    found = contents["rows"]
    assert ("typicality" in found) == hasattr(model, "reference_densities_")
    assert found["cluster"] == model.predict(X).tolist()
    assert all(0.0 <= value <= 1.0 for value in found["probability"])
    if kind == "one":
        assert set(found["next"]) == {-1} and set(found["margin"]) == {None}


def test_noise_is_shown_with_its_rows(rows, model, tmp_path):
    X, y = rows
    before = report(tmp_path, model, X, labels=y)["clusters"]
    contents = report(tmp_path, model.mark_noise(2), X, labels=y)
    clusters, found = contents["clusters"], contents["rows"]
    assert contents["editing"]["noise"] == [False, False, True, False]
    assert {name: clusters[name] for name in ("size", "clear", "label", "purity")} == {
        name: before[name] for name in ("size", "clear", "label", "purity")
    }
    assert clusters["exemplars"][2] == before["exemplars"][2]
    n_noise = found["cluster"].count(2)
    assert n_noise == before["size"][2]
    assert f"1 cluster is noise ({n_noise} rows)" in contents["summary"]


def test_background_and_noise_are_counted_apart(tmp_path):
    X, _ = make_vmf_mixture(300, 8, 3, concentration=60.0, random_state=0)
    X[:60] = np.random.default_rng(0).standard_normal((60, 8))
    model = VMFMixture(3, background=True, random_state=0).fit(X).mark_noise(0)
    contents = report(tmp_path, model, X)
    n_background = int((np.asarray(model.predict_proba(X)).argmax(axis=1) == 3).sum())
    assert f"{n_background} background rows (no cluster)" in contents["summary"]
    assert sum(contents["clusters"]["size"]) == 300 - n_background


def test_label_errors_are_grouped_by_pairs(rows, model, tmp_path):
    X, y = rows
    names = np.array(["a", "b", "c", "d"])[y]
    table = label_issues(model, X, names)
    given, suggested = (np.asarray(table[name]) for name in ("given_label", "suggested_label"))
    issues = report(tmp_path, model, X, labels=names)["issues"]
    counts = {(one, other): count for one, other, count in issues["pairs"]}
    assert sum(counts.values()) == issues["count"] == (given != suggested).sum() > 4
    for pair, count in counts.items():
        assert count == ((given == pair[0]) & (suggested == pair[1])).sum()
    assert [count for *_, count in issues["pairs"]] == sorted(counts.values(), reverse=True)


def test_outliers_say_how_many_are_expected(rows, model, tmp_path):
    outliers = report(tmp_path, model, rows[0])["outliers"]
    assert outliers["count"] == len(outliers["row"]) and outliers["expected"] == 2


def test_identifiers_are_shown_and_must_be_as_many_as_rows(rows, model, tmp_path):
    ids = [f"id{row}" for row in range(240)]
    contents = report(tmp_path, model, rows[0], ids=ids, n_rows=10)
    assert contents["rows"]["id"] == [f"id{row}" for row in contents["rows"]["row"]]
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        write_report(tmp_path / "r.html", model, rows[0], ids=["one"])


def test_features_with_names_are_shown_without_texts(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(np.eye(3)[[0, 0, 1, 1, 2, 2]] + 0.05, columns=["red", "green", "blue"])
    model = VMFMixture(3, random_state=0, merge=None).fit(frame)
    features = report(tmp_path, model, frame)["clusters"]["features"]
    assert {of[0] for of in features} == {"red", "green", "blue"}
    assert "features" not in report(tmp_path, model, frame, texts=list("abcdef"))["clusters"]


def test_page_says_how_it_was_made(rows, model, tmp_path, monkeypatch):
    from vmfmix import __version__

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    made = report(tmp_path, model, rows[0], details={"Embeddings": "MiniLM"})["made"]
    facts = dict(made["facts"])
    assert facts["Made with"] == f"vmfmix {__version__}" and facts["Date"] == "1970-01-02"
    assert facts["Embeddings"] == "MiniLM" and facts["Parameters"] == "n_components=4"
    assert facts["Random seed"] == "0"
    scope = {"X": rows[0]}
    exec("\n".join(made["code"]), scope)
    np.testing.assert_array_equal(scope["model"].labels_, model.labels_)


def test_parameters_are_the_same_in_every_process(rows):
    X, _ = rows
    model = VMFMixture(2, random_state=np.random.RandomState(0), means_init=X[:2], merge=None)
    made = provenance(model.fit(X), None)
    facts = dict(made["facts"])
    assert facts["Random seed"] == "RandomState(MT19937)" or "0x" not in facts["Random seed"]
    assert "means_init=<array of shape (2, 8)>" in facts["Parameters"]
    assert "0x" not in json.dumps(made)
    unseeded = dict(provenance(VMFMixture(2, merge=None).fit(X), None)["facts"])
    assert unseeded["Random seed"] == "none, so that another fit may differ"


@pytest.mark.parametrize(
    "edit",
    [lambda model, X: model.merge_clusters([0, 1], X), lambda model, X: model.merge_to(8, X)],
    ids=["merged", "cut"],
)
def test_code_of_edited_models_says_so(rows, edit):
    X, _ = rows
    made = provenance(edit(VMFMixture(5, n_components_init=20, random_state=0).fit(X), X), None)
    assert made["code"][-1] == "# The clusters were cut from this fit, or edited, afterwards."


def test_typical_images_are_larger_within_a_number_of_bytes(monkeypatch):
    image = pytest.importorskip("PIL.Image")
    shades = np.random.default_rng(0).integers(0, 256, (5, 300, 300, 3), np.uint8)

    def sizes(thumbnails):
        import base64
        import io

        return [
            max(image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).size)
            for url in thumbnails.values()
        ]

    def picture(row):
        return image.fromarray(shades[row])

    thumbnails = thumbnails_of_rows(picture, np.arange(5), [3, 1])
    assert list(thumbnails) == [0, 1, 2, 3, 4] and sizes(thumbnails) == [96, 256, 96, 256, 96]
    monkeypatch.setattr("vmfmix.report.thumbnails._BYTES_OF_ENLARGED", 1000)
    assert sizes(thumbnails_of_rows(picture, np.arange(5), [3, 1])) == [96, 96, 96, 256, 96]


def test_photographs_are_jpeg_and_drawings_png():
    image = pytest.importorskip("PIL.Image")
    x, y = np.meshgrid(np.arange(90), np.arange(90))
    photograph = np.stack([128 + 90 * np.sin(x / 9 + k) * np.cos(y / 7) for k in range(3)], axis=2)
    pictures = [
        image.fromarray(photograph.astype(np.uint8)),
        image.fromarray(np.where(x > y, 255, 0).astype(np.uint8)),
    ]
    urls = thumbnails_of_rows(lambda row: pictures[row].copy(), np.arange(2))
    assert urls[0].startswith("data:image/jpeg;") and urls[1].startswith("data:image/png;")


@pytest.mark.filterwarnings("ignore:.*rows:UserWarning")
def test_outliers_say_whether_rows_were_smoothed(rows, tmp_path):
    X, _ = rows
    for restart, is_smoothed in ((1.0, False), (0.1, True)):
        model = VMFMixture(4, smooth=NeighborSmoother(restart=restart), random_state=0).fit(X)
        assert report(tmp_path, model, X)["outliers"]["smoothed"] is is_smoothed
