"""Fixtures of the tests of inspection."""

import numpy as np
import pytest

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture


@pytest.fixture(scope="module")
def planted():
    X, y = make_vmf_mixture(2000, 24, 5, concentration=80.0, dtype=np.float32, random_state=0)
    return X, y, VMFMixture(random_state=0).fit(X)
