"""Run the tests offline, in a temporary folder that also holds the caches of the libraries."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def _offline_in_temporary_folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("clients")
        patch.chdir(folder)
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield
