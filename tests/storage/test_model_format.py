"""The file format of fitted models."""

import json

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix.storage.model_format import damage_reported, read_model, write_model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


def test_read_model_returns_what_was_written(path):
    parameters = {"tol": 0.5, "merge": None, "means_init": np.eye(2), "weights_init": [0.5, 0.5]}
    attributes = {"means_": np.eye(2), "n_iter_": 3, "converged_": True}
    history = {"costs": np.arange(3.0), "resultants": sp.csr_array(np.eye(3))}
    write_model(path, "VMFMixture", parameters, attributes, history)
    stored = read_model(path)
    assert stored.parameters.keys() == parameters.keys()
    assert stored.parameters["tol"] == 0.5
    assert stored.parameters["merge"] is None
    np.testing.assert_array_equal(stored.parameters["weights_init"], [0.5, 0.5])
    assert stored.attributes["n_iter_"] == 3
    assert stored.attributes["converged_"] is True
    np.testing.assert_array_equal(stored.attributes["means_"], np.eye(2))
    np.testing.assert_array_equal(stored.merge_history["costs"], [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(stored.merge_history["resultants"].toarray(), np.eye(3))


def test_read_model_without_merge_history(path):
    write_model(path, "VMFMixture", {}, {"n_iter_": 3}, {})
    assert read_model(path).merge_history == {}


def test_write_model_turns_numpy_scalars_into_python_numbers(path):
    write_model(path, "VMFMixture", {"tol": np.float32(0.5)}, {"n_iter_": np.int64(3)}, {})
    stored = read_model(path)
    assert type(stored.parameters["tol"]) is float
    assert type(stored.attributes["n_iter_"]) is int


def test_feature_names_come_back_as_objects(path):
    names = np.array(["a", "long name"], dtype=object)
    write_model(path, "VMFMixture", {}, {"feature_names_in_": names}, {})
    with np.load(path, allow_pickle=False) as stored:
        assert stored["fitted.feature_names_in_"].dtype.kind == "U"
    loaded = read_model(path).attributes["feature_names_in_"]
    assert loaded.dtype == object
    assert list(loaded) == ["a", "long name"]


def test_write_model_rejects_values_that_need_pickle(path):
    with pytest.raises(ValueError, match=r"selection=.* cannot be saved without pickle"):
        write_model(path, "VMFMixture", {"selection": object()}, {}, {})
    assert not path.exists()


def test_file_has_class_and_version(path):
    write_model(path, "VMFMixture", {}, {}, {})
    with np.load(path, allow_pickle=False) as stored:
        header = json.loads(str(stored["format"]))
    assert header["class"] == "VMFMixture"
    assert header.keys() >= {"format", "vmfmix", "parameter", "fitted"}


def test_read_model_rejects_later_formats(path):
    np.savez(path, format=np.array(json.dumps({"format": 99, "vmfmix": "9.0"})))
    with pytest.raises(ValueError, match=r"written by vmfmix 9\.0, .* upgrade vmfmix"):
        read_model(path)


def test_damage_reported_gives_one_clear_error():
    message = r"x\.npz is damaged, or not a vmfmix model; pass a file written by save\(\)"
    with pytest.raises(ValueError, match=message) as caught, damage_reported("x.npz"):
        raise KeyError("format")
    assert isinstance(caught.value.__cause__, KeyError)


def test_damage_reported_passes_on_lack_of_memory():
    with pytest.raises(MemoryError), damage_reported("x.npz"):
        raise MemoryError
