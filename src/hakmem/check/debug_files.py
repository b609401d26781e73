"""Where the debug information of a module is: in the module, or in a file that distributions install apart.

Source: "Debugging Information in Separate Files" in the manual of GDB (build ids, .gnu_debuglink).
"""

import re
from pathlib import Path
from typing import Final

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection

DEBUG_ROOT: Final = Path("/usr/lib/debug")

_HEX: Final = re.compile(r"[0-9a-f]{4,}")


def object_for(path: str, build_id: str, root: Path = DEBUG_ROOT) -> Path | None:
    """The file that knows the symbols of the module `path`; None when no file does.

    build_id: what the running program had mapped, "" when unknown. A file that was replaced since then has
    another, and its symbols would be wrong ones.
    """
    if _HEX.fullmatch(build_id):
        separate = root / ".build-id" / build_id[:2] / f"{build_id[2:]}.debug"
        if separate.is_file():
            return separate
    module = Path(path)
    if not path.startswith("/") or not _is_file(module):
        return None
    own = _build_id(module)
    if own is None or (build_id and own and own != build_id):
        return None
    return module


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # ValueError: a NUL in it
        return False


def _build_id(path: Path) -> str | None:
    """The build id, "" without one; None when the file is not ELF."""
    try:
        with path.open("rb") as file:
            section = ELFFile(file).get_section_by_name(".note.gnu.build-id")
            if not isinstance(section, NoteSection):
                return ""
            return next((note["n_desc"] for note in section.iter_notes() if note["n_name"] == "GNU"), "")
    except (OSError, ELFError, ValueError, KeyError, AttributeError, UnicodeDecodeError):
        return None
