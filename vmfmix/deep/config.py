"""Settings of a method: each is said once, for Python, for the command line and for YAML files."""

import argparse
import dataclasses
import textwrap
import types
import typing
from pathlib import Path

import yaml


def setting(default, meaning):
    """A field of a dataclass of settings, with what it means."""
    return dataclasses.field(default=default, metadata={"meaning": meaning})


def described(configuration):
    """Add the settings of a dataclass to its docstring, as its parameters."""
    lines = [configuration.__doc__.rstrip(), "", "Parameters", "----------"]
    for field in dataclasses.fields(configuration):
        lines.append(f"{field.name} : {_name_of(field.type)}, default={field.default!r}")
        lines += textwrap.wrap(
            field.metadata["meaning"], 90, initial_indent="    ", subsequent_indent="    "
        )
    configuration.__doc__ = "\n".join(lines) + "\n"
    return configuration


def add_settings(parser, configuration):
    """An option of the command line for each setting; without a default, to know what was said."""
    for field in dataclasses.fields(configuration):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=lambda text, kind=field.type: _value(text, kind),
            default=argparse.SUPPRESS,
            metavar=_name_of(field.type).upper().replace(" ", ""),
            help=f"{field.metadata['meaning']} (default: {field.default})".replace("%", "%%"),
        )


def write_yaml(path, method, config):
    """Write what was chosen, with a comment for each setting."""
    lines = [f"method: {method}"]
    for field in dataclasses.fields(config):
        lines += textwrap.wrap(
            field.metadata["meaning"], 98, initial_indent="# ", subsequent_indent="# "
        )
        lines.append(yaml.safe_dump({field.name: getattr(config, field.name)}).strip())
    whole = Path(path)
    part = whole.with_name(f".{whole.name}.part")
    part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    part.replace(whole)


def read_yaml(path, configuration, method=None):
    """Settings of a file, as keyword arguments.

    Parameters
    ----------
    path : str or path-like
    configuration : type
        The dataclass whose settings these are.
    method : str, default=None
        What the file must be for, if it says so.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the file is no YAML, is for another method, or names something that is no setting.
    """
    try:
        settings = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path} must hold lines of the form 'epochs: 100'.")
    meant = settings.pop("method", method)
    if method is not None and meant != method:
        raise ValueError(f"{path} is for the method {meant}, not for {method}.")
    known = {field.name: field.type for field in dataclasses.fields(configuration)}
    unknown = [str(name) for name in settings if name not in known]
    if unknown:
        raise ValueError(
            f"{path} has settings that are not known: {', '.join(unknown)}. Known are "
            f"{', '.join(known)}."
        )
    return {name: _checked(path, name, settings[name], known[name]) for name in settings}


def _checked(path, name, value, kind):
    """A value of a file; whole numbers will do for others."""
    kinds = _kinds(kind)
    if isinstance(value, str):  # YAML takes 1e-4 and None for texts
        try:
            return _value(value, kind)
        except argparse.ArgumentTypeError:
            value = str(value)
    elif isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and float in kinds:
        return float(value)
    raise ValueError(f"{path} has {name}: {value!r}, where {_name_of(kind)} is allowed.")


def _value(text, kind):
    """A value of the command line in the type that a setting has."""
    kinds = _kinds(kind)
    if type(None) in kinds and text.lower() == "none":
        return None
    if bool in kinds and text.lower() in ("true", "false"):
        return text.lower() == "true"
    for each in (int, float, str):
        if each in kinds:
            try:
                return each(text)
            except ValueError:
                continue
    raise argparse.ArgumentTypeError(f"{text!r} is not allowed here")


def _kinds(kind):
    return typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)


def _name_of(kind):
    return " or ".join("None" if each is type(None) else each.__name__ for each in _kinds(kind))
