"""Comparison of the clusters of a report with another clustering of the same rows."""

import numpy as np
import pytest

from tests.report.test_contents import report
from vmfmix import VMFMixture
from vmfmix.cli import main as cli
from vmfmix.datasets import make_vmf_mixture
from vmfmix.report.comparison import as_grouping, comparison_contents


def compared(other, here):
    grouping = as_grouping(other, np.zeros((len(here), 2)), "other")
    return comparison_contents(np.asarray(here), grouping, np.linspace(1, 0, len(here)))


def kinds(contents):
    return {
        (tuple(contents["names"][k] for k in group["others"]), tuple(group["clusters"])): group[
            "kind"
        ]
        for group in contents["groups"]
    }


def test_groups_say_what_is_the_same_split_and_merged():
    other = ["a"] * 10 + ["b"] * 12 + ["c"] * 5 + ["d"] * 4
    here = [0] * 10 + [1] * 7 + [2] * 5 + [3] * 9
    contents = compared(other, here)
    assert kinds(contents) == {
        (("a",), (0,)): "same",
        (("b",), (1, 2)): "split",
        (("c", "d"), (3,)): "merged",
    }
    assert contents["n_moved"] == 0 and contents["row"] == []
    assert [group["shared"] for group in contents["groups"]] == [1.0, 1.0, 1.0]
    assert contents["ami"] < 1.0 and compared(here, here)["ami"] == 1.0


def test_rows_that_moved_are_outside_corresponding_clusters():
    other, here = np.repeat([0, 1], 20), np.repeat([0, 1], 20)
    here[3], other[30] = 1, 0
    contents = compared(other, here)
    assert contents["n_moved"] == 2 and contents["row"] == [3, 30]  # the surest first
    assert sorted(group["kind"] for group in contents["groups"]) == ["same", "same"]


def test_clusters_from_many_others_are_new_and_scattered_ones_are_gone():
    other = np.repeat([0, 1, 2, 3], 30)
    here = other.copy()
    here[[*range(6), *range(30, 36), *range(60, 66)]] = 4  # from three clusters, a third each
    assert kinds(compared(other, here))[((), (4,))] == "new"
    assert kinds(compared(here, other))[(("4",), ())] == "gone"


@pytest.mark.parametrize("as_strings", [True, False])
def test_rows_without_a_cluster_are_linked_to_none(as_strings):
    other = np.array([-1, -1, 0, 0, 0, 1, 1, 1])
    here = [-1, 0, 0, 0, 0, 1, -1, -1]
    contents = compared(other.astype(str) if as_strings else other, here)
    assert contents["names"] == ["0", "1"] and contents["outside"] == [2, 3]
    assert contents["n_moved"] == 3  # rows that are in a cluster on one side only
    assert [-1, -1, 1] in contents["flows"] and [1, -1, 2] in contents["flows"]
    assert kinds(compared(np.full(8, -1), here)) == {((), (0,)): "new", ((), (1,)): "new"}


def test_flows_add_up_to_all_rows():
    random = np.random.default_rng(0)
    other, here = random.integers(-1, 150, 5000), random.integers(-1, 150, 5000)
    contents = compared(other, here)
    assert contents["n_flows"] == len({*zip(other, here)}) > len(contents["flows"]) == 4000
    counts = [count for *_, count in contents["flows"]]
    assert counts == sorted(counts, reverse=True)
    small = compared(other[:300], here[:300])
    assert sum(count for *_, count in small["flows"]) == 300
    assert sum(small["sizes"][0]) + small["outside"][0] == 300


@pytest.fixture(scope="module")
def rows():
    X, y = make_vmf_mixture(200, 8, 4, concentration=60.0, random_state=0)
    return X, y, VMFMixture(4, random_state=0).fit(X)


def test_report_compares_with_models_and_labels(rows, tmp_path):
    X, _, model = rows
    other = VMFMixture(2, random_state=0).fit(X).rename({0: "first"})
    contents = report(tmp_path, model, X, compare_with=other, compare_name="earlier", n_rows=50)
    assert contents["comparison"]["name"] == "earlier"
    assert contents["comparison"]["names"] == ["first", "1"]
    places = contents["rows"]["row"]
    assert contents["rows"]["other"] == other.predict(X)[places].tolist()
    assert set(contents["comparison"]["row"]) <= set(places)
    texts = ["good food"] * 100 + ["fast cars"] * 100
    named = report(tmp_path, model, X, compare_with=np.repeat([5, 7], 100), texts=texts)
    assert [name.split()[0] for name in named["comparison"]["names"]] == ["5", "7"]
    assert {"food", "cars"} <= {*" ".join(named["comparison"]["names"]).replace(",", "").split()}
    assert report(tmp_path, model, X)["comparison"] is None


def test_report_refuses_another_clustering_of_other_rows(rows, tmp_path):
    X, y, model = rows
    narrow = VMFMixture(2, random_state=0).fit(X[:, :5])
    for other, message in (
        (y[:5], "compare_with has 5 labels and X has 200 rows; pass one label for each row"),
        (narrow, "compare_with was fitted to rows of 5 numbers and X has rows of 8"),
        (VMFMixture(2), "is not fitted"),
        ([None, *y[1:]], "Row 0 has no label"),
        (np.zeros((200, 2)), "compare_with has more than one dimension"),
    ):
        with pytest.raises(ValueError, match=message):
            report(tmp_path, model, X, compare_with=other)


def test_command_compares_with_models_and_files_of_labels(rows, tmp_path, capsys):
    from tests.report.test_contents import contents_of

    X, y, model = rows
    np.save(tmp_path / "rows.npy", X)
    np.save(tmp_path / "labels.npy", y)
    np.save(tmp_path / "few.npy", y[:9])
    (tmp_path / "labels.txt").write_text("\n".join(map(str, y)))
    model.save(tmp_path / "model.npz")
    VMFMixture(2, random_state=0).fit(X[:, :5]).save(tmp_path / "narrow.npz")
    command = ["report", str(tmp_path / "model.npz"), str(tmp_path / "rows.npy"), "--overwrite"]
    command += ["--out", str(tmp_path / "r.html"), "--compare"]
    for name in ("model.npz", "labels.npy", "labels.txt"):
        assert cli.main([*command, str(tmp_path / name)]) == 0
        contents = contents_of(tmp_path / "r.html")
        assert contents["comparison"]["name"] == str(tmp_path / name)
        assert contents["comparison"]["ami"] > 0.9
    assert dict(contents["made"]["facts"])["Model"] == "model.npz"
    capsys.readouterr()
    for name, said in (
        ("few.npy", "array of shape (9,)"),
        ("narrow.npz", "was fitted to rows of 5 numbers"),
        ("nothing.npz", "There is no file"),
    ):
        assert cli.main([*command, str(tmp_path / name)]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
