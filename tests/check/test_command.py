"""`hakmem check` as people use it. Programs here write records themselves, into the file of the core."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hakmem.spec.errors import ERROR_KINDS
from tests.lab.compiled import compile_static
from tests.python.command import COMMAND, environment_seen, hakmem, is_one_line, plain_environment

from .made_up import error, leak, lines, simple, start

_PRINT_RECORD = 'cat "$0" >> "$HAKMEM_CHECK_FILE"'


def _written(directory: Path, *records: dict[str, Any]) -> Path:
    path = directory / "records"
    path.write_bytes(lines(*records))
    return path


def test_an_error_ends_with_99_and_is_told_on_standard_error(tmp_path: Path) -> None:
    records = _written(tmp_path, *simple())
    done = hakmem("check", "--", "sh", "-c", f"echo out; {_PRINT_RECORD}; exit 3", records)
    assert (done.returncode, done.stdout) == (99, "out\n")
    assert "error 1: write past the end of a block\n" in done.stderr
    assert done.stderr.endswith("The program ended with 3.\nhakmem check: 1 memory error.\n")
    assert "seen again" not in done.stderr


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_without_errors_the_exit_code_is_the_programs(code: int) -> None:
    done = hakmem("check", "sh", "-c", f"exit {code}")
    assert done.returncode == code
    assert done.stderr.endswith("hakmem check: No memory error was found.\n")


_DEADLY = [signal.SIGTERM, signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS]


@pytest.mark.parametrize("number", _DEADLY)
def test_a_death_by_a_signal_is_told_as_shells_do(tmp_path: Path, number: signal.Signals) -> None:
    records = _written(tmp_path, start())
    done = hakmem("check", "sh", "-c", f"{_PRINT_RECORD}; kill -{number.value} $$", records)
    assert done.returncode == 128 + number
    assert f"The program was ended by {number.name}." in done.stderr


def test_what_was_recorded_before_a_kill_is_told_and_a_torn_line_tolerated(tmp_path: Path) -> None:
    records = _written(tmp_path, *simple())
    torn = """printf '{"type": "er' >> "$HAKMEM_CHECK_FILE"; kill -9 $$"""
    done = hakmem("check", "sh", "-c", f"{_PRINT_RECORD}; {torn}", records)
    assert done.returncode == 99
    assert "The record ends within a line" in done.stderr
    assert "could not be read" not in done.stderr


def test_an_error_is_told_while_the_program_runs(tmp_path: Path) -> None:
    records = _written(tmp_path, *simple())
    command = [*COMMAND, "check", "sh", "-c", f"{_PRINT_RECORD}; read line", str(records)]
    with subprocess.Popen(
        command, env=plain_environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "error 1: write past the end of a block\n"
        assert process.poll() is None
        process.communicate("go on\n", timeout=30)
        assert process.returncode == 99


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1])
def test_signals_are_passed_on_to_the_program(number: signal.Signals, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    trap = f'trap "exit 42" {number.name.removeprefix("SIG")}; echo > {ready}; while :; do sleep 0.05; done'
    # A shell traps no signal that it was started to ignore, as by nohup(1).
    command = ["env", "--default-signal", *COMMAND, "check", "sh", "-c", trap]
    with subprocess.Popen(command, env=plain_environment(), stderr=subprocess.PIPE) as process:
        _await(ready)
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == 42


def test_a_ctrl_c_of_the_terminal_reaches_the_program_once_and_the_report_comes(tmp_path: Path) -> None:
    ready, count = tmp_path / "ready", tmp_path / "count"
    loop = "i=0; while [ $i -lt 20 ]; do sleep 0.05; i=$((i+1)); done"
    trap = f'trap "echo hit >> {count}" INT; echo > {ready}; {loop}'
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(
            COMMAND[0], [*COMMAND, "check", "sh", "-c", trap], plain_environment(TERM="xterm", NO_COLOR="")
        )
    _await(ready)
    os.write(terminal, b"\x03")
    seen = b""
    while chunk := _read(terminal):
        seen += chunk
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert count.read_text() == "hit\n"
    assert b"No memory error was found" in seen
    assert b"\x1b[1m" in seen


def _await(file: Path) -> None:
    until = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < until, f"{file} did not come"
        time.sleep(0.02)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other side has closed
        return b""


def test_the_program_has_standard_input_and_open_files() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"by the pipe")
    os.close(writing)
    command = [*COMMAND, "check", "sh", "-c", f"cat; cat /dev/fd/{reading}"]
    done = subprocess.run(
        command,
        env=plain_environment(),
        input=b"given, ",
        pass_fds=[reading],
        capture_output=True,
        check=True,
    )
    os.close(reading)
    assert done.stdout == b"given, by the pipe"


def test_options_become_settings_of_the_debug_flavour() -> None:
    options = [
        "--on-error=abort",
        "--guard=start",
        "--quarantine",
        "16M",
        "--sweep=250",
        "--depth",
        "8",
        "--leaks",
    ]
    seen = environment_seen(hakmem("check", *options, "--set", "retain=0", "--", "env", "-0"))
    assert Path(seen["LD_PRELOAD"]).name == "libhakmem-debug.so"
    assert {name: seen[f"HAKMEM_{name}"] for name in ("CHECK_ON_ERROR", "CHECK_GUARD", "RETAIN")} == {
        "CHECK_ON_ERROR": "abort",
        "CHECK_GUARD": "start",
        "RETAIN": "0",
    }
    assert [seen[f"HAKMEM_CHECK_{name}"] for name in ("QUARANTINE", "SWEEP", "STACKS", "LEAKS")] == [
        "16M",
        "250",
        "8",
        "lost",
    ]


def test_errors_do_not_end_the_program_unless_that_is_asked_for() -> None:
    seen = environment_seen(hakmem("check", "--guard", "env", "-0"))
    assert (seen["HAKMEM_CHECK_ON_ERROR"], seen["HAKMEM_CHECK_GUARD"]) == ("continue", "end")
    assert "HAKMEM_CHECK_LEAKS" not in seen


def test_the_record_is_private_and_gone_afterwards() -> None:
    show = 'dirname "$HAKMEM_CHECK_FILE"; stat -c %a "$(dirname "$HAKMEM_CHECK_FILE")" "$HAKMEM_CHECK_FILE"'
    directory, *modes = hakmem("check", "sh", "-c", show).stdout.split()
    assert modes == ["700", "600"]
    assert not Path(directory).exists()


def test_json_and_page_are_written(tmp_path: Path) -> None:
    records = _written(tmp_path, *simple(), leak())
    options = ["--json", "r.json", "--html", "r.html", "--leaks"]
    done = hakmem("check", *options, "--", "sh", "-c", _PRINT_RECORD, records, cwd=tmp_path)
    assert done.returncode == 99
    told = json.loads((tmp_path / "r.json").read_text())
    assert (told["schema"], told["totals"]["errors"]) == ("hakmem-check-report/1", 1)
    assert told["command"].startswith("hakmem check --leaks -- sh -c")
    assert "write past the end of a block" in (tmp_path / "r.html").read_text()


def test_suppressed_errors_are_no_errors_and_unused_rules_are_told(tmp_path: Path) -> None:
    records = _written(tmp_path, *simple(), error())
    (tmp_path / "rules").write_text("[known]\nerror: overrun\nallocated: function=fill\n")
    (tmp_path / "more").write_text("[old]\nerror: double_free\n")
    options = ["--suppressions", f"{tmp_path}/rules", "--suppressions", f"{tmp_path}/more"]
    done = hakmem("check", *options, "--", "sh", "-c", _PRINT_RECORD, records)
    assert done.returncode == 0
    assert f"The rule [old] ({tmp_path}/more:1) left nothing out." in " ".join(done.stderr.split())
    assert done.stderr.endswith("No memory error was found; 2 left out by suppressions.\n")


def test_a_printed_rule_can_be_used(tmp_path: Path) -> None:
    records = _written(tmp_path, *simple())
    told = hakmem("check", "--gen-suppressions", "--", "sh", "-c", _PRINT_RECORD, records).stderr
    rule = re.search(r"^    \[overrun.*?(?=\n\n|\Z)", told, re.DOTALL | re.MULTILINE)
    assert rule is not None
    (tmp_path / "rules").write_text(rule[0])
    done = hakmem("check", "--suppressions", tmp_path / "rules", "--", "sh", "-c", _PRINT_RECORD, records)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "which program? hakmem check -- python3 app.py"),
        (("--",), 2, "which program?"),
        (("--on-error=ignore", "true"), 2, "argument --on-error: invalid choice"),
        (("--quarantine", "much", "true"), 2, "--quarantine: 'much' is not a size"),
        (("--sweep=-1", "true"), 2, "--sweep: '-1' is not a whole number from 0"),
        (("--depth", "1000", "true"), 2, "--depth: '1000' is not a whole number from 0 to 64"),
        (("--guard=middle", "true"), 2, "argument --guard: invalid choice"),
        (("--json", "/nowhere/a.json", "true"), 2, "--json /nowhere/a.json: there is no directory"),
        (("--html=-", "true"), 2, "--html -: standard output is the program's; name a file"),
        (("--json", "/", "true"), 2, "that is a directory"),
        (("--suppressions", "/nowhere/rules", "true"), 2, "--suppressions /nowhere/rules: it cannot be read"),
        (("--set", "no_such=1", "true"), 2, "--set no_such: no such setting"),
        (("--frobnicate", "true"), 2, "unrecognized arguments: --frobnicate"),
        (("no-such-program",), 127, "no program 'no-such-program' on PATH"),
        (("/etc/passwd",), 126, "'/etc/passwd' is not executable"),
        (("/",), 126, "'/' is a directory"),
    ],
)
def test_mistakes_are_one_line(arguments: tuple[str, ...], code: int, said: str) -> None:
    done = hakmem("check", *arguments)
    assert is_one_line(done.stderr), done.stderr
    assert said in done.stderr
    assert (done.returncode, done.stdout) == (code, "")


def test_a_static_program_is_refused(tmp_path: Path) -> None:
    done = hakmem("check", compile_static("int main(void) { return 0; }", tmp_path))
    assert is_one_line(done.stderr)
    assert "statically linked" in done.stderr
    assert done.returncode == 126


def test_a_program_that_ends_without_exit_is_told_from_one_without_the_library() -> None:
    leave = "import os; os._exit(0)"
    done = hakmem("check", "--", sys.executable, "-c", leave)
    told = " ".join(done.stderr.split())
    assert done.returncode == 0
    assert "did not end by exit: its blocks were not looked at in the end." in told
    assert "Nothing was recorded" not in told


def test_a_program_without_the_library_was_not_checked(tmp_path: Path) -> None:
    inner = compile_static("int main(void) { return 5; }", tmp_path)
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\nexec env -u LD_PRELOAD -u HAKMEM_CHECK_FILE {inner}\n")
    script.chmod(0o755)
    done = hakmem("check", script)
    assert done.returncode == 5
    assert "did not end by exit" in " ".join(done.stderr.split())


@pytest.mark.parametrize("options", [("--python-malloc", "keep"), ()])
def test_python_keeps_its_own_allocator_only_when_asked_and_then_says_so(options: tuple[str, ...]) -> None:
    show = "import os; print(os.environ.get('PYTHONMALLOC'))"
    done = hakmem("check", *options, "--", sys.executable, "-c", show)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ("None\n" if options else "malloc\n")
    assert ("errors in blocks up to 512 bytes may be missing" in " ".join(done.stderr.split())) == bool(
        options
    )


def test_a_module_without_lines_is_named_with_the_remedy(tmp_path: Path) -> None:
    records = _written(tmp_path, *simple())
    told = " ".join(hakmem("check", "sh", "-c", _PRINT_RECORD, records).stderr.split())
    assert "_fill.so has no debug information: compiled with -g" in told


def test_the_reference_names_every_option() -> None:
    told = hakmem("check", "--help").stdout
    reference = (Path(__file__).parents[2] / "docs" / "reference" / "check.md").read_text("utf-8")
    options = set(re.findall(r"^ +(--[a-z-]+)", told, re.MULTILINE))
    assert len(options) >= 14
    assert {option for option in options if f"`{option}" not in reference} == set()
    assert {kind.id for kind in ERROR_KINDS if f"`{kind.id}`" not in reference} == set()
