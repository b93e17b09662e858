"""Type checkers and editors see the estimator, its parameters and its attributes."""

import re
import subprocess
import sys

import pytest

import vmfmix
from tests.limits import HANG
from tests.project.layers import ROOT

SCRIPT = """\
import numpy as np
from vmfmix import VMFMixture
model = VMFMixture(n_components=3, random_state=0).fit(np.eye(3))
reveal_type(model.labels_)
VMFMixture(n_clusters=3)
"""


@pytest.mark.slow
def test_mypy_infers_fitted_attributes_and_rejects_unknown_parameters(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--cache-dir", ".", "script.py"]
    environment = {"MYPYPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=HANG
    )
    printed = [line for line in done.stdout.splitlines() if line.startswith("script.py")]
    notes = [line for line in printed if "note: Revealed type" in line]
    errors = [line for line in printed if ": error: " in line]
    assert len(notes) == 1 and re.search(r"script\.py:4: .*ndarray\[.*signedinteger", notes[0])
    assert (
        len(errors) == 1
        and 'script.py:5: error: Unexpected keyword argument "n_clusters"' in (errors[0])
    )


def test_dir_lists_public_names_only():
    names = dir(vmfmix)
    assert {"VMFMixture", "load", "__version__", "plotting", "report"} <= set(names)
    assert not [name for name in names if name.startswith("_") and name != "__version__"]
    for name in names:
        if name != "deep":  # needs torch
            assert getattr(vmfmix, name) is not None


def test_the_package_is_marked_as_typed():
    assert (ROOT / "vmfmix" / "py.typed").exists()
