"""The same table in files of every format, for tests."""

import json

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")

TEXTS = [
    "two\nlines\r\n",
    "a\ttab",
    'a "quoted", text',
    "שלום עולם",
    "🎉 emoji 👩\u200d🔬",
    "東京に住む人",
    " spaces ",
]
BINARY_TABLES = ["parquet", "fixed", "tensor", "wide", "feather", "arrow", "stream"]
TEXT_TABLES = ["csv", "text-vectors.csv", "numpy-vectors.csv", "tsv", "jsonl", "ndjson"]
TABLES = [*BINARY_TABLES, *TEXT_TABLES, "shards", "files", "hugging-face"]
ARRAYS = ["npy", "npz", "safetensors", "pt", "pth", "h5", "hdf5", "zarr", "npy-shards"]
INEXACT = set(TEXT_TABLES)


def texts_of(n_rows):
    return [f"{TEXTS[row % len(TEXTS)]}{row}" for row in range(n_rows)]


def columns_of(X, y):
    """Return the columns beside the embeddings."""
    return {
        "created_at": pa.array(["2024-01-31"] * len(X)),
        "id": pa.array([f"{row:05d}" for row in range(len(X))]),
        "text": pa.array(texts_of(len(X))),
        "label": pa.array(np.asarray(y, dtype=np.int64)),
    }


def table_of(X, y, kind="list"):
    """Return a table of a column of vectors, or of one column for each number."""
    columns = columns_of(X, y)
    if kind == "wide":
        return pa.table(columns | {f"e{i}": X[:, i] for i in range(X.shape[1])})
    flat = pa.array(X.ravel())
    vectors = {
        "list": lambda: pa.array(list(X), pa.list_(flat.type)),
        "fixed": lambda: pa.FixedSizeListArray.from_arrays(flat, X.shape[1]),
        "tensor": lambda: pa.FixedShapeTensorArray.from_numpy_ndarray(X),
    }
    return pa.table(columns | {"vector": vectors[kind]()})


def write(folder, name, X, y):
    """Write the rows in one of the `TABLES` or `ARRAYS`, and return the paths to read."""
    if name in ARRAYS:
        return [write_arrays(folder, name, X, y)]
    if name in ("shards", "files"):
        (folder / name).mkdir()
        (folder / name / "_SUCCESS").touch()
        (folder / name / "README.md").touch()
        bounds = [0, 7, 8, 100, len(X)]
        paths = [folder / name / f"part-{number}.parquet" for number in (1, 2, 10, 11)]
        for path, start, stop in zip(paths, bounds, bounds[1:]):
            write_table(table_of(X, y)[start:stop], path)
        return [folder / name] if name == "shards" else paths
    if name == "hugging-face":
        return [write_dataset(folder / "dataset", table_of(X, y))]
    kind = name if name in ("fixed", "tensor", "wide") else "list"
    suffix = "parquet" if kind != "list" else name
    if name == "stream":
        path = folder / "x.arrow"
        write_stream(table_of(X, y), path)
        return [path]
    path = folder / f"x.{suffix}"
    write_table(table_of(X, y, "wide" if name in ("csv", "tsv") else kind), path)
    return [path]


def write_table(table, path):
    import pyarrow.parquet as pq
    from pyarrow import feather

    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=100)
    elif path.suffix == ".feather":
        feather.write_feather(table, str(path), chunksize=64)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=64)
    else:
        write_text(table, path)


def write_text(table, path):
    """Write a table as pandas does."""
    pd = pytest.importorskip("pandas")
    columns = {name: table[name].to_pylist() for name in table.column_names}
    vectors = columns.get("vector")
    if path.name.startswith("x.text-vectors"):
        columns["vector"] = [str(vector) for vector in vectors]
    elif path.name.startswith("x.numpy-vectors"):
        columns["vector"] = [str(np.array(vector)) for vector in vectors]
    frame = pd.DataFrame(columns)
    if path.suffix in (".csv", ".tsv"):
        frame.to_csv(path, index=False, sep="," if path.suffix == ".csv" else "\t")
    else:
        lines = [json.dumps(row, ensure_ascii=False) for row in frame.to_dict("records")]
        path.write_text("\n".join(lines), encoding="utf-8")


def write_stream(table, path):
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=64)


def write_dataset(folder, table):
    """Write what ``Dataset.save_to_disk`` of Hugging Face writes."""
    folder.mkdir()
    half = len(table) // 2
    names = [f"data-{number:05d}-of-00002.arrow" for number in range(2)]
    write_stream(table[:half], folder / names[0])
    write_stream(table[half:], folder / names[1])
    state = {"_data_files": [{"filename": name} for name in names], "_split": "train"}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def write_arrays(folder, name, X, y):
    path = folder / f"x.{name}"
    if name == "npy":
        np.save(path, X)
    elif name == "npz":
        np.savez(path, rows=X, y=y)
    elif name == "npy-shards":
        path = folder / "arrays"
        path.mkdir()
        for number, part in ((1, X[:7]), (2, X[7:8]), (10, X[8:])):
            np.save(path / f"part-{number}.npy", part)
    elif name == "safetensors":
        pytest.importorskip("safetensors.numpy").save_file({"rows": X, "y": y}, path)
    elif name in ("pt", "pth"):
        torch = pytest.importorskip("torch")
        tensor = torch.from_numpy(np.array(X))
        torch.save(tensor if name == "pt" else {"rows": tensor, "about": "some"}, path)
    elif name in ("h5", "hdf5"):
        with pytest.importorskip("h5py").File(path, "w") as file:
            file.create_dataset("group/rows", data=X, chunks=(5, X.shape[1]), compression="gzip")
            file["texts"] = texts_of(len(X))
    else:
        zarr = pytest.importorskip("zarr")
        shape, chunks = X.shape, (32, X.shape[1])
        group = zarr.open_group(str(path), mode="w")
        group.create_array("rows", shape=shape, chunks=chunks, dtype=X.dtype)[:] = X
    return path
