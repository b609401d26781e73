"""Figures as people read them: three digits and a unit that fits."""

from typing import Final

from hakmem.lab.plan import THROUGHPUT, TIME_PER_OPERATION, WALL_TIME

_BINARY: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_SECONDS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_RATES: Final = ((1e9, "G/s"), (1e6, "M/s"), (1e3, "k/s"))


def figure(value: float, unit: str) -> str:
    """A figure with its unit, such as "8.01 ns", "48.1 M/s" or "17.4 MiB"; of operations an operation's."""
    if unit == "B":
        return _scaled(value, _BINARY, "B")
    if unit == TIME_PER_OPERATION.unit:
        return _scaled(value * 1e-9, _SECONDS, "ns", 1e-9)
    if unit == WALL_TIME.unit:
        return _scaled(value, _SECONDS, "ns", 1e-9)
    if unit == THROUGHPUT.unit:
        return _scaled(value, _RATES, "/s")
    return f"{_digits(value)} {unit}"


def duration(seconds: float) -> str:
    """Seconds as "45 s", "2 min 05 s" or "1 h 20 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def _scaled(value: float, scales: tuple[tuple[float, str], ...], smallest: str, per: float = 1.0) -> str:
    for scale, name in scales:
        if abs(value) >= scale * 0.9995:
            return f"{_digits(value / scale)} {name}"
    smallest_value = value / per
    whole = smallest == "B" or smallest_value == 0
    return f"{smallest_value:.0f} {smallest}" if whole else f"{_digits(smallest_value)} {smallest}"


def _digits(value: float) -> str:
    """Three significant digits, and no fewer than the whole number has."""
    size = abs(value)
    if size >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if size >= 9.995 else f"{value:.2f}"
