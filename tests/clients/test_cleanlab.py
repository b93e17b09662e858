"""Comparison of cleanlab with `vmfmix.inspection.label_issues`."""

import numpy as np
import pytest

from tests.clients import run

pytestmark = pytest.mark.filterwarnings("ignore")


def test_cleanlab_and_label_issues_find_wrong_labels_and_agree():
    pytest.importorskip("cleanlab")
    page = run("cleanlab")
    wrong, theirs, ours = page["wrong"], page["theirs"], page["ours"]
    assert np.isin(wrong, theirs).mean() > 0.85
    assert np.isin(wrong, ours).mean() > 0.85
    assert np.isin(ours, theirs).mean() > 0.85
    suspected = page["issues"].iloc[np.intersect1d(wrong, ours)]
    truth = page["snips"].target[np.intersect1d(wrong, ours)]
    assert (suspected["suggested_label"] == truth).mean() > 0.85
