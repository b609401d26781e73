"""What places in code are called: asked of a tool in one batch for each file, and of each place once."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from hakmem.check.debug_files import DEBUG_ROOT, object_for
from hakmem.check.elf_symbols import NOTHING, ElfSymbols, Symbol
from hakmem.check.processes import Location
from hakmem.check.tools import TOOLS, Tool, ToolError
from hakmem.errors import UsageError

AUTO: Final = "auto"
BUILT_IN: Final = "builtin"
CHOICES: Final = (AUTO, *TOOLS, BUILT_IN)
"""What `--symbolizer` takes."""


def choose(wanted: str, search_path: str) -> Tool | None:
    """The tool that is asked; None for the symbol tables alone. UsageError when the one wanted is missing."""
    if wanted == BUILT_IN:
        return None
    for name in TOOLS if wanted == AUTO else (wanted,):
        path = shutil.which(name, path=search_path)
        if path is not None:
            return Tool(name, path)
    if wanted == AUTO:
        return None
    package = {"llvm-symbolizer": "llvm", "addr2line": "binutils"}[wanted]
    raise UsageError(f"--symbolizer {wanted}: it is not on PATH; install {package}, or leave the option out")


class Symbolizer:
    """Names for locations."""

    def __init__(self, tool: Tool | None, debug_root: Path = DEBUG_ROOT) -> None:
        self._tool = tool
        self._debug_root = debug_root
        self._objects: dict[tuple[str, str], Path | None] = {}
        self._tables: dict[Path, ElfSymbols] = {}
        self._known: dict[tuple[str, str, int], tuple[Symbol, ...]] = {}
        self.problems: list[str] = []
        """What went wrong, in sentences; names are missing then, and offsets stand for them."""

    @property
    def has_tool(self) -> bool:
        """Whether inlined functions can be told."""
        return self._tool is not None

    def learn(self, locations: Iterable[Location]) -> None:
        """Looks up all locations that are still unknown."""
        asked: dict[tuple[str, str], set[int]] = {}
        for each in locations:
            if each.path and (each.path, each.build_id, each.address) not in self._known:
                asked.setdefault((each.path, each.build_id), set()).add(each.address)
        for (path, build_id), wanted in asked.items():
            addresses = sorted(wanted)
            answers = self._symbols(path, build_id, addresses)
            for address, symbols in zip(addresses, answers, strict=True):
                self._known[path, build_id, address] = symbols

    def symbols(self, location: Location) -> tuple[Symbol, ...]:
        """The functions at a location, inlined ones first; one without a name when none is known."""
        return self._known.get((location.path, location.build_id, location.address), (NOTHING,))

    def _symbols(self, path: str, build_id: str, addresses: Sequence[int]) -> list[tuple[Symbol, ...]]:
        file = self._object(path, build_id)
        if file is None:
            return [(NOTHING,)] * len(addresses)
        source = self._tool or self._table(file)
        try:
            answers = source.symbols(file, addresses)
        except ToolError as error:
            self.problems.append(f"{path}: {error}; its symbol tables alone were read")
            answers = self._table(file).symbols(file, addresses)
        return [
            symbols if symbols and symbols[0].file else self._by_name(path, file, address, symbols)
            for address, symbols in zip(addresses, answers, strict=True)
        ]

    def _by_name(
        self, path: str, file: Path, address: int, symbols: tuple[Symbol, ...]
    ) -> tuple[Symbol, ...]:
        """The function by the symbol tables, where there is no debug information.

        Exported names outlive strip(1). The tables know where a function ends; addr2line takes the nearest.
        """
        name = next(
            filter(None, (self._table(each).function(address) for each in dict.fromkeys((file, Path(path))))),
            "",
        )
        first = symbols[0] if symbols else NOTHING
        return (Symbol(name, first.file, first.line), *symbols[1:])

    def _object(self, path: str, build_id: str) -> Path | None:
        key = (path, build_id)
        if key not in self._objects:
            found = object_for(path, build_id, self._debug_root)
            self._objects[key] = found
            if found is None and path.startswith("/"):
                self.problems.append(
                    f"{path} is gone, is not ELF, or was replaced since it was loaded; it has no names here"
                )
        return self._objects[key]

    def _table(self, file: Path) -> ElfSymbols:
        if file not in self._tables:
            self._tables[file] = ElfSymbols(file)
        return self._tables[file]
