"""A hex dump: rows of sixteen bytes, told by their distance from the block's start, damaged bytes marked."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hakmem.check.findings import Finding

_ROW: Final = 16


@dataclass(frozen=True, slots=True)
class Octet:
    """One byte; value: None where nothing was read. damaged: whether it is what the error is about."""

    value: int | None
    damaged: bool

    @property
    def digits(self) -> str:
        """Two hexadecimal digits."""
        return "  " if self.value is None else f"{self.value:02x}"

    @property
    def character(self) -> str:
        """The byte as a character, a dot where it is not one of ASCII."""
        if self.value is None:
            return " "
        return chr(self.value) if 0x20 <= self.value < 0x7F else "."


@dataclass(frozen=True, slots=True)
class Row:
    """label: where the row begins, from the block's start: "+0x60"; without a block its address."""

    label: str
    octets: tuple[Octet, ...]

    @property
    def pieces(self) -> Iterator[tuple[str, bool]]:
        """The digits, with a blank or a bracket in front of each, and behind all; whether each is damaged."""
        inside = False
        for octet in self.octets:
            yield "[" if octet.damaged and not inside else "]" if inside and not octet.damaged else " ", False
            yield octet.digits, octet.damaged
            inside = octet.damaged
        yield "]" if inside else " ", False

    @property
    def characters(self) -> str:
        """The bytes as text."""
        return "".join(octet.character for octet in self.octets)


def rows(finding: Finding) -> Iterator[Row]:
    """The bytes that were recorded; none when nothing was."""
    memory = finding.memory
    if memory is None or not memory.data:
        return
    base = finding.block.address if finding.block else None
    first, last = _damaged(finding)
    origin = base if base is not None else 0
    start = memory.address - (memory.address - origin) % _ROW
    for row in range(start, memory.address + len(memory.data), _ROW):
        octets = []
        for address in range(row, row + _ROW):
            at = address - memory.address
            inside = 0 <= at < len(memory.data)
            octets.append(Octet(memory.data[at] if inside else None, inside and first <= address < last))
        label = f"{row:#x}" if base is None else f"{'-' if row < base else '+'}{abs(row - base):#x}"
        yield Row(label, tuple(octets))


def _damaged(finding: Finding) -> tuple[int, int]:
    """The addresses of the damage, from the first to the one behind the last; of the pointer without any."""
    if finding.damage is not None and finding.block is not None:
        start = finding.block.address + finding.damage.offset
        return start, start + finding.damage.length
    return finding.address, finding.address + 1
