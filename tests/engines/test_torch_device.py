"""Tensors and devices; test_every_engine compares their results with the CPU engine."""

import numpy as np
import pytest
import scipy.sparse as sp

from tests.engines.test_cpu import assert_same_statistics, overlapping_mixture
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine

torch = pytest.importorskip("torch")

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
def test_high_concentrations_are_computed_in_float64(device):
    X, parameters = overlapping_mixture()
    X = X.astype(np.float32)
    sharp = parameters.with_concentration(1e6)
    found = choose_engine(X, device=device).accumulate(sharp)
    assert_same_statistics(found, choose_engine(X).accumulate(sharp), 1e-10)


@pytest.fixture(scope="module")
def planted():
    return make_vmf_mixture(2000, 24, 6, concentration=40.0, dtype=np.float32, random_state=0)


@pytest.mark.parametrize("device", [None, *DEVICES])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "int8", "int64"])
def test_tensors_of_any_type(planted, device, dtype):
    X, _ = planted
    scaled = 100 * X if "int" in dtype else X
    tensor = torch.from_numpy(scaled).to(getattr(torch, dtype))
    if tensor.is_floating_point():
        tensor.requires_grad_()
    before = tensor.detach().clone()
    model = VMFMixture(6, device=device, random_state=0).fit(tensor)
    reference = VMFMixture(6, random_state=0).fit(before.double().numpy())
    assert (model.labels_ == reference.labels_).mean() > 0.995
    np.testing.assert_array_equal(model.predict(tensor), model.labels_)
    assert model.predict_proba(tensor[:5]).shape == (5, 6)
    assert torch.equal(tensor.detach(), before)
    assert model.n_features_in_ == 24


@pytest.mark.skipif(len(DEVICES) == 1, reason="there is no GPU")
def test_tensors_on_a_gpu_are_not_copied(planted):
    X, _ = planted
    tensor = torch.from_numpy(X).cuda()
    before = torch.cuda.memory_allocated()
    engine = choose_engine(tensor)
    assert engine.device.type == "cuda"
    assert torch.cuda.memory_allocated() - before < tensor.nbytes  # rows are not copied
    model = VMFMixture(6, random_state=0).fit(tensor)
    reference = VMFMixture(6, random_state=0).fit(X)
    np.testing.assert_array_equal(model.labels_, reference.labels_)
    np.testing.assert_array_equal(model.predict(tensor.half()), reference.labels_)


@pytest.mark.parametrize("device", [None, *DEVICES])
def test_refuses_invalid_tensors(planted, device):
    X = torch.from_numpy(planted[0])
    model = VMFMixture(3, device=device)
    broken = X.clone()
    broken[5, 3] = torch.nan
    for bad, message in (
        (broken, "NaN"),
        (X[0], "1D array|shape"),
        (X[:, :1], "feature"),
        (X[:0], "sample|shape"),
        (X.to_sparse(), "layout"),
        (X.to(torch.complex64), "[Cc]omplex"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(bad)
    model.fit(X)
    with pytest.raises(ValueError, match="24 features"):
        model.predict(X[:, :20])


def test_refuses_missing_devices(planted):
    X, _ = planted
    for device in ("nonsense", "cuda:77", 5.5):
        with pytest.raises(ValueError, match="cannot be used"):
            VMFMixture(3, device=device).fit(X)
    with pytest.raises(ValueError, match="sparse"):
        VMFMixture(3, device="cpu").fit(sp.csr_array(X))


def test_read_only_rows_are_not_changed(planted):
    X = planted[0].copy()
    X[7] *= 1e30  # so that a row must be divided
    X.flags.writeable = False
    before = X.copy()
    VMFMixture(3, device="cpu", random_state=0).fit(X)
    np.testing.assert_array_equal(X, before)


def test_rows_with_negative_strides():
    X = np.random.default_rng(0).standard_normal((100, 8))
    model = VMFMixture(3, device="cpu", random_state=0).fit(X[::-1])
    assert len(model.labels_) == 100
