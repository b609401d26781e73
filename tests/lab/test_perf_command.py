"""`hakmem perf` as people type it: options, output, errors, and an interrupt."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hakmem.lab.catalogue import native
from hakmem.lab.programs import program

SHORT = ("--operations", "20000", "--allocators", "system")
MODULE = (sys.executable, "-m", "hakmem", "perf")


def perf(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MODULE, *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "COLUMNS": "80", **environment},
    )


@pytest.fixture(scope="module")
def report() -> str:
    """The report on a short workload, as a pipe gets it."""
    done = perf(*SHORT, "--operations", "100000", "random_mixed/256")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_report_says_where_time_goes_before_anything_else(report: str) -> None:
    headings = [
        line for line in report.splitlines() if re.match(r"Where|Bottlenecks|For an op|How often", line)
    ]
    words = [heading.split()[0] for heading in headings]
    if "the machine is too noisy to trust these times" in " ".join(report.split()) and words[0] != "Where":
        pytest.skip("the machine is too busy to time the workload, as the report says")
    assert words == ["Where", "Bottlenecks", "For", "How"]


def test_a_report_in_a_pipe_is_plain_and_fits_80_columns(report: str) -> None:
    assert "\x1b" not in report
    assert max(len(line) for line in report.splitlines()) <= 80


def test_a_report_tells_the_source_of_figures(report: str) -> None:
    assert "plain runs" in report
    assert "simulated by callgrind" in report or "valgrind is not installed" in report


def test_json_on_standard_output_is_all_that_is_there() -> None:
    done = perf(*SHORT, "--json", "-", "random_mixed/256")
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document["schema"] == "hakmem-perf/1"
    assert [each["allocator"] for each in document["profiles"]] == ["system", "hakmem"]
    figure = document["profiles"][1]["figures"]["peak_rss"]
    assert figure["amount"] > 0
    assert figure["source"] == "kernel"
    assert all("/" not in each["path"] for each in document["allocators"])


def test_a_command_of_ones_own_is_told_a_run() -> None:
    done = perf("--allocators", "system", "--", str(program("hot_pair")), "20000", "64")
    assert (done.returncode, done.stderr) == (0, "")
    assert "For a run, the start of the process included" in done.stdout


def test_an_option_behind_the_dashes_is_the_commands() -> None:
    done = perf("--allocators", "system", "--", "sh", "-c", "exit 0", "--json", "-")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("sh -c exit 0 --json -")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 2, "name one workload"),
        (("random_mixed/256", "--", "true"), 2, "name one workload"),
        (("random_mixed",), 2, "random_mixed/256"),
        (("larson/tin",), 2, "larson/tiny"),
        (("--subject", "nobody", "random_mixed/256"), 2, "nobody"),
        (("--top", "0", "random_mixed/256"), 2, "--top"),
        (("--timeout", "soon", "random_mixed/256"), 2, "--timeout"),
        (("--operations", "5", "larson/tiny", "--allocators", "system"), 2, "cannot be chosen"),
        (("--json", "/nonexistent/x.json", "random_mixed/256"), 2, "/nonexistent"),
        (("--", "no-such-program-anywhere"), 127, "no-such-program-anywhere"),
        (("--allocators", "system", "--", "false"), 1, "exit code 1"),
    ],
)
def test_what_cannot_be_done_is_one_line_on_stderr(words: tuple[str, ...], code: int, told: str) -> None:
    done = perf(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_every_workload_that_can_be_asked_for_a_length_keeps_to_it(tmp_path: Path) -> None:
    for workload in native.WORKLOADS:
        if workload.scaled is None:
            continue
        done = subprocess.run(
            workload.scaled(tmp_path, 1000).argv, capture_output=True, text=True, timeout=60, check=True
        )
        result = dict(re.findall(r"(\w+)=(\S+)", done.stdout.splitlines()[-1]))
        operations = int(result["operations"]) + float(result.get("warmup", 0))
        assert 500 <= operations <= 20_000, workload.name


def session_of(pid: int) -> list[str]:
    """Commands of the processes in the session that `pid` leads."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, fields = status.read_text().split("(", 1)[1].rsplit(")", 1)
            if int(fields.split()[3]) == pid and fields.split()[0] != "Z":
                found.append(name)
    return found


def test_an_interrupt_leaves_no_child() -> None:
    process = subprocess.Popen(
        [*MODULE, "--allocators", "system", "--operations", "400000000", "random_mixed/256"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while "random_mixed" not in session_of(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "random_mixed" in session_of(process.pid), "the workload never started"
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, out, errors) == (130, b"", b"")
    assert session_of(process.pid) == []
