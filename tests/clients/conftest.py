"""Nothing is downloaded, and what libraries write goes to a folder of the run."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def _offline_in_a_folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("clients")
        patch.chdir(folder)
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield
