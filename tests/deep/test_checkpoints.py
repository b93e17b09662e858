"""Checkpoints of trainings: damaged, of another training, or malicious."""

import io
import pickle
import resource
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("kornia")

from sklearn.datasets import load_digits  # noqa: E402

from vmfmix.deep.checkpoints import read_checkpoint  # noqa: E402
from vmfmix.deep.data import Images  # noqa: E402
from vmfmix.deep.networks import small_convnet  # noqa: E402
from vmfmix.deep.train import train  # noqa: E402
from vmfmix.deep.views import Views  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.training]
N_DAMAGED = 2000
SMALL = {"dim": 16, "hidden": 32, "predictor_hidden": 16, "n_components_init": 10}


@pytest.fixture(scope="module")
def images():
    X, _ = load_digits(return_X_y=True)
    return Images(X[:200].reshape(-1, 8, 8) / 16.0)


@pytest.fixture(scope="module")
def folder(images, tmp_path_factory):
    """Return the folder of a training of two epochs."""
    folder = tmp_path_factory.mktemp("training")
    trained(images, folder)
    return folder


def trained(images, out=None, **options):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return train(
            options.pop("method", "siammm"),
            images,
            encoder=options.pop("encoder", None) or small_convnet(1, 4),
            views=Views(8, 1, flip=False, least_area=0.5),
            out=out,
            batch_size=100,
            trainer={"accelerator": "cpu", "enable_progress_bar": False},
            **{"epochs": 2, **SMALL, **options},
        )


@pytest.fixture
def given(folder, tmp_path):
    """Return a function that writes bytes, or an archive, where a training would resume."""
    (tmp_path / "config.yaml").write_bytes((folder / "config.yaml").read_bytes())
    path = tmp_path / "last.ckpt"

    def put(content):
        path.write_bytes(content if isinstance(content, bytes) else archive(content))
        return path

    return put


def archive(parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as stored:
        for name, part in parts.items():
            stored.writestr(name, part)
    return file.getvalue()


def parts_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as stored:
        return {name: stored.read(name) for name in stored.namelist()}


def outcome(path):
    try:
        stored = read_checkpoint(path)
    except ValueError as error:
        assert "last.ckpt is not a readable checkpoint" in str(error)
        return "refused"
    assert all(isinstance(name, str) for name in stored["state_dict"])
    return "read"


@pytest.mark.slow
@pytest.mark.damage
def test_a_damaged_checkpoint_is_refused(folder, given):
    whole, rng = (folder / "last.ckpt").read_bytes(), np.random.default_rng(0)
    weights = read_checkpoint(given(whole))["state_dict"]
    outcomes = {"refused": 0, "read": 0}
    for case in range(N_DAMAGED):
        damaged = bytearray(whole)
        if case % 5 == 0:
            damaged = damaged[: rng.integers(len(whole))]
        else:
            for place in rng.integers(len(whole), size=rng.integers(1, 4)):
                damaged[place] ^= 1 << rng.integers(8)
        path = given(bytes(damaged))
        found = outcome(path)
        outcomes[found] += 1
        if found == "read":  # what was hit fills gaps between arrays
            again = read_checkpoint(path)["state_dict"]
            assert all(torch.equal(again[name], value) for name, value in weights.items())
    assert outcomes["refused"] > 0.5 * N_DAMAGED


@pytest.mark.damage
def test_damage_without_wrong_checksum_is_refused(folder, given):
    """The damage is in the pickle that lists the arrays, and the archive is written anew."""
    parts = parts_of((folder / "last.ckpt").read_bytes())
    name = next(name for name in parts if name.endswith("data.pkl"))
    rng, outcomes = np.random.default_rng(0), {"refused": 0, "read": 0}
    for _ in range(N_DAMAGED // 4):
        damaged = bytearray(parts[name])
        for place in rng.integers(len(damaged), size=rng.integers(1, 20)):
            damaged[place] ^= 1 << rng.integers(8)
        outcomes[outcome(given(parts | {name: bytes(damaged)}))] += 1
    assert outcomes["refused"] > 0.5 * N_DAMAGED // 4


def test_claimed_size_is_not_allocated(folder, given):
    """With at most 1 GiB left, allocating the claimed size would raise another error."""
    content = bytearray((folder / "last.ckpt").read_bytes())
    place = content.index(b"PK\x01\x02")  # the first entry of the directory of the archive
    content[place + 20 : place + 28] = (2**32 - 2).to_bytes(4, "little") * 2
    path = given(bytes(content))
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + 2**30, hard))
    try:
        assert outcome(path) == "refused"
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class Harmful:
    """An object that creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def test_checkpoint_is_not_unpickled(folder, given, tmp_path):
    harm = tmp_path / "harm"
    file = io.BytesIO()
    torch.save({"state_dict": {"encoder.weight": Harmful(harm)}}, file)
    assert outcome(given(file.getvalue())) == "refused"
    assert outcome(given(pickle.dumps(Harmful(harm)))) == "refused"
    assert not harm.exists()


def test_truncated_checkpoint_is_refused_and_kept(images, folder, given, tmp_path):
    torn = (folder / "last.ckpt").read_bytes()[:-100]
    path = given(torn)
    with pytest.raises(
        ValueError, match=r"last\.ckpt is not a readable checkpoint: it is damaged, .*; pass"
    ):
        trained(images, tmp_path)
    assert path.read_bytes() == torn
    with pytest.raises(ValueError, match=r"last\.ckpt has no weights that can be read"):
        trained(images, start=path)


def test_checkpoint_of_another_training_is_refused_and_kept(images, folder, given, tmp_path):
    whole = (folder / "last.ckpt").read_bytes()
    path = given(whole)
    with pytest.raises(ValueError, match=r"The encoder in .*last\.ckpt has another architecture"):
        trained(images, tmp_path, encoder=small_convnet(1, 8))
    file = io.BytesIO()
    torch.save({"state_dict": {}}, file)
    given(file.getvalue())
    with pytest.raises(
        ValueError, match=r"last\.ckpt cannot be resumed from: it lacks callbacks, epoch, "
    ):
        trained(images, tmp_path)
    assert path.read_bytes() == file.getvalue()


def test_full_disk_keeps_previous_checkpoint(images, folder, tmp_path):
    """A limit on the size of files stands in for a full disk."""
    names = "config.yaml", "last.ckpt"
    for name in names:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    text = (tmp_path / "config.yaml").read_text().replace("epochs: 2", "epochs: 3")
    (tmp_path / "config.yaml").write_text(text)
    before = (tmp_path / "last.ckpt").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(OSError) as raised:
            trained(images, tmp_path, epochs=3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.filename == str(tmp_path / "last.ckpt")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.yaml",
        "last.ckpt",
        "run.json",
    ]
    assert (tmp_path / "last.ckpt").read_bytes() == before
    assert len(trained(images, tmp_path, epochs=3).history) == 3
