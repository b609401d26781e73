"""Whether a program is a CPython, and whether its objects should be allocated by the preloaded library.

CPython keeps its objects in an allocator of its own, which asks malloc for large pieces only. The variable
PYTHONMALLOC=malloc hands every object to malloc instead. Not every interpreter takes it: free-threaded
builds end at once with an error. So the interpreter is asked, and its answer is kept in a cache.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"python(\d+(\.\d+)*)?[a-z]{0,2}")
_QUESTION: Final = "import sys; print('hakmem', sys.implementation.name, *sys.version_info[:2])"
_SCHEMA: Final = "hakmem-interpreters/1"
_FIRST_VERSION: Final = (3, 6)
"""The first CPython that knows PYTHONMALLOC; earlier ones ignore it."""

_CACHED_MAX: Final = 64
"""Interpreters in the cache; the oldest answers go first."""


class Choice(StrEnum):
    """What `--python-malloc` takes."""

    AUTO = "auto"
    KEEP = "keep"
    MALLOC = "malloc"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """What an interpreter answered when it was started with PYTHONMALLOC=malloc.

    implementation: sys.implementation.name; "" when it did not start.
    major, minor: its version; 0 when it did not start.
    """

    implementation: str
    major: int
    minor: int

    @property
    def takes_malloc(self) -> bool:
        """Whether it is a CPython that runs with PYTHONMALLOC=malloc."""
        return self.implementation == "cpython" and (self.major, self.minor) >= _FIRST_VERSION


def python_among(files: Iterable[str]) -> str | None:
    """The first of a program's files that is named like a Python; a shim of a version manager is one too."""
    return next((file for file in files if _NAME.fullmatch(Path(file).name)), None)


def decide(choice: Choice, interpreter: Interpreter | None, current: str | None) -> bool:
    """Whether to set PYTHONMALLOC=malloc.

    interpreter: the program's answer; None when it is no Python.
    current: the value of PYTHONMALLOC that the person has set, which `auto` respects.
    """
    if choice is Choice.AUTO:
        return interpreter is not None and interpreter.takes_malloc and current is None
    return choice is Choice.MALLOC


def ask(python: str, environment: Mapping[str, str], cache: Path | None) -> Interpreter:
    """The answer of the interpreter `python`, from the file `cache` where it knows it.

    The key is the real file, its time and its size. A script decides only when it runs which interpreter it
    stands for, so its answer is never kept.
    """
    real = os.path.realpath(python)
    key = _key(real)
    known = _load(cache) if cache and key else {}
    if key in known:
        return known[key]
    answer = _start(python, environment)
    if cache and key:
        _store(cache, {**known, key: answer})
    return answer


def _key(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            if file.read(2) == b"#!":
                return ""
            status = os.fstat(file.fileno())
    except OSError:
        return ""
    return f"{status.st_mtime_ns}:{status.st_size}:{path}"


def _start(python: str, environment: Mapping[str, str]) -> Interpreter:
    import subprocess  # noqa: PLC0415  (a third of the launch, and needed once an interpreter)

    plain = {
        name: value
        for name, value in environment.items()
        if name == "PYTHONHOME" or not name.startswith(("PYTHON", "LD_PRELOAD"))
    }
    try:
        child = subprocess.run(
            [python, "-S", "-c", _QUESTION],
            env={**plain, "PYTHONMALLOC": "malloc"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return Interpreter("", 0, 0)
    words = child.stdout.split()
    if child.returncode or len(words) != 4 or words[0] != "hakmem":
        return Interpreter("", 0, 0)
    return Interpreter(words[1], int(words[2]), int(words[3]))


def _load(cache: Path) -> dict[str, Interpreter]:
    """What the cache knows; nothing when it is missing, damaged, or from another version."""
    try:
        content = json.loads(cache.read_text(encoding="utf-8", errors="surrogateescape"))
        if content["schema"] != _SCHEMA:
            return {}
        return {key: Interpreter(**entry) for key, entry in content["interpreters"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _store(cache: Path, known: dict[str, Interpreter]) -> None:
    """Writes the cache; what cannot be written will be asked again."""
    kept = dict(list(known.items())[-_CACHED_MAX:])
    content = {"schema": _SCHEMA, "interpreters": {key: asdict(entry) for key, entry in kept.items()}}
    temporary = cache.with_name(f".{cache.name}.{os.getpid()}")
    try:
        cache.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8", errors="surrogateescape")
        temporary.replace(cache)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
