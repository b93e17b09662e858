"""Config of a training: dataclass fields that serve Python, the command line and YAML files alike.

Each field has a description and its allowed values, which all three check. Neither torch nor PyYAML
is needed until a file is read or written.

jsonargparse is not used: its messages for an invalid value take several lines, mention Python types
and do not name the file; its options are spelled ``--learning_rate``; and it would add four
dependencies (ruamel.yaml among them, for comments in YAML files).
"""

import argparse
import dataclasses
import functools
import math
import textwrap
import types
import typing
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from vmfmix._install import install_hint
from vmfmix.storage.reading import validate_input_file
from vmfmix.storage.writing import atomic_file

_T = TypeVar("_T")
_LARGEST_INTEGER = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Interval:
    """An interval of numbers; infinite and undefined numbers are in none.

    Parameters
    ----------
    least, most : float
    open_least, open_most : bool, default=False
        Whether the limits themselves are outside.
    """

    least: float = -math.inf
    most: float = math.inf
    open_least: bool = False
    open_most: bool = False

    def __contains__(self, number: float) -> bool:
        below = self.least < number or (number == self.least and not self.open_least)
        above = number < self.most or (number == self.most and not self.open_most)
        return below and above and math.isfinite(number)

    def __str__(self) -> str:
        if self.most == math.inf:
            return "" if self.least == -math.inf else self._least_alone()
        most = f"to below {self.most}" if self.open_most else f"to {self.most}"
        if self.open_least:
            return f"above {self.least} and at most {self.most}"
        return f"from {self.least} {most}"

    def _least_alone(self) -> str:
        return f"above {self.least}" if self.open_least else f"of at least {self.least}"


def at_least(least: float) -> Interval:
    """Return the numbers from a number on."""
    return Interval(least)


def above(least: float) -> Interval:
    """Return the numbers above a number."""
    return Interval(least, open_least=True)


def config_field(
    default: Any,
    description: str,
    numbers: Interval | None = None,
    words: Iterable[str] | None = None,
) -> Any:
    """Return a dataclass field with a default, a description and allowed values.

    Parameters
    ----------
    default : object
    description : str
    numbers : Interval, default=None
        Numbers that are allowed; None: all finite ones of the type of the field.
    words : iterable of str, default=None
        Texts that are allowed; None: all. It is read whenever a value is validated.
    """
    metadata = {"description": description, "numbers": numbers or Interval(), "words": words}
    return dataclasses.field(default=default, metadata=metadata)


def validate_fields(config: Any) -> None:
    """Convert the fields of a config to plain Python values, or raise ValueError.

    Raises
    ------
    ValueError
        If a field has a value that is not allowed.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        try:
            setattr(config, field.name, _validate_value(value, field))
        except (ValueError, OverflowError):
            raise ValueError(
                f"{field.name}={value!r} is not allowed; pass {allowed_values(field)}."
            ) from None


def allowed_values(field: dataclasses.Field[Any], none: str = "None") -> str:
    """Return the values that a field allows, as text such as "a number above 0, or None"."""
    types_of_field, numbers = _allowed_types(field.type), field.metadata["numbers"]
    parts = []
    if bool in types_of_field:
        parts.append("true or false")
    for number_type, name in ((int, "an integer"), (float, "a number")):
        if number_type in types_of_field:
            parts.append(f"{name} {numbers}".strip())
    if str in types_of_field:
        words = field.metadata["words"]
        quoted = [f"'{word}'" for word in words or ()]
        one_of = "one of " if len(quoted) > 1 else ""
        parts.append("a text" if words is None else one_of + ", ".join(quoted))
    if type(None) in types_of_field:
        parts.append(none)
    return ", or ".join(parts)


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


def new_defaults(**defaults: Any) -> Callable[[type[_T]], type[_T]]:
    """Return a decorator, for use below ``@dataclass``, that changes defaults of inherited fields.

    The descriptions and allowed values of the fields remain.
    """

    def change(config_class: type[_T]) -> type[_T]:
        inherited: dict[str, dataclasses.Field[Any]] = {}
        for base in filter(dataclasses.is_dataclass, reversed(config_class.__mro__)):
            inherited |= {field.name: field for field in dataclasses.fields(base)}
        for name, default in defaults.items():
            field = inherited[name]
            config_class.__annotations__[name] = field.type
            setattr(config_class, name, config_field(default, **field.metadata))
        return config_class

    return change


def add_options(parser: argparse.ArgumentParser, **config_classes: type[Any]) -> None:
    """Add a command-line option for each field of some config dataclasses.

    Options that are not given are absent from the parsed result, so that they do not override
    values of a config file.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    **config_classes : type
        Dataclasses by the data that they are for, which the help of an option names if the option
        or its default is not the same for all.
    """
    owners: dict[str, dict[str, dataclasses.Field[Any]]] = {}
    for kind, config_class in config_classes.items():
        for field in dataclasses.fields(config_class):
            owners.setdefault(field.name, {})[kind] = field
    for fields in owners.values():
        field = next(iter(fields.values()))
        if len({each.default for each in fields.values()}) == 1:
            default = str(field.default)
        else:
            default = "; ".join(f"{kind}: {each.default}" for kind, each in fields.items())
        if len(fields) < len(config_classes):
            default += f"; only for {' and '.join(fields)}"
        description = f"{field.metadata['description']} (default: {default})"
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=functools.partial(_parse_value, field=field),
            default=argparse.SUPPRESS,
            metavar=_type_name(field.type).upper().replace(" ", ""),
            help=description.replace("%", "%%"),
        )


def write_yaml(path: Path, method: str, config: Any) -> None:
    """Write a config to a YAML file, with the description of each field as a comment."""
    yaml = _yaml()
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
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not YAML, is for another method, or has an unknown name or a value that is
        not allowed.
    """
    yaml = _yaml()
    validate_input_file(path)
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} is not a config file; write lines such as 'epochs: 100'.")
    file_method = values.pop("method", method)
    if method is not None and file_method != method:
        raise ValueError(f"{path} is for the method {file_method}, not for {method}.")
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    unknown = [str(name) for name in values if name not in fields]
    if unknown:
        raise ValueError(
            f"{path} has unknown parameters: {', '.join(unknown)}; choose from {', '.join(fields)}."
        )
    return {name: _validate_yaml(path, value, fields[name]) for name, value in values.items()}


def _yaml() -> Any:
    try:
        import yaml
    except ImportError as error:
        raise ImportError(f"Config files need PyYAML; {install_hint('deep')}.") from error
    return yaml


def _validate_yaml(path: str | Path, value: Any, field: dataclasses.Field[Any]) -> Any:
    """Return a value of a YAML file in the type of its field."""
    try:
        # YAML reads 1e-4 and None as text.
        return _convert(value, field) if isinstance(value, str) else _validate_value(value, field)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{path} has {field.name}: {value!r}; expected {allowed_values(field)}."
        ) from None


def _parse_value(text: str, field: dataclasses.Field[Any]) -> Any:
    """Convert an argument of the command line to the type of a field."""
    try:
        return _convert(text, field)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not {allowed_values(field, 'none')}"
        ) from None


def _convert(text: str, field: dataclasses.Field[Any]) -> Any:
    """Convert text to the type of a field; raise ValueError if it is not allowed."""
    allowed, word = _allowed_types(field.type), text.strip().lower()
    if type(None) in allowed and word == "none":
        return None
    if bool in allowed and word in ("true", "false"):
        return word == "true"
    for convert in (int, float):
        if convert in allowed:
            try:
                return _validate_value(convert(text), field)
            except (ValueError, OverflowError):
                continue
    if str in allowed:
        return _validate_value(text, field)
    raise ValueError


def _validate_value(value: Any, field: dataclasses.Field[Any]) -> Any:
    """Return a value as a plain value of its field; raise ValueError if it is not allowed."""
    allowed, words = _allowed_types(field.type), field.metadata["words"]
    numbers = field.metadata["numbers"]
    if isinstance(value, (bool, np.bool_)):
        if bool in allowed:
            return bool(value)
    elif isinstance(value, Integral) and int in allowed:
        if int(value) in numbers and abs(int(value)) <= _LARGEST_INTEGER:
            return int(value)
    elif isinstance(value, Real) and float in allowed:
        if float(value) in numbers:
            return float(value)
    elif isinstance(value, str) and str in allowed:
        if words is None or value in words:
            return str(value)
    elif value is None and type(None) in allowed:
        return None
    raise ValueError


def _allowed_types(field_type: Any) -> tuple[type, ...]:
    """Return the types of a union, or a tuple of the only type."""
    if isinstance(field_type, types.UnionType):
        return typing.get_args(field_type)
    return (field_type,)


def _type_name(field_type: Any) -> str:
    """Return a type as text, such as "float or None"."""
    names = ("None" if each is type(None) else each.__name__ for each in _allowed_types(field_type))
    return " or ".join(names)
