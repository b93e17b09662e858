"""What an update changed about each cluster."""

import numpy as np
import pytest

from vmfmix.fitting.changes import cluster_changes, restored_changes, stored_changes


def changes(before, added, n_new=0):
    n_old = len(before) - n_new
    return cluster_changes(
        np.array(before, float), np.array(added, float), np.ones(n_old), [0] * n_new
    )


def test_status_is_that_of_an_exact_test_of_shares():
    same = changes([500, 300, 200], [52, 29, 19])
    assert [each.status for each in same] == ["unchanged"] * 3
    other = changes([500, 300, 200], [20, 30, 50])
    assert [each.status for each in other] == ["shrank", "unchanged", "grew"]
    assert (other[0].size_before, other[0].size_after) == (500, 520)
    assert (other[0].share_before, other[0].share_new) == (0.5, 0.2)


def test_rows_of_new_clusters_do_not_make_others_shrink():
    found = changes([500, 500, 0], [50, 50, 900], n_new=1)
    assert [each.status for each in found] == ["unchanged", "unchanged", "new"]
    assert np.isnan(found[2].cosine) and found[2].from_cluster == 0


def test_random_shares_are_rarely_reported():
    rng = np.random.default_rng(0)
    for _ in range(30):
        before, added = (rng.multinomial(n, np.full(20, 0.05)) for n in (2000, 400))
        assert {each.status for each in changes(before, added)} == {"unchanged"}


def test_an_update_without_rows_changes_nothing():
    assert {each.status for each in changes([5, 5], [0, 0])} == {"unchanged"}
    assert {each.status for each in changes([0, 0], [0, 0])} == {"unchanged"}


def test_changes_are_stored_as_columns():
    found = changes([500, 300, 0], [20, 30, 9], n_new=1)
    columns = stored_changes(found)
    again = restored_changes(columns)
    assert [each[:6] for each in again] == [each[:6] for each in found]
    assert type(again[0].cluster) is int and type(again[0].status) is str
    with pytest.raises(ValueError, match="inconsistent"):
        restored_changes({**columns, "status": np.array(["new", "new", "old"])})
