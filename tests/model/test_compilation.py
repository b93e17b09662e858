"""Compilation of kernels where numba's cache cannot be used, and without compilation."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest
from numba.core import caching

import vmfmix
from tests.limits import HANG
from vmfmix.model import compilation

LENGTHS = """
from vmfmix.engines.cpu import lengths_of
import numpy as np
print(lengths_of(np.array([[3.0, 4.0]])))
"""
FIT = """
import numpy as np
from vmfmix import VMFMixture
X = np.vstack([np.eye(1, 5), np.eye(1, 5, 2)]).repeat(10, axis=0) + 0.1 * np.eye(20, 5)
print(VMFMixture(2, random_state=0).fit(X).labels_.tolist())
"""


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """Make numba use a new folder for its cache, and forget earlier warnings."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(compilation, "_is_warned", False)
    return tmp_path / "cache"


def double():
    @compilation.compiled()
    def function(x):
        return 2.0 * x

    return function


def test_without_a_folder_functions_compile_and_warn_once(cache, monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    with pytest.warns(UserWarning, match=r"no locator available.* set .* NUMBA_CACHE_DIR") as found:
        assert [double()(2.0), double()(3.0)] == [4.0, 6.0]
    assert len(found) == 1


def test_compiled_functions_are_read_from_the_cache(cache):
    double()(2.0)
    function = double()
    assert function(2.0) == 4.0
    assert sum(function.stats.cache_hits.values()) == 1


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_damaged_cache_files_are_ignored_with_a_warning(cache, suffix):
    double()(2.0)
    for path in cache.rglob(f"*.{suffix}"):
        path.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match=r"cache cannot be used .*cache.*NUMBA_CACHE_DIR"):
        assert double()(2.0) == 4.0


def test_cache_folder_may_vanish_and_not_be_created_again(cache):
    function = double()
    shutil.rmtree(cache)
    cache.write_text("a file")
    with pytest.warns(UserWarning, match="cache cannot be used"):
        assert function(2.0) == 4.0


def test_other_packages_get_a_temporary_folder(cache, monkeypatch, tmp_path):
    (tmp_path / "with_cache.py").write_text(
        "import numba\n@numba.njit(cache=True)\ndef triple(x):\n    return 3.0 * x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    name = "UserProvidedCacheLocator"  # private in older versions
    locator = getattr(caching, name, None) or getattr(caching, f"_{name}")
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [locator])
    with pytest.raises(RuntimeError, match="no locator available"):
        importlib.import_module("with_cache")
    assert compilation.import_with_cache("with_cache").triple(2.0) == 6.0
    assert numba.config.CACHE_DIR == ""


def run(code, folder, **environment):
    """Run code with a package in a process of its own, and return the process."""
    names = {"NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "PYTHONPATH"}
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=inherited | {"PYTHONPATH": str(folder)} | environment,
        cwd=folder.parent,
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_kernels_compile_without_home_in_a_package_that_cannot_be_written(tmp_path, kind):
    path = tmp_path / "installed"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(vmfmix.__file__).parent, path / "vmfmix", ignore=ignore)
    (path / "vmfmix/engines/__pycache__").touch()  # root could write to a read-only folder
    if kind == "zip":
        path = Path(shutil.make_archive(str(path), "zip", path))
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / "file" / "home")
    done = run(LENGTHS, path, HOME=nowhere, XDG_CACHE_HOME=nowhere)
    assert done.stdout.startswith("[5.]")
    assert done.stderr.count("NUMBA_CACHE_DIR") == 1


@pytest.mark.slow
def test_fit_without_compilation(tmp_path):
    done = run(FIT, Path(vmfmix.__file__).parents[1], NUMBA_DISABLE_JIT="1", LC_ALL="C")
    assert sorted(eval(done.stdout)) == [0] * 10 + [1] * 10
