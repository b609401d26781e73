"""llvm-symbolizer and addr2line: one process a file, fed all addresses at once.

Both tell inlined functions, demangle, and answer "??" where they know nothing. Sources: the manual pages
llvm-symbolizer(1) and addr2line(1).
"""

import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hakmem.check.elf_symbols import Symbol

TIMEOUT_S: Final = 120.0
"""Seconds for one file; the debug information of a browser takes some ten."""

_UNKNOWN: Final = ("??", "")
_PLACE: Final = re.compile(r"(.*?):(\d+|\?)(?::\d+)?(?: \(discriminator \d+\))?$")
_VERSION: Final = re.compile(r"@@?[A-Za-z_][\w.]*$")
"""What a linker's version script adds to a name: malloc@@GLIBC_2.2.5."""
_ADDRESS: Final = re.compile(r"0x[0-9a-f]+$")


class ToolError(Exception):
    """The tool could not be run, took too long, or answered something else than was asked."""


@dataclass(frozen=True, slots=True)
class Tool:
    """An installed tool. name: "llvm-symbolizer" or "addr2line". path: its program."""

    name: str
    path: str

    def symbols(self, file: Path, addresses: Sequence[int]) -> list[tuple[Symbol, ...]]:
        """For each address its symbols, inlined ones first; ToolError when there is no answer."""
        options, split = _KINDS[self.name]
        asked = "".join(f"{address:#x}\n" for address in addresses)
        try:
            done = subprocess.run(
                [self.path, *options, str(file)],
                input=asked,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ToolError(f"{self.name}: {error}") from None
        answers = [_symbols(lines) for lines in split(done.stdout.splitlines())]
        if len(answers) != len(addresses):
            raise ToolError(f"{self.name} gave {len(answers)} answers to {len(addresses)} questions")
        return answers


def _symbols(lines: Sequence[str]) -> tuple[Symbol, ...]:
    """The symbols in pairs of lines: a function, and where it is."""
    return tuple(_symbol(*pair) for pair in zip(lines[::2], lines[1::2], strict=False))


def _symbol(function: str, place: str) -> Symbol:
    match = _PLACE.match(place)
    file, line = match.groups() if match else ("", "0")
    return Symbol(
        function="" if function in _UNKNOWN else _VERSION.sub("", function),
        file="" if file in _UNKNOWN else file,
        line=int(line) if line.isdecimal() else 0,
    )


def _by_blank_line(lines: Iterable[str]) -> list[list[str]]:
    groups: list[list[str]] = [[]]
    for line in lines:
        if line:
            groups[-1].append(line)
        else:
            groups.append([])
    return groups if groups[-1] else groups[:-1]


def _by_address(lines: Iterable[str]) -> list[list[str]]:
    groups: list[list[str]] = []
    for line in lines:
        if _ADDRESS.match(line):
            groups.append([])
        elif groups:
            groups[-1].append(line)
    return groups


_Split = Callable[[Iterable[str]], list[list[str]]]
_KINDS: Final[dict[str, tuple[tuple[str, ...], _Split]]] = {
    "llvm-symbolizer": (("--demangle", "--inlines", "--functions=linkage", "--obj"), _by_blank_line),
    "addr2line": (("-a", "-C", "-f", "-i", "-e"), _by_address),
}
"""Tool -> options that end with the one for the file, and how its answers are told apart."""

TOOLS: Final = tuple(_KINDS)
"""Names of the tools, the one that is asked first first."""
