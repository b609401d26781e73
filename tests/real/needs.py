"""What the tests need from the machine, and what happens where it is not there.

A program that is missing skips its test and names the Debian package to install. With ``CI=true`` in the
environment it fails instead: there ``tools/install-test-programs`` has put everything in place, and a test
that does not run proves nothing. What no installation can give (a kernel's or container's refusal) always
skips.
"""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

PACKAGES = {
    "addr2line": "binutils",
    "cc": "gcc",
    "chromium": "chromium",
    "gcc": "gcc",
    "g++": "g++",
    "git": "git",
    "java": "default-jre-headless",
    "llvm-symbolizer": "llvm",
    "node": "nodejs",
    "perl": "perl",
    "redis-server": "redis-server",
    "redis-cli": "redis-tools",
    "redis-benchmark": "redis-tools",
    "sqlite3": "sqlite3",
    "strace": "strace",
    "stress-ng": "stress-ng",
    "valgrind": "valgrind",
    "initdb": "postgresql",
    "postgres": "postgresql",
    "psql": "postgresql-client",
    "pgbench": "postgresql-contrib",
}
"""Program -> Debian package."""

# Debian keeps the server's programs off PATH, a directory a version.
_POSTGRESQL = Path("/usr/lib/postgresql")


def program(name: str) -> str:
    """The path of a program of PACKAGES; without it the test ends here, by ``missing``."""
    found = shutil.which(name) or _debian_postgresql(name)
    if found is None:
        missing(name, f"apt-get install {PACKAGES[name]}")
    return found


def missing(what: str, remedy: str) -> NoReturn:
    """End the test because ``what`` can be installed but is not: a skip, or a failure with CI=true."""
    message = f"{what} is not here: {remedy} (or run tools/install-test-programs)"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{message}; with CI=true a skipped program is a failure", pytrace=False)
    pytest.skip(message)


def refused(reason: str) -> NoReturn:
    """End the test because this machine does not allow what it is about: a skip everywhere."""
    pytest.skip(f"this machine does not allow it: {reason}")


def _debian_postgresql(name: str) -> str | None:
    candidates = sorted(_POSTGRESQL.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4].split(".")[0]))
    return str(candidates[-1]) if candidates else None
