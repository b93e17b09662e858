"""Directions of rows as a mixture sees them, and cosines with the own mean directions."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.inspection import cosines_of_rows
from vmfmix.report.directions import directions_of, own_cosines
from vmfmix.report.smoothed_rows import smoothed_once


@pytest.mark.filterwarnings("ignore:.*rows:UserWarning")
@pytest.mark.parametrize("kind", ["plain", "center", "smooth", "background", "sparse", "one"])
def test_own_cosines_are_those_of_the_model(kind):
    X, _ = make_vmf_mixture(400, 12, 1 if kind == "one" else 4, concentration=40.0, random_state=0)
    X[3] = 0.0
    X = sp.csr_array(np.abs(X)) if kind == "sparse" else 3.0 * X + 0.1
    options = {kind: True} if kind in ("center", "smooth", "background") else {}
    model = VMFMixture(1 if kind == "one" else 4, random_state=0, **options).fit(X)
    rows, adapted = smoothed_once(model, X)
    model = adapted(model)
    labels = model.predict(rows)
    found = own_cosines(directions_of(model, rows), model.means_, labels)
    expected, _ = cosines_of_rows(model, rows, labels)
    assert_allclose(found, expected, atol=1e-6)
    assert np.isnan(found).sum() == (labels < 0).sum()
