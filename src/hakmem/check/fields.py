"""One JSON object, read field by field. Whatever it holds, a wrong field is a FieldError that names it."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

ADDRESS_MAX: Final = (1 << 64) - 1
_SHOWN_MAX: Final = 40
"""Characters of a wrong value that an error repeats."""

_Item = TypeVar("_Item")


class FieldError(ValueError):
    """A field is missing or holds what it cannot; the text says which, what and what was expected."""


class Fields:
    """The fields of an object. Those that nobody asks for are passed over: a newer core may add some."""

    def __init__(self, values: Mapping[str, Any], where: str = "") -> None:
        """Where: the place of the object inside its line, for errors, such as "block"."""
        self._values = values
        self._where = where

    @classmethod
    def of_line(cls, line: bytes) -> "Fields":
        """The object that `line` holds; FieldError when it is none."""
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise FieldError(f"it is not JSON ({_first_line(error)})") from None
        if not isinstance(values, dict):
            raise FieldError(f"it is {_shown(values)}, not an object")
        return cls(values)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._values.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """A string, with what UTF-8 cannot hold replaced."""
        value = self._value(name, default)
        if not isinstance(value, str):
            raise self._unfit(name, value, "a string")
        return value.encode("utf-8", "replace").decode("utf-8")

    def flag(self, name: str) -> bool:
        """True or false; false when it is missing."""
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise self._unfit(name, value, "true or false")
        return value

    def number(self, name: str, default: int | None = None, *, least: int = 0) -> int:
        """A whole number of 64 bits, from `least` on."""
        value = self._value(name, default)
        if type(value) is not int or not least <= value <= ADDRESS_MAX:
            raise self._unfit(name, value, f"a whole number from {least} on")
        return value

    def address(self, name: str) -> int:
        """An address, such as "0x7f12"."""
        return self._address(name, self._value(name))

    def addresses(self, name: str) -> tuple[int, ...]:
        """A list of addresses."""
        values = [value for _, value in self._list(name)]
        try:  # most of what is read are addresses, and all of them are right but in a hostile record
            found = tuple(int(value, 16) for value in values if value[:2] == "0x")
            if len(found) == len(values) and max(found, default=0) <= ADDRESS_MAX:
                return found
        except (TypeError, ValueError):
            pass
        return tuple(self._address(f"{name}[{at}]", value) for at, value in enumerate(values))

    def octets(self, name: str) -> bytes:
        """Bytes as hexadecimal digits."""
        value = self._value(name)
        try:
            return bytes.fromhex(value)
        except (TypeError, ValueError):
            raise self._unfit(name, value, "pairs of hexadecimal digits") from None

    def inner(self, name: str) -> "Fields":
        """An object in this one."""
        return self._object(name, self._value(name))

    def one(self, name: str, read: Callable[["Fields"], _Item]) -> _Item | None:
        """What `read` makes of an object in this one; None when it is missing or null."""
        return read(self.inner(name)) if self.has(name) else None

    def many(self, name: str, read: Callable[["Fields"], _Item]) -> tuple[_Item, ...]:
        """What `read` makes of each object in a list; nothing when that is missing or null."""
        if not self.has(name):
            return ()
        return tuple(read(self._object(f"{name}[{at}]", value)) for at, value in self._list(name))

    def _value(self, name: str, default: object = None) -> Any:
        value = self._values.get(name)
        if value is not None:
            return value
        if default is None:
            raise FieldError(f"{self._where}{name} is missing")
        return default

    def _list(self, name: str) -> Iterator[tuple[int, Any]]:
        value = self._value(name)
        if not isinstance(value, list):
            raise self._unfit(name, value, "a list")
        return iter(enumerate(value))

    def _object(self, name: str, value: object) -> "Fields":
        if not isinstance(value, dict):
            raise self._unfit(name, value, "an object")
        return Fields(value, f"{self._where}{name}.")

    def _address(self, name: str, value: object) -> int:
        try:
            address = int(value, 16) if isinstance(value, str) and value.startswith("0x") else -1
        except ValueError:
            address = -1
        if not 0 <= address <= ADDRESS_MAX:
            raise self._unfit(name, value, 'an address such as "0x7f12"')
        return address

    def _unfit(self, name: str, value: object, wanted: str) -> FieldError:
        return FieldError(f"{self._where}{name} is {_shown(value)}, not {wanted}")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number of more than 128 bits"  # Python refuses to write out very long ones
    text = ascii(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:100]
