"""Training with clusters on small digits: what is learned, noted, stored and taken up again."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("kornia")

from sklearn.datasets import load_digits  # noqa: E402
from torch import nn  # noqa: E402

import vmfmix  # noqa: E402
from vmfmix.deep import monitors  # noqa: E402
from vmfmix.deep import train as training  # noqa: E402
from vmfmix.deep.data import Images  # noqa: E402
from vmfmix.deep.evaluate import clustering, embed, knn, linear_probe  # noqa: E402
from vmfmix.deep.siammm import SiamMM, SiamMMConfig  # noqa: E402
from vmfmix.deep.views import Views  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of Lightning about torch
]
torch.set_num_threads(1)  # tests run beside each other, and threads of torch wait in a hurry
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


def trained(digits, out=None, **config):
    torch.manual_seed(0)
    return training.train(
        "siammm",
        digits,
        encoder=small_encoder(),
        views=Views(8, 1, flip=False, least_area=0.5),
        out=out,
        trainer=ON_CPU,
        **{**SHORT, **config},
    )


def test_a_training_ends_with_a_mixture(digits):
    result = trained(digits)
    assert [row["epoch"] for row in result.history] == [0, 1, 2, 3]
    assert [row["share"] for row in result.history] == [0.0, 0.5, 0.5, 0.5]
    assert "n_components" not in result.history[0]
    assert all(row["n_components"] >= 2 for row in result.history[1:])
    assert all(np.isfinite(row["loss"]) for row in result.history)
    np.testing.assert_array_equal(result.model.predict(result.embeddings), result.model.labels_)
    assert result.embeddings.shape == (len(digits), 16)
    np.testing.assert_allclose(np.linalg.norm(result.embeddings, axis=1), 1.0, rtol=1e-5)


def test_scores_of_what_was_learned(digits):
    part = np.arange(len(digits)) % 4
    train, test = (
        Images(digits.images[torch.from_numpy(some)], digits.labels[torch.from_numpy(some)])
        for some in (part > 0, part == 0)
    )
    result = trained(train, epochs=6)
    learned = [embed(result.method, images) for images in (train, test)]
    assert knn(*learned) > 0.9
    assert linear_probe(*learned) > 0.9
    scores = clustering(*learned, 10, result.model)
    for name, report in scores.items():
        assert report["adjusted_mutual_info"] > 0.2, name
        assert report["n_clusters"] > 3


def test_the_loss_falls(digits):
    losses = [row["loss"] for row in trained(digits, epochs=6, share=0.0).history]
    assert losses[-1] < losses[0] - 0.05


@pytest.mark.parametrize("objective", ["nce1-memory", "nce1-batch", "nce2"])
@pytest.mark.parametrize("momentum", [0.9, None])
def test_other_objectives_and_no_momentum(digits, objective, momentum):
    result = trained(digits, epochs=3, objective=objective, momentum=momentum, n_components=10)
    assert result.history[-1]["n_components"] == 10
    assert np.isfinite(result.history[-1]["loss"])


def test_without_clusters_nothing_is_fitted(digits):
    result = trained(digits, share=0.0, epochs=2, n_components=10)
    assert result.method.mixture.n_components == 0
    assert result.model.n_components_ == 10


def test_a_training_that_is_taken_up_again_goes_on_to_the_same_numbers(digits, tmp_path):
    whole = trained(digits, tmp_path / "whole")

    class Interrupted(Exception):
        pass

    def interrupt(self, outputs, batch, batch_idx, original=SiamMM.on_train_batch_end):
        if self.current_epoch == 2 and batch_idx == 5:
            raise Interrupted
        original(self, outputs, batch, batch_idx)

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


def test_what_a_training_writes(digits, tmp_path):
    out = tmp_path / "run"
    result = trained(digits, out, epochs=2)
    model = vmfmix.load(out / "mixture.npz")
    np.testing.assert_array_equal(model.labels_, np.load(out / "labels.npy"))
    np.testing.assert_array_equal(np.load(out / "embeddings.npy"), result.embeddings)
    lines = (out / "metrics.csv").read_text().splitlines()
    assert lines[0].startswith("epoch,loss,share,spread")
    assert len(lines) == 3
    assert json.loads((out / "config.json").read_text())["epochs"] == 2
    with pytest.raises(ValueError, match=r"other settings \(share\)"):
        trained(digits, out, epochs=2, share=0.1)


def test_the_command(digits, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    np.savez(tmp_path / "digits.npz", images=digits.images[:300, 0].numpy())
    command = f"siammm {tmp_path / 'digits.npz'} --out {tmp_path / 'out'} --epochs 2"
    options = "--batch-size 100 --dim 16 --hidden 32 --momentum none --n-components 10"
    assert training.main(f"{command} {options}".split()) == 0
    assert "clusters of 300 images" in capsys.readouterr().out
    assert json.loads((tmp_path / "out/config.json").read_text())["momentum"] is None
    assert training.main(["siammm", str(tmp_path / "nothing"), "--out", str(tmp_path)]) == 2
    assert "no folder or file" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"objective": "other"}, "objective='other'"),
        ({"share": 1.0}, "share=1.0"),
        ({"warm_up": 0.9, "ramp": 0.2}, "sum at most 1"),
        ({"batch_size": 10**6}, "fewer than batch_size"),
    ],
)
def test_bad_settings_are_refused_in_words(digits, config, message):
    with pytest.raises(ValueError, match=message):
        trained(digits, **config)


def test_encoders_that_give_no_rows_are_refused_in_words(digits):
    with pytest.raises(ValueError, match="one row for each image"):
        training.train("siammm", digits, encoder=nn.Conv2d(1, 4, 3), **SHORT)


def test_several_processes_are_refused_in_words(digits):
    learner = SiamMM(small_encoder(), None, digits.images[:2].float(), 10, SiamMMConfig(**SHORT))
    learner._trainer = SimpleNamespace(world_size=2)
    with pytest.raises(ValueError, match="pass devices=1"):
        learner.on_fit_start()


def test_collapse_is_told_in_words():
    same = torch.ones(100, 8) / 8**0.5
    apart = torch.nn.functional.normalize(torch.randn(1000, 8), dim=1)
    assert monitors.spread(same) < 1e-6
    assert monitors.spread(apart) == pytest.approx(1.0, abs=0.05)
    assert monitors.effective_rank(apart) > 7
    assert "have collapsed" in monitors.warning_of(0.05, 10.0, 10)
    assert "begin to collapse" in monitors.warning_of(0.3, 10.0, 10)
    assert "Few clusters" in monitors.warning_of(1.0, 1.5, 20)
    assert monitors.warning_of(1.0, 15.0, 20) is None


def test_distinct_means_and_neighbours():
    means = torch.eye(4)[[0, 1, 1, 2]]
    assert monitors.n_distinct(means) == 3
    rows, labels = torch.eye(6).repeat(30, 1), torch.arange(6).repeat(30)
    assert monitors.knn_accuracy(rows, labels, rows, labels) == 1.0
