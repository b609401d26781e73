"""The malloc that a program runs on: a flavour of HAKMEM, a stand-in, or the system's.

The flavours are those of the installed ``hakmem`` package, as ``hakmem lib --flavour NAME`` names them. To
run the same tests on any other malloc replacement, name its file::

    HAKMEM_TEST_LIBRARY=/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0 pytest tests/real

Then the tests run once, on that library, and those of HAKMEM's own settings and doors are skipped.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

OVERRIDE = "HAKMEM_TEST_LIBRARY"
FLAVOURS = ("release", "debug")


@dataclass(frozen=True, slots=True)
class Library:
    """One malloc.

    name: the flavour, the stand-in's file name, or "system".
    path: the shared library to preload; None for the system's malloc.
    is_hakmem: whether it has HAKMEM's own doors (``hak_malloc`` and the others) and settings.
    """

    name: str
    path: Path | None
    is_hakmem: bool


SYSTEM = Library("system", None, is_hakmem=False)


class LibraryNotFoundError(Exception):
    """The library under test is not there; the message says how to get it."""


def names_under_test() -> tuple[str, ...]:
    """The flavours to test, or the stand-in's name: cheap, for the collection of the tests."""
    override = os.environ.get(OVERRIDE)
    return (Path(override).name,) if override else FLAVOURS


def load_under_test(name: str, directory: Path) -> Library:
    """Copy the library called ``name`` into ``directory``, which every user can read, and describe it.

    A copy, because servers that refuse to run as root must be able to open it wherever the checkout is.
    """
    override = os.environ.get(OVERRIDE)
    source = Path(override) if override else _path_of_flavour(name)
    if not source.is_file():
        raise LibraryNotFoundError(f"no library at {source}: correct {OVERRIDE}, or run 'make setup'")
    copy = directory / source.name
    shutil.copyfile(source, copy)
    copy.chmod(0o755)
    return Library(name, copy, is_hakmem=b"\0hak_malloc\0" in copy.read_bytes())


def _path_of_flavour(flavour: str) -> Path:
    command = [sys.executable, "-m", "hakmem", "lib", "--flavour", flavour]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if answer.returncode != 0:
        raise LibraryNotFoundError(
            f"'{' '.join(command)}' failed; run 'make setup', or set {OVERRIDE}:\n{answer.stderr}"
        )
    return Path(answer.stdout.strip())
