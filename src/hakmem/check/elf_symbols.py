"""Names and lines out of an ELF file by pyelftools: for machines without llvm-symbolizer and addr2line.

Tells the function by the symbol tables, and the line by .debug_line where .debug_aranges leads there;
functions that were inlined stay unnamed. Format: elf(5), DWARF 5 section 6.
"""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from ctypes import CDLL, POINTER, c_char_p, c_int, c_size_t, c_void_p, string_at
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Final

from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.elf.elffile import ELFFile

_STT_NOTYPE, _STT_FUNC, _STT_GNU_IFUNC = 0, 2, 10
_STB_LOCAL: Final = 0
_SHN_UNDEF: Final = 0
_NAME_MAX: Final = 4096
"""Characters of a mangled name that the C++ runtime is asked to read."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """What a place in code is called. function, file: "" where unknown; line: 0 where unknown."""

    function: str = ""
    file: str = ""
    line: int = 0


NOTHING: Final = Symbol()


class ElfSymbols:
    """The symbol tables of one file; a file that cannot be read has none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        entries = sorted(_guarded(path, _functions, []))
        self._starts = [start for start, *_ in entries]
        self._entries = entries

    def function(self, address: int) -> str:
        """The function that holds `address`, demangled; "" when none does."""
        at = bisect_right(self._starts, address) - 1
        if at < 0:
            return ""
        start, size, _, name = self._entries[at]
        return demangled(name) if address < start + size or size == 0 else ""

    def lines(self, addresses: Iterable[int]) -> Mapping[int, tuple[str, int]]:
        """The file and the line of those addresses of which the file tells them."""
        wanted = sorted(set(addresses))
        found: Mapping[int, tuple[str, int]] = _guarded(self._path, lambda elf: _lines(elf, wanted), {})
        return found

    def symbols(self, _file: Path, addresses: Sequence[int]) -> list[tuple[Symbol, ...]]:
        """One symbol for each address, NOTHING where nothing is known."""
        lines = self.lines(addresses)
        return [(Symbol(self.function(each), *lines.get(each, ("", 0))),) for each in addresses]


@cache
def demangled(name: str) -> str:
    """A C++ name as people write it, where the C++ runtime is installed; any other as it is."""
    demangle = _cxa_demangle() if name.startswith("_Z") and len(name) <= _NAME_MAX else None
    if demangle is None:
        return name
    free, call = demangle
    status = c_int(0)
    found = call(name.encode(), None, None, status)
    if not found:
        return name
    try:
        return string_at(found).decode("utf-8", "replace")
    finally:
        free(found)


@cache
def _cxa_demangle() -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """free(3) and __cxa_demangle of the Itanium C++ ABI, section "Demangler API"."""
    try:
        call = CDLL("libstdc++.so.6")["__cxa_demangle"]
        free = CDLL(None).free
    except (OSError, AttributeError):
        return None
    call.restype, call.argtypes = c_void_p, [c_char_p, c_char_p, POINTER(c_size_t), POINTER(c_int)]
    free.restype, free.argtypes = None, [c_void_p]
    return free, call


def _guarded(path: Path, read: Callable[[ELFFile], Any], without: Any) -> Any:
    """What `read` finds in the file; `without` when that is damaged, which may break the parser anywhere."""
    try:
        with path.open("rb") as file:
            return read(ELFFile(file))
    except Exception:  # noqa: BLE001
        return without


def _functions(elf: ELFFile) -> list[tuple[int, int, int, str]]:
    """Start, size, local or not (global names win by coming last) and name of each function."""
    found: list[tuple[int, int, int, str]] = []
    layout = struct.Struct(("<" if elf.little_endian else ">") + "IBBHQQ")
    for table in (".symtab", ".dynsym"):
        section = elf.get_section_by_name(table)
        if section is None or elf.elfclass != 64:
            continue
        data = section.data()
        names = elf.get_section(section["sh_link"]).data()
        whole = len(data) - len(data) % layout.size
        for name, info, _, index, value, size in layout.iter_unpack(data[:whole]):
            kind = info & 0xF
            if index == _SHN_UNDEF or kind not in (_STT_FUNC, _STT_GNU_IFUNC):
                continue
            end = names.find(b"\0", name)
            text = names[name:end].decode("utf-8", "replace").partition("@")[0]  # without its version
            if text:
                found.append((value, size, int(info >> 4 != _STB_LOCAL), text))
    return found


def _lines(elf: ELFFile, addresses: Sequence[int]) -> dict[int, tuple[str, int]]:
    if not elf.has_dwarf_info():
        return {}
    dwarf = elf.get_dwarf_info()
    ranges = dwarf.get_aranges()
    if ranges is None:
        return {}
    units: dict[int, list[int]] = {}
    for address in addresses:
        unit = ranges.cu_offset_at_addr(address)
        if unit is not None:
            units.setdefault(unit, []).append(address)
    found: dict[int, tuple[str, int]] = {}
    for unit, inside in units.items():
        found.update(_lines_of_unit(dwarf, unit, inside))
    return found


def _lines_of_unit(dwarf: DWARFInfo, offset: int, addresses: Sequence[int]) -> dict[int, tuple[str, int]]:
    """Of `addresses`, which ascend, those that the unit's line table knows."""
    unit = dwarf.get_CU_at(offset)
    program = dwarf.line_program_for_CU(unit)
    if program is None:
        return {}
    found: dict[int, tuple[str, int]] = {}
    previous = None
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if previous is not None and not previous.end_sequence:
            at = bisect_left(addresses, previous.address)
            while at < len(addresses) and addresses[at] < state.address:
                found[addresses[at]] = (_file(program, unit, previous.file), previous.line)
                at += 1
        previous = state
    return found


def _file(program: Any, unit: Any, number: int) -> str:
    """The path of a file of the line table, which is relative to the directory of the compilation."""
    files, directories = program["file_entry"], program["include_directory"]
    from_zero = program["version"] >= 5
    entry = files[number if from_zero else number - 1]
    at = entry.dir_index
    directory = directories[at] if from_zero else directories[at - 1] if at else b""
    top = unit.get_top_DIE().attributes.get("DW_AT_comp_dir")
    parts = [each.decode("utf-8", "replace") for each in (top.value if top else b"", directory, entry.name)]
    return str(PurePosixPath(*parts))
