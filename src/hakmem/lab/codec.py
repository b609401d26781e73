"""Frozen dataclasses <-> what JSON can hold, by their annotations.

Reading passes over fields that it does not know (a newer version may have added them), gives missing ones
their default, and is strict about everything else: what does not fit its annotation is a ValueError that
names the place, such as `cells[3].median`.
"""

import dataclasses
import math
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

_Data = TypeVar("_Data")


def encode(value: object) -> Any:
    """Dataclasses and mappings become dicts, tuples lists. Figures must be finite; else ValueError."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a figure that JSON can hold")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def decode(wanted: type[_Data], value: object, where: str = "") -> _Data:
    """A value of `wanted`, a dataclass, from what `encode` made of one; `where` is its place, for errors."""
    return cast("_Data", _decode(wanted, value, where))


def _decode(wanted: Any, value: object, where: str) -> object:
    if dataclasses.is_dataclass(wanted):
        return _dataclass(cast("type[Any]", wanted), value, where)
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin is tuple:
        return _tuple(arguments, value, where)
    if origin is Mapping:
        if not isinstance(value, dict):
            raise _unfit("an object", value, where)
        return {key: _decode(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin in (Union, types.UnionType):
        return _one_of(arguments, value, where)
    return _plain(wanted, value, where)


def _dataclass(wanted: type[Any], value: object, where: str) -> object:
    if not isinstance(value, dict):
        raise _unfit("an object", value, where)
    hints = get_type_hints(wanted)
    dot = "." if where else ""
    fields = {
        field.name: _decode(hints[field.name], value[field.name], f"{where}{dot}{field.name}")
        for field in dataclasses.fields(wanted)
        if field.name in value
    }
    for field in dataclasses.fields(wanted):
        optional = (field.default, field.default_factory) != (dataclasses.MISSING, dataclasses.MISSING)
        if field.name not in fields and not optional:
            raise ValueError(f"{where}{dot}{field.name} is missing")
    return wanted(**fields)


def _tuple(arguments: tuple[Any, ...], value: object, where: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise _unfit("a list", value, where)
    if arguments[-1] is Ellipsis:
        return tuple(_decode(arguments[0], item, f"{where}[{at}]") for at, item in enumerate(value))
    if len(value) != len(arguments):
        raise _unfit(f"a list of {len(arguments)}", value, where)
    items = zip(arguments, value, strict=True)
    return tuple(_decode(each, item, f"{where}[{at}]") for at, (each, item) in enumerate(items))


def _one_of(arguments: tuple[Any, ...], value: object, where: str) -> object:
    """The first alternative that fits, an int before the float that would take it too."""
    if value is None and types.NoneType in arguments:
        return None
    alternatives = [each for each in arguments if each is not types.NoneType]
    if len(alternatives) == 1:
        return _decode(alternatives[0], value, where)
    for each in alternatives:
        if isinstance(each, type) and type(value) is each:
            return value
    names = " or ".join(getattr(each, "__name__", str(each)) for each in alternatives)
    raise _unfit(names, value, where)


def _plain(wanted: Any, value: object, where: str) -> object:
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise _unfit(f"a {wanted.__name__}", value, where)
    return value


def _unfit(wanted: str, value: object, where: str) -> ValueError:
    shown = repr(value)
    return ValueError(f"{where or 'it'} is {shown if len(shown) <= 40 else shown[:37] + '...'}, not {wanted}")
