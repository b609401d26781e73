"""What is said of a machine that was not quiet, and hit rates from statistics files."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hakmem.errors import HakmemError
from hakmem.lab import noise, rates
from hakmem.lab.cells import build
from hakmem.lab.measurement import Measurement, Status
from hakmem.lab.noise import Reading
from hakmem.lab.plan import Allocator, Effort, Job
from hakmem.lab.result import ClassRate
from tests.lab.made_up import MadeUpMeter, allocator, measurement, runs, workload

QUIET = Reading(at_s=100.0, busy_s=50.0, stolen_s=1.0, ours_s=40.0)


def later(*, busy_s: float = 0.0, ours_s: float = 0.0, stolen_s: float = 0.0) -> Reading:
    return Reading(200.0, QUIET.busy_s + busy_s, QUIET.stolen_s + stolen_s, QUIET.ours_s + ours_s)


def test_our_own_work_is_no_noise() -> None:
    assert noise.between(QUIET, later(busy_s=200.0, ours_s=195.0), 2) == []


def test_what_others_take_is_told_as_a_share_of_all_processors() -> None:
    (told,) = noise.between(QUIET, later(busy_s=150.0, ours_s=50.0), 2)
    assert "took 50% of the processors" in told


def test_what_the_host_takes_is_told() -> None:
    (told,) = noise.between(QUIET, later(stolen_s=10.0), 2)
    assert "took 5% of the processors' time" in told


def test_a_system_that_tells_nothing_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu 1 2\n")
    assert noise.read(tmp_path / "stat") is None
    assert noise.read(tmp_path / "none") is None
    assert noise.between(None, QUIET, 2) == []


def test_a_reading_counts_what_ran(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu  100 20 30 4000 50 6 4 700 80 9\ncpu0 1 2 3\n")
    reading = noise.read(tmp_path / "stat")
    assert reading is not None
    assert reading.busy_s == pytest.approx(1.6)
    assert reading.stolen_s == pytest.approx(7.0)
    assert reading.ours_s > 0


def test_a_baseline_whose_runs_differ_makes_the_machine_noisy(tmp_path: Path) -> None:
    for name, deviation in (("quiet", 0.01), ("loud", 0.15)):
        (tmp_path / name).mkdir()
        done = runs(tmp_path / name, MadeUpMeter(noise=deviation), [workload(each) for each in "abcdef"])
        told = noise.of_baseline(build(done, "system"), "system")
        assert bool(told) is (name == "loud")
        assert all("runs of system differ by" in line and "6 workloads" in line for line in told)


# ---- rates ----


def statistics(path: Path, *classes: tuple[int, int, int]) -> Path:
    entries = [{"size": size, "allocations": n, "malloc_hits": hits} for size, n, hits in classes]
    path.write_text(json.dumps({"schema": "hakmem-stats/1", "classes": entries}))
    return path


def test_rates_of_all_processes_are_added_up(tmp_path: Path) -> None:
    one = statistics(tmp_path / "1", (32, 10, 9), (16, 5, 5))
    two = statistics(tmp_path / "2", (32, 100, 50), (64, 0, 0))
    assert rates.summed([one, two]) == (ClassRate(16, 5, 5), ClassRate(32, 110, 59))


def test_statistics_that_are_missing_or_damaged_are_told(tmp_path: Path) -> None:
    with pytest.raises(HakmemError, match="left no statistics"):
        rates.summed([])
    (tmp_path / "cut").write_text('{"classes": [{"size"')
    with pytest.raises(HakmemError, match="cannot be read"):
        rates.summed([tmp_path / "cut"])


class Counting:
    """A meter whose program leaves statistics where it is told to."""

    def __init__(self, status: Status = Status.OK) -> None:
        self.status = status

    def __call__(self, _job: Job, allocator: Allocator, /, **_options: object) -> Measurement:
        statistics(Path(allocator.environment["HAKMEM_STATS_FILE"].replace("%p", "123")), (16, 100, 97))
        return measurement(status=self.status, detail="last words")


def test_a_run_on_the_count_flavour_gives_rates(tmp_path: Path) -> None:
    count = replace(allocator("hakmem-count"), environment={"HAKMEM_PURGE_DELAY_MS": "1"})
    found = rates.collect(
        workload(), count, meter=Counting(), scratch=tmp_path, effort=Effort.QUICK, timeout_s=1.0
    )
    assert found == (ClassRate(16, 100, 97),)


def test_a_run_that_fails_gives_no_rates(tmp_path: Path) -> None:
    with pytest.raises(HakmemError, match="crashed on hakmem-count: last words"):
        rates.collect(
            workload(),
            allocator("hakmem-count"),
            meter=Counting(Status.CRASHED),
            scratch=tmp_path,
            effort=Effort.QUICK,
            timeout_s=1.0,
        )
