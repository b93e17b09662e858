"""Config of a training: dataclass fields for Python, the command line and YAML files."""

import argparse
import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import pytest

yaml = pytest.importorskip("yaml")

from vmfmix._console import Parser  # noqa: E402
from vmfmix.deep.config import (  # noqa: E402
    Interval,
    above,
    add_options,
    at_least,
    config_field,
    document_fields,
    new_defaults,
    read_yaml,
    validate_fields,
    write_yaml,
)
from vmfmix.deep.method_config import CONDITIONALS, CONFIGS, RunConfig  # noqa: E402


@document_fields
@dataclass
class Config:
    """Example of a config."""

    epochs: int = config_field(3, "Passes over the images.", at_least(1))
    rate: float = config_field(0.5, "100 % of it.", above(0))
    number: int | str = config_field("auto", "Of clusters.")
    momentum: float | None = config_field(None, "Of the target.", Interval(0, 1, open_most=True))
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
        ("epochs: 1.5", "epochs: 1.5; expected an integer of at least 1."),
        ("epochs: true", "epochs: True; expected an integer of at least 1."),
        ("rate: fast", "rate: 'fast'; expected a number above 0."),
        ("momentum: [1]", "expected a number from 0 to below 1, or None"),
        ("- epochs", "write lines such as"),
        ("rate: 0", "rate: 0; expected a number above 0."),
        ("rate: .nan", "rate: nan; expected a number above 0."),
        ("epochs: 3000000000", "expected an integer of at least 1."),
        ("flip: 1", "flip: 1; expected true or false."),
        ("rate: 2020-99-99", "cannot be read as YAML"),
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
    add_options(parser, images=Config)
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
    assert "'many' is not an integer of at least 1" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    assert "100 % of it. (default: 0.5)" in capsys.readouterr().out


@document_fields
@dataclass
@new_defaults(epochs=2, rate=0.25)
class LaterConfig(Config):
    """Example of a config with other defaults and one more field."""

    depth: int = config_field(1, "Of the network.", at_least(1))


def test_defaults_of_inherited_fields_change_and_their_descriptions_remain():
    config = LaterConfig()
    assert (config.epochs, config.rate, config.flip) == (2, 0.25, True)
    assert "epochs : int, default=2\n    Passes over the images." in LaterConfig.__doc__
    assert Config().epochs == 3
    config.epochs = 0
    with pytest.raises(ValueError, match="epochs=0 is not allowed; pass an integer of at least 1"):
        validate_fields(config)


def test_help_says_which_data_an_option_or_its_default_is_for(capsys):
    parser = argparse.ArgumentParser()
    add_options(parser, images=Config, rows=LaterConfig)
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "Passes over the images. (default: images: 3; rows: 2)" in text
    assert "Left and right. (default: True)" in text
    assert "Of the network. (default: 1; only for rows)" in text


def test_values_become_plain_values_of_their_fields():
    config = Config(epochs=np.int64(4), rate=1, momentum=np.float32(0.5), flip=np.bool_(False))
    validate_fields(config)
    values = [config.epochs, config.rate, config.momentum, config.flip]
    assert list(map(type, values)) == [int, float, float, bool]
    config.momentum = 1.0
    with pytest.raises(ValueError, match=r"momentum=1.0 is not allowed; pass a number from 0 to b"):
        validate_fields(config)


@pytest.mark.parametrize("content", [None, b"\xff", b"a: &a [*a]"])
def test_names_a_file_that_is_no_config(content, tmp_path):
    path = tmp_path / "odd.yaml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"odd\.yaml"):
        read_yaml(path, Config)
    with pytest.raises(FileNotFoundError, match=r"There is no file .*none\.yaml"):
        read_yaml(tmp_path / "none.yaml", Config)


def test_names_of_losses_are_those_of_the_config():
    mixem = pytest.importorskip("vmfmix.deep.mixem", exc_type=ImportError)
    assert tuple(mixem.CONDITIONALS) == CONDITIONALS


ALL_FIELDS = [
    (owner, field)
    for owner in (*(CONFIGS[k][m] for k in CONFIGS for m in ("siammm", "mixem")), RunConfig)
    for field in dataclasses.fields(owner)
]


@pytest.mark.parametrize(
    ("owner", "field"), ALL_FIELDS, ids=[f"{o.__name__}.{f.name}" for o, f in ALL_FIELDS]
)
def test_every_option_refuses_what_is_out_of_range(owner, field, tmp_path):
    """In Python, on the command line and in a file alike, with a message that names it."""
    assert getattr(owner(), field.name) == field.default
    numbers, option = field.metadata["numbers"], f"--{field.name.replace('_', '-')}"
    refused = [math.nan, math.inf, -math.inf, "other", 10**400, [], numbers.least - 1]
    if math.isfinite(numbers.most):
        refused.append(numbers.most + 1)
    if numbers.open_least:
        refused.append(numbers.least)
    if numbers.open_most:
        refused.append(numbers.most)
    parser = Parser(prog="train")
    add_options(parser, images=owner)
    for value in refused:
        with pytest.raises(ValueError, match=f"^{field.name}=.* is not allowed; pass "):
            owner(**{field.name: value})
        with pytest.raises(ValueError, match=f"^argument {option}: '.*' is not .*; see 'train --h"):
            parser.parse_args([f"{option}={value}"])
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump({field.name: value}))
        with pytest.raises(ValueError, match=f"config.yaml has {field.name}: .*; expected "):
            read_yaml(path, owner)
