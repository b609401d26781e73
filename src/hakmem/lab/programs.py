"""Where the laboratory's compiled programs are: workloads, the meter and the floor allocator."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from hakmem.errors import HakmemError

_PACKAGE: Final = Path(__file__).resolve().parent
_CHECKOUT: Final = _PACKAGE.parents[2]

DIRECTORIES: Final = (
    _PACKAGE / "bin",
    _CHECKOUT / "build" / "wheel" / "workloads" / "bin",
    _CHECKOUT / "build" / "release" / "workloads" / "bin",
)
"""Where the wheel puts them, and where the builds of a checkout leave them (make setup, make build)."""


class ProgramsMissingError(HakmemError):
    """A program of the laboratory is in none of the directories where it could be."""

    exit_code: ClassVar[int] = 127


def program(name: str, directories: Sequence[Path] = DIRECTORIES) -> Path:
    """The absolute path of the program `name`, from the first of `directories` that has it.

    Errors: ProgramsMissingError.
    """
    for directory in directories:
        path = directory / name
        if path.is_file():
            return path
    raise ProgramsMissingError(
        f"the laboratory's program {name!r} is not built; install the package again: pip install ."
    )
