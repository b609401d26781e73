"""`hakmem bench` as a person uses it: real programs on the system's malloc and on fakes of known defects."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import hakmem
from hakmem import cli
from hakmem.cli.lab_arguments import recorded
from hakmem.lab import store
from hakmem.lab.plan import Allocator
from hakmem.lab.result import Cell, Suite

WORKLOAD = "random_mixed/short"
FAST = ("--quick", "--workloads", WORKLOAD)
PATIENCE_S = 60
SOME_ROUNDS = 30
"""Processes of a bench of one allocator, two a run: more than those before its first round."""

Fakes = Mapping[str, Allocator]


def environment(**changes: str) -> dict[str, str]:
    """The environment of a person, in which this package is found."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HAKMEM_", "PYTHON"))}
    return {**kept, "PYTHONPATH": str(Path(hakmem.__file__).parents[1]), **changes}


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "hakmem", "bench", *map(str, words)]


def bench(*words: str | Path, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words),
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def on(fakes: Fakes, *names: str) -> list[str]:
    """The options for a suite of the system's malloc and these fakes."""
    own = [f"--allocator={name}={fakes[name].library}" for name in names]
    return ["--allocators", "system", *own]


def cells(suite: Suite, metric: str = "time") -> dict[str, Cell]:
    return {cell.allocator: cell for cell in suite.cells if cell.metric == metric}


@pytest.fixture(scope="module")
def measured(fakes: Fakes, tmp_path_factory: pytest.TempPathFactory) -> tuple[Suite, str, str]:
    """A suite of the fakes, what stood on standard output, and what on standard error."""
    path = tmp_path_factory.mktemp("bench") / "suite.json"
    names = ("plain", "sleeps", "leaks", "crashes", "hangs")
    done = bench(*FAST, *on(fakes, *names), "--rounds", "5", "--timeout", "3", "--json", path)
    assert done.returncode == 0, done.stderr
    return store.load(path), done.stdout, done.stderr


@pytest.mark.alone
def test_what_sleeps_is_slower_by_what_it_sleeps(measured: tuple[Suite, str, str]) -> None:
    found = cells(measured[0])
    sleeping, plain = found["sleeps"], found["plain"]
    assert sleeping.ratio is not None
    assert sleeping.ratio.verdict == "slower"
    assert sleeping.ratio.ci95[0] > 3
    assert sleeping.ci95 is not None
    assert plain.median is not None
    # 1 ms at every thousandth of some 50,000 allocations: 50 ms, and what the kernel adds to each sleep:
    # 50 us of slack, and the delay of a machine that is busy in spite of all, here up to ten times the sleep.
    slept = [end - plain.median for end in sleeping.ci95]
    assert slept[1] > 0.050
    assert slept[0] < 0.550


@pytest.mark.alone
def test_what_leaks_is_heavier(measured: tuple[Suite, str, str]) -> None:
    found = cells(measured[0], "peak_rss")["leaks"]
    assert found.ratio is not None
    assert found.ratio.verdict == "heavier"
    # A quarter of some 50,000 blocks of 520 bytes on average, over the system's small peak.
    base = cells(measured[0], "peak_rss")["system"].median
    assert found.median is not None
    assert base is not None
    assert found.median - base == pytest.approx(50_000 / 4 * 520, rel=0.5)


@pytest.mark.alone
def test_a_crash_and_a_hang_are_cells_and_not_the_end(measured: tuple[Suite, str, str]) -> None:
    suite, told, words = measured
    found = cells(suite)
    assert found["crashes"].status == "crashed"
    assert found["crashes"].detail.startswith("2 of 2 runs")
    assert found["hangs"].status == "timeout"
    assert found["hangs"].median is None
    assert found["system"].status == found["plain"].status == "ok"
    assert suite.rounds == 5
    assert all(len(cell.samples) == 5 for cell in suite.cells)
    assert f"- {WORKLOAD} on crashes: crashed, 2 of 2 runs" in told
    assert f"hakmem: {WORKLOAD} on hangs is not tried again: timeout" in words


@pytest.mark.alone
def test_every_allocator_did_the_same_work(measured: tuple[Suite, str, str]) -> None:
    good = [cell for cell in cells(measured[0]).values() if cell.status == "ok"]
    assert len({(cell.checksum, cell.operations) for cell in good}) == 1
    assert good[0].checksum


@pytest.mark.alone
def test_the_floor_is_below_the_whole(measured: tuple[Suite, str, str]) -> None:
    found = cells(measured[0])["system"]
    assert found.floor is not None
    assert found.median is not None
    assert 0 < found.floor < 2 * found.median  # "2": this is a busy machine


@pytest.mark.alone
def test_a_pipe_gets_a_plain_table_and_words_go_to_standard_error(measured: tuple[Suite, str, str]) -> None:
    _, told, words = measured
    assert "\x1b" not in told + words
    assert "Native programs" in told
    assert "about" in words.splitlines()[0]
    assert "suite.json" in words.splitlines()[-1]


@pytest.mark.alone
def test_a_result_names_no_directory_of_the_user(measured: tuple[Suite, str, str]) -> None:
    assert str(Path.home()) + "/" not in store.dumps(measured[0])
    assert {record.path for record in measured[0].allocators} == {
        "",
        *(f"{name}.so" for name in ("plain", "sleeps", "leaks", "crashes", "hangs")),
    }
    assert "--allocator plain=plain.so" in measured[0].command
    assert "suite.json" not in measured[0].command


def test_data_is_alone_on_standard_output_with_json_to_it() -> None:
    done = bench(*FAST, "--allocators", "system", "--rounds", "2", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schema"] == "hakmem-bench/1"
    assert "Native programs" in done.stderr


def test_hakmem_takes_part_with_hit_rates(tmp_path: Path) -> None:
    path = tmp_path / "suite.json"
    done = bench(*FAST, "--allocators", "hakmem,system", "--rounds", "3", "--json", path)
    assert done.returncode == 0, done.stderr
    suite = store.load(path)
    assert suite.baseline == "system"
    rates = suite.rates[WORKLOAD]
    assert sum(rate.allocations for rate in rates) > 40_000
    assert all(0 <= rate.hits <= rate.allocations for rate in rates)


def test_nothing_measured_is_an_exit_code(fakes: Fakes) -> None:
    own = f"--allocator=bad={fakes['crashes'].library}"
    done = bench(*FAST, "--allocators", "bad", own)
    assert done.returncode == 1
    assert "crashed" in done.stdout


def test_a_page_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = bench(*FAST, "--allocators", "system", "--rounds", "2", "--html", page)
    assert done.returncode == 0, done.stderr
    assert WORKLOAD in page.read_text(encoding="utf-8")


# ---- Ctrl-C ----


def in_session(leader: int) -> list[int]:
    """The processes of a session that run, the leader aside."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z" and int(fields[3]) == leader and int(entry.name) != leader:
            found.append(int(entry.name))
    return found


def runs_on(allocator: Allocator, leader: int) -> list[int]:
    """The processes of a session that run the workload on an allocator."""
    found = []
    for number in in_session(leader):
        process = Path(f"/proc/{number}")
        with contextlib.suppress(OSError):
            if (process / "comm").read_text().strip() == WORKLOAD.partition("/")[0]:
                found += [number] if str(allocator.library) in (process / "maps").read_text() else []
    return found


def wait_until(condition: Any, what: str) -> None:
    limit = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < limit, what
        time.sleep(0.02)


def press_ctrl_c(pid: int) -> None:
    os.killpg(pid, signal.SIGINT)  # as a terminal does


def stop_it(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)  # as a supervisor does


@pytest.mark.parametrize(("end", "hung"), [(press_ctrl_c, False), (press_ctrl_c, True), (stop_it, False)])
def test_an_early_end_leaves_no_process_and_writes_what_was_measured(
    fakes: Fakes, tmp_path: Path, end: Callable[[int], None], hung: bool
) -> None:
    path = tmp_path / "suite.json"
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    who = on(fakes, "hangs") if hung else ["--allocators", "system"]
    words = command(*FAST, *who, "--rounds", "100000", "--timeout", "100", "--json", path)
    process = subprocess.Popen(
        words,
        env=environment(TMPDIR=str(temporary)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    seen: set[int] = set()

    def rounds_were_made() -> bool:
        seen.update(in_session(process.pid))
        return len(seen) >= SOME_ROUNDS

    try:
        if hung:
            wait_until(lambda: runs_on(fakes["hangs"], process.pid), "the run that hangs was not started")
        else:
            wait_until(rounds_were_made, "no rounds were made")
        end(process.pid)
        told, words_told = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert process.returncode == 130, words_told
    wait_until(lambda: not in_session(process.pid), "a process is left")
    assert list(temporary.iterdir()) == []
    suite = store.load(path)
    assert suite.interrupted
    assert "Traceback" not in words_told
    if not hung:
        assert suite.rounds >= 1
        assert len(cells(suite)["system"].samples) >= suite.rounds
        assert "Interrupted after" in told


# ---- wrong options ----


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--workloads", "larsen"], "did you mean larson"),
        (["--allocators", "mimaloc"], "did you mean mimalloc"),
        (["--allocators", ","], "names no allocator"),
        (["--allocators", "floor"], "no allocator to choose"),
        (["--allocator", "mine"], "not NAME=PATH"),
        (["--allocator", "mine=/no/such.so"], "/no/such.so"),
        (["--allocator", "a=/x.so", "--allocator", "a=/y.so"], "given twice"),
        (["--allocators", "system", "--baseline", "hakmem"], "does not take part; taking part: system"),
        (["--json", "/no/such/directory/x.json"], "there is no directory"),
        (["--json", "/"], "that is a directory"),
        (["--html", "-"], "needs a file"),
        (["--rounds", "0"], "one at least"),
        (["--rounds", "many"], "not a whole number"),
        (["--timeout", "-1"], "not a number of seconds"),
        (["--timeout", "nan"], "not a number of seconds"),
        (["--quick", "--full"], "not allowed with"),
        (["larson"], "unrecognized"),
    ],
)
def test_wrong_options_are_told_before_anything_is_measured(
    words: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    assert cli.main(["bench", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("hakmem: ")
    assert said in err
    assert "rounds, about" not in err
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["--quick", "--json", "/home/jane/x.json"], "hakmem bench --quick"),
        (["--html=/home/jane/x.html", "--seed", "3"], "hakmem bench --seed 3"),
        (["--allocator", "mine=/home/jane/libmine.so"], "hakmem bench --allocator mine=libmine.so"),
        (["--allocator=mine=/home/jane/libmine.so"], "hakmem bench --allocator mine=libmine.so"),
        (["--workloads", "*/256"], "hakmem bench --workloads '*/256'"),
    ],
)
def test_the_command_is_kept_for_a_shell_without_directories(words: Sequence[str], kept: str) -> None:
    assert recorded("bench", words) == kept


def test_an_absent_peer_that_is_asked_for_names_its_package(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hakmem.lab.allocators._cached_libraries", dict)
    assert cli.main(["bench", "--allocators", "system,jemalloc"]) == 1
    assert "apt-get install libjemalloc2" in capsys.readouterr().err


# ---- what a terminal shows ----


def on_terminal(words: Sequence[str], columns: int, **changes: str) -> str:
    """What a command writes to a terminal of so many columns."""
    leader, follower = pty.openpty()
    env = environment(COLUMNS=str(columns), LINES="40", TERM="xterm", **changes)
    process = subprocess.Popen(words, env=env, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    told = b""
    while True:
        try:
            read = os.read(leader, 1 << 16)
        except OSError:  # EIO: the last writer has gone
            break
        told += read
    os.close(leader)
    assert process.wait(PATIENCE_S) == 0, told
    return told.decode()


@pytest.mark.parametrize("no_colour", ["", "1"])
def test_a_terminal_gets_progress_and_colours_unless_told_not_to(no_colour: str) -> None:
    told = on_terminal(command(*FAST, "--allocators", "system,hakmem"), 80, NO_COLOR=no_colour)
    assert re.search(r"round \d of 3", told)
    assert re.search(r"\d+ s left", told)
    table = told[told.rindex("Native programs") :]
    assert bool(re.search(r"\x1b\[[0-9;]+m", table)) is not bool(no_colour)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", table)
    assert all(len(line) <= 80 for line in plain.splitlines())


def test_the_list_says_where_workloads_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--list"]) == 0
    told = capsys.readouterr().out
    for words in (
        "larson/mixed-4  (quick)",
        "random_mixed/256",
        "python/json/malloc",
        "real/git",
        "stresses",
    ):
        assert words in told
    assert "ISMM 1998" in told
    assert cli.main(["bench", "--list", "--workloads", "larson"]) == 0
    assert "random_mixed" not in capsys.readouterr().out
