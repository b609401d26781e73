"""The programs of `make demo` do their work and tell the laboratory how long it took."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from hakmem.cli.compare_arguments import parse
from tests.real import needs

DEMO = Path(__file__).parents[2] / "examples" / "demo"


def output_of(*command: str, script: str = "") -> list[str]:
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()


def test_the_service_tells_its_time_and_the_same_result_each_time() -> None:
    *result, told = output_of(sys.executable, str(DEMO / "python_service.py"))
    assert result == ["3374614 characters served, 8266800 reported"]
    assert re.fullmatch(r"lab: result operations=\d+ seconds=\d+\.\d+", told)


def test_sqlite_tells_the_same_in_its_shell_and_in_python() -> None:
    script = (DEMO / "burst.sql").read_text(encoding="utf-8")
    *in_python, told = output_of(sys.executable, str(DEMO / "sqlite_module.py"), script=script)
    *in_shell, _ = output_of(needs.program("sqlite3"), "-batch", "-bail", script=script)
    assert in_python == in_shell
    assert re.fullmatch(r"lab: result operations=250000 seconds=\d+\.\d+", told)


def test_the_demonstration_asks_for_what_compare_takes() -> None:
    spec = importlib.util.spec_from_file_location("demo", DEMO / "demo.py")
    assert spec is not None
    assert spec.loader is not None
    demo = importlib.util.module_from_spec(spec)
    sys.modules["demo"] = demo  # dataclasses look their module up
    spec.loader.exec_module(demo)
    for program in demo.programs():
        arguments, _, command = parse([*demo.OPTIONS, *program.options, "--", *program.command])
        assert command == list(program.command)
        assert arguments.own_time
        assert arguments.same_output
