"""What commands that start a person's program share: where its words begin, and what it is started with."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hakmem.cli.arguments import link_directories
from hakmem.cli.python_malloc import wants_python_malloc
from hakmem.cpython import Choice
from hakmem.launch import Launch
from hakmem.libraries import library_path, loadable
from hakmem.program import Program, check_preloadable, find, follow

_COERCED: Final = ("C.UTF-8", "C.utf8", "UTF-8")
"""Values of LC_CTYPE that Python puts into its own environment in the C locale (PEP 538)."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A command that can be started.

    launch: what its environment needs. base: the environment without that.
    """

    program: Program
    command: Sequence[str]
    launch: Launch
    base: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """The environment to start it with."""
        return self.launch.environment(self.base)


def split(words: list[str], with_value: Collection[str]) -> tuple[list[str], list[str]]:
    """The options, and the command: it starts at the first word that is neither option nor value.

    with_value: options whose value may be the next word; the others stand alone, so that a program's name is
    none.
    """
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "--":
        at += 2 if words[at] in with_value else 1
    behind = at + 1 if words[at : at + 1] == ["--"] else at
    return words[:at], words[behind:]


def prepare(
    command: Sequence[str], flavour: str, settings: Mapping[str, str], python_malloc: Choice
) -> Ready:
    """Finds the program and checks that the library can be put under it.

    Errors: ProgramNotFoundError, CannotPreloadError, UsageError.
    """
    base = _original_environment()
    library = loadable(library_path(flavour), link_directories(base, os.getuid()))
    search_path = base.get("PATH", os.defpath)
    program = follow(find(command[0], search_path), search_path)
    check_preloadable(program, library)
    wanted = wants_python_malloc(python_malloc, program, base)
    return Ready(program, command, Launch(library, settings, wanted), base)


def _original_environment() -> dict[str, str]:
    """The environment that this process was given, without what Python itself put into it."""
    environment = dict(os.environ)
    if environment.get("LC_CTYPE") in _COERCED:
        try:
            given = Path("/proc/self/environ").read_bytes()
        except OSError:
            return environment
        if not any(entry.startswith(b"LC_CTYPE=") for entry in given.split(b"\0")):
            del environment["LC_CTYPE"]
    return environment
