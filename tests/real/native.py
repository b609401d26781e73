"""Compiles the small C and C++ programs of ``programs/``, each once a session."""

from dataclasses import dataclass, field
from pathlib import Path

from tests.compiler import compile_to

SOURCES = Path(__file__).parent / "programs"

_LANGUAGES = {"c": ("gcc", "-std=c11"), "cpp": ("g++", "-std=c++17")}
# -fno-builtin: a compiler may remove a malloc whose block is only freed, and the test with it.
_FLAGS = ("-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fno-builtin", f"-I{SOURCES}")


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles into one directory and remembers what is already there."""

    directory: Path
    _made: dict[tuple[str, tuple[str, ...]], Path] = field(default_factory=dict)

    def program(self, source: str, *flags: str) -> Path:
        """The executable made from ``programs/<source>``; ``flags`` go to the linker as well."""
        return self._make(source, ("-pthread", *flags), suffix="")

    def shared_library(self, source: str, *flags: str) -> Path:
        """The shared library made from ``programs/<source>``."""
        return self._make(source, ("-shared", "-fPIC", "-pthread", *flags), suffix=".so")

    def _make(self, source: str, flags: tuple[str, ...], suffix: str) -> Path:
        key = (source, flags)
        if key not in self._made:
            stem, extension = source.rsplit(".", 1)
            target = self.directory / f"{stem}-{len(self._made)}{suffix}"
            compiler, standard = _LANGUAGES[extension]
            compile_to(target, standard, *_FLAGS, SOURCES / source, *flags, compiler=compiler)
            self._made[key] = target
        return self._made[key]
