"""Amounts as people read them: three figures that count, and a unit."""

import math
from typing import Final

_TIMES: Final = ((1e9, "s"), (1e6, "ms"), (1e3, "us"))
_LARGE: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_SHORT: Final = 1e4
"""From here on, `short` shortens."""
_BYTES: Final = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def number(amount: float) -> str:
    """1234567 -> "1,234,567", 13.5 -> "13.5", 0.00123 -> "0.0012", and what is next to nothing -> "0"."""
    size = abs(amount)
    if size >= 100 or amount == int(amount):
        return f"{amount:,.0f}"
    if size >= 10:
        return f"{amount:.1f}"
    if size >= 0.01:
        return f"{amount:.2f}"
    if size < 1e-7:
        return "0"
    return f"{amount:.2g}" if size >= 1e-4 else f"{amount:.0e}".replace("e-0", "e-")


def short(amount: float) -> str:
    """For tables: 1234567 -> "1.23 M", 12345 -> "12.3 k", 1234 -> "1,234", and nearly nothing -> "~0"."""
    if abs(amount) >= _SHORT:
        scale, letter = next(pair for pair in _LARGE if abs(amount) >= pair[0])
        return f"{number(amount / scale)} {letter}"
    return "~0" if 0 < abs(amount) < 1e-4 else number(amount)


def time(amount_ns: float) -> str:
    """Nanoseconds: 1234 -> "1.23 us"."""
    for scale, unit in _TIMES:
        if abs(amount_ns) >= scale:
            return f"{number(amount_ns / scale)} {unit}"
    return f"{number(amount_ns) if abs(amount_ns) >= 0.01 else '0'} ns"


def size(amount_b: float) -> str:
    """Bytes: 83886080 -> "80.0 MiB"."""
    for scale, unit in _BYTES:
        if abs(amount_b) >= scale:
            return f"{number(amount_b / scale)} {unit}"
    return f"{number(amount_b) if abs(amount_b) >= 0.01 else '0'} B"


def share(part: float) -> str:
    """A fraction: 0.384 -> "38 %", 0.0042 -> "0.42 %", 0.9996 -> "99.96 %", nearly none -> "~0 %"."""
    percent = 100 * part
    if 0 < percent < 0.01:
        return "~0 %"
    if percent < 1:
        return f"{percent:.2g} %"
    if percent < 99 or percent >= 100:
        return f"{percent:.0f} %"
    digits = min(4, -math.floor(math.log10(100 - percent)))
    return f"{min(round(percent, digits), 100 - 10**-digits):.{digits}f} %"


def each(unit: str) -> str:
    """The word with its article: "operation" -> "an operation"."""
    return f"{'an' if unit[:1] in 'aeiou' else 'a'} {unit}"


def multiple(severity: float, whole: str) -> str:
    """How an excess compares with a whole: "38 % of ...", "12 times ..."."""
    return f"{number(severity)} times {whole}" if severity >= 2 else f"{share(severity)} of {whole}"
