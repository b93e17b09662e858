"""Config of a training: dataclass fields that serve Python, the command line and YAML files alike.

jsonargparse is not used: its messages for an invalid value take several lines, mention Python types
and do not name the file; its options are spelled ``--learning_rate``; and it would add four
dependencies (ruamel.yaml among them, for comments in YAML files).
"""

import argparse
import dataclasses
import functools
import textwrap
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import yaml

from vmfmix.storage.writing import atomic_file

_T = TypeVar("_T")


def config_field(default: Any, description: str) -> Any:
    """Return a dataclass field with a default and a description."""
    return dataclasses.field(default=default, metadata={"description": description})


def document_fields(config_class: type[_T]) -> type[_T]:
    """Append the fields of a config dataclass to its docstring as a Parameters section."""
    lines = [str(config_class.__doc__).rstrip(), "", "Parameters", "----------"]
    for field in dataclasses.fields(config_class):  # type: ignore[arg-type]
        lines.append(f"{field.name} : {_type_name(field.type)}, default={field.default!r}")
        lines += textwrap.wrap(
            field.metadata["description"], 90, initial_indent="    ", subsequent_indent="    "
        )
    config_class.__doc__ = "\n".join(lines) + "\n"
    return config_class


def add_options(parser: argparse.ArgumentParser, config_class: type[Any]) -> None:
    """Add a command-line option for each field of a config dataclass.

    Options that are not given are absent from the parsed result, so that they do not override
    values of a config file.
    """
    for field in dataclasses.fields(config_class):
        description = f"{field.metadata['description']} (default: {field.default})"
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=functools.partial(_parse_value, field_type=field.type),
            default=argparse.SUPPRESS,
            metavar=_type_name(field.type).upper().replace(" ", ""),
            help=description.replace("%", "%%"),
        )


def write_yaml(path: Path, method: str, config: Any) -> None:
    """Write a config to a YAML file, with the description of each field as a comment."""
    lines = [f"method: {method}"]
    for field in dataclasses.fields(config):
        lines += textwrap.wrap(
            field.metadata["description"], 98, initial_indent="# ", subsequent_indent="# "
        )
        lines.append(yaml.safe_dump({field.name: getattr(config, field.name)}).strip())
    with atomic_file(path) as file:
        file.write(("\n".join(lines) + "\n").encode())


def read_yaml(
    path: str | Path, config_class: type[Any], method: str | None = None
) -> dict[str, Any]:
    """Read the values of a YAML file as keyword arguments for a config dataclass.

    Parameters
    ----------
    path : str or path-like
    config_class : type
        Dataclass whose fields the file may set. Not all need to be set.
    method : str, default=None
        Method that the file must be for, if it names one.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the file is not YAML, is for another method, or has an unknown name or a value of the
        wrong type.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} is not a config file; write lines such as 'epochs: 100'.")
    file_method = values.pop("method", method)
    if method is not None and file_method != method:
        raise ValueError(f"{path} is for the method {file_method}, not for {method}.")
    field_types = {field.name: field.type for field in dataclasses.fields(config_class)}
    unknown = [str(name) for name in values if name not in field_types]
    if unknown:
        raise ValueError(
            f"{path} has unknown parameters: {', '.join(unknown)}; choose from "
            f"{', '.join(field_types)}."
        )
    return {
        name: _validate_value(path, name, value, field_types[name])
        for name, value in values.items()
    }


def _validate_value(path: str | Path, name: str, value: Any, field_type: Any) -> Any:
    """Return a value of a YAML file in the type of its field; integers may stand for floats."""
    allowed = _allowed_types(field_type)
    if isinstance(value, str):  # YAML reads 1e-4 and None as text
        try:
            return _parse_value(value, field_type)
        except argparse.ArgumentTypeError:
            pass
    elif isinstance(value, allowed) and not (isinstance(value, bool) and bool not in allowed):
        return value
    elif isinstance(value, int) and not isinstance(value, bool) and float in allowed:
        return float(value)
    raise ValueError(f"{path} has {name}: {value!r}; expected {_type_name(field_type)}.")


def _parse_value(text: str, field_type: Any) -> Any:
    """Convert text to the type of a field."""
    allowed = _allowed_types(field_type)
    if type(None) in allowed and text.lower() == "none":
        return None
    if bool in allowed and text.lower() in ("true", "false"):
        return text.lower() == "true"
    for convert in (int, float, str):
        if convert in allowed:
            try:
                return convert(text)
            except ValueError:
                continue
    raise argparse.ArgumentTypeError(f"invalid value {text!r}; expected {_type_name(field_type)}")


def _allowed_types(field_type: Any) -> tuple[type, ...]:
    """Return the types of a union, or a tuple of the only type."""
    if isinstance(field_type, types.UnionType):
        return typing.get_args(field_type)
    return (field_type,)


def _type_name(field_type: Any) -> str:
    """Return a type as text, such as "float or None"."""
    names = ("None" if each is type(None) else each.__name__ for each in _allowed_types(field_type))
    return " or ".join(names)
