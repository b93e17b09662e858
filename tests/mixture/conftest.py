"""Fixtures of the tests of `VMFMixture`."""

import pytest

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture


@pytest.fixture(scope="session")
def planted():
    return make_vmf_mixture(900, 16, 4, concentration=60.0, random_state=0, return_parameters=True)


@pytest.fixture(scope="session")
def model(planted):
    return VMFMixture(4, random_state=0).fit(planted[0])
