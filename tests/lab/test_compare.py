"""`hakmem compare`: what it says of allocators of a known kind, of commands that fail, and of mishaps."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hakmem import cli
from hakmem.lab import store
from hakmem.lab.command import Expectation, rounds_within
from hakmem.lab.measurement import Status
from hakmem.lab.plan import Allocator
from hakmem.lab.result import Cell, Suite

from .made_up import measurement

PAIRS = 40_000
"""Pairs of malloc and free; some milliseconds of work, and 40 ms on an allocator that sleeps."""

Compare = Callable[..., Suite]


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """Where a comparison's JSON goes."""
    return tmp_path / "result.json"


@pytest.fixture
def compare(result: Path, fakes: Mapping[str, Allocator]) -> Compare:
    """compare(fake names, options, command, exit code) -> suite of the system's malloc and those fakes."""

    def compare_(names: list[str], options: list[str], command: list[str], code: int = 0) -> Suite:
        own = [word for name in names for word in ("--allocator", f"{name}={fakes[name].library}")]
        words = ["compare", "--allocators", "system", *own, "--json", str(result), *options, "--", *command]
        assert cli.main(words) == code
        return store.load(result)

    return compare_


def cell(suite: Suite, allocator: str, metric: str = "time") -> Cell:
    return next(each for each in suite.cells if (each.allocator, each.metric) == (allocator, metric))


def verdict(suite: Suite, allocator: str, metric: str = "time") -> str:
    ratio = cell(suite, allocator, metric).ratio
    assert ratio is not None
    return ratio.verdict


# ---- verdicts on allocators of a known kind ----


@pytest.mark.alone
def test_an_allocator_that_sleeps_is_slower_and_one_that_leaks_heavier(
    compare: Compare, programs: Mapping[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    suite = compare(
        ["plain", "sleeps", "leaks"], ["--rounds", "5"], [str(programs["pairs"]), str(PAIRS), "512"]
    )
    assert verdict(suite, "sleeps") == "slower"
    assert verdict(suite, "leaks", "peak_rss") == "heavier"
    assert verdict(suite, "plain") not in ("slower", "faster") or cell(suite, "plain").ratio.median < 2  # type: ignore[union-attr]
    shown = capsys.readouterr().out
    assert re.search(r"leaks:[^;]* times the peak memory", shown.replace("\n", " "))
    assert re.search(r"sleeps: takes [\d.]+ times as long", shown.replace("\n", " "))


def test_an_allocator_that_crashes_is_a_line_and_the_others_are_compared(
    compare: Compare, programs: Mapping[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    suite = compare(
        ["crashes", "plain"], ["--rounds", "3"], [str(programs["pairs"]), str(PAIRS), "64"], code=1
    )
    assert cell(suite, "crashes").status == Status.CRASHED
    assert cell(suite, "plain").status == Status.OK
    assert "SIGSEGV" in capsys.readouterr().out


def test_an_allocator_that_hangs_is_ended(compare: Compare, programs: Mapping[str, Path]) -> None:
    options = ["--rounds", "1", "--warmup", "0", "--timeout", "1"]
    suite = compare(["hangs"], options, [str(programs["pairs"]), str(PAIRS), "64"], code=1)
    assert cell(suite, "hangs").status == Status.TIMEOUT
    assert cell(suite, "system").status == Status.OK


# ---- exit codes and outputs ----


def test_a_command_that_fails_everywhere_is_refused_before_anything_is_measured(
    result: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", "--allocators", "system", "--json", str(result)]
    assert cli.main([*words, "--", "sh", "-c", "echo no such table >&2; exit 4"]) == 1
    said = capsys.readouterr().err
    assert "exit code 4: no such table" in said
    assert "--ignore-failure" in said
    assert not result.exists()


def test_an_exit_code_that_all_agree_in_is_none_with_ignore_failure(compare: Compare) -> None:
    suite = compare(["plain"], ["--rounds", "1", "-i"], ["sh", "-c", "exit 1"])
    assert {each.status for each in suite.cells} == {Status.OK}


def test_exit_codes_that_differ_are_a_failure(compare: Compare) -> None:
    script = 'case "$LD_PRELOAD" in *plain*) exit 3;; *) exit 1;; esac'
    suite = compare(["plain"], ["--rounds", "1", "--ignore-failure"], ["sh", "-c", script], code=1)
    assert cell(suite, "system").status == Status.OK
    assert cell(suite, "plain").status == Status.FAILED
    assert "exit code 3 where system's is 1" in cell(suite, "plain").detail


def test_outputs_that_differ_are_wrong_only_when_they_must_agree(compare: Compare) -> None:
    command = ["sh", "-c", 'echo "${LD_PRELOAD:+preloaded}"']
    assert cell(compare(["plain"], ["--rounds", "1"], command), "plain").status == Status.OK
    suite = compare(["plain"], ["--rounds", "1", "--same-output"], command, code=1)
    assert cell(suite, "plain").status == Status.WRONG
    assert cell(suite, "system").status == Status.OK


def test_an_output_that_differs_from_run_to_run_cannot_be_compared(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["compare", "--allocators", "system", "--same-output", "--", "sh", "-c", "echo $$"]
    assert cli.main(words) == 1
    assert "differs from run to run" in capsys.readouterr().err


@pytest.mark.parametrize("status", [Status.CRASHED, Status.TIMEOUT, Status.NOT_LOADED])
def test_a_mishap_is_no_matter_of_exit_codes(status: Status) -> None:
    run = measurement(status=status, detail="why")
    assert Expectation("system", 1, "digest").judge(run) is run


# ---- how the command is run ----


def test_a_command_reads_its_input_and_is_prepared_before_each_run(compare: Compare, tmp_path: Path) -> None:
    log, data = tmp_path / "log", tmp_path / "data"
    data.write_text("7\n")
    options = [
        "--rounds",
        "2",
        "--input",
        str(data),
        "--prepare",
        f"echo prepared >> {log}",
        "--name",
        "count",
    ]
    suite = compare(["plain"], options, ["sh", "-c", "read number; test $number = 7"])
    assert (
        log.read_text().splitlines() == ["prepared"] * 7
    )  # a rehearsal, a warm-up round and two more of two
    assert suite.workloads.keys() == {"count"}
    assert suite.cells[0].params["input"] == "data"


def test_a_preparation_that_fails_ends_the_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", "--allocators", "system", "--prepare", "echo full disk; exit 7", "--", "true"]
    assert cli.main(words) == 1
    assert "ended with 7: full disk" in capsys.readouterr().err


def test_a_command_may_tell_its_own_time(compare: Compare) -> None:
    told = ["sh", "-c", "echo 'lab: result operations=10 seconds=42.5'"]
    suite = compare(["plain"], ["--rounds", "3", "--own-time", "--same-output"], told)
    assert cell(suite, "plain").samples == (42.5, 42.5, 42.5)
    assert cli.main(["compare", "--allocators", "system", "--own-time", "--", "true"]) == 1


def test_a_program_without_an_end_is_ended_and_compared_by_memory_and_processor_time(
    compare: Compare, tmp_path: Path
) -> None:
    service = tmp_path / "service.py"
    service.write_text("import time\nheld = b'x' * (30 << 20)\nwhile True: time.sleep(0.01)\n")
    suite = compare(["plain"], ["--rounds", "1", "--for", "0.5"], [sys.executable, str(service)])
    assert {each.metric for each in suite.cells} == {"processor", "peak_rss", "mean_rss", "end_rss"}
    assert {each.status for each in suite.cells} == {Status.OK}
    end = cell(suite, "plain", "end_rss").median
    assert end is not None
    assert end > 30 << 20


def test_a_server_is_compared_by_the_time_of_its_load(compare: Compare, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    server = ["sh", "-c", f"touch {ready}; while :; do sleep 0.02; done"]
    load = f'until test -e {ready}; do sleep 0.01; done; sleep 0.3; test -z "$LD_PRELOAD"'
    suite = compare(["plain"], ["--rounds", "1", "--load", load, "--prepare", f"rm -f {ready}"], server)
    assert cell(suite, "plain").unit == "s"
    assert cell(suite, "plain").status == Status.OK
    assert 0.3 <= (cell(suite, "plain").median or 0) < 5


def test_a_program_that_ends_too_soon_is_said_to_do_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", "--allocators", "system", "--for", "5", "--", "true"]) == 1
    assert "until it is told to end by SIGTERM" in capsys.readouterr().err


def test_python_objects_are_put_on_preloaded_allocators_alone(
    compare: Compare, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONMALLOC", raising=False)
    check = "import os, sys; sys.exit(os.environ.get('PYTHONMALLOC', '') != {})"
    on_both = "'malloc'"
    preloaded = "('malloc' if 'LD_PRELOAD' in os.environ else '')"
    for choice, expected in (("auto", preloaded), ("keep", "''"), ("malloc", on_both)):
        options = ["--rounds", "1", "--warmup", "0", "--python-malloc", choice]
        compare(["plain"], options, [sys.executable, "-c", check.format(expected)])
    assert "PYTHONMALLOC=malloc puts Python's objects" in capsys.readouterr().err


# ---- how much ----


@pytest.mark.parametrize(
    ("run_s", "allocators", "rounds"),
    [(1.0, 6, 9), (0.001, 2, 50), (30.0, 6, 5)],  # a minute; the most; the fewest
)
def test_rounds_fill_a_minute_within_limits(run_s: float, allocators: int, rounds: int) -> None:
    assert rounds_within(60.0, run_s, allocators, fewest=5, most=50) == rounds


def test_it_says_what_it_will_do_and_the_data_alone_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", "--allocators", "system", "--rounds", "2", "--json", "-", "--", "true"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["schema"] == "hakmem-bench/1"
    assert re.search(
        r"^hakmem: true takes [\d.]+ \w+ on system: 2 rounds of system, after 1 that does not", shown.err
    )
    assert "peak memory" in shown.err


def test_results_do_not_name_the_home_of_their_user(
    compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    suite = compare(["plain"], ["--rounds", "1"], ["test", "-d", str(tmp_path)])
    text = store.dumps(suite)
    assert str(tmp_path) not in text
    assert "test -d ~" in text


# ---- mishaps ----


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "which command?"),
        (["--", "no-such-program"], 127, "no program 'no-such-program'"),
        (["--input", "nowhere", "--", "true"], 2, "no such file that can be read"),
        (["--allocators", "mimaloc", "--", "true"], 2, "did you mean mimalloc?"),
        (["--allocators", "system", "--baseline", "hakmem", "--", "true"], 2, "does not take part"),
        (["--for", "1", "--load", "true", "--", "true"], 2, "not allowed with"),
        (["--for", "1", "-i", "--", "true"], 2, "no exit code of its own"),
        (["--quick", "--full", "--", "true"], 2, "not allowed with"),
        (["--json", "no/such/place.json", "--", "true"], 2, "there is no directory"),
    ],
)
def test_what_cannot_be_done_is_said(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", *words]) == code
    assert said in capsys.readouterr().err


def test_a_static_program_is_refused_with_the_reason(
    fakes: Mapping[str, Allocator], meter_program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = f"plain={fakes['plain'].library}"
    assert (
        cli.main(["compare", "--allocators", "system", "--allocator", own, "--", str(meter_program)]) == 126
    )
    assert "statically linked" in capsys.readouterr().err


def test_the_command_may_stand_without_dashes_before_it(result: Path) -> None:
    words = [
        "compare",
        "--allocators",
        "system",
        "--rounds",
        "1",
        "--json",
        str(result),
        "echo",
        "a",
        "--",
        "b",
    ]
    assert cli.main(words) == 0
    assert store.load(result).cells[0].workload == "echo a -- b"


def test_ctrl_c_ends_the_command_and_keeps_what_was_measured(tmp_path: Path) -> None:
    result, mark = tmp_path / "result.json", "29.125"
    words = ["compare", "--allocators", "system", "--rounds", "3", "--warmup", "0", "--timeout", "60"]
    first = tmp_path / "runs"
    script = f"echo >> {first}; test $(wc -l < {first}) -lt 3 || exec sleep {mark}"
    with subprocess.Popen(
        [sys.executable, "-m", "hakmem", *words, "--json", str(result), "--", "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        process_group=0,
    ) as process:
        deadline = time.monotonic() + 30
        while not _running(mark) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert not _running(mark)
    suite = store.load(result)
    assert suite.interrupted
    assert len([sample for sample in cell(suite, "system").samples if sample is not None]) == 1


def _running(word: str) -> bool:
    """Whether a process sleeps for just so many seconds."""
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if line.read_bytes().split(b"\0")[:2] == [b"sleep", word.encode()]:
                return True
        except OSError:
            continue
    return False
