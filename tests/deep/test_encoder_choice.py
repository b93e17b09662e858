"""Encoders by name or made by code of one's own: training, loading and export."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("kornia")

from torch import nn  # noqa: E402

from vmfmix.cli.main import main as vmfmix_main  # noqa: E402
from vmfmix.deep import load_encoder  # noqa: E402
from vmfmix.deep.console import quiet_lightning  # noqa: E402
from vmfmix.deep.data import Images  # noqa: E402
from vmfmix.deep.encoder_choice import ENCODERS, make_own_encoder  # noqa: E402
from vmfmix.deep.method_config import SiamMMConfig  # noqa: E402
from vmfmix.deep.networks import (  # noqa: E402
    NETWORKS,
    make_network,
    normalized,
    resnet18,
    small_resnet,
)
from vmfmix.deep.train import main, train  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.training]
torch.set_num_threads(1)
IMAGES = np.random.default_rng(0).integers(0, 256, size=(24, 8, 8, 3), dtype=np.uint8)
ON_CPU = {"accelerator": "cpu", "enable_progress_bar": False}
CODE = """
from torch import nn

def encoder(n_channels):
    return nn.Sequential(nn.Flatten(), nn.Linear(64 * n_channels, 6))

def of_rows(n_features):
    return nn.Linear(n_features, 6)

def failing():
    raise RuntimeError("no weights here")

def maps():
    return nn.Conv2d(3, 4, 3)

size = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the current folder, with images, rows and a module `own_code`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delitem(sys.modules, "own_code", raising=False)
    np.savez("images.npz", images=IMAGES)
    np.save("rows.npy", np.random.default_rng(0).normal(size=(24, 5)).astype(np.float32))
    Path("own_code.py").write_text(CODE)
    yield tmp_path
    sys.modules.pop("own_code", None)


def trained(data, out=None, **options):
    small = {"epochs": 1, "batch_size": 12, "dim": 4, "hidden": 8, "n_components": 2, **options}
    with quiet_lightning():
        return train("siammm", data, out=out, trainer=ON_CPU, **small)


COMMAND = "--epochs 1 --batch-size 12 --dim 4 --hidden 8 --n-components 2 --out run"


def multiply_adds(network, images):
    """Count the multiplications of convolutions for one image."""
    counts = []

    def count(layer, inputs, output):
        per_output = layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
        counts.append(per_output * output[0].numel())

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    network.eval()(images)
    return sum(counts)


def test_names_are_those_of_the_networks():
    assert sorted(name for names in ENCODERS.values() for name in names) == sorted(NETWORKS)


def test_small_resnet_is_narrow():
    small, large = (
        multiply_adds(make(), torch.zeros(1, 3, 32, 32)) for make in (small_resnet, resnet18)
    )
    assert small == pytest.approx(16e6, rel=0.01) and 34 < large / small < 36
    assert small_resnet(1, width=4, stride=1)(torch.zeros(2, 1, 9, 7)).shape == (2, 32)


@pytest.mark.parametrize("name", ["small_convnet", "small_resnet"])
def test_an_encoder_by_name_is_rebuilt_from_its_folder(name, tmp_path):
    result = trained(IMAGES, tmp_path, encoder=name)
    record = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert record["encoder"]["network"] == name and record["encoder"]["n_channels"] == 3
    found = load_encoder(tmp_path).transform(IMAGES)
    np.testing.assert_allclose(found, result.embeddings, atol=1e-5)


@pytest.mark.parametrize(("side", "stem"), [(32, (3, 3)), (64, (7, 7))])
def test_the_stem_of_a_resnet_depends_on_the_size_of_images(side, stem):
    images = Images(np.zeros((1, side, side, 3), np.uint8))
    encoder = make_network(**SiamMMConfig().network_for(images, "resnet18"))
    assert encoder[0].kernel_size == stem


def test_code_of_ones_own_makes_the_encoder_and_is_run_only_if_it_is_named(folder, capsys):
    assert main(["siammm", "images.npz", "--encoder", "own_code:encoder", *COMMAND.split()]) == 0
    record = json.loads(Path("run/run.json").read_text("utf-8"))
    assert record["encoder"] == {
        "callable": "own_code:encoder",
        "class": "Sequential",
        "n_channels": 3,
    }
    capsys.readouterr()
    del sys.modules["own_code"]
    embed = ["embed", "run", "images.npz", "--out", "new"]
    assert vmfmix_main(embed) == 2
    assert "if you trust it, pass --encoder own_code:encoder." in capsys.readouterr().err
    assert "own_code" not in sys.modules and not Path("new").exists()
    assert vmfmix_main([*embed, "--encoder", "own_code:encoder"]) == 0
    written = np.load("new/embeddings.npy")
    np.testing.assert_allclose(written, np.load("run/embeddings.npy"), atol=1e-5)
    assert vmfmix_main(["export", "run", "-o", "p.pt2", "--encoder", "own_code:encoder"]) == 0
    assert vmfmix_main([*embed, "--overwrite", "--encoder", "resnet18"]) == 2
    assert "--encoder resnet18 is not allowed; pass package.module:callable" in (
        capsys.readouterr().err
    )


def test_code_of_ones_own_for_rows_gets_the_number_of_features(folder):
    result = trained("rows.npy", "run", encoder="own_code:of_rows")
    assert result.method.encoder.in_features == 5
    found = load_encoder("run", encoder="own_code:of_rows").transform("rows.npy")
    np.testing.assert_allclose(found, result.embeddings, atol=1e-5)


@pytest.mark.parametrize(
    ("data", "encoder", "message"),
    [
        ("images.npz", "row_network", "pass resnet18, small_convnet, small_resnet, or package.mod"),
        ("rows.npy", "resnet18", 'encoder="resnet18" is not allowed; pass row_network, or'),
        ("images.npz", "own_code.encoder", "is not allowed; pass resnet18"),
        ("images.npz", "nowhere:encoder", "cannot be imported .*No module named 'nowhere'.* inst"),
        ("images.npz", "own_code:other", "cannot be imported .*no attribute 'other'"),
        ("images.npz", "own_code:failing", "own_code:failing cannot be made: RuntimeError: no wei"),
        ("images.npz", "own_code:size", "cannot be made: TypeError: 3 is not a callable object"),
        ("images.npz", "builtins:dict", "returned an object of the type dict; it must return a"),
        ("images.npz", "own_code:maps", r"features of shape \(4, 6, 6\); it must return one row"),
        ("rows.npy", "own_code:maps", r"cannot be applied to inputs of shape \(5,\)"),
        ("images.npz", nn.Linear, "encoder is of the type type; pass a torch.nn.Module"),
    ],
)
def test_encoders_that_cannot_be_used_are_refused_before_anything_is_written(
    folder, data, encoder, message
):
    with pytest.raises(ValueError, match=message):
        trained(data, "run", encoder=encoder)
    assert not Path("run").exists()


def test_parameters_without_effect_on_an_own_encoder_are_refused(folder):
    with pytest.raises(ValueError, match="width, depth would have no effect on an encoder of"):
        trained("rows.npy", encoder="own_code:of_rows", width=16, depth=2)


def test_the_path_of_modules_is_restored(folder):
    before = list(sys.path)
    make_own_encoder("own_code:encoder", n_channels=1)
    with pytest.raises(ValueError, match="cannot be made"):
        make_own_encoder("own_code:failing")
    assert sys.path == before


def test_normalization_is_part_of_the_encoder(tmp_path):
    result = trained(IMAGES, tmp_path, normalize="imagenet", encoder="small_resnet")
    encoder = load_encoder(tmp_path)
    np.testing.assert_allclose(encoder.transform(IMAGES), result.embeddings, atol=1e-5)
    encoder.export(tmp_path / "encoder.pt2")
    program = torch.export.load(tmp_path / "encoder.pt2").module()
    batch = torch.from_numpy(IMAGES).permute(0, 3, 1, 2) / 255.0
    np.testing.assert_allclose(program(batch), result.embeddings, atol=1e-5)
    bare = encoder.method.encoder.network
    mean, std = (
        torch.tensor(values)[:, None, None]
        for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    )
    expected = bare((batch - mean) / std)
    np.testing.assert_allclose(encoder.features(IMAGES), expected, atol=1e-5)
    with pytest.raises(ValueError, match=r"1 channel.* images in color; convert them, or omit"):
        trained(IMAGES[..., 0], normalize="imagenet")


def test_an_encoder_without_normalization_stays_as_it_is():
    encoder = nn.Identity()
    assert normalized(encoder, None) is encoder
