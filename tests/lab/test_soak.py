"""Long runs of a real server: on HAKMEM for two minutes, and on an allocator that leaks a little."""

import subprocess
from pathlib import Path

import pytest

from hakmem import cli
from hakmem.lab import allocators
from hakmem.lab.plan import Allocator
from hakmem.lab.soak import result
from hakmem.lab.soak.result import Plan, Soak
from hakmem.lab.soak.run import SoakError, soak

from .native_programs import result as told
from .native_programs import run
from .test_bench import command, environment

pytestmark = pytest.mark.waits
# A soak is paced by the clock, with the processors idle most of the time; it is judged by memory.

SECONDS = 120
SHORT = Plan(seconds=15, cycle_s=1.0, interval_s=0.05)
"""Ten short cycles after the warm-up. Purges do not come to rest in them; a leak shows."""


@pytest.fixture(scope="module")
def two_minutes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Soak, str, str]:
    """`hakmem soak` on HAKMEM: the stored run, the picture, and what stood on standard output."""
    directory = tmp_path_factory.mktemp("soak")
    words = [*command()[:-1], "soak", "--seconds", str(SECONDS), "--json=soak.json", "--svg=soak.svg"]
    done = subprocess.run(
        words, env=environment(), cwd=directory, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    found = result.load(directory / "soak.json")
    assert done.returncode == (0 if found.passed else 1)
    return found, (directory / "soak.svg").read_text(encoding="utf-8"), done.stdout


def test_two_minutes_of_a_server_keep_their_limits_and_do_not_creep(
    two_minutes: tuple[Soak, str, str],
) -> None:
    found, picture, words = two_minutes
    assert len(found.samples) >= 2 * SECONDS  # four a second; some are left out where the machine is late
    assert found.operations > 50_000_000
    kept = {finding.limit: finding for finding in found.findings}
    assert set(kept) == {"thread caches", "unpurged spans", "metadata"}
    for finding in kept.values():
        assert finding.held, words
        assert finding.judged > SECONDS
    assert found.growth is not None
    assert not found.growth.creeps, words
    assert "hakmem soak --seconds 120" in found.command
    assert "json" not in found.command
    assert picture.startswith("<?xml")


def test_an_allocator_that_leaks_a_little_creeps(fakes: dict[str, Allocator], scratch: Path) -> None:
    leaking, plain = (
        soak(fakes[name], SHORT, command="", scratch=scratch).growth for name in ("leaks_little", "plain")
    )
    assert leaking is not None
    assert plain is not None
    assert leaking.creeps
    assert leaking.low_b > 2 * plain.an_hour_b  # the C library's heap still settles after some seconds


def test_a_program_that_does_not_come_to_its_end_is_told(fakes: dict[str, Allocator], scratch: Path) -> None:
    with pytest.raises(SoakError, match="went wrong: crashed"):
        soak(fakes["crashes"], SHORT, command="", scratch=scratch)


def test_every_allocator_gets_the_same_requests(tmp_path: Path) -> None:
    words = f"soak 2 3 {tmp_path / 'samples'} 500 50"
    hakmem = allocators.choose(["hakmem"])[0].library
    ours, theirs = told(run(words, hakmem)), told(run(words))
    assert (ours.operations, ours.checksum) == (theirs.operations, theirs.checksum)
    assert ours.checksum != told(run(f"{words} 2")).checksum


def test_the_floor_is_refused(tmp_path: Path) -> None:
    done = run(f"soak 1 1 {tmp_path / 'samples'}", allocators.floor().library)
    assert done.returncode == 2
    assert "does not run on the floor" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seconds", "3601"], "3600 at most"),
        (["--seconds", "0"], "not a number of seconds above 0"),
        (["--threads", "0"], "one at least"),
        (["--allocators", "hakmem,system"], "one allocator a run"),
        (["--allocators", "mimaloc"], "did you mean mimalloc"),
        (["--json", "/no/such/directory/soak.json"], "there is no directory"),
        (["--svg", "/"], "that is a directory"),
    ],
)
def test_wrong_options_are_told_before_anything_runs(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["soak", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err
