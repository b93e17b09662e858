"""The command line of trainings: mistakes are reported in one line, before any work."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.commands import ROOT, files
from tests.limits import HANG
from vmfmix.cli.main import main as vmfmix_main
from vmfmix.deep.train import main

IMAGES = np.random.default_rng(0).integers(0, 256, size=(20, 8, 8), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Create a working folder with images.npz, a file and a folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    np.savez("images.npz", images=IMAGES)
    np.savez("labeled.npz", images=IMAGES, y=np.arange(20) % 2)
    np.save("rows.npy", IMAGES[:, 0].astype(np.float32))
    Path("file").write_text("")
    Path("empty").mkdir()
    Path("taken/last.ckpt").mkdir(parents=True)
    Path("method.yaml").write_text("method: mixem\n")
    Path("wrong.yaml").write_text("epochs: 0\n")
    return tmp_path


def fails(capsys, *arguments):
    """Run a command that must fail before any work, and return its one line on stderr."""
    before = files()
    assert main([str(each) for each in arguments]) == 2
    assert files() == before
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("vmfmix.deep.train: error: ")
    assert captured.err.count("\n") == 1 and captured.err.endswith("\n")
    return captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "required: METHOD; see 'python -m vmfmix.deep.train --help'"),
        ("other images.npz --out o", "invalid choice: 'other'"),
        ("siammm --out o", "required: data"),
        ("siammm images.npz", "required: --out"),
        ("siammm images.npz --out=", "argument --out: the path is empty"),
        ("siammm images.npz --out o --what 1", "unrecognized arguments: --what 1"),
        ("siammm images.npz --out o --epoch 1", "unrecognized arguments: --epoch 1"),
        ("siammm images.npz --out file", "cannot be created: file is a file"),
        ("siammm images.npz --out file/x/y", "file is a file; give a folder"),
        ("siammm images.npz --out o.npz", "looks like the name of a file"),
        ("siammm images.npz --out taken", "taken has last.ckpt, which is not a regular file"),
        ("siammm nothing --out o", "There is no folder or file nothing"),
        ("siammm file --out o", "file is neither a folder nor a file of images or embeddings"),
        ("siammm images.npz --out o --test nothing", "There is no folder or file nothing"),
        ("siammm images.npz --out o --start empty", "empty is a folder without last.ckpt"),
        ("siammm images.npz --out o --start nothing", "There is no file nothing"),
        ("siammm images.npz --out o --config empty", "empty is a folder"),
        ("siammm images.npz --out o --config nothing", "There is no file nothing"),
        ("siammm images.npz --out o --config method.yaml", "is for the method mixem"),
        ("siammm images.npz --out o --config wrong.yaml", "wrong.yaml has epochs: 0; expected"),
        ("siammm images.npz --out o --devices 0", "'0' is not an integer of at least 1, or 'auto'"),
        ("siammm images.npz --out o --precision 8", "'8' is not one of '32-true', 'bf16-mixed'"),
        ("siammm images.npz --out o --warm-up 0.9 --ramp 0.2", "their sum must be from 0 to 1"),
        ("siammm images.npz --out o --settled 0.1", "must be above warm_up=0.3"),
        ("siammm images.npz --out o --logger other", "'other' is not one of 'csv', 'tensorboard'"),
        (
            "siammm images.npz --out o --encoder vgg",
            "pass resnet18, small_convnet, small_resnet, o",
        ),
        ("siammm rows.npy --out o --encoder small_resnet", "is not allowed; pass row_network, or"),
        ("siammm rows.npy --out o --normalize imagenet", "--normalize has no meaning for rows"),
        ("mixem images.npz --out o --n-small 1", "MIX'EM learns from two views"),
        ("mixem images.npz --out o --pretraining 9 --epochs 2", "pretraining=9 must be"),
        ("mixem images.npz --out o --n-clusters 11", "n_clusters=11 must be from 1"),
        ("siammm images.npz --out o --size 8", "--size is for folders of images; omit it"),
        ("siammm images.npz --out o --lazy", "--lazy is for folders of images; omit it"),
        ("siammm images.npz --out o --fit crop", "--fit is for folders of images; omit it"),
        ("siammm images.npz --out o --fit fill", "argument --fit: invalid choice: 'fill'"),
        ("siammm images.npz --out o --channels 3", "argument --channels: invalid choice: '3'"),
        ("siammm empty --out o --workers 2", "--workers is for images that are read with --lazy"),
        ("siammm empty --out o --lazy --workers -1", "'-1' is not an integer of at least 0"),
    ],
)
def test_mistakes_are_reported_in_one_line_without_torch(folder, capsys, arguments, message):
    assert message in fails(capsys, *arguments.split(" ") if arguments else ())


def test_folders_that_may_not_be_read_or_written(folder, capsys, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: str(path) not in ("empty", "images.npz"))
    assert "no permission to write in empty" in fails(
        capsys, "siammm", "labeled.npz", "--out", "empty"
    )
    assert "images.npz: You have no permission to read" in fails(
        capsys, "siammm", "images.npz", "--out", "o"
    )


def test_a_logger_without_its_package_is_reported_in_one_line(folder, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    command = "siammm images.npz --out o --logger tensorboard"
    message = fails(capsys, *command.split())
    assert message.endswith("needs the package tensorboard; run pip install tensorboard.\n")


@pytest.mark.parametrize("missing", ["torch", "lightning", "kornia", "matplotlib", "yaml"])
def test_a_missing_library_is_reported_in_one_line(folder, missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from vmfmix.deep.train import main\n"
        "codes = [main(sys.argv[1:] + extra) for extra in (['--epochs', '0'], ['--epochs', '1'])]\n"
        "print(codes)"
    )
    arguments = ["siammm", "images.npz", "--out", "o", "--config", "method.yaml"]
    Path("method.yaml").write_text("seed: 1\n")
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    assert done.stdout == "[2, 2]\n", done.stderr
    wrong, absent = done.stderr.splitlines()
    assert "argument --epochs: '0' is not" in wrong
    assert 'run pip install ".[deep]"' in absent
    assert not Path("o").exists()


def run_with_encoding(monkeypatch, encoding, command, arguments):
    """Return what a command prints on streams of an encoding, as text."""
    streams = {name: io.BytesIO() for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, encoding=encoding))
    code = command(arguments)
    for name in streams:
        getattr(sys, name).flush()
    return code, *(stream.getvalue().decode(encoding) for stream in streams.values())


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "cp932", "utf-8"])
@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (main, []),
        (main, ["siammm"]),
        (main, ["mixem"]),
        (vmfmix_main, []),
        *((vmfmix_main, [name]) for name in ("fit", "cut", "report", "predict")),
    ],
)
def test_help_is_readable_in_every_encoding(monkeypatch, encoding, command, arguments):
    code, out, err = run_with_encoding(monkeypatch, encoding, command, [*arguments, "--help"])
    assert (code, err) == (0, "")
    assert out.startswith("usage: ")
    assert "?" not in out and "\\x" not in out and "\\u" not in out
    if arguments == ["siammm"] and encoding == "ascii":
        assert "Upper limit of the kappa of the" in " ".join(out.split())
        assert "lambda, the weight of the clusters" in " ".join(out.split())
    if arguments == ["mixem"] and encoding != "utf-8":
        assert (
            "largest: 1 - the largest coefficient" in " ".join(out.split()) or encoding == "cp932"
        )


def test_errors_are_readable_in_every_encoding(monkeypatch):
    arguments = ["siammm", "Größe–λ/画像", "--out", "o"]
    code, _, err = run_with_encoding(monkeypatch, "ascii", main, arguments)
    assert code == 2
    assert "There is no folder or file Grosse-lambda/??; check" in err.replace("Gro?e", "Grosse")


def needs_torch():
    for name in ("torch", "lightning", "kornia"):
        pytest.importorskip(name)


@pytest.mark.training
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("siammm images.npz --out o --precision 16-mixed", "AMP with fp16 is not supported on CPU"),
        ("siammm images.npz --out o", "There are 20 images, fewer than batch_size=256"),
        ("siammm images.npz --out o --batch-size 15 --devices 2", "each of 2 process(es)"),
        ("siammm images.npz --out o --n-components 21", "more than the number of images, 20"),
        ("siammm images.npz --out o --start file", "file has no weights that can be read"),
        ("siammm images.npz --out o --test images.npz", "The test images have no labels"),
        ("siammm empty --out o", "There is no image in empty"),
    ],
)
def test_mistakes_that_need_torch_are_reported_before_training(
    folder, capsys, monkeypatch, arguments, message
):
    needs_torch()
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert message in fails(capsys, *arguments.split())


@pytest.mark.training
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["siammm", "mixem"])
def test_more_epochs_continue_a_training_that_has_ended(folder, capsys, monkeypatch, method):
    needs_torch()
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    command = [method, "labeled.npz", "--out", "o", "--batch-size", "10", "--dim", "4"]
    command += ["--hidden", "8"]
    epochs = []
    for n_epochs in (2, 4, 4):
        assert main([*command, "--epochs", str(n_epochs)]) == 0
        lines = Path("o/metrics.csv").read_text().splitlines()
        epochs.append([line.split(",")[0:2] for line in lines[1:]])
        assert f"\nepochs: {n_epochs}\n" in Path("o/config.yaml").read_text()
    assert [epoch for epoch, _ in epochs[1]] == ["0", "1", "2", "3"]
    assert epochs[1][:2] == epochs[0] and epochs[2] == epochs[1]
    capsys.readouterr()
    error = fails(capsys, *command, "--epochs", "3")
    assert "a training of 4 epochs, which cannot become one of 3; pass at least 4" in error


@pytest.mark.training
@pytest.mark.filterwarnings("ignore")
def test_each_run_of_a_training_writes_a_log_of_its_own(folder, monkeypatch):
    needs_torch()
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    command = "byol rows.npy --out o --batch-size 10 --dim 4 --width 8 --logger csv --epochs"
    for epochs in ("1", "2"):
        assert main([*command.split(), epochs]) == 0
    for version in range(2):
        lines = Path(f"o/csv/version_{version}/metrics.csv").read_text().splitlines()
        epochs = [row["epoch"] for row in csv.DictReader(lines) if row["loss"]]
        assert epochs == [str(version)]


@pytest.mark.training
@pytest.mark.filterwarnings("ignore")
def test_a_training_that_diverges_is_reported(folder, capsys, monkeypatch):
    needs_torch()
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    command = "siammm images.npz --out o --batch-size 10 --epochs 3 --learning-rate 1e38"
    assert main(command.split()) == 2
    assert "training diverged; lower learning_rate" in capsys.readouterr().err
