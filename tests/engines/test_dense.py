"""Dense rows of any memory order and dtype are processed without a copy of the array."""

import numpy as np
import pytest

from tests import oracle
from tests.engines.test_cpu import assert_same_statistics, overlapping_mixture
from vmfmix.engines.choice import choose_engine


def test_memory_orders_need_no_copy_and_no_compilation(tmp_path):
    from vmfmix.engines import few_components

    X, parameters = overlapping_mixture()
    X = X.astype(np.float32)
    expected = choose_engine(X).accumulate(parameters)
    n_compiled = len(few_components.process_rows.signatures)
    np.save(tmp_path / "rows.npy", X)
    read_only = X.copy()
    read_only.flags.writeable = False
    flavours = {
        "fortran": np.asfortranarray(X),
        "read-only": read_only,
        "memmap": np.load(tmp_path / "rows.npy", mmap_mode="r"),
        "strided": np.repeat(X, 2, axis=1)[:, ::2],
    }
    for flavour in flavours.values():
        engine = choose_engine(flavour)
        assert engine._rows._X is flavour
        assert_same_statistics(engine.accumulate(parameters), expected, 1e-7)
    assert len(few_components.process_rows.signatures) == n_compiled


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint8])
def test_short_dtypes_are_converted_in_blocks(dtype):
    X, parameters = overlapping_mixture()
    X = np.round(127 * X / np.abs(X).max())
    X = (np.abs(X) if dtype is np.uint8 else X).astype(dtype)
    engine = choose_engine(X)
    assert engine._rows._X is X
    assert engine.dtype == np.float32
    expected = oracle.statistics(X, parameters)
    assert_same_statistics(engine.accumulate(parameters), expected, 1e-5)
