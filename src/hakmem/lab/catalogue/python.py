"""Python programs: scripts of ours, each once with CPython's own allocator and once without it.

CPython keeps objects of up to 512 bytes in an allocator of its own, pymalloc, which asks malloc for large
pieces alone; PYTHONMALLOC=malloc hands every object to malloc. The first is what people run, the second shows
what a malloc makes of Python's objects.
"""

import sys
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from hakmem.elf import is_elf
from hakmem.lab.plan import TIME_PER_OPERATION, Effort, Job, Kind, Workload

_SCRIPTS: Final = Path(__file__).resolve().parents[1] / "scripts"

_VARIANTS: Final = {"pymalloc": "default", "malloc": "malloc"}
"""Last part of a workload's name -> PYTHONMALLOC."""

_FIXED: Final = {
    "PYTHONHASHSEED": "0",  # the same sets and dicts each time
    "PYTHONDEVMODE": "",  # would choose debug hooks for malloc; empty is off
    "PYTHONTRACEMALLOC": "",
    "PYTHONMALLOCSTATS": "",
    "OMP_NUM_THREADS": "1",  # no threads of NumPy's libraries, which would take memory by the core
    "OPENBLAS_NUM_THREADS": "1",
}

_MODULES: Final = {"numpy": "pip install numpy", "pandas": "pip install 'hakmem[bench]'"}
"""Modules that scripts need besides the standard library -> how to get them."""

_PYMALLOC_NEED: Final = {"CPython with pymalloc": "use a CPython that is not a free-threaded build"}


@dataclass(frozen=True, slots=True)
class _Script:
    """One script of the directory.

    name: the workload's, without "python/".
    operation: what one operation of it is.
    operations: how many take about 0.3, 1 and 2 seconds with pymalloc on the machine of docs/results.
    modules: of _MODULES.
    """

    name: str
    file: str
    title: str
    operation: str
    stresses: str
    operations: tuple[int, int, int]
    modules: tuple[str, ...] = ()

    def workload(self, variant: str) -> Workload:
        """The workload that runs this script in one of _VARIANTS."""
        python_malloc = _VARIANTS[variant]
        return Workload(
            name=f"python/{self.name}/{variant}",
            kind=Kind.PYTHON,
            title=f"{self.title} (operation: {self.operation})",
            origin="ours",
            stresses=self.stresses,
            metric=TIME_PER_OPERATION,
            prepare=partial(self._prepare, python_malloc),
            params={"python_malloc": python_malloc},
            needs=_missing(self.modules),
            scaled=partial(self._scaled, python_malloc),
        )

    def _prepare(self, python_malloc: str, scratch: Path, effort: Effort) -> Job:
        return self._scaled(python_malloc, scratch, self.operations[list(Effort).index(effort)])

    def _scaled(self, python_malloc: str, _scratch: Path, operations: int) -> Job:
        return Job(
            argv=(str(interpreter(sys.executable)), str(_SCRIPTS / self.file), str(operations)),
            environment={**_FIXED, "PYTHONMALLOC": python_malloc},
        )


def interpreter(executable: str) -> Path:
    """The program to start as Python: `executable`, or what runs this process where that is a script.

    `executable` is not followed to the file behind a link: a virtual environment's interpreter is a link,
    beside which it finds its packages (pyvenv.cfg). Wrappers in shell, as some distributions have, would be
    measured with their shell.
    """
    path = Path(executable)
    if path.is_file():
        with path.open("rb") as file:
            if is_elf(file.read(64)):
                return path
    return Path("/proc/self/exe").resolve()


def _missing(modules: tuple[str, ...]) -> dict[str, str]:
    """What a script needs and is not here -> how to get it."""
    absent = {f"python module {name}": _MODULES[name] for name in modules if find_spec(name) is None}
    has_pymalloc = sys.implementation.name == "cpython" and "t" not in sys.abiflags
    return absent if has_pymalloc else {**absent, **_PYMALLOC_NEED}


_ALL: Final = (
    _Script(
        "objects",
        "object_churn.py",
        "a table of 20,000 live objects of six shapes is replaced at random",
        "an object replaced",
        "small blocks of many sizes, freed in another order than made",
        (200_000, 650_000, 1_300_000),
    ),
    _Script(
        "json",
        "json_documents.py",
        "JSON documents of 8 KiB are parsed, changed and written again",
        "a document",
        "small blocks in bursts, strings that grow by realloc",
        (2_500, 8_000, 16_000),
    ),
    _Script(
        "strings",
        "strings_and_dicts.py",
        "lines of a log are split, joined and counted in dicts",
        "a line",
        "short strings that die at once beside dicts that grow",
        (150_000, 500_000, 1_000_000),
    ),
    _Script(
        "threads",
        "four_threads.py",
        "four threads in a ring make messages, and the next one drops them",
        "a message",
        "blocks freed by another thread than made them, one thread at a time",
        (150_000, 500_000, 1_000_000),
    ),
    _Script(
        "asyncio",
        "asyncio_server.py",
        "an asyncio server answers 32 clients over a Unix socket",
        "a request",
        "a server's mix: buffers, short-lived objects, some that stay",
        (4_000, 13_000, 26_000),
    ),
    _Script(
        "sqlite",
        "sqlite_memory.py",
        "SQLite in memory: rows put in, found, joined, changed, deleted",
        "a row put in",
        "a C library's blocks of a page (4 KiB) beside Python's rows",
        (45_000, 140_000, 280_000),
    ),
    _Script(
        "numpy",
        "numpy_temporaries.py",
        "NumPy expressions over arrays of 256 KiB to 64 MiB",
        "an expression, which makes four arrays",
        "large blocks: whether their memory is kept, given back, faulted in anew",
        (384, 1_536, 3_072),
        ("numpy",),
    ),
    _Script(
        "pandas",
        "pandas_group_by.py",
        "pandas: group-by, join and sort of 50,000 rows",
        "a round of two group-bys, a join, a sort",
        "large and small blocks in turn",
        (15, 50, 100),
        ("numpy", "pandas"),
    ),
    _Script(
        "multiprocessing",
        "worker_processes.py",
        "multiprocessing: two forked workers count words in texts and send dicts back",
        "a text",
        "allocators after fork, in three processes with two threads or more",
        (700, 2_000, 4_000),
    ),
    _Script(
        "burst",
        "burst.py",
        "400 MiB of objects are built and dropped; resident_after_burst is what stays for 1.2 s more",
        "an object",
        "growth, and whether memory goes back when the program is quiet",
        (1_700_000,) * 3,
    ),
)


def workloads() -> tuple[Workload, ...]:
    """All of them, in both variants; those whose modules are absent say so."""
    return tuple(script.workload(variant) for script in _ALL for variant in _VARIANTS)


WORKLOADS: Final = workloads()
