"""Where the preload libraries are, and how the dynamic loader can be told about them."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from hakmem.errors import HakmemError
from hakmem.spec.flavours import FLAVOURS

DIRECTORY: Final = Path(__file__).resolve().parent / "lib"
"""Where the wheel puts the libraries."""


def library_path(flavour: str, directory: Path = DIRECTORY) -> Path:
    """The library of `flavour`, which the caller has checked to be one."""
    file = next(entry.file for entry in FLAVOURS if entry.name == flavour)
    path = directory / file
    if not path.is_file():
        raise HakmemError(f"{path} is missing; install it again: pip install --force-reinstall hakmem")
    return path


def is_loadable(path: str) -> bool:
    """Whether LD_PRELOAD can hold `path`: the loader splits at colons and blanks, expands $ (ld.so(8))."""
    return not any(character in ":$" or character.isspace() for character in path)


def loadable(library: Path, directories: Iterable[Path]) -> Path:
    """A path that LD_PRELOAD can hold and that leads to `library`.

    That is `library` itself where possible, else a link in the first of `directories` that has such a path
    and belongs to this user alone: whoever can replace the link decides what the program runs.
    """
    if is_loadable(str(library)):
        return library
    for directory in directories:
        if is_loadable(str(directory)) and _make_private(directory):
            try:
                return _link(library, directory)
            except OSError:
                continue
    raise HakmemError(
        f"LD_PRELOAD cannot hold the path {str(library)!r}: it has a blank, a colon or a dollar sign,"
        " and no private directory for a link was found; set XDG_CACHE_HOME to a plain path"
    )


def copy_library(library: Path, directory: Path) -> Path:
    """Copies `library` into `directory`, which is made when missing; who uses an old copy keeps that."""
    target = directory / library.name
    temporary = directory / f".{library.name}.{os.getpid()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(library.read_bytes())
            temporary.chmod(0o755)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise HakmemError(f"cannot copy the library to {str(directory)!r}: {error.strerror}") from None
    return target


def _make_private(directory: Path) -> bool:
    """Whether `directory` is, or could be made, a real directory that nobody else may write to."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _link(library: Path, directory: Path) -> Path:
    from hashlib import blake2b  # noqa: PLC0415  (only here, and not on the way to most programs)

    digest = blake2b(os.fsencode(library), digest_size=8).hexdigest()
    link = directory / "lib" / digest / library.name
    link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if link.is_symlink() and link.readlink() == library:
        return link
    temporary = link.with_name(f".{library.name}.{os.getpid()}")
    temporary.symlink_to(library)
    temporary.replace(link)
    return link
