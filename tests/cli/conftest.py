"""Embeddings, texts and labels in files, for the tests of the command line."""

from pathlib import Path

import numpy as np
import pytest

from vmfmix.datasets import make_vmf_mixture

pytest.register_assert_rewrite("tests.cli.commands")  # shows values where its assertions fail


@pytest.fixture(autouse=True)
def without_progress_lines(monkeypatch):
    """Print no progress, however slow the machine is: kernels may still have to be compiled."""
    monkeypatch.setattr("vmfmix.cli.progress._SHORTEST_LINE", np.inf)
    monkeypatch.setattr("vmfmix.fitting.progress_lines._SECONDS_BETWEEN_LINES", np.inf)


@pytest.fixture(scope="module")
def rows():
    X, y = make_vmf_mixture(300, 12, 3, concentration=60.0, dtype=np.float32, random_state=0)
    return X, y


@pytest.fixture(scope="module")
def groups():
    """Return rows of three groups of four clusters each."""
    rng = np.random.default_rng(0)
    centers = np.repeat(np.eye(3, 12), 4, axis=0) + 0.17 * rng.standard_normal((12, 12))
    return np.repeat(centers, 40, axis=0) + 0.12 * rng.standard_normal((480, 12))


@pytest.fixture
def folder(tmp_path, monkeypatch, rows):
    """Create a working folder with rows.npy, texts.txt and labels.txt."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    X, y = rows
    np.save("rows.npy", X)
    Path("texts.txt").write_text("".join(f"text {i}, Größe {i}\n" for i in range(len(X))), "utf-8")
    Path("labels.txt").write_text("".join(f"class {label}\n" for label in y))
    return tmp_path
