"""Programs of the distribution, unchanged: a server, a database, a compiler, and Git.

Each is looked for where Debian puts programs, and not on the caller's PATH, so that what was measured can be
named by its package. Their inputs are generated, the same each time.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hakmem.errors import HakmemError, ProgramNotFoundError
from hakmem.lab.catalogue.c_source import c_source
from hakmem.lab.catalogue.git_history import git_history
from hakmem.lab.catalogue.sql_script import sql_script
from hakmem.lab.plan import WALL_TIME, Client, Effort, Job, Kind, Workload

SEARCH_PATH: Final = "/usr/local/bin:/usr/bin:/bin"

_PACKAGES: Final = {
    "gcc": "gcc",
    "git": "git",
    "redis-server": "redis-server",
    "redis-benchmark": "redis-tools",
    "sqlite3": "sqlite3",
}
"""Program -> Debian package."""

_SHELL: Final = "/bin/sh"
_LOCALE: Final = {"LC_ALL": "C"}


class Programs:
    """Programs of _PACKAGES, as far as they are in the directories of a search path."""

    def __init__(self, search_path: str) -> None:
        self._found = {name: shutil.which(name, path=search_path) for name in _PACKAGES}

    def path(self, name: str) -> str:
        """The absolute path of `name`. Errors: ProgramNotFoundError."""
        found = self._found[name]
        if found is None:
            raise ProgramNotFoundError(f"no program {name!r}: {_remedy(name)}")
        return found

    def needs(self, *names: str) -> dict[str, str]:
        """Those of `names` that are not there -> how to get them."""
        return {name: _remedy(name) for name in names if self._found[name] is None}


def _remedy(name: str) -> str:
    return f"apt-get install {_PACKAGES[name]}"


def workloads(search_path: str = SEARCH_PATH) -> tuple[Workload, ...]:
    """All of them, with the programs in `search_path`."""
    programs = Programs(search_path)
    return (_redis(programs), _sqlite(programs), _gcc(programs), _git(programs))


_REDIS_SIZES: Final = ((32, 8), (256, 8), (2048, 4), (16384, 1))
"""Bytes of a value, and its share of the requests: many small ones and a few large ones on the same keys."""

_REDIS_TESTS: Final = ("set", "get", "lpush", "lpop", "sadd", "hset", "zadd")

_REDIS_REQUESTS: Final = {Effort.QUICK: 4_000, Effort.DEFAULT: 12_000, Effort.FULL: 20_000}
"""Requests of each test in a share."""

_REDIS_SERVER: Final = """\
[ -n "$LD_PRELOAD" ] || export LD_PRELOAD=libc.so.6
exec "$@"
"""
"""Debian's redis-server is linked with jemalloc. With no allocator to put before that, the C library is named
itself, so that "system" is the system's malloc here as well."""

_REDIS_CLIENT: Final = """\
benchmark=$1 socket=$2 tests=$3
shift 3
while [ $# -gt 0 ]; do
    "$benchmark" -s "$socket" -q -c 20 -P 16 -r 5000 -d "$1" -n "$2" -t "$tests" >/dev/null || exit 1
    shift 2
done
"""

_SOCKET_PATH_MAX_B: Final = 107
"""Bytes of a Unix socket's path (unix(7)) without the closing zero; redis-server cuts off what is beyond."""


def _redis(programs: Programs) -> Workload:
    def prepare(scratch: Path, effort: Effort) -> Job:
        server, benchmark = programs.path("redis-server"), programs.path("redis-benchmark")
        socket = scratch.absolute() / "redis.sock"
        if len(os.fsencode(socket)) > _SOCKET_PATH_MAX_B:
            raise HakmemError(
                f"{str(socket)!r} is too long for a socket (at most {_SOCKET_PATH_MAX_B} bytes);"
                " set TMPDIR to a shorter path"
            )
        requests = _REDIS_REQUESTS[effort]
        sizes = [word for size, share in _REDIS_SIZES for word in (str(size), str(share * requests))]
        tests = ",".join(_REDIS_TESTS)
        return Job(
            argv=(
                *(_SHELL, "-c", _REDIS_SERVER, "redis", server),
                *("--port", "0", "--unixsocket", str(socket), "--dir", str(scratch.absolute())),
                *("--save", "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "warning"),
            ),
            environment=_LOCALE,
            directory=scratch,
            client=Client(
                argv=(_SHELL, "-c", _REDIS_CLIENT, "redis", benchmark, str(socket), tests, *sizes),
                ready=socket,
                operations=sum(share for _, share in _REDIS_SIZES) * requests * len(_REDIS_TESTS),
            ),
        )

    return Workload(
        name="real/redis",
        kind=Kind.REAL,
        title="redis-server answers redis-benchmark: seven commands, values of 32 B to 16 KiB",
        origin="Debian: redis-server, redis-tools",
        stresses="values that change their sizes; jemalloc, which Debian links the server with, is displaced",
        metric=WALL_TIME,
        prepare=prepare,
        params={"clients": 20, "pipeline": 16, "keys": 5000},
        needs=programs.needs("redis-server", "redis-benchmark"),
        checks=False,  # redis-benchmark picks keys at random
    )


_SQLITE_ROWS: Final = {Effort.QUICK: 17_000, Effort.DEFAULT: 50_000, Effort.FULL: 85_000}


def _sqlite(programs: Programs) -> Workload:
    def prepare(scratch: Path, effort: Effort) -> Job:
        sqlite3 = programs.path("sqlite3")
        script = scratch.absolute() / f"sqlite-{effort}.sql"
        script.write_text(sql_script(_SQLITE_ROWS[effort]), encoding="ascii")
        return Job(
            argv=(sqlite3, "-batch", "-init", os.devnull, ":memory:"),
            environment=_LOCALE,
            directory=scratch,
            stdin=script,
        )

    return Workload(
        name="real/sqlite",
        kind=Kind.REAL,
        title="the SQLite shell builds, indexes, asks, changes and drops tables in memory",
        origin="Debian: sqlite3",
        stresses="blocks of a page (4 KiB), rows and text of many sizes, sorting",
        metric=WALL_TIME,
        prepare=prepare,
        needs=programs.needs("sqlite3"),
    )


_GCC_FUNCTIONS: Final = {Effort.QUICK: 75, Effort.DEFAULT: 220, Effort.FULL: 370}


def _gcc(programs: Programs) -> Workload:
    def prepare(scratch: Path, effort: Effort) -> Job:
        gcc = programs.path("gcc")
        directory = scratch.absolute() / f"gcc-{effort}"
        directory.mkdir(exist_ok=True)
        (directory / "program.c").write_text(c_source(_GCC_FUNCTIONS[effort]), encoding="ascii")
        return Job(
            argv=(
                *(_SHELL, "-c", '"$1" -O2 -c program.c -o program.o && cksum <program.o'),
                *("gcc", gcc),
            ),
            environment={**_LOCALE, "TMPDIR": str(directory), "CCACHE_DISABLE": "1"},
            directory=directory,
        )

    return Workload(
        name="real/gcc",
        kind=Kind.REAL,
        title="gcc -O2 compiles and assembles a C file of some thousand lines",
        origin="Debian: gcc",
        stresses="short-lived processes, growing tables, many small blocks that live to the end",
        metric=WALL_TIME,
        prepare=prepare,
        needs=programs.needs("gcc"),
    )


_GIT_COMMITS: Final = {Effort.QUICK: 300, Effort.DEFAULT: 900, Effort.FULL: 1500}

_GIT_ALONE: Final = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_COUNT": "0",
    "GIT_CONFIG_PARAMETERS": "",
}
"""No settings of the machine or of the person take part."""

_GIT_GC: Final = """\
unset GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_NAMESPACE
rm -rf work && cp -r repository work || exit 1
"$1" --git-dir=work -c pack.threads=1 -c core.fsync=none gc --aggressive --prune=now --quiet || exit 1
cd work/objects/pack && echo pack-*.pack
"""
"""Works on a copy, a few files of a few MiB. Prints the pack's name, which is the checksum of its content.
Nothing waits for the disk, and one thread searches, so that the pack is the same each time."""


def _git(programs: Programs) -> Workload:
    def prepare(scratch: Path, effort: Effort) -> Job:
        git = programs.path("git")
        directory = scratch.absolute() / f"git-{effort}"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        environment = {**_LOCALE, **_GIT_ALONE, "HOME": str(directory)}
        _make([git, "init", "--quiet", "--bare", "repository"], directory, environment)
        history = git_history(_GIT_COMMITS[effort])
        _make([git, "--git-dir=repository", "fast-import", "--quiet"], directory, environment, history)
        return Job(
            argv=(_SHELL, "-c", _GIT_GC, "git", git),
            environment=environment,
            directory=directory,
        )

    return Workload(
        name="real/git",
        kind=Kind.REAL,
        title="git gc --aggressive packs a history of some hundred commits anew",
        origin="Debian: git",
        stresses="buffers of whole files, a window of deltas, processes that start others",
        metric=WALL_TIME,
        prepare=prepare,
        needs=programs.needs("git"),
    )


def _make(command: list[str], directory: Path, environment: Mapping[str, str], stdin: bytes = b"") -> None:
    """Runs a program that makes an input, in nothing but `environment`."""
    done = subprocess.run(
        command,
        cwd=directory,
        env={"PATH": SEARCH_PATH, **environment},
        input=stdin,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip()
        raise HakmemError(f"{' '.join(command)} ended with {done.returncode}: {words}")


WORKLOADS: Final = workloads()
