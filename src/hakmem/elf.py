"""Reads from an ELF file what decides whether a library can be preloaded. Format: elf(5)."""

import struct
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import BinaryIO, Final

_MAGIC: Final = b"\x7fELF"
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NULL, _DT_NEEDED, _DT_STRTAB = 0, 1, 5
_HEADER_MIN: Final = 52
"""Bytes of the header of a 32-bit file; that of a 64-bit file has 64."""

_HEADERS_MAX: Final = 1 << 16
"""Bytes; more program headers or dynamic entries than this are taken for damage."""

_MACHINES: Final = {3: "i386", 40: "arm", 62: "x86-64", 183: "aarch64", 21: "ppc64", 22: "s390", 243: "riscv"}


class CLibrary(StrEnum):
    """Whose C library a file runs on."""

    GLIBC = "glibc"
    MUSL = "musl"
    UNKNOWN = "unknown C library"


class ElfError(ValueError):
    """The file is not ELF, or is damaged."""


@dataclass(frozen=True, slots=True)
class Elf:
    """The facts of one file.

    bits: 32 or 64.
    machine: a name such as "x86-64", or "machine 42".
    interpreter: the dynamic loader that the file asks for; None in static programs and in libraries.
    needed: the libraries that it asks for.
    """

    bits: int
    machine: str
    interpreter: str | None
    needed: tuple[str, ...]

    @property
    def c_library(self) -> CLibrary:
        """Judged by the loader's name, or by the name of the C library in a file without a loader."""
        loader = PurePath(self.interpreter or "").name
        if loader.startswith("ld-musl") or any(
            n == "libc.so" or n.startswith("libc.musl") for n in self.needed
        ):
            return CLibrary.MUSL
        if loader.startswith(("ld-linux", "ld64.so", "ld.so")) or "libc.so.6" in self.needed:
            return CLibrary.GLIBC
        return CLibrary.UNKNOWN


@dataclass(frozen=True, slots=True)
class _Segment:
    """One program header, as far as it matters here: offsets, addresses and sizes in bytes."""

    kind: int
    offset: int
    address: int
    size: int


def is_elf(start: bytes) -> bool:
    """Whether a file that begins with `start` is ELF."""
    return start.startswith(_MAGIC)


def read_elf(file: BinaryIO) -> Elf:
    """The facts of an open file; ElfError when it has none."""
    try:
        return _read(file)
    except (struct.error, OverflowError, OSError) as error:
        raise ElfError(f"damaged ELF file ({error})") from None


def _read(file: BinaryIO) -> Elf:
    head = file.read(64)
    if not is_elf(head):
        raise ElfError("not an ELF file")
    if len(head) < _HEADER_MIN:
        raise ElfError("damaged ELF file (it ends too early)")
    wide, order = head[4] == 2, ">" if head[5] == 2 else "<"
    if wide:
        offset, size, count = (
            *struct.unpack_from(order + "Q", head, 32),
            *struct.unpack_from(order + "HH", head, 54),
        )
    else:
        offset, size, count = (
            *struct.unpack_from(order + "I", head, 28),
            *struct.unpack_from(order + "HH", head, 42),
        )
    (machine,) = struct.unpack_from(order + "H", head, 18)
    table = _at(file, offset, size * count)
    segments = [_segment(table, i * size, wide=wide, order=order) for i in range(count)]
    interpreter = next((_text(_at(file, s.offset, s.size)) for s in segments if s.kind == _PT_INTERP), None)
    return Elf(
        bits=64 if wide else 32,
        machine=_MACHINES.get(machine, f"machine {machine}"),
        interpreter=interpreter,
        needed=_needed(file, segments, order + ("qQ" if wide else "iI")),
    )


def _segment(table: bytes, at: int, *, wide: bool, order: str) -> _Segment:
    if wide:
        kind, _, offset, address, _, size = struct.unpack_from(order + "IIQQQQ", table, at)
    else:
        kind, offset, address, _, size = struct.unpack_from(order + "IIIII", table, at)
    return _Segment(kind, offset, address, size)


def _needed(file: BinaryIO, segments: list[_Segment], entry: str) -> tuple[str, ...]:
    dynamic = next((s for s in segments if s.kind == _PT_DYNAMIC), None)
    if dynamic is None:
        return ()
    names: list[int] = []
    strings = 0
    data = _at(file, dynamic.offset, dynamic.size)
    for tag, value in struct.iter_unpack(
        entry, data[: len(data) // struct.calcsize(entry) * struct.calcsize(entry)]
    ):
        if tag == _DT_NULL:
            break
        if tag == _DT_NEEDED:
            names.append(value)
        elif tag == _DT_STRTAB:
            strings = value
    return tuple(_text(_at(file, _file_offset(segments, strings + name), 256, whole=False)) for name in names)


def _file_offset(segments: list[_Segment], address: int) -> int:
    for segment in segments:
        if segment.kind == _PT_LOAD and segment.address <= address < segment.address + segment.size:
            return address - segment.address + segment.offset
    raise ElfError(f"damaged ELF file (nothing is loaded at {address:#x})")


def _at(file: BinaryIO, offset: int, size: int, *, whole: bool = True) -> bytes:
    """`size` bytes at `offset`; fewer only where `whole` is false."""
    if size > _HEADERS_MAX:
        raise ElfError(f"damaged ELF file (a table of {size} bytes)")
    file.seek(offset)
    data = file.read(size)
    if whole and len(data) < size:
        raise ElfError("damaged ELF file (it ends too early)")
    return data


def _text(data: bytes) -> str:
    """The text up to the first NUL."""
    return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")
