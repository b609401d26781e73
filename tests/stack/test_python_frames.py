"""The Python frames that the core reads are those that Python tells, in every CPython that is here."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.compiler import compile_to

INSIDE: Final = Path(__file__).with_name("inside.py")
CASES: Final = (
    "status",
    "functions",
    "recursion",
    "generators",
    "names",
    "threads",
    "fork",
    "long function",
    "wanderer",
    "wanderer, few frames",
    "lasting code",
    "lasting code, few frames",
)
_TELL: Final = "import sys; print('%d.%d' % sys.version_info[:2], getattr(sys, 'abiflags', ''))"
SUPPORTED: Final = ("3.11", "3.12", "3.13", "3.13t", "3.14", "3.14t")
"""The versions that the core reads."""


@cache
def interpreters() -> dict[str, list[Path]]:
    """The interpreters on this machine, by version ("3.13t": free-threaded)."""
    places = [
        *sorted((Path.home() / ".pyenv" / "versions").glob("3.*/bin/python3")),
        *sorted(Path("/usr/bin").glob("python3.1?")),
        *sorted(Path("/usr/bin").glob("python3.1?t")),
        *sorted(Path("/usr/local/bin").glob("python3.1?")),
        *sorted(Path("/usr/local/bin").glob("python3.1?t")),
    ]
    found: dict[str, list[Path]] = {}
    for place in dict.fromkeys(path.resolve() for path in places):
        told = subprocess.run([place, "-c", _TELL], capture_output=True, text=True, check=False)
        if told.returncode == 0:
            version, _, flags = told.stdout.rstrip("\n").partition(" ")
            found.setdefault(version + ("t" if "t" in flags else ""), []).append(place)
    return found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("version", SUPPORTED)
def test_frames_are_those_of_the_interpreter(door: Path, version: str, case: str) -> None:
    if version not in interpreters():
        pytest.skip(f"CPython {version} is not installed")
    for interpreter in interpreters()[version]:
        done = subprocess.run(
            [interpreter, INSIDE, door, case], capture_output=True, text=True, timeout=120, check=False
        )
        assert (done.stdout, done.returncode) == ("ok\n", 0), f"{interpreter}: {done.stderr[-2000:]}"


def test_an_older_python_is_named_as_unsupported(door: Path) -> None:
    older = [path for version in ("3.8", "3.9", "3.10") for path in interpreters().get(version, [])]
    if not older:
        pytest.skip("no CPython before 3.11 is installed")
    program = (
        "import ctypes, sys; door = ctypes.PyDLL(sys.argv[1]); why = ctypes.c_char_p();"
        "door.door_open(16); door.door_capture(); door.door_python(ctypes.byref(why)); print(why.value)"
    )
    for interpreter in older:
        done = subprocess.run(
            [interpreter, "-c", program, door], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("b'unsupported: "), done.stdout


FAKE: Final = Path(__file__).with_name("fake_python.c")


def run_fake(door: Path, folder: Path, *defines: str) -> list[str]:
    """What the core says of an interpreter that shows itself as CPython 3.14 does."""
    program = compile_to(
        folder / "fake",
        *("-rdynamic", "-O1", "-Wall", "-Wextra", "-Werror"),
        *defines,
        *(FAKE, door, f"-Wl,-rpath,{door.parent}", "-pthread"),
    )
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("free_threaded", [0, 1])
def test_offsets_of_3_14_are_followed(door: Path, tmp_path: Path, free_threaded: int) -> None:
    told = run_fake(door, tmp_path, f"-DFREE_THREADED={free_threaded}")
    assert told == ["ok", "f.py 中文 10", "f.py 中文 9"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("COOKIE", "_PyRuntime has no debug offsets"),
        ("VERSION", "the debug offsets are another version's"),
        ("OFFSETS", "the debug offsets contradict each other"),
        ("LINES", "a table of lines does not fit its code"),
        ("TEXT", "a code object's name or file is no text"),
    ],
)
def test_an_interpreter_that_is_not_as_expected_is_left_alone(
    door: Path, tmp_path: Path, wrong: str, why: str
) -> None:
    assert run_fake(door, tmp_path, f"-DWRONG=WRONG_{wrong}") == [f"unsupported: {why}"]


@pytest.mark.parametrize(
    ("version", "why"),
    [("NEWER", "newer than CPython 3.14"), ("ALPHA", "an alpha or beta release of CPython")],
)
def test_a_version_that_is_not_known_is_left_alone(
    door: Path, tmp_path: Path, version: str, why: str
) -> None:
    assert run_fake(door, tmp_path, f"-DWRONG={version}") == [f"unsupported: {why}"]
