"""The choice of an engine."""

import sys

import numpy as np
import pytest

from vmfmix.engines.choice import choose_engine


def test_device_needs_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "vmfmix.engines.torch_device", raising=False)
    with pytest.raises(ImportError, match="device='cuda' needs torch"):
        choose_engine(np.eye(3), device="cuda")
