"""Real programs with one error each, on the real core: the report names the error and the lines that matter.

How large and how far each error may be is the matter of the table in docs/results/safety.md.
"""

import json
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hakmem.check.result import FOUND
from tests.python.command import hakmem
from tests.real import needs

from .compiled import build

_HEAD = """\
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#define ALONE __attribute__((noinline))
char *volatile kept;
ALONE void make(size_t size) { kept = malloc(size); }          /* line 6 */
ALONE void drop(void) { free(kept); }                          /* line 7 */
"""


@dataclass(frozen=True, slots=True)
class _Case:
    """A program: what main does, on line 9; the error, and lines by what was done there."""

    main: str
    kind: str
    lines: dict[str, int]
    options: tuple[str, ...] = ()


_MAKE, _DROP, _MAIN = 6, 7, 9
_CASES = {
    "double free": _Case(
        "make(100); drop(); drop();", "double_free", {"allocated": _MAKE, "freed": _DROP, "detected": _DROP}
    ),
    "free inside a block": _Case(
        "make(100); free(kept + 16);", "interior_pointer", {"allocated": _MAKE, "detected": _MAIN}
    ),
    "free of a local variable": _Case(
        "char local[64]; kept = local; drop();", "foreign_pointer", {"detected": _DROP}
    ),
    "realloc of a freed block": _Case(
        "make(100); drop(); kept = realloc(kept, 200);",
        "double_free",
        {"allocated": _MAKE, "freed": _DROP, "detected": _MAIN},
    ),
    "overrun": _Case("make(100); kept[100] = 1; drop();", "overrun", {"allocated": _MAKE, "detected": _DROP}),
    "overrun, never freed": _Case("make(100); kept[100] = 1;", "overrun", {"allocated": _MAKE}),
    "underrun": _Case(
        "make(100); kept[-1] = 1; drop();", "underrun", {"allocated": _MAKE, "detected": _DROP}
    ),
    "write after free": _Case(
        "make(100); drop(); kept[9] = 1;", "write_after_free", {"allocated": _MAKE, "freed": _DROP}
    ),
    "read past the end": _Case(
        "make(100); return kept[100 + 12];",
        "out_of_bounds_read",
        {"allocated": _MAKE, "detected": _MAIN},
        ("--guard",),
    ),
    "write past the end": _Case(
        "make(96); kept[96] = 1;",
        "out_of_bounds_write",
        {"allocated": _MAKE, "detected": _MAIN},
        ("--guard",),
    ),
    "read after free": _Case(
        "make(100); drop(); return kept[0];",
        "read_after_free",
        {"allocated": _MAKE, "freed": _DROP, "detected": _MAIN},
        ("--guard",),
    ),
}


def _check(directory: Path, command: list[str | Path], *options: str) -> tuple[int, dict[str, Any], str]:
    """The exit code, the report for programs, and the one for people."""
    report = directory / "report.json"
    done = hakmem("check", "--json", report, *options, "--", *command, cwd=directory)
    return done.returncode, json.loads(report.read_text()), done.stderr


def _line(stack: list[dict[str, Any]], file: str) -> int:
    """The line of the innermost frame in a file."""
    return next((int(frame["line"]) for frame in stack if frame["file"].endswith(file)), 0)


def _stacks(error: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    block = error["block"] or {}
    done = {"detected": error["detected"], "allocated": block.get("allocated"), "freed": block.get("freed")}
    return {name: each["stack"] for name, each in done.items() if each}


@pytest.mark.parametrize("case", _CASES.values(), ids=_CASES.keys())
def test_an_error_is_named_with_its_lines(tmp_path: Path, case: _Case) -> None:
    source = f"{_HEAD}int main(void) {{\n    {case.main}\n    return 0;\n}}\n"
    built = build(tmp_path, source, "-g", "-O1", "-fno-builtin", "-w", "-pthread")
    code, told, text = _check(tmp_path, [built.path], *case.options)
    assert code == FOUND, text
    first = told["errors"][0]
    assert first["error"] == case.kind, text
    stacks = _stacks(first)
    assert {name: _line(stacks[name], "program.c") for name in case.lines} == case.lines
    assert "program.c:" in text


def test_cxx_calls_that_do_not_belong_together_are_told(tmp_path: Path) -> None:
    source = """\
#include <vector>
template <class T> __attribute__((noinline)) T *many(int n) { return new T[n]; }
int main(int argc, char **) {
    int *numbers = many<int>(argc + 9);
    delete numbers;
    std::vector<int> more(8);
    more.data()[8] = argc;
    return 0;
}
"""
    built = build(tmp_path, source, "-g", "-O1", "-w", name="shop.cc", compiler="g++")
    code, told, text = _check(tmp_path, [built.path])
    assert code == FOUND, text
    assert [error["error"] for error in told["errors"]] == ["kind_mismatch", "overrun"], text
    mismatch, overrun = (_stacks(error) for error in told["errors"])
    assert mismatch["allocated"][0]["function"] == "int* many<int>(int)"
    assert [_line(mismatch[name], "shop.cc") for name in ("allocated", "detected")] == [2, 5]
    assert [_line(overrun[name], "shop.cc") for name in ("allocated",)] == [6]
    assert "allocated by operator new[]" in text
    assert "std::vector<int>::vector(" in text


def test_another_threads_free_is_told_with_its_thread(tmp_path: Path) -> None:
    source = f"""{_HEAD}static void *other(void *unused) {{ drop(); return unused; }}
int main(void) {{
    pthread_t thread;
    make(100);
    pthread_create(&thread, 0, other, 0);
    pthread_join(thread, 0);
    drop();
    return 0;
}}
"""
    built = build(tmp_path, source, "-g", "-O1", "-fno-builtin", "-pthread")
    code, told, text = _check(tmp_path, [built.path])
    assert code == FOUND
    block = told["errors"][0]["block"]
    assert block["freed"]["tid"] not in (0, block["allocated"]["tid"])
    assert f"freed in thread {block['freed']['tid']}" in text


def test_errors_of_child_processes_are_told_with_their_own_numbers(tmp_path: Path) -> None:
    source = f"""{_HEAD}#include <sys/wait.h>
#include <unistd.h>
int main(void) {{
    make(100);
    if (fork() == 0) {{ drop(); drop(); _exit(0); }}
    wait(0);
    drop();
    return 4;
}}
"""
    built = build(tmp_path, source, "-g", "-O1", "-fno-builtin")
    code, told, _ = _check(tmp_path, [built.path])
    assert code == FOUND
    assert [error["error"] for error in told["errors"]] == ["double_free"]
    assert told["ended"]["code"] == 4
    ended = {process["pid"]: process["ended"] for process in told["processes"]}
    assert not ended[told["errors"][0]["pid"]]  # the child, which ends by _exit
    assert _line(_stacks(told["errors"][0])["allocated"], "program.c") == 6


def test_repeats_are_one_error_with_a_count(tmp_path: Path) -> None:
    source = (
        f"{_HEAD}int main(void) {{ for (int n = 0; n < 50; n++) {{ make(100); kept[100] = 1; drop(); }} }}\n"
    )
    built = build(tmp_path, source, "-g", "-O1", "-fno-builtin")
    code, told, text = _check(tmp_path, [built.path])
    assert code == FOUND
    assert [error["count"] for error in told["errors"]] == [50]
    assert "error 1, write past the end of a block: 50 times in all" in text


def test_abort_ends_the_program_at_its_first_error(tmp_path: Path) -> None:
    source = f"{_HEAD}int main(void) {{ make(100); drop(); drop(); drop(); return 0; }}\n"
    built = build(tmp_path, source, "-g", "-O1", "-fno-builtin")
    code, told, _ = _check(tmp_path, [built.path], "--on-error", "abort")
    assert (code, told["totals"]["errors"], told["ended"]["signal"]) == (FOUND, 1, 6)


def test_a_leak_is_told_by_where_it_was_allocated(tmp_path: Path) -> None:
    source = f"""{_HEAD}ALONE void lose(void) {{ memset(malloc(1000), 1, 1000); }}
int main(void) {{
    for (int n = 0; n < 100; n++) {{ lose(); }}
    make(50);
    return 0;
}}
"""
    built = build(tmp_path, source, "-g", "-O1", "-fno-builtin")
    code, told, _ = _check(tmp_path, [built.path], "--leaks=all")
    assert code == 0
    lost = next(leak for leak in told["leaks"] if leak["kind"] == "lost")
    assert _line(lost["stack"], "program.c") == 8
    assert 95 <= lost["blocks"] <= 100  # a stale register or stack slot may still point to a few
    assert lost["bytes"] == 1000 * lost["blocks"]
    held = [leak for leak in told["leaks"] if leak["kind"] == "reachable"]
    kept = [(leak["bytes"], leak["blocks"]) for leak in held if _line(leak["stack"], "program.c") == _MAKE]
    assert kept == [(50, 1)]
    assert hakmem("check", "--fail-on-leak", "--", built.path).returncode == FOUND


def test_a_clean_program_is_clean(tmp_path: Path) -> None:
    source = (
        f"{_HEAD}int main(void) {{ for (int n = 1; n < 500; n++) {{ make(n); kept[n - 1] = 1; drop(); }} }}\n"
    )
    built = build(tmp_path, source, "-g", "-O1", "-fno-builtin")
    code, told, text = _check(tmp_path, [built.path], "--fail-on-leak", "--sweep", "1")
    lost = [leak for leak in told["leaks"] if leak["kind"] == "lost"]
    assert (code, told["errors"], lost, told["notes"]) == (0, [], [], []), text


_EXTENSION = """\
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

static PyObject *join(PyObject *module, PyObject *args) {
    const char *first, *second;
    if (!PyArg_ParseTuple(args, "ss", &first, &second)) {
        return NULL;
    }
    char *joined = malloc(strlen(first) + strlen(second)); /* line 10: no room for the end of the string */
    strcpy(joined, first);
    strcat(joined, second);
    PyObject *result = PyUnicode_FromString(joined);
    free(joined); /* line 14 */
    return result;
}

static PyObject *remember(PyObject *module, PyObject *args) {
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "n", &size)) {
        return NULL;
    }
    char *volatile copy = malloc((size_t)size); /* line 23: nobody keeps it */
    memset(copy, 'x', (size_t)size);
    return PyLong_FromSsize_t(size);
}

static PyMethodDef methods[] = {
    {"join", join, METH_VARARGS, NULL}, {"remember", remember, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "seeded", NULL, -1, methods};
PyMODINIT_FUNC PyInit_seeded(void) { return PyModule_Create(&module); }
"""
_APP = """\
import seeded

def label(first, second):
    return seeded.join(first, second)

def main():
    for number in range(20):
        seeded.remember(3000)
    print(label("Ada", "Lovelace"))

main()
"""


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Any], str]:
    """What is told of a program in Python whose extension has an overrun and a leak."""
    directory = tmp_path_factory.mktemp("extension")
    include = sysconfig.get_paths()["include"]
    if not (Path(include) / "Python.h").exists():
        needs.missing("Python.h", "apt-get install python3-dev")
    (directory / "seeded.c").write_text(_EXTENSION)
    (directory / "app.py").write_text(_APP)
    target = directory / f"seeded{sysconfig.get_config_var('EXT_SUFFIX')}"
    flags = ["-g", "-O2", "-fPIC", "-shared", "-w", f"-I{include}"]
    subprocess.run([needs.program("gcc"), *flags, "seeded.c", "-o", target.name], cwd=directory, check=True)
    return _check(directory, [sys.executable, "app.py"], "--leaks")


def test_an_overrun_in_an_extension_names_the_line_in_c_and_in_python(
    checked: tuple[int, dict[str, Any], str],
) -> None:
    code, told, text = checked
    assert code == FOUND, text
    (error,) = told["errors"]
    assert (error["error"], error["damage"]) == ("overrun", {"offset": 11, "length": 1})
    stacks = _stacks(error)
    for name, line in (("allocated", 10), ("detected", 14)):
        assert _line(stacks[name], "seeded.c") == line
        python = [(frame["function"], frame["line"]) for frame in stacks[name] if frame["part"] == "python"]
        assert python == [("label", 4), ("main", 9), ("<module>", 11)]
    assert re.search(r"join +seeded\.c:14 in seeded.*\n +free\(joined\);.*\n +label +app\.py:4\n", text), text


def test_a_leak_in_an_extension_names_the_line_in_c_and_in_python(
    checked: tuple[int, dict[str, Any], str],
) -> None:
    _, told, text = checked
    lost = [
        leak for leak in told["leaks"] if _line(leak["stack"], "seeded.c") == 23 and leak["kind"] == "lost"
    ]
    assert [leak["blocks"] >= 15 for leak in lost] == [True], text
    assert _line(lost[0]["stack"], "app.py") == 8


_ROOT = Path(__file__).resolve().parents[2]
_GUIDE = (_ROOT / "docs" / "guides" / "find-a-memory-error.md").read_text("utf-8")
_EXAMPLES = _ROOT / "examples" / "check"


def _told(text: str) -> set[str]:
    """The heads of errors, and the frames, by their words."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return {line for line in lines if re.match(r"error \d|\w+ \w+\.c:\d+ in ", line)}


@pytest.mark.parametrize(
    ("sources", "flags", "command", "options"),
    [
        (["labels.c", "print_labels.py"], ["-O2", "-fPIC", "-shared", "-w"], ["print_labels.py"], []),
        (["over.c"], [], [], ["--guard"]),
        (["cache.c"], [], [], ["--leaks"]),
    ],
)
def test_the_guide_shows_what_the_command_tells(
    tmp_path: Path, sources: list[str], flags: list[str], command: list[str], options: list[str]
) -> None:
    for name in sources:
        (tmp_path / name).write_bytes((_EXAMPLES / name).read_bytes())
    stem = sources[0].removesuffix(".c")
    target = f"{stem}.so" if command else stem
    include = sysconfig.get_paths()["include"]
    compiler = [needs.program("gcc"), "-g", f"-I{include}", *flags, sources[0], "-o", target]
    subprocess.run(compiler, cwd=tmp_path, check=True)
    run = [sys.executable, *command] if command else [f"./{stem}"]
    done = hakmem("check", *options, "--", *run, cwd=tmp_path)
    told = _told(done.stderr)
    assert len(told) >= 2
    assert told <= _told(_GUIDE)
