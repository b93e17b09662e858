"""Tests of damaged and malicious files: no code runs, and no large memory is allocated."""

import io
import json
import pickle
import resource
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

import vmfmix
from tests.limits import HANG
from vmfmix import VMFMixture
from vmfmix.cli.main import main
from vmfmix.datasets import make_vmf_mixture

pytestmark = pytest.mark.damage

N_DAMAGED = 10_000


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(60, 4, 2, concentration=50.0, random_state=0)[0]


@pytest.fixture(scope="module")
def content(rows, tmp_path_factory):
    """Return the bytes of a model file with parameters, attributes and a merge path."""
    path = tmp_path_factory.mktemp("model") / "model.npz"
    VMFMixture(2, n_components_init=4, background=True, random_state=0).fit(rows).save(path)
    return path.read_bytes()


@pytest.fixture
def load_content(tmp_path):
    """Return a function that loads a model from bytes, or from the arrays of an archive."""
    path = tmp_path / "given.npz"

    def load(content):
        path.write_bytes(content if isinstance(content, bytes) else archive(content))
        return vmfmix.load(path)

    return load


def archive(parts, compression=zipfile.ZIP_STORED):
    """Return the bytes of an .npz file of arrays, which may be given as bytes of .npy files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as stored:
        for name, part in parts.items():
            stored.writestr(f"{name}.npy", part if isinstance(part, bytes) else as_npy(part))
    return file.getvalue()


def as_npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def parts_of(content):
    with np.load(io.BytesIO(content)) as stored:
        return dict(stored)


def with_header(content, change):
    """Return the arrays of a model file with a changed header."""
    parts = parts_of(content)
    header = json.loads(str(parts["format"]))
    change(header)
    return parts | {"format": np.array(json.dumps(header))}


def assert_refused(load_content, content):
    with pytest.raises(ValueError, match=r"given\.npz is damaged, or not a vmfmix model; pass"):
        load_content(content)


def assert_usable(model, rows):
    """Assert that a damaged model that could be loaded predicts finite probabilities."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            probabilities = model.predict_proba(rows)
            model.merge_to(3)
        except ValueError:  # the number of features or components was damaged
            return
    assert np.isfinite(probabilities).all()


@pytest.mark.parametrize("is_compressed", [True, False])
def test_a_damaged_model_is_refused_or_usable(content, rows, load_content, is_compressed):
    """Flip bits or cut the file; checksums catch nearly all of it, so the next test has none."""
    rng = np.random.default_rng(0)
    if not is_compressed:
        content = archive({name: as_npy(part) for name, part in parts_of(content).items()})
    outcomes = {"refused": 0, "loaded": 0}
    for case in range(N_DAMAGED // 4):
        damaged = bytearray(content)
        if case % 5 == 0:
            damaged = damaged[: rng.integers(len(content))]
        else:
            for place in rng.integers(len(content), size=rng.integers(1, 4)):
                damaged[place] ^= 1 << rng.integers(8)
        outcomes[outcome(load_content, bytes(damaged), rows)] += 1
    assert outcomes["refused"] > 0.5 * N_DAMAGED / 4


def test_a_damaged_array_is_refused_or_usable(content, rows, load_content):
    """Damage arrays in an archive whose checksums are valid."""
    rng = np.random.default_rng(0)
    arrays = {name: as_npy(part) for name, part in parts_of(content).items()}
    names = sorted(arrays)
    outcomes = {"refused": 0, "loaded": 0}
    for _ in range(N_DAMAGED // 2):
        name = names[rng.integers(len(names))]
        damaged = bytearray(arrays[name])
        damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
        outcomes[outcome(load_content, archive(arrays | {name: bytes(damaged)}), rows)] += 1
    assert outcomes["refused"] > 0.3 * N_DAMAGED / 2
    assert outcomes["loaded"] > 0  # some changed numbers are still valid


def outcome(load_content, damaged, rows):
    try:
        model = load_content(damaged)
    except ValueError as error:
        assert "given.npz" in str(error)
        return "refused"
    assert_usable(model, rows)
    return "loaded"


class Harmful:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


@pytest.mark.parametrize("name", ["format", "fitted.means_", "parameter.means_init"])
def test_nothing_is_unpickled(content, load_content, tmp_path, name):
    harm = tmp_path / "harm"
    pickle.loads(pickle.dumps(Harmful(harm)))
    assert harm.exists()  # unpickling runs the code
    harm.unlink()
    file = io.BytesIO()
    np.save(file, np.array([Harmful(harm)], dtype=object), allow_pickle=True)
    assert_refused(load_content, parts_of(content) | {name: file.getvalue()})
    assert_refused(load_content, pickle.dumps(Harmful(harm)))
    assert not harm.exists()


@pytest.mark.parametrize(
    "name",
    ["../evil", "/tmp/evil", "fitted.../../evil", "fitted.fit", "fitted.__class__", "fitted._fit"],
)
def test_refuses_names_outside_the_model(content, load_content, tmp_path, name):
    assert_refused(load_content, parts_of(content) | {name: np.ones(3)})
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["given.npz"]


@pytest.mark.parametrize("name", ["predict", "__class__", "_fit", "__dict__", "_n_features_out"])
def test_refuses_attributes_unknown_to_a_fit(content, load_content, name):
    def change(header):
        header["fitted"][name] = 1

    assert_refused(load_content, with_header(content, change))


def claims_many_rows(content, name="fitted.means_"):
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 4), }"
    head = head.ljust(117) + b"\n"
    array = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(64)
    return archive(parts_of(content) | {name: array})


def claims_many_bytes(content, name="fitted.means_"):
    """Like `claims_many_rows`, and the archive claims to hold as many bytes."""
    stored = bytearray(claims_many_rows(content, name))
    place = (
        stored.rindex(f"{name}.npy".encode()) - 46
    )  # start of its entry in the central directory
    stored[place + 24 : place + 28] = (2**32 - 2).to_bytes(4, "little")
    return bytes(stored)


@pytest.fixture
def little_memory():
    """Limit memory to 1 GiB more, so that allocating the claimed size raises MemoryError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + 2**30, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.parametrize("make", [claims_many_rows, claims_many_bytes])
def test_model_of_false_size_allocates_no_memory(content, load_content, make, little_memory):
    assert_refused(load_content, make(content))


@pytest.mark.parametrize("make", [claims_many_rows, claims_many_bytes])
@pytest.mark.parametrize("kind", ["rows", "sparse", "images"])
def test_input_of_false_size_allocates_no_memory(
    rows, tmp_path, capsys, monkeypatch, make, kind, little_memory
):
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", rows)
    if kind == "sparse":
        sp.save_npz("given.npz", sp.csr_array(rows))
    else:
        np.savez("given.npz", **{kind: rows})
    path = Path("given.npz")
    path.write_bytes(make(path.read_bytes(), "data" if kind == "sparse" else kind))
    command = ["fit", "given.npz"]
    if kind == "images":
        VMFMixture(1).fit(rows).save("model.npz")
        command = ["report", "model.npz", "rows.npy", "--images", "given.npz"]
    assert main([*command, "--out", "out.html" if kind == "images" else "out"]) == 2
    assert "given.npz is not a complete .npz file" in capsys.readouterr().err


def test_refuses_huge_shapes_that_need_no_bytes(
    content, rows, load_content, tmp_path, capsys, monkeypatch, little_memory
):
    monkeypatch.chdir(tmp_path)
    many = (np.ones(1), (np.zeros(1, int), np.zeros(1, int)))
    sp.save_npz("given.npz", sp.coo_array(many, shape=(10**9, 4)))
    assert main(["fit", "given.npz", "--out", "out"]) == 2
    assert "given.npz is not a sparse matrix" in capsys.readouterr().err
    head = b"{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000,), }".ljust(117) + b"\n"
    array = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head
    assert_refused(load_content, parts_of(content) | {"fitted.feature_names_in_": array})


def test_npz_with_entries_that_are_not_arrays(rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("given.npz", rows=rows, names=np.array([{}]), other=rows)
    with zipfile.ZipFile("given.npz", "a") as stored:
        stored.writestr("README", "about")
    assert main(["fit", "given.npz", "--array", "rows", "--out", "out", "--quiet"]) == 0


def test_refuses_nested_and_malformed_headers(content, load_content):
    parts = parts_of(content)
    for text in (
        "[" * 50_000,
        "{}",
        "null",
        '{"format": 3, "vmfmix": "1", "parameter": 1}',
        "\ud800",
    ):
        with_text = np.array([text.encode("utf-32-le", "surrogatepass")], dtype="S")
        assert_refused(
            load_content, parts | {"format": np.array(text) if text.isascii() else with_text}
        )
    head = (b"{'descr': '<f8', 'fortran_order': False, 'shape': " + b"(" * 9000).ljust(9917) + b"\n"
    array = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head
    assert_refused(load_content, parts | {"fitted.means_": array})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("fitted.means_", lambda value: value * 2),
        ("fitted.means_", lambda value: value[:, :3]),
        ("fitted.means_", lambda value: value.astype(">f8")),
        ("fitted.means_", lambda value: value * np.nan),
        ("fitted.weights_", lambda value: -value),
        ("fitted.weights_", lambda value: value[:1]),
        ("fitted.concentrations_", lambda value: value * 1e300),
        ("fitted.labels_", lambda value: value + 7),
        ("fitted.labels_", lambda value: value[:3]),
        ("fitted.probabilities_", lambda value: value - 1),
        ("fitted.names_", lambda value: np.array(["a", "b", "c"])),
        ("fitted.names_", lambda value: np.array([["a", "b"]])),
        ("fitted.names_", lambda value: np.array(["a", "a"])),
        ("fitted.names_", lambda value: np.array(["", ""])),
        ("fitted.names_", lambda value: np.array(["a", " "])),
        ("fitted.names_", lambda value: np.array([b"a", b"b"])),
        ("fitted.names_", lambda value: np.array([1, 2])),
        ("fitted.merge_history_.nodes", lambda value: value[::-1]),
        ("fitted.merge_history_.nodes", lambda value: value * 1.0),
        ("fitted.merge_history_.children", lambda value: value + 1),
        ("fitted.merge_history_.rounds", lambda value: value[::-1]),
        ("fitted.merge_history_.counts", lambda value: value * 0),
        ("fitted.merge_history_.resultants", lambda value: value * np.inf),
        ("fitted.merge_history_.scores", lambda value: np.ones(5)),
        ("parameter.n_components", lambda value: np.ones(2)),
    ],
)
def test_refuses_inconsistent_arrays(content, load_content, name, change):
    parts = parts_of(content)
    assert load_content(parts).n_components_ == 2  # valid without the change
    with np.errstate(all="ignore"):
        assert_refused(load_content, parts | {name: np.ascontiguousarray(change(parts.get(name)))})


def test_refuses_sparse_indices_out_of_range(load_content, tmp_path):
    """Indices out of range would make the kernels read arbitrary memory."""
    X = sp.random_array((80, 4000), density=0.002, random_state=0, format="csr")
    X = sp.csr_array(X + sp.csr_array((np.ones(80), (np.arange(80), np.arange(80) % 2)), X.shape))
    path = tmp_path / "sparse.npz"
    VMFMixture(2, n_components_init=30, random_state=0).fit(X).save(path)
    parts = parts_of(path.read_bytes())
    name = "fitted.merge_history_.resultants"
    assert f"{name}.indices" in parts  # stored as a sparse array
    assert load_content(parts).merge_to(5).n_components_ == 5
    for part in ("indices", "indptr", "shape"):
        wrong = parts[f"{name}.{part}"].copy()
        wrong[-1] = 2**30
        assert_refused(load_content, parts | {f"{name}.{part}": wrong})


def test_torch_device_is_saved_by_name(rows, tmp_path):
    torch = pytest.importorskip("torch")
    model = VMFMixture(2, device=torch.device("cpu"), means_init=torch.eye(2, 4)).fit(rows)
    model.save(tmp_path / "model.npz")
    again = vmfmix.load(tmp_path / "model.npz")
    assert again.device == "cpu"
    np.testing.assert_array_equal(again.predict(rows), model.labels_)


def write_embeddings(kind, rows):
    """Write rows in a format, and return the path to read and the files to damage."""
    path = Path(f"rows.{kind}")
    if kind == "sparse.npz":
        sp.save_npz(path, sp.csr_array(rows), compressed=False)
        return path, [path]
    formats = pytest.importorskip("tests.storage.inputs.formats")
    (path,) = formats.write(Path(), kind, rows, np.arange(len(rows)) % 3)
    files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
    return path, sorted(files)


FORMATS = ["npy", "npz", "sparse.npz", "parquet", "wide", "feather", "arrow", "stream", "csv"]
FORMATS += ["text-vectors.csv", "jsonl", "hugging-face", "safetensors", "pt", "h5", "zarr"]


@pytest.mark.parametrize("kind", FORMATS)
def test_fit_refuses_damaged_embeddings(kind, rows, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path, files = write_embeddings(kind, rows)
    monkeypatch.setattr(
        "vmfmix.cli.main._fit_model", lambda arguments, given: VMFMixture(1).fit(given.rows)
    )
    command = ["fit", str(path), "--out", "out", "--overwrite", "--quiet"]
    assert main(command) == 0
    capsys.readouterr()
    rng = np.random.default_rng(0)
    refused = 0
    for case in range(60):
        file = files[rng.integers(len(files))]
        whole = file.read_bytes()
        damaged = bytearray(whole)
        if case % 5 == 0:
            damaged = damaged[: rng.integers(len(whole))]
        else:  # near the start or the end, where formats keep their metadata
            edge = rng.integers(min(160, len(whole)))
            damaged[edge if case % 2 else len(whole) - 1 - edge] ^= 1 << rng.integers(8)
        file.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = main(command)
        file.write_bytes(whole)
        captured = capsys.readouterr()
        assert code in (0, 2)
        if code == 2:
            refused += 1
            assert captured.err.startswith("vmfmix: error: ") and captured.err.count("\n") == 1
    assert refused > 4 if kind in ("csv", "text-vectors.csv", "jsonl", "zarr") else refused > 10


BLOCKED = """
import socket, sys
def refuse(*args, **kwargs):
    print("NETWORK", args)
    raise OSError("the network is closed")
for name in ("connect", "connect_ex", "sendto", "bind"):
    setattr(socket.socket, name, refuse)
for name in ("getaddrinfo", "gethostbyname", "create_connection"):
    setattr(socket, name, refuse)
import matplotlib
matplotlib.use("agg")
import numpy as np
import vmfmix, vmfmix.plotting, vmfmix.inspection, vmfmix.metrics
from vmfmix.cli.main import main
from vmfmix.datasets import load_snips
X = load_snips().data[::20]
model = vmfmix.VMFMixture(random_state=0).fit(X)
model.predict(X), model.transform(X), model.score(X), model.sample(3)
model.merge_history_.plot(), model.merge_history_.plot_dendrogram()
model.save("model.npz")
vmfmix.load("model.npz").partial_fit(X)
np.save("rows.npy", X)
assert main(["fit", "rows.npy", "--n-components", "3", "--out", "out"]) == 0
assert main(["predict", "out/model.npz", "rows.npy", "--out", "again"]) == 0
try:
    socket.create_connection(("localhost", 9))
except OSError:
    print("CLOSED")
"""


def test_network_is_never_used(tmp_path):
    pytest.importorskip("matplotlib")
    command = [sys.executable, "-W", "ignore", "-c", BLOCKED]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=HANG)
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.count("NETWORK") == 1 and "CLOSED" in done.stdout
    )  # one attempt by the test itself
