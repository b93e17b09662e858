"""Sources of blocks: every kind of source, and the errors for invalid ones."""

import numpy as np
import pytest

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.block_source import BlockSource, is_block_source


@pytest.fixture(scope="module")
def X():
    return make_vmf_mixture(2000, 16, 5, concentration=30.0, dtype=np.float32, random_state=0)[0]


@pytest.fixture(scope="module")
def reference(X):
    return VMFMixture(random_state=0).fit(X)


class Sliced:
    """An object that has a shape and supports slicing, and nothing else."""

    def __init__(self, X):
        self._X, self.shape, self.dtype = X, X.shape, X.dtype

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        return self._X[rows]


class Batches:
    """An iterable that can be read several times; its batches contain labels, too."""

    def __init__(self, X):
        self._X = X

    def __iter__(self):
        for start in range(0, len(self._X), 64):
            yield self._X[start : start + 64], np.zeros(64)


def zarr_array(X, folder):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(
        str(folder / "rows.zarr"), shape=X.shape, chunks=(300, 16), dtype="f4"
    )
    array[:] = X
    return array


def h5py_array(X, folder):
    h5py = pytest.importorskip("h5py")
    return h5py.File(folder / "rows.h5", "w").create_dataset("rows", data=X, chunks=(300, 16))


def memmap(X, folder):
    X.tofile(folder / "rows.bin")
    return np.memmap(folder / "rows.bin", np.float32, "r", shape=X.shape)


def data_set(X, folder):
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_dict({"text": ["a"] * len(X), "embedding": list(X)})


def data_loader(X, folder):
    torch = pytest.importorskip("torch")
    tensors = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.zeros(len(X)))
    return torch.utils.data.DataLoader(tensors, batch_size=128)


SOURCES = {
    "slices": lambda X, folder: Sliced(X),
    "iterable": lambda X, folder: Batches(X),
    "callable": lambda X, folder: lambda: iter(np.array_split(X, 7)),
    "callable for a list": lambda X, folder: lambda: np.array_split(X, 7),
    "zarr": zarr_array,
    "h5py": h5py_array,
    "memmap": memmap,
    "datasets": data_set,
    "DataLoader": data_loader,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("block_size", [None, 333])
def test_fit_is_the_same_for_every_source(X, reference, tmp_path, kind, block_size):
    source = SOURCES[kind](X, tmp_path)
    model = VMFMixture(random_state=0, block_size=block_size).fit(source)
    np.testing.assert_array_equal(model.labels_, reference.labels_)
    np.testing.assert_allclose(model.means_, reference.means_, atol=1e-6)
    np.testing.assert_array_equal(model.predict(source), reference.labels_)
    np.testing.assert_allclose(model.predict_proba(source), reference.predict_proba(X), atol=1e-5)
    assert model.n_features_in_ == 16


def test_arrays_and_tables_are_not_block_sources(X):
    pandas = pytest.importorskip("pandas")
    for array in (X, X.tolist(), (1, 2), pandas.DataFrame(X), None, 3, "text", {"a": 1}):
        assert not is_block_source(array)


def test_small_blocks_are_combined():
    X = np.ones((100, 4), np.float32)
    source = BlockSource(lambda: (row[np.newaxis] for row in X), n_rows_per_block=32)
    assert [rows.stop - rows.start for rows, _ in source] == [32, 32, 32, 4]


def blocks_with(X, change):
    parts = [part.copy() for part in np.array_split(X, 8)]
    parts[5] = change(parts[5])
    return lambda: iter(parts)


def with_nan(block):
    block[3, 2] = np.nan
    return block


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_nan, "Block 5 of X, which starts at row 1250, cannot be used. .*NaN"),
        (lambda block: block[:, :10], "Block 5 .* has 10 features, .* have 16"),
        (lambda block: block[0], "Block 5 .*1D array"),
        (lambda block: np.full(block.shape, "text"), "Block 5 .*could not convert"),
        (lambda block: block + 1j, "Block 5 .*[Cc]omplex"),
    ],
)
def test_error_names_the_invalid_block(X, change, message):
    model = VMFMixture(3)
    with pytest.raises(ValueError, match=message):
        model.fit(blocks_with(X, change))
    assert not hasattr(model, "means_")
    assert not hasattr(model, "n_features_in_")


def test_refuses_iterators_that_can_be_read_once(X):
    model = VMFMixture(3)
    with pytest.raises(ValueError, match=r"an iterator .* read only once"):
        model.fit(iter(np.array_split(X, 3)))
    used_up = iter(np.array_split(X, 3))
    with pytest.raises(ValueError, match="2000 rows when it was first read, and 0"):
        model.fit(lambda: used_up)
    longer = [2]

    def growing():
        longer[0] += 1
        return iter([X] * longer[0])

    with pytest.raises(ValueError, match="6000 rows when it was first read, and more"):
        model.fit(growing)
    assert not hasattr(model, "means_")


def test_refuses_rows_in_another_order(X):
    rng = np.random.default_rng(0)
    rows = X * rng.uniform(1, 2, size=(len(X), 1)).astype(np.float32)
    with pytest.raises(ValueError, match="same order each time"):
        VMFMixture(3).fit(lambda: iter([rows[rng.permutation(len(rows))]]))


def test_error_of_a_source_gets_a_note_with_the_block(X):
    def failing():
        yield X[:500]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone") as caught:
        VMFMixture(3).fit(failing)
    assert caught.value.__notes__ == ["Block 1 of X, which starts at row 500, could not be read."]


@pytest.mark.parametrize("nothing", [lambda: iter([]), lambda: iter([np.empty((0, 4))])])
def test_refuses_sources_without_rows(nothing):
    with pytest.raises(ValueError, match="no rows"):
        VMFMixture(3).fit(nothing)


def test_refuses_data_sets_with_several_columns_of_vectors(X):
    datasets = pytest.importorskip("datasets")
    both = datasets.Dataset.from_dict({"one": list(X[:10]), "other": list(X[:10])})
    with pytest.raises(ValueError, match="columns one, other, of which 2 contain vectors"):
        VMFMixture(3).fit(both)


def test_iterator_may_reuse_its_array(X, reference):
    def blocks():
        block = np.empty((250, X.shape[1]), np.float32)
        for start in range(0, len(X), 250):
            block[:] = X[start : start + 250]
            yield block

    np.testing.assert_array_equal(VMFMixture(random_state=0).fit(blocks).labels_, reference.labels_)
