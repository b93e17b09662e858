"""Weights of encoders from files of several kinds, and frozen encoders."""

import copy
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("kornia")

from lightning.pytorch import Callback  # noqa: E402
from torch import nn  # noqa: E402

from vmfmix.deep import load_encoder  # noqa: E402
from vmfmix.deep.console import quiet_lightning  # noqa: E402
from vmfmix.deep.networks import small_convnet  # noqa: E402
from vmfmix.deep.train import train  # noqa: E402
from vmfmix.deep.weights import load_start, read_weights  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.training]
torch.set_num_threads(1)
ROWS = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
IMAGES = np.random.default_rng(0).integers(0, 256, size=(40, 8, 8), dtype=np.uint8)
ON_CPU = {"accelerator": "cpu", "enable_progress_bar": False}


def trained(data, out=None, method="siammm", **options):
    small = {"epochs": 2, "batch_size": 10, "dim": 4, "hidden": 8, "n_components": 2, **options}
    with quiet_lightning(), warnings.catch_warnings():
        warnings.filterwarnings("error", ".*in eval mode")  # of Lightning, about frozen encoders
        return train(method, data, out=out, **{"trainer": ON_CPU, **small})


def make_encoder():
    return small_convnet(1, 4)


@pytest.fixture
def weights():
    torch.manual_seed(1)
    return make_encoder().state_dict()


def save_with_classifier(weights, path):
    torch.save({**weights, "fc.weight": torch.zeros(3, 16), "fc.bias": torch.zeros(3)}, path)


def save_lightning(weights, path):
    content = {f"model.encoder.{name}": value for name, value in weights.items()}
    others = {"model.projector.weight": torch.zeros(2, 2), "queue": torch.zeros(5)}
    torch.save({"epoch": 3, "state_dict": content | others, "optimizer_states": []}, path)


def save_safetensors(weights, path):
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file({f"backbone.{name}": value for name, value in weights.items()}, path)


def save_in_old_format(weights, path):
    old = {name: value for name, value in weights.items() if "num_batches" not in name}
    torch.save(old, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("plain.pt", torch.save),
        ("parallel.pth", lambda w, path: torch.save({f"module.{n}": w[n] for n in w}, path)),
        ("classifier.pth", save_with_classifier),
        ("last.ckpt", save_lightning),
        ("weights.safetensors", save_safetensors),
        ("old.pth.tar", save_in_old_format),
    ],
)
def test_weights_of_every_kind_are_loaded(name, save, weights, tmp_path):
    save(weights, tmp_path / name)
    encoder = make_encoder()
    load_start(encoder, read_weights(tmp_path / name), tmp_path / name)
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, weights[name])


def test_a_classification_layer_is_left_out_with_a_line_that_says_so(weights, tmp_path):
    path = tmp_path / "weights.pt"
    save_with_classifier(weights, path)
    with pytest.warns(UserWarning, match=r"weights.pt: left out fc.weight, fc.bias, a classific"):
        load_start(make_encoder(), read_weights(path), path)
    encoder = nn.Sequential()
    encoder.fc = nn.Linear(16, 2)
    with pytest.raises(ValueError, match=r"fc.weight of shape \(3, 16\) in place of \(2, 16\)"):
        load_start(encoder, read_weights(path), path)


def test_a_training_starts_from_the_folder_of_another(tmp_path):
    """Also from one whose encoder normalizes images, and from one of another method."""
    colors = np.stack([IMAGES] * 3, axis=-1)
    first = trained(colors, tmp_path, "simclr", encoder="small_convnet", normalize="imagenet")
    again = trained(colors, encoder="small_convnet", start=tmp_path, freeze=True)
    expected = first.method.encoder.network.state_dict()
    for name, value in again.method.encoder.state_dict().items():
        assert torch.equal(value, expected[name])


def test_weights_of_another_architecture_are_refused_in_one_sentence(weights, tmp_path):
    path = tmp_path / "weights.pt"
    del weights["0.weight"], weights["1.bias"]
    torch.save({**weights, **{f"extra{i}": torch.zeros(1) for i in range(5)}}, path)
    with pytest.raises(ValueError) as raised:
        load_start(make_encoder(), read_weights(path), path)
    assert str(raised.value) == (
        f"The encoder in {path} has another architecture: it lacks 0.weight, 1.bias; it has in "
        "addition extra0, extra1, extra2 and 2 more. Pass weights of the same architecture, or "
        "another encoder."
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("module", "objects that could run code; pass a state dict"),
        ({"epoch": 3}, "has no weights that can be read"),
        (torch.zeros(3), "has no weights that can be read"),
        (None, "has no weights that can be read: it is damaged"),
    ],
)
def test_files_without_weights_are_refused(content, message, tmp_path):
    path = tmp_path / "weights.pt"
    if content is None:
        path.write_bytes(b"damaged")
    else:
        torch.save(make_encoder() if content == "module" else content, path)
    with pytest.raises(ValueError, match=message):
        read_weights(path)


# --- frozen encoders -----------------------------------------------------------------------------


def images_encoder():
    torch.manual_seed(3)
    encoder = make_encoder()
    encoder(torch.rand(20, 1, 8, 8))  # moves the statistics of batch normalization
    return encoder


def rows_encoder():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))


class AtStart(Callback):
    """Keeps the state of a training at its start."""

    def on_train_start(self, trainer, module):
        self.state = copy.deepcopy(module.state_dict())


@pytest.mark.parametrize("method", ["siammm", "mixem", "simclr", "byol"])
@pytest.mark.parametrize("kind", ["images", "rows"])
def test_a_frozen_encoder_stays_bit_identical_and_the_rest_learns(method, kind):
    data, encoder = {"images": (IMAGES, images_encoder()), "rows": (ROWS, rows_encoder())}[kind]
    before, start = copy.deepcopy(encoder.state_dict()), AtStart()
    options = {"warm_up": 0.0, "ramp": 0.0} if method in ("siammm", "byol") else {}
    learner = trained(
        data,
        method=method,
        encoder=encoder,
        freeze=True,
        learning_rate=0.5,
        trainer={**ON_CPU, "callbacks": [start]},
        **options,
    ).method
    for name, value in learner.encoder.state_dict().items():
        assert torch.equal(value, before[name])
    learned = [name for name, value in learner.named_parameters() if value.requires_grad]
    if method in ("siammm", "byol"):
        learned += [name for name, _ in learner.named_parameters() if name.startswith("target.")]
    assert learned and not any(".encoder." in f".{name}" for name in learned)
    state = learner.state_dict()
    for name in learned:
        # The bias before a normalization has no gradient.
        assert not torch.equal(state[name], start.state[name]) or name.endswith(".bias"), name


def test_a_frozen_encoder_is_in_evaluation_mode_while_the_rest_trains():
    learner = trained(ROWS, encoder=rows_encoder(), freeze=True).method
    learner.train()
    assert learner.projector.training and not any(m.training for m in learner.encoder.modules())


def test_a_frozen_training_is_resumed_and_loaded(tmp_path):
    encoder = images_encoder()
    for epochs in (1, 3):
        result = trained(IMAGES, tmp_path, encoder=encoder, freeze=True, epochs=epochs)
    found = load_encoder(tmp_path, encoder=make_encoder()).transform(IMAGES)
    np.testing.assert_allclose(found, result.embeddings, atol=1e-6)
    with pytest.raises(ValueError, match=r"another config \(freeze differ\)"):
        trained(IMAGES, tmp_path, encoder=encoder, epochs=3)


def test_freezing_random_weights_is_refused():
    for encoder in (None, "small_convnet"):
        with pytest.raises(ValueError, match="freeze=True would keep random weights; pass start"):
            trained(IMAGES, encoder=encoder, freeze=True)
