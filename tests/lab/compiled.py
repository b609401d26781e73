"""Compiles what the laboratory is tested with: allocators of one defect, and programs of known doings."""

from pathlib import Path

from hakmem.lab.plan import Allocator
from tests.compiler import compile_to

_HERE = Path(__file__).parent
_WORKLOADS = _HERE.parents[1] / "workloads"
_FLAGS = ("-std=c11", "-O2", "-g", "-fno-builtin", "-Wall", "-Wextra", "-Werror")

DEFECTS = tuple(sorted(source.stem for source in (_HERE / "fakes").glob("*.c")))
"""Names of the fakes; their files say what each does. "plain" has no defect."""


def compile_fakes(directory: Path) -> dict[str, Allocator]:
    """Every fake as an allocator, by its name."""
    return {
        name: Allocator(
            name, _compile(_HERE / "fakes" / f"{name}.c", directory / f"{name}.so", "-fPIC", "-shared")
        )
        for name in DEFECTS
    }


def compile_programs(directory: Path) -> dict[str, Path]:
    """The programs in `programs/`, by name."""
    return {
        source.stem: _compile(source, directory / source.stem, "-pthread")
        for source in sorted((_HERE / "programs").glob("*.c"))
    }


def compile_static(source: str, directory: Path) -> Path:
    """A static program."""
    file = directory / "static.c"
    file.write_text(source)
    return _compile(file, directory / "static", "-static")


def compile_meter(directory: Path) -> Path:
    """The meter of this source tree, whatever is installed."""
    return _compile(_WORKLOADS / "meter.c", directory / "meter", "-static")


def _compile(source: Path, target: Path, *flags: str) -> Path:
    return compile_to(target, *_FLAGS, *flags, source)
