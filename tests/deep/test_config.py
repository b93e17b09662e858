"""Settings: said once, for Python, the command line and YAML files."""

import argparse
from dataclasses import dataclass

import pytest

pytest.importorskip("yaml")

from vmfmix.deep.config import add_settings, described, read_yaml, setting, write_yaml


@described
@dataclass
class Settings:
    """Some settings."""

    epochs: int = setting(3, "Passes over the images.")
    rate: float = setting(0.5, "100 % of it.")
    number: int | str = setting("auto", "Of clusters.")
    momentum: float | None = setting(None, "Of the target.")
    flip: bool = setting(True, "Left and right.")


def test_settings_are_described_in_the_docstring():
    assert "rate : float, default=0.5\n    100 % of it." in Settings.__doc__
    assert "momentum : float or None, default=None" in Settings.__doc__


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(epochs=7, rate=1e-7, number=12, momentum=0.99, flip=False),
        Settings(number="no: yes # 'text'"),
    ],
)
def test_a_file_keeps_settings_and_says_what_they_mean(settings, tmp_path):
    path = tmp_path / "config.yaml"
    write_yaml(path, "siammm", settings)
    assert Settings(**read_yaml(path, Settings, "siammm")) == settings
    with pytest.raises(ValueError, match="is for the method siammm, not for mixem"):
        read_yaml(path, Settings, "mixem")
    assert "# Passes over the images.\nepochs: " in path.read_text()


def test_a_part_of_the_settings_will_do(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("rate: 1\nmomentum: 1e-3\n")
    assert read_yaml(path, Settings, "siammm") == {"rate": 1.0, "momentum": 0.001}
    path.write_text("momentum: None\nnumber: none\n")
    assert read_yaml(path, Settings) == {"momentum": None, "number": "none"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed: 3", "settings that are not known: speed. Known are epochs"),
        ("epochs: 1.5", "epochs: 1.5, where int is allowed"),
        ("epochs: true", "epochs: True, where int is allowed"),
        ("rate: fast", "rate: 'fast', where float is allowed"),
        ("momentum: [1]", "where float or None is allowed"),
        ("- epochs", "lines of the form"),
        ("epochs: [", "cannot be read as YAML"),
        ("a: !!python/object/apply:os.getcwd []", "cannot be read as YAML"),
    ],
)
def test_files_that_cannot_be_used_are_refused_in_words(text, message, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"bad\.yaml") as error:
        read_yaml(path, Settings)
    assert message in str(error.value)


def test_options_of_the_command_line(capsys):
    parser = argparse.ArgumentParser()
    add_settings(parser, Settings)
    assert vars(parser.parse_args([])) == {}
    said = "--epochs 5 --rate 1e-3 --number 12 --momentum none --flip false"
    assert vars(parser.parse_args(said.split())) == {
        "epochs": 5,
        "rate": 0.001,
        "number": 12,
        "momentum": None,
        "flip": False,
    }
    assert parser.parse_args(["--number", "auto"]).number == "auto"
    with pytest.raises(SystemExit):
        parser.parse_args(["--epochs", "many"])
    assert "'many' is not allowed here" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    assert "100 % of it. (default: 0.5)" in capsys.readouterr().out
