"""Whether the library that was to be preloaded really was in the process."""

import re
from pathlib import Path
from typing import Final

from hakmem.elf import ElfError
from hakmem.errors import HakmemError
from hakmem.program import check_preloadable, follow

_REFUSAL: Final = re.compile(
    rb"^ERROR: ld\.so: object '[^'\n]*' from LD_PRELOAD cannot be preloaded.*$", re.MULTILINE
)
"""What the GNU loader writes to stderr when it goes on without a library (glibc, elf/rtld.c)."""

_START_B: Final = 1 << 16
"""Bytes of stderr that are searched: the loader writes before the program does."""


def why_not_loaded(
    path: str, library: Path | None, seen: bool | None, errors: Path, *, search_path: str
) -> str:
    """Why `library` was not in the process of the program `path`; "" when it was, or none was to be.

    seen: what the process's maps showed; None for one that ended before they could be read, which for a
        dynamic program is a matter of a millisecond. Such a program counts as having had the library if its
        loader did not complain and its file is one that the loader preloads into.
    errors: a file with what the program wrote to stderr.
    search_path: where env(1) looks for the interpreters of scripts.
    """
    if library is None or seen:
        return ""
    with errors.open("rb") as file:
        refusal = _REFUSAL.search(file.read(_START_B))
    if refusal:
        return refusal.group().decode(errors="replace")
    try:
        check_preloadable(follow(path, search_path), library)
    except (HakmemError, ElfError) as error:
        return str(error).partition(";")[0]  # the rest tells how to run it anyway
    if seen is None:
        return ""
    return f"{library.name} was not in the process: something on the way to it dropped LD_PRELOAD"
