"""Config of a training: dataclass fields for Python, the command line and YAML files."""

import argparse
from dataclasses import dataclass

import pytest

pytest.importorskip("yaml")

from vmfmix.deep.config import (
    add_options,
    config_field,
    document_fields,
    read_yaml,
    write_yaml,
)


@document_fields
@dataclass
class Config:
    """Example of a config."""

    epochs: int = config_field(3, "Passes over the images.")
    rate: float = config_field(0.5, "100 % of it.")
    number: int | str = config_field("auto", "Of clusters.")
    momentum: float | None = config_field(None, "Of the target.")
    flip: bool = config_field(True, "Left and right.")


def test_docstring_lists_fields():
    assert "rate : float, default=0.5\n    100 % of it." in Config.__doc__
    assert "momentum : float or None, default=None" in Config.__doc__


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        Config(epochs=7, rate=1e-7, number=12, momentum=0.99, flip=False),
        Config(number="no: yes # 'text'"),
    ],
)
def test_yaml_round_trip_keeps_values_and_describes_them(config, tmp_path):
    path = tmp_path / "config.yaml"
    write_yaml(path, "siammm", config)
    assert Config(**read_yaml(path, Config, "siammm")) == config
    with pytest.raises(ValueError, match="is for the method siammm, not for mixem"):
        read_yaml(path, Config, "mixem")
    assert "# Passes over the images.\nepochs: " in path.read_text()


def test_yaml_may_set_some_fields(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("rate: 1\nmomentum: 1e-3\n")
    assert read_yaml(path, Config, "siammm") == {"rate": 1.0, "momentum": 0.001}
    path.write_text("momentum: None\nnumber: none\n")
    assert read_yaml(path, Config) == {"momentum": None, "number": "none"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed: 3", "unknown parameters: speed; choose from epochs"),
        ("epochs: 1.5", "epochs: 1.5; expected int"),
        ("epochs: true", "epochs: True; expected int"),
        ("rate: fast", "rate: 'fast'; expected float"),
        ("momentum: [1]", "expected float or None"),
        ("- epochs", "write lines such as"),
        ("epochs: [", "cannot be read as YAML"),
        ("a: !!python/object/apply:os.getcwd []", "cannot be read as YAML"),
    ],
)
def test_refuses_invalid_yaml(text, message, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"bad\.yaml") as error:
        read_yaml(path, Config)
    assert message in str(error.value)


def test_command_line_options(capsys):
    parser = argparse.ArgumentParser()
    add_options(parser, Config)
    assert vars(parser.parse_args([])) == {}
    arguments = "--epochs 5 --rate 1e-3 --number 12 --momentum none --flip false"
    assert vars(parser.parse_args(arguments.split())) == {
        "epochs": 5,
        "rate": 0.001,
        "number": 12,
        "momentum": None,
        "flip": False,
    }
    assert parser.parse_args(["--number", "auto"]).number == "auto"
    with pytest.raises(SystemExit):
        parser.parse_args(["--epochs", "many"])
    assert "invalid value 'many'; expected int" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    assert "100 % of it. (default: 0.5)" in capsys.readouterr().out
