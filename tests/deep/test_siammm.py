"""Trainings of SiamMM on small digits: results, history, files, and resuming."""

import csv
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("kornia")

from lightning.pytorch.loggers import CSVLogger  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.preprocessing import normalize  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402

import vmfmix  # noqa: E402
from vmfmix.deep import losses, monitors  # noqa: E402
from vmfmix.deep import train as training  # noqa: E402
from vmfmix.deep.config import read_yaml  # noqa: E402
from vmfmix.deep.data import Images, as_images  # noqa: E402
from vmfmix.deep.evaluate import embed, many_to_one_accuracy  # noqa: E402
from vmfmix.deep.method_config import SiamMMConfig  # noqa: E402
from vmfmix.deep.objectives import OBJECTIVES  # noqa: E402
from vmfmix.deep.online import OnlineVMFMixture  # noqa: E402
from vmfmix.deep.siammm import SiamMM  # noqa: E402
from vmfmix.deep.training_data import _training_and_test_images  # noqa: E402
from vmfmix.deep.views import Views  # noqa: E402
from vmfmix.metrics import clustering_report  # noqa: E402
from vmfmix.storage.image_lists import read_paths  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # from Lightning, about torch
    pytest.mark.training,
]
torch.set_num_threads(1)  # idle threads of torch would slow down tests that run in parallel
SHORT = {
    "epochs": 4,
    "batch_size": 128,
    "dim": 16,
    "hidden": 64,
    "predictor_hidden": 32,
    "warm_up": 0.25,
    "ramp": 0.25,
    "refits": 2,
    "n_components_init": 20,
}
ON_CPU = {"accelerator": "cpu", "enable_progress_bar": False}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return Images(X.reshape(-1, 8, 8) / 16.0, y)


def small_encoder():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Linear(256, 32)
    )


def trained(digits, out=None, *, views=None, trainer=None, test=None, start=None, **config):
    torch.manual_seed(0)
    return training.train(
        "siammm",
        digits,
        test=test,
        start=start,
        encoder=small_encoder(),
        views=views or Views(8, 1, flip=False, least_area=0.5),
        out=out,
        trainer={**ON_CPU, **(trainer or {})},
        **{**SHORT, **config},
    )


def test_training_ends_with_mixture(digits):
    result = trained(digits)
    assert [row["epoch"] for row in result.history] == [0, 1, 2, 3]
    assert [row["share"] for row in result.history] == [0.0, 0.7, 0.7, 0.7]
    assert "n_components" not in result.history[0]
    assert all(row["n_components"] >= 2 for row in result.history[1:])
    assert all(np.isfinite(row["loss"]) for row in result.history)
    np.testing.assert_array_equal(result.model.predict(result.embeddings), result.model.labels_)
    assert result.embeddings.shape == (len(digits), 16)
    np.testing.assert_allclose(np.linalg.norm(result.embeddings, axis=1), 1.0, rtol=1e-5)


@pytest.mark.slow
def test_report_scores_test_images(digits):
    part = np.arange(len(digits)) % 4
    train, test = (
        Images(digits.images[torch.from_numpy(rows)], digits.labels[torch.from_numpy(rows)])
        for rows in (part > 0, part == 0)
    )
    result = trained(train, epochs=6, momentum=0.5, test=test)
    report = result.report
    assert report["n_images"] == len(test)
    assert report["knn"] > 0.9
    assert report["linear"] > 0.9
    assert len(report["clusterings"]) == 9
    for name, row in report["clusterings"].items():
        assert row["adjusted_mutual_info"] > 0.2, name
        assert row["n_clusters"] > 3
        assert row["many_to_one"] >= row["accuracy"] - 0.05
    ours = report["clusterings"]["mixture of the training"]
    found = result.model.predict(normalize(embed(result.method, test).embeddings))
    assert ours == {
        **clustering_report(test.labels.numpy(), found),
        "many_to_one": many_to_one_accuracy(
            train.labels.numpy(), result.model.labels_, test.labels.numpy(), found
        ),
    }
    assert result.history[-1]["knn"] > 0.3  # chance: 0.1
    with pytest.raises(ValueError, match="no labels to compare with"):
        trained(train, test=Images(test.images))


def test_loss_falls(digits):
    history = trained(digits, epochs=6, share=0.0).history
    assert history[-1]["loss"] < history[0]["loss"] - 0.05


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("momentum", [0.9, None])
def test_objectives_with_and_without_momentum(digits, objective, momentum):
    result = trained(digits, epochs=3, objective=objective, momentum=momentum, n_components=10)
    assert result.history[-1]["n_components"] == 10
    assert np.isfinite(result.history[-1]["loss"])


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objective_with_share_zero_is_siamese_loss(objective):
    generator = torch.Generator().manual_seed(0)
    rows = functional.normalize(torch.randn(300, 8, generator=generator), dim=1)
    mixture = OnlineVMFMixture(8)
    mixture.fit_(rows, 5, random_state=0)
    predicted, target = rows[:20], rows[20:40]
    loss = OBJECTIVES[objective].loss
    without, with_clusters = (
        loss(predicted, target, mixture(target), mixture, share) for share in (0.0, 0.5)
    )
    assert torch.allclose(without, losses.siamese_loss(predicted, target))
    assert not torch.allclose(without, with_clusters)


def test_help_describes_all_objectives():
    for name, objective in OBJECTIVES.items():
        assert f"{name}: {objective.description}" in " ".join(SiamMMConfig.__doc__.split())


def test_distributed_training_does_not_broadcast_bank_and_mixture(digits, tmp_path):
    """Fails if torch no longer has the private interface by which buffers are excluded."""
    config = SiamMMConfig(**SHORT)
    learner = SiamMM(small_encoder(), None, digits.images[:2], len(digits), config)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1
    )
    try:
        wrapped = DistributedDataParallel(learner)
        broadcast = {id(buffer) for buffer in wrapped.modules_buffers}
    finally:
        torch.distributed.destroy_process_group()
    names = {name for name, buffer in learner.named_buffers() if id(buffer) in broadcast}
    assert "projector.1.running_mean" in names
    assert not {name for name in names if name == "bank" or name.startswith("mixture.")}


def test_share_zero_fits_no_mixture(digits):
    result = trained(digits, share=0.0, epochs=2, n_components=10)
    assert result.method.mixture.n_components == 0
    assert result.model.n_components_ == 10


@pytest.mark.training
@pytest.mark.slow
def test_resumed_training_reaches_same_results(digits, tmp_path):
    whole = trained(digits, tmp_path / "whole")

    class Interrupted(Exception):
        pass

    def interrupt(self, outputs, batch, batch_idx):
        if self.current_epoch == 2 and batch_idx == 5:
            raise Interrupted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SiamMM, "on_train_batch_end", interrupt)
        with pytest.raises(Interrupted):
            trained(digits, tmp_path / "cut")
    again = trained(digits, tmp_path / "cut")
    assert len(again.history) == 4
    for one, other in zip(whole.history, again.history, strict=True):
        for row in (one, other):
            assert row.pop("epoch_seconds") > row.pop("mixture_seconds") >= 0
            row.pop("refit_seconds")
        assert one == pytest.approx(other, rel=1e-5)
    np.testing.assert_allclose(whole.embeddings, again.embeddings, atol=1e-4)


def test_training_writes_results(digits, tmp_path):
    out = tmp_path / "run"
    result = trained(digits, out, epochs=2)
    model = vmfmix.load(out / "mixture.npz")
    np.testing.assert_array_equal(model.labels_, np.load(out / "labels.npy"))
    np.testing.assert_array_equal(np.load(out / "embeddings.npy"), result.embeddings)
    with (out / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [row["loss"] for row in result.history]
    with (out / "clusters.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["cluster"]) for row in rows] == model.labels_.tolist()
    assert (out / "history.png").read_bytes().startswith(b"\x89PNG")
    values = read_yaml(out / "config.yaml", SiamMMConfig, "siammm")
    assert SiamMMConfig(**values) == SiamMMConfig(**{**SHORT, "epochs": 2})
    with pytest.raises(ValueError, match=r"another config \(share differ\)"):
        trained(digits, out, epochs=2, share=0.1)


def test_command_line(digits, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    np.savez(tmp_path / "digits.npz", images=digits.images[:300, 0].numpy())
    command = f"siammm {tmp_path / 'digits.npz'} --out {tmp_path / 'out'} --epochs 2"
    options = "--batch-size 100 --dim 16 --hidden 32 --momentum none --n-components 10"
    assert training.main(f"{command} {options}".split()) == 0
    assert "of 300 images" in capsys.readouterr().out
    assert read_yaml(tmp_path / "out/config.yaml", SiamMMConfig)["momentum"] is None
    config = f"--config {tmp_path / 'out/config.yaml'} --out {tmp_path / 'other'} --epochs 1"
    np.savez(
        tmp_path / "test.npz", images=digits.images[300:, 0].numpy(), y=digits.labels[300:].numpy()
    )
    again = f"siammm {tmp_path / 'digits.npz'} {config} --test {tmp_path / 'test.npz'}"
    assert training.main(again.split()) == 0
    output = capsys.readouterr().out
    assert "1497 test images of 10 classes" in output
    assert "mixture of the training" in output
    assert "linear probe" not in output  # the training images have no labels
    assert len(json.loads((tmp_path / "other/report.json").read_text())["clusterings"]) == 9
    assert read_yaml(tmp_path / "other/config.yaml", SiamMMConfig)["epochs"] == 1
    assert training.main(["siammm", str(tmp_path / "nothing"), "--out", str(tmp_path)]) == 2
    assert "There is no folder or file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ({"devices": 0}, "Lightning's Trainer refuses the options .*devices=0"),
        ({"devices": "foo"}, "Lightning's Trainer refuses the options .*devices='foo'"),
        ({"precision": "bf16-true"}, "precision='bf16-true' is not supported"),
        ({"accumulate_grad_batches": 0}, "accumulate_grad_batches=0 is not allowed"),
    ],
)
def test_refuses_options_of_the_trainer(digits, trainer, message):
    with pytest.raises(ValueError, match=message):
        trained(digits, trainer=trainer)


@pytest.mark.parametrize("named", [False, True])
def test_labels_of_test_images_are_matched_with_those_of_the_training(digits, named):
    """By their names if both parts number their classes differently, else by their numbers."""

    class Part(torch.utils.data.Dataset):
        def __init__(self, rows, classes):
            self.images, self.targets = digits.images[rows], digits.labels[rows].tolist()
            if named:
                self.classes = [str(each) for each in classes]
                self.targets = [classes.index(label) for label in self.targets]

        def __len__(self):
            return len(self.images)

        def __getitem__(self, index):
            return self.images[index], 0

    classes = list(range(10))
    parts = Part(slice(0, 400), classes), Part(slice(400, 500), classes[::-1])
    images, test = _training_and_test_images(*parts, None, as_images)
    for part, rows in ((images, slice(0, 400)), (test, slice(400, 500))):
        found = [int(images.classes[label]) for label in part.labels]
        assert found == digits.labels[rows].tolist()


def test_strings_of_a_dataset_are_labels_of_a_report(digits):
    names = [f"digit {label}" for label in digits.labels[:300].tolist()]
    whole = list(zip(digits.images[:300], names))
    parts = torch.utils.data.random_split(whole, [200, 100])
    result = trained(parts[0], test=parts[1], epochs=1, batch_size=100)
    assert result.report["n_classes"] == 10
    assert result.report["knn"] > 0.3  # chance: 0.1


def test_command_line_never_reads_its_own_pictures(digits, tmp_path, capsys, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(12):
        image.fromarray(digits.images[i, 0].numpy()).save(folder / f"{i}.png")
    (folder / "5.png").write_bytes(b"damaged")
    options = "--epochs 1 --batch-size 8 --dim 8 --hidden 16 --n-components 2 --out"
    command = ["siammm", str(folder), *options.split()]
    assert training.main([*command, str(folder / "run")]) == 2
    assert "5.png cannot be read as an image" in "".join(capsys.readouterr())
    for out in ("run", "again"):  # beside the images, as class folders would be
        assert training.main([*command, str(folder / out), "--skip-damaged"]) == 0
        printed = capsys.readouterr()
        assert "of 11 images" in printed.out
        assert printed.err.count("warning: Skipped 1 of 12 images: ") == 1
    assert "results of a training: 1 (run)." in printed.err
    paths = [folder / f"{i}.png" for i in (0, 1, 10, 11, 2, 3, 4, 6, 7, 8, 9)]
    assert read_paths(folder / "again/images.txt") == [
        folder / "again/.." / path.name for path in paths
    ]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"objective": "other"}, "objective='other'"),
        ({"share": 1.0}, "share=1.0"),
        ({"lambda_": 1.0}, "siammm has no parameter lambda_ for images; choose from epochs"),
        ({"warm_up": 0.9, "ramp": 0.2}, "sum must be from 0 to 1"),
        ({"settled": 0.2}, "settled=0.2 is not allowed; it must be above warm_up=0.25"),
        ({"n_components": "many"}, "pass an integer of at least 1, or 'auto'"),
        ({"batch_size": 10**6}, "fewer than batch_size"),
        ({"batch_size": 1}, "batch_size=1 is not allowed; pass an integer of at least 2"),
        ({"refits": 0}, "refits=0 is not allowed"),
        ({"n_components": 5000}, "more than the number of images, 1797"),
    ],
)
def test_refuses_invalid_config(digits, config, message):
    with pytest.raises(ValueError, match=message):
        trained(digits, **config)


def test_refuses_to_resume_with_other_images(digits, tmp_path):
    trained(digits, tmp_path, epochs=1)
    fewer = Images(digits.images[:500], digits.labels[:500])
    with pytest.raises(
        ValueError, match=r"to resume has 1797 images, 128 per step, but this one has 500,"
    ):
        trained(fewer, tmp_path, epochs=1)


def test_started_from_encoder_target_equals_it(digits, tmp_path):
    trained(digits, tmp_path, epochs=1)
    again = trained(digits, epochs=1, start=tmp_path / "last.ckpt", learning_rate=0.0)
    encoder, target = again.method.encoder, again.method.target.network[0]
    for one, other in zip(encoder.parameters(), target.parameters()):
        assert torch.allclose(one, other)


def test_refuses_test_images_of_other_shape(digits):
    colors = Images(digits.images.expand(-1, 3, -1, -1), digits.labels)
    with pytest.raises(ValueError, match="3 channel"):
        trained(digits, test=colors)


def test_refuses_encoder_without_rows(digits):
    with pytest.raises(ValueError, match="one row for each input"):
        training.train("siammm", digits, encoder=nn.Conv2d(1, 4, 3), **SHORT)


def test_small_crops_are_used(digits):
    views = Views(8, 1, flip=False, least_area=0.5, n_small=2)
    result = trained(digits, views=views, epochs=2)
    assert np.isfinite(result.history[-1]["loss"])
    assert len(views(digits.images[:2])) == 4


def test_dataset_with_its_own_views(digits):
    class Pairs(torch.utils.data.Dataset):
        def __len__(self):
            return 400

        def __getitem__(self, number):
            image = digits.images[number].float() / 255.0
            return [image, image.flip(-1)], "anything else"

    class Bare(Pairs):
        def __getitem__(self, number):
            return super().__getitem__(number)[0]

    with pytest.raises(ValueError, match=r"put views into a list of their own"):
        trained(Bare())

    result = trained(Pairs(), epochs=2)
    assert result.embeddings.shape == (400, 16)
    shown = normalize(embed(result.method, Images(digits.images[:400])).embeddings)
    np.testing.assert_allclose(result.embeddings, shown, atol=1e-5)


def test_accumulates_batches(digits):
    one = trained(digits, trainer={"accumulate_grad_batches": 2}, epochs=2)
    n_batches = len(digits) // SHORT["batch_size"]
    assert one.method.global_step == 2 * -(-n_batches // 2)
    assert one.method.images_per_step == 256


@pytest.mark.training
@pytest.mark.slow
def test_half_precision(digits):
    result = trained(digits, trainer={"precision": "bf16-mixed"})
    assert result.method.mixture.resultants.dtype == torch.float32
    assert result.history[-1]["loss"] == pytest.approx(trained(digits).history[-1]["loss"], abs=0.1)


def test_epochs_are_logged(digits, tmp_path):
    logger = CSVLogger(tmp_path)
    history = trained(digits, trainer={"logger": logger}, epochs=2).history
    with (tmp_path / "lightning_logs/version_0/metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["spread"]]
    assert [float(row["spread"]) for row in rows] == [
        pytest.approx(row["spread"], rel=1e-5) for row in history
    ]
    assert float(rows[-1]["n_components"]) == history[-1]["n_components"]


@pytest.mark.training
def test_collapsed_training_stops(digits, monkeypatch):
    monkeypatch.setattr(monitors, "spread", lambda embeddings: 0.05)
    with pytest.warns(UserWarning, match="have collapsed"):
        result = trained(digits)
    assert len(result.history) == 1


def test_monitors_warn_of_collapse():
    same = torch.ones(100, 8) / 8**0.5
    apart = torch.nn.functional.normalize(torch.randn(1000, 8), dim=1)
    assert monitors.spread(same) < 1e-6
    assert monitors.spread(apart) == pytest.approx(1.0, abs=0.05)
    assert monitors.effective_rank(apart) > 7
    assert "have collapsed" in monitors.spread_warning(0.05)
    assert "are collapsing" in monitors.spread_warning(0.3)
    assert monitors.spread_warning(1.0) is None
    assert "A few of the 20 clusters hold most" in monitors.usage_warning(1.5, 20)
    assert monitors.usage_warning(15.0, 20) is None
    assert monitors.has_collapsed(0.05)
    assert not monitors.has_collapsed(0.3)


def test_n_distinct_and_knn_accuracy():
    means = torch.eye(4)[[0, 1, 1, 2]]
    assert monitors.n_distinct(means) == 3
    rows, labels = torch.eye(6).repeat(30, 1), torch.arange(6).repeat(30)
    assert monitors.knn_accuracy(rows, labels, rows, labels) == 1.0
