"""Tests of the detection of outliers."""

import numpy as np
import pytest

from vmfmix.inspection import outliers


def test_outliers_finds_planted_outliers_and_few_others(planted):
    X, _, model = planted
    assert len(outliers(model, X, share=0.02)["row"]) == pytest.approx(40, abs=20)
    strange = X.copy()
    rng = np.random.default_rng(0)
    strange[:20] = rng.normal(size=(20, 24))
    found = outliers(model, strange, share=0.001)
    assert set(range(20)) <= set(np.asarray(found["row"]).tolist())
    assert len(found["row"]) < 40
    assert (np.diff(found["p_value"]) >= 0).all()
    with pytest.raises(ValueError, match="share=2"):
        outliers(model, X, share=2)
