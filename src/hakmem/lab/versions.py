"""What allocators say of themselves, and what the package manager says of them."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PATIENCE_S: Final = 20.0
"""Seconds that an allocator has to tell its version; one under which Python does not run has none."""

_QUESTION: Final = """
import ctypes
process = ctypes.CDLL(None)

def text(name):
    function = getattr(process, name)
    function.restype = ctypes.c_char_p
    return function

def mimalloc():
    version = process.mi_version()  # a digit each for major, minor and patch; later two for the last ones
    base = 100 if version >= 10000 else 10
    return f"{version // base**2}.{version // base % base}.{version % base}", ""

def jemalloc():
    value, size = ctypes.c_char_p(), ctypes.c_size_t(ctypes.sizeof(ctypes.c_char_p))
    process.mallctl(b"version", ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0))
    return value.value.decode().partition("-")[0], ""  # then the commit

def gperftools():
    return text("tc_version")(None, None, None).decode().removeprefix("gperftools "), ""

def hakmem():
    return text("hak_version")().decode(), text("hak_build_info")().decode()

for answer in (mimalloc, jemalloc, gperftools, hakmem):
    try:
        print(*answer(), sep="\\t")
        break
    except AttributeError:
        pass
"""
"""Asks the allocator of the process that it runs in; a line with a tab, or nothing of one it does not know.

mi_version: mimalloc.h; mallctl: jemalloc(3), "version"; tc_version: gperftools/tcmalloc.h."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a library says of itself; "" for what it does not say."""

    version: str = ""
    build: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """A package of the distribution."""

    name: str
    version: str


def ask_library(environment: Mapping[str, str]) -> Answer:
    """Asks the allocator that `environment` puts under a program, in a process that runs on it."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _QUESTION],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Answer()
    version, _, build = done.stdout.strip().partition("\t")
    return Answer(version, build) if done.returncode == 0 else Answer()


def packages(files: Sequence[Path]) -> dict[Path, Package]:
    """Which of Debian's packages brought which of `files`; empty where there is no dpkg."""
    # The package manager's list has a file where it was put; /lib may be a link to /usr/lib by now.
    spellings = {
        str(spelling): file
        for file in files
        for path in (file, file.resolve())
        for spelling in _spellings(path)
    }
    owners: dict[Path, str] = {}
    for line in _dpkg(["--search", *spellings]).splitlines():
        owner, _, path = line.rpartition(": ")
        if path in spellings:
            owners[spellings[path]] = owner
    asked = sorted(set(owners.values()))
    listing = _dpkg(["--show", "--showformat=${binary:Package}\\t${Version}\\n", *asked]) if asked else ""
    versions = dict(line.split("\t", 1) for line in listing.splitlines() if "\t" in line)
    by_name = {name.partition(":")[0]: version for name, version in versions.items()}
    found = {}
    for file, owner in owners.items():
        name = owner.partition(":")[0]
        if name in by_name:
            found[file] = Package(name, by_name[name])
    return found


def _spellings(path: Path) -> tuple[Path, ...]:
    text = str(path)
    return path, Path(text.removeprefix("/usr") if text.startswith("/usr/lib") else f"/usr{text}")


def _dpkg(arguments: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            ["dpkg-query", *arguments],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError:
        return ""
    return done.stdout
