"""Which interpreters are given PYTHONMALLOC=malloc, and how their answers are kept."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from hakmem.cpython import Choice, Interpreter, ask, decide, python_among

from .command import Script, plain_environment

TAKES = Interpreter("cpython", 3, 12)
REFUSES = Interpreter("", 0, 0)
NAMES = ("python3", "python3.11", "python3.12", "python3.13", "python3.14", "python3.13t", "python3.14t")


def refusing_python(script: Script, name: str = "python3.14t") -> Path:
    """Behaves as a free-threaded build does: ends at once under PYTHONMALLOC=malloc."""
    return script(
        name,
        "#!/bin/sh\n"
        'if [ "$PYTHONMALLOC" = malloc ]; then echo "Fatal Python error" >&2; exit 1; fi\n'
        f'exec "{sys.executable}" "$@"\n',
    )


@pytest.fixture
def own_python(tmp_path: Path) -> Path:
    """An interpreter with a file of its own, whose time can be changed."""
    venv.create(tmp_path / "venv", symlinks=False)
    return tmp_path / "venv" / "bin" / "python3"


@pytest.mark.parametrize(
    ("files", "python"),
    [
        (["/usr/bin/python3"], "/usr/bin/python3"),
        (["/x/tool", "/venv/bin/python"], "/venv/bin/python"),
        (["/shims/python3.12", "/usr/bin/env", "/bin/bash"], "/shims/python3.12"),
        (["/usr/bin/python3.14t"], "/usr/bin/python3.14t"),
        (["/usr/bin/python3-config"], None),
        (["/usr/bin/ipython3"], None),
        (["/usr/bin/pypy3"], None),
        (["/bin/true"], None),
    ],
)
def test_a_python_is_known_by_its_name(files: list[str], python: str | None) -> None:
    assert python_among(files) == python


@pytest.mark.parametrize(
    ("choice", "answer", "current", "sets"),
    [
        (Choice.AUTO, TAKES, None, True),
        (Choice.AUTO, TAKES, "pymalloc", False),
        (Choice.AUTO, TAKES, "", False),
        (Choice.AUTO, REFUSES, None, False),
        (Choice.AUTO, Interpreter("pypy", 3, 10), None, False),
        (Choice.AUTO, Interpreter("cpython", 2, 7), None, False),
        (Choice.AUTO, None, None, False),
        (Choice.KEEP, TAKES, None, False),
        (Choice.MALLOC, TAKES, "pymalloc", True),
        (Choice.MALLOC, None, None, True),
    ],
)
def test_the_decision(choice: Choice, answer: Interpreter | None, current: str | None, *, sets: bool) -> None:
    assert decide(choice, answer, current) is sets


@pytest.mark.parametrize("name", ["this interpreter", *NAMES])
def test_every_interpreter_here_answers_truly(name: str) -> None:
    python = sys.executable if name == "this interpreter" else shutil.which(name)
    if python is None:
        pytest.skip(f"{name} is not installed")
    question = (
        "import sys, sysconfig; print(sys.version_info[1], sysconfig.get_config_var('Py_GIL_DISABLED') or 0)"
    )
    facts = subprocess.run(
        [python, "-c", question], env=plain_environment(), capture_output=True, text=True, check=False
    )
    if facts.returncode:
        pytest.skip(f"{name} does not start: {facts.stderr.splitlines()[0]}")
    minor, free_threaded = map(int, facts.stdout.split())
    answer = ask(python, os.environ, None)
    if free_threaded:
        assert not answer.takes_malloc
    else:
        assert answer == Interpreter("cpython", 3, minor)


def test_an_interpreter_that_ends_under_malloc_does_not_take_it(script: Script) -> None:
    assert not ask(str(refusing_python(script)), os.environ, None).takes_malloc


@pytest.mark.parametrize("text", ["#!/bin/sh\necho hakmem cpython\n", "#!/bin/sh\nexit 0\n", "#!/no/where\n"])
def test_what_only_has_the_name_of_a_python_takes_nothing(script: Script, text: str) -> None:
    assert not ask(str(script("python3", text)), os.environ, None).takes_malloc


def test_an_answer_is_kept_until_the_file_changes(own_python: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "interpreters.json"
    assert ask(str(own_python), os.environ, cache).takes_malloc
    content = json.loads(cache.read_text())
    (entry,) = content["interpreters"].values()
    entry["implementation"] = "kept"
    cache.write_text(json.dumps(content))
    assert ask(str(own_python), os.environ, cache).implementation == "kept"
    os.utime(own_python, (1, 1))
    assert ask(str(own_python), os.environ, cache).implementation == "cpython"


def test_the_answer_of_a_shim_is_not_kept(script: Script, tmp_path: Path) -> None:
    shim = script("python3", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    assert ask(str(shim), os.environ, tmp_path / "cache.json").takes_malloc
    assert not (tmp_path / "cache.json").exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "rubbish",
        "[]",
        "{}",
        '{"schema": "hakmem-interpreters/1", "interpreters": {"k": {"no": 1}}}',
        "\udcff",
    ],
)
def test_a_damaged_cache_is_written_anew(tmp_path: Path, content: str) -> None:
    cache = tmp_path / "interpreters.json"
    cache.write_text(content, errors="surrogateescape")
    assert ask(sys.executable, os.environ, cache).takes_malloc
    assert json.loads(cache.read_text())["schema"] == "hakmem-interpreters/1"


def test_a_cache_that_cannot_be_written_costs_only_time() -> None:
    assert ask(sys.executable, os.environ, Path("/dev/null/interpreters.json")).takes_malloc


def test_the_cache_does_not_grow_for_ever(own_python: Path, tmp_path: Path) -> None:
    cache = tmp_path / "interpreters.json"
    known = {str(i): {"implementation": "x", "major": 3, "minor": 0} for i in range(70)}
    cache.write_text(json.dumps({"schema": "hakmem-interpreters/1", "interpreters": known}))
    ask(str(own_python), os.environ, cache)
    kept = json.loads(cache.read_text())["interpreters"]
    assert len(kept) == 64
    assert any("python" in key for key in kept)
