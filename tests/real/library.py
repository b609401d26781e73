"""The malloc that a program runs on: a flavour of HAKMEM, a stand-in, or the system's.

The flavours are those of the installed ``hakmem`` package, as ``hakmem lib --flavour NAME`` names them. To
run the same tests on any other malloc replacement, name its file::

    HAKMEM_TEST_LIBRARY=/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0 pytest tests/real

Then the tests run once, on that library, and those of HAKMEM's own settings and doors are skipped.

``checked`` is the debug flavour with the full checks that ``hakmem check`` turns on: a program that it finds
wrong fails its test. CHECKS runs every test on it, with the settings of the checks that it names::

    HAKMEM_TEST_CHECKS="guard=end sweep=100" pytest tests/real
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

OVERRIDE = "HAKMEM_TEST_LIBRARY"
CHECKS = "HAKMEM_TEST_CHECKS"
CHECKED = "checked"
FLAVOURS = ("release", "debug")


@dataclass(frozen=True, slots=True)
class Library:
    """One malloc.

    name: the flavour, CHECKED, the stand-in's file name, or "system".
    path: the shared library to preload; None for the system's malloc.
    is_hakmem: whether it has HAKMEM's own doors (``hak_malloc`` and the others) and settings.
    checks: None, or the full checks are on, with these settings.
    """

    name: str
    path: Path | None
    is_hakmem: bool
    checks: Mapping[str, str] | None = field(default=None, hash=False)


SYSTEM = Library("system", None, is_hakmem=False)


class LibraryNotFoundError(Exception):
    """The library under test is not there; the message says how to get it."""


def names_under_test() -> tuple[str, ...]:
    """The flavours to test, or the stand-in's name: cheap, for the collection of the tests."""
    override = os.environ.get(OVERRIDE)
    if override:
        return (Path(override).name,)
    return FLAVOURS if os.environ.get(CHECKS) is None else (CHECKED,)


def load_under_test(name: str, directory: Path) -> Library:
    """Copy the library called ``name`` into ``directory``, which every user can read, and describe it.

    A copy, because servers that refuse to run as root must be able to open it wherever the checkout is.
    """
    override = os.environ.get(OVERRIDE)
    source = Path(override) if override else _path_of_flavour("debug" if name == CHECKED else name)
    if not source.is_file():
        raise LibraryNotFoundError(f"no library at {source}: correct {OVERRIDE}, or run 'make setup'")
    copy = directory / source.name
    shutil.copyfile(source, copy)
    copy.chmod(0o755)
    checks = settings_of_checks(os.environ.get(CHECKS, "")) if name == CHECKED else None
    return Library(name, copy, is_hakmem=b"\0hak_malloc\0" in copy.read_bytes(), checks=checks)


def settings_of_checks(words: str) -> dict[str, str]:
    """The environment that "guard=end sweep=100" asks for; as under ``hakmem check`` a program goes on."""
    chosen = dict(word.split("=", 1) for word in words.split())
    return {
        f"HAKMEM_CHECK_{name.upper()}": value for name, value in {"on_error": "continue", **chosen}.items()
    }


def _path_of_flavour(flavour: str) -> Path:
    command = [sys.executable, "-m", "hakmem", "lib", "--flavour", flavour]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if answer.returncode != 0:
        raise LibraryNotFoundError(
            f"'{' '.join(command)}' failed; run 'make setup', or set {OVERRIDE}:\n{answer.stderr}"
        )
    return Path(answer.stdout.strip())
