"""Which allocators there are on this machine, and what a program needs in its environment to run on one."""

import platform
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from hakmem.elf import ElfError, read_elf
from hakmem.errors import HakmemError, UsageError
from hakmem.lab.plan import FLOOR, SYSTEM, Allocator
from hakmem.lab.programs import program
from hakmem.lab.versions import Package, ask_library, packages
from hakmem.launch import PRELOAD
from hakmem.libraries import DIRECTORY, library_path, loadable
from hakmem.spec.flavours import DEFAULT_FLAVOUR, FLAVOURS

HAKMEM: Final = "hakmem"

_CHECKOUT: Final = Path(__file__).resolve().parents[3]
LIBRARY_DIRECTORIES: Final = (DIRECTORY, _CHECKOUT / "build" / "wheel", _CHECKOUT / "build" / "release")
"""Where HAKMEM's libraries are: installed, and in the builds of a checkout (make setup, make build)."""


@dataclass(frozen=True, slots=True)
class Peer:
    """An allocator of the distribution. sonames: newest first. package: Debian's."""

    name: str
    sonames: tuple[str, ...]
    package: str


PEERS: Final = (
    Peer("mimalloc", ("libmimalloc.so.3", "libmimalloc.so.2"), "libmimalloc2.0"),
    Peer("jemalloc", ("libjemalloc.so.2",), "libjemalloc2"),
    Peer("tcmalloc", ("libtcmalloc_minimal.so.4",), "libtcmalloc-minimal4"),
    Peer("tbbmalloc", ("libtbbmalloc_proxy.so.2",), "libtbbmalloc2"),
)

_DROPPED: Final = frozenset({PRELOAD, "LD_AUDIT", "GLIBC_TUNABLES", "MALLOCSTATS"})
_DROPPED_PREFIXES: Final = ("HAKMEM_", "MALLOC_", "MIMALLOC_", "TCMALLOC_", "TBB_MALLOC_", "_RJEM_MALLOC_")
"""Variables by which allocators, and tools around them, are configured: one that is left over from somewhere
would change one of the allocators that are compared."""


class AllocatorAbsentError(HakmemError):
    """An allocator was asked for by name and is not on this machine."""


# ---- environment ----


def environment(base: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """`base` without the variables that configure an allocator, and a sentence for each that was dropped."""
    kept = {name: value for name, value in base.items() if not _is_dropped(name)}
    dropped = sorted(base.keys() - kept.keys())
    return kept, [f"{name}={base[name]} is in the environment and is not passed on" for name in dropped]


def inherited(base: Mapping[str, str]) -> dict[str, str]:
    """What a measured program inherits of `base`."""
    return environment(base)[0]


def variables(allocator: Allocator, links: Path) -> dict[str, str]:
    """What must be set for a program to run on `allocator`.

    links: a private directory, for a link to a library whose own path LD_PRELOAD cannot hold.
    """
    if allocator.library is None:
        return dict(allocator.environment)
    return {PRELOAD: str(loadable(allocator.library, [links])), **allocator.environment}


def _is_dropped(name: str) -> bool:
    return name in _DROPPED or name.startswith(_DROPPED_PREFIXES)


# ---- finding ----


def available(extra: Mapping[str, Path] | None = None) -> tuple[list[Allocator], list[str]]:
    """The allocators that are here, and a sentence for each that is not.

    In this order: the system's, HAKMEM, Debian's peers, `extra`. HAKMEM is its release flavour; `choose` has
    the others.
    extra: further ones, name -> library; one with a peer's name stands in its place.
    Errors: UsageError for an extra one that cannot be.
    """
    return _described(_find([HAKMEM], extra or {}))


def choose(names: Sequence[str], extra: Mapping[str, Path] | None = None) -> list[Allocator]:
    """The allocators of these names, in their order; "hakmem-secure" and the like are flavours.

    Errors: UsageError for a name that none has, AllocatorAbsentError for one that is not on this machine.
    """
    extra = extra or {}
    flavours = [_flavour_name(flavour.name) for flavour in FLAVOURS]
    known = [SYSTEM, *flavours, *(peer.name for peer in PEERS), *extra]
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise UsageError(f"no allocator is called {name!r}; {hint}; --allocator NAME=PATH adds one")
    found, absent = _find([name for name in flavours if name in names], extra)
    wanted = {candidate.name: candidate for candidate in found if candidate.name in names}
    for name in names:
        if name not in wanted:
            raise AllocatorAbsentError(absent[name])
    described, _ = _described(([wanted[name] for name in dict.fromkeys(names)], {}))
    return described


def floor() -> Allocator:
    """The allocator that does nothing. ProgramsMissingError when it is not built."""
    return Allocator(FLOOR, program("floor.so"))


def _flavour_name(flavour: str) -> str:
    return HAKMEM if flavour == DEFAULT_FLAVOUR else f"{HAKMEM}-{flavour}"


def _find(flavours: Sequence[str], extra: Mapping[str, Path]) -> tuple[list[Allocator], dict[str, str]]:
    """What is there, in order, without versions, and for the rest: name -> sentence."""
    found = [Allocator(SYSTEM, None)]
    absent: dict[str, str] = {}
    for name in flavours:
        try:
            found.append(Allocator(name, _hakmem_library(name)))
        except HakmemError as error:
            absent[name] = str(error)
    cached = _cached_libraries()
    for peer in PEERS:
        path = next((cached[soname] for soname in peer.sonames if soname in cached), None)
        if peer.name in extra:
            continue
        if path is not None:
            found.append(Allocator(peer.name, path))
        else:
            absent[peer.name] = f"{peer.name} is not installed: apt-get install {peer.package}"
    found += [Allocator(name, _checked(name, path)) for name, path in extra.items()]
    return found, absent


def _hakmem_library(name: str) -> Path:
    flavour = next(flavour.name for flavour in FLAVOURS if _flavour_name(flavour.name) == name)
    for directory in LIBRARY_DIRECTORIES:
        try:
            return library_path(flavour, directory)
        except HakmemError:
            continue
    return library_path(flavour)


def _checked(name: str, path: Path) -> Path:
    if name in (SYSTEM, FLOOR) or name.startswith(HAKMEM) or not re.fullmatch(r"[\w.+-]+", name):
        raise UsageError(f"an allocator of your own cannot be called {name!r}; choose another name")
    if not path.is_file():
        raise UsageError(f"--allocator {name}: there is no library {str(path)!r}")
    try:
        with path.open("rb") as file:
            read_elf(file)
    except (OSError, ElfError) as error:
        raise UsageError(f"--allocator {name}: {str(path)!r} is no shared library: {error}") from None
    return path.absolute()


def _cached_libraries() -> dict[str, Path]:
    """Path by soname, from the loader's cache (ldconfig(8)); those for this interpreter's machine alone."""
    listing = ""
    for ldconfig in ("/sbin/ldconfig", "/usr/sbin/ldconfig"):
        if Path(ldconfig).exists():
            done = subprocess.run(
                [ldconfig, "-p"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
            listing = done.stdout
            break
    cached: dict[str, Path] = {}
    wanted = {soname for peer in PEERS for soname in peer.sonames}
    for soname, path in re.findall(r"^\s*(\S+) \(.*\) => (\S+)$", listing, re.MULTILINE):
        if soname in wanted and soname not in cached and _is_native(Path(path)):
            cached[soname] = Path(path)
    return cached


def _is_native(path: Path) -> bool:
    try:
        with path.open("rb") as library, Path("/proc/self/exe").open("rb") as own:
            theirs, ours = read_elf(library), read_elf(own)
    except (OSError, ElfError):
        return False
    return (theirs.bits, theirs.machine) == (ours.bits, ours.machine)


# ---- describing ----


def _described(found: tuple[list[Allocator], dict[str, str]]) -> tuple[list[Allocator], list[str]]:
    """With versions and builds."""
    allocators, absent = found
    owners = packages([allocator.library for allocator in allocators if allocator.library is not None])
    return [_describe(allocator, owners) for allocator in allocators], list(absent.values())


def _describe(allocator: Allocator, owners: Mapping[Path, Package]) -> Allocator:
    if allocator.library is None:
        name, version = platform.libc_ver()
        return replace(allocator, version=f"{name} {version}".strip(), build="the C library's own malloc")
    with tempfile.TemporaryDirectory(prefix="hakmem-") as links:
        answer = ask_library(variables(allocator, Path(links)))
    package = owners.get(allocator.library)
    version = answer.version or (package.version.rpartition("-")[0] or package.version if package else "")
    return replace(
        allocator,
        version=version,
        build=answer.build or (f"{package.name} {package.version}" if package else ""),
    )
