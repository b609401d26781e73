"""The order of runs, what happens when something goes wrong, and how long it will take."""

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from hakmem.errors import HakmemError
from hakmem.lab.events import Event, GaveUp, LeftOut, RunEnded, RunStarted
from hakmem.lab.forecast import Forecast, typical_s
from hakmem.lab.measurement import Measurement, Status
from hakmem.lab.plan import Allocator, Effort, Job, Kind
from hakmem.lab.runner import PATIENCE, Runs, run
from tests.lab.made_up import MadeUpMeter, allocators, measurement, runs, workload

NAMES = ("system", "one", "two")


def failing(status: Status, *, until: int = 10**9) -> Callable[[int], Measurement]:
    """A run that ends with `status` the first `until` times."""
    return lambda before: measurement(status=status, detail="last words") if before < until else measurement()


def test_a_round_runs_every_workload_under_every_allocator_once(tmp_path: Path) -> None:
    meter = MadeUpMeter()
    done = runs(tmp_path, meter, [workload("a"), workload("b")], NAMES, rounds=4)
    pairs = list(itertools.product(("a", "b"), NAMES))
    for start in range(0, len(meter.log), len(pairs)):
        assert sorted(meter.log[start : start + len(pairs)]) == sorted(pairs)
    assert len(meter.log) == len(pairs) * 5  # the warm-up comes on top
    assert done.rounds == done.planned == 4
    assert {len(row) for row in done.measurements.values()} == {4}


def test_a_workloads_allocators_run_next_to_each_other(tmp_path: Path) -> None:
    meter = MadeUpMeter()
    runs(tmp_path, meter, [workload(name) for name in "abcd"], NAMES, rounds=3)
    for group in itertools.zip_longest(*[iter(meter.log)] * len(NAMES)):
        assert len({name for name, _ in group}) == 1


def test_the_order_is_random_and_follows_from_the_seed(tmp_path: Path) -> None:
    logs = {}
    for at, seed in enumerate((1, 1, 2)):
        meter = MadeUpMeter()
        (tmp_path / str(at)).mkdir()
        runs(
            tmp_path / str(at),
            meter,
            [workload(name) for name in "abcdefgh"],
            NAMES,
            rounds=20,
            seed=seed,
        )
        logs[at] = meter.log
    assert logs[0] == logs[1]
    assert logs[0] != logs[2]
    first = Counter(allocator for _, allocator in logs[0][::3])
    # 168 draws of one of three: 56 each, with a standard deviation of 6.1
    assert all(abs(first[name] - 56) < 4 * 6.2 for name in NAMES)
    assert len({tuple(name for name, _ in logs[0][at : at + 24]) for at in range(0, len(logs[0]), 24)}) > 15


def test_the_warm_up_does_not_count(tmp_path: Path) -> None:
    slow_first = {("a", "one"): lambda before: measurement(1.0 if before == 0 else 0.01)}
    done = runs(tmp_path, MadeUpMeter(special=slow_first), [workload("a")], NAMES)
    assert [run.seconds for run in done.measurements["a", "one"] if run] == [0.01] * 5


@pytest.mark.parametrize("status", [Status.CRASHED, Status.TIMEOUT, Status.FAILED])
def test_what_fails_under_one_allocator_is_given_up_there_alone(tmp_path: Path, status: Status) -> None:
    meter = MadeUpMeter(special={("a", "one"): failing(status)})
    events: list[Event] = []
    done = run(
        [workload("a"), workload("b")],
        allocators(*NAMES),
        meter=meter,
        scratch=tmp_path,
        effort=Effort.QUICK,
        rounds=5,
        seed=0,
        timeout_s=1.0,
        on_event=events.append,
    )
    assert meter.log.count(("a", "one")) == PATIENCE == done.tried["a", "one"]
    assert meter.log.count(("a", "two")) == meter.log.count(("b", "one")) == 6
    assert [each.status for each in done.failures["a", "one"]] == [status] * PATIENCE
    assert [event for event in events if isinstance(event, GaveUp)] == [
        GaveUp("a", "one", f"{status}: last words")
    ]


def test_a_single_failure_leaves_a_hole_and_the_rest_goes_on(tmp_path: Path) -> None:
    meter = MadeUpMeter(
        special={
            ("a", "one"): lambda before: measurement(status=Status.CRASHED) if before == 2 else measurement()
        }
    )
    done = runs(tmp_path, meter, [workload("a")], NAMES)
    assert [each is not None and each.status for each in done.measurements["a", "one"]] == [
        Status.OK,
        Status.CRASHED,
        *[Status.OK] * 3,
    ]
    assert len(done.failures["a", "one"]) == 1


def test_a_library_that_is_not_loaded_is_not_tried_twice(tmp_path: Path) -> None:
    meter = MadeUpMeter(special={("a", "one"): failing(Status.NOT_LOADED)})
    runs(tmp_path, meter, [workload("a")], NAMES)
    assert meter.log.count(("a", "one")) == 1


def test_the_floor_meets_only_workloads_that_can_run_on_it(tmp_path: Path) -> None:
    meter = MadeUpMeter()
    runs(tmp_path, meter, [workload("a", has_floor=True), workload("b")], ("system", "floor"))
    assert {name for name, allocator in meter.log if allocator == "floor"} == {"a"}


def test_a_workload_without_what_it_needs_is_left_out_and_says_how_to_get_it(tmp_path: Path) -> None:
    def broken(_directory: Path, _effort: Effort) -> Job:
        raise HakmemError("the repository could not be made")

    meter = MadeUpMeter()
    done = runs(
        tmp_path,
        meter,
        [
            workload("a"),
            workload("b", needs={"git": "apt-get install git"}),
            workload("c", prepare=broken),
        ],
    )
    assert {name for name, _ in meter.log} == {"a"}
    assert done.left_out == {
        "b": "git is not here: apt-get install git",
        "c": "the repository could not be made",
    }
    assert [each.name for each in done.workloads] == ["a"]


def test_every_workload_has_a_directory_of_its_own_and_is_prepared_once(tmp_path: Path) -> None:
    seen = []

    def prepare(directory: Path, effort: Effort) -> Job:
        seen.append((directory, effort, list(directory.iterdir())))
        return Job(("/bin/a",))

    runs(tmp_path, MadeUpMeter(), [workload("a", prepare=prepare), workload("b", prepare=prepare)])
    assert [effort for _, effort, _ in seen] == [Effort.QUICK] * 2
    assert len({directory for directory, _, _ in seen}) == 2
    assert all(contents == [] for _, _, contents in seen)


class Interrupting(MadeUpMeter):
    """A meter at whose run number `at` the user presses Ctrl-C."""

    at = 0

    def __call__(
        self, job: Job, allocator: Allocator, *, kind: Kind, timeout_s: float, scratch: Path
    ) -> Measurement:
        if len(self.log) == self.at:
            raise KeyboardInterrupt
        return super().__call__(job, allocator, kind=kind, timeout_s=timeout_s, scratch=scratch)


def interrupted_at(tmp_path: Path, at: int) -> Runs:
    meter = Interrupting()
    meter.at = at
    return runs(tmp_path, meter, [workload("a"), workload("b")], NAMES)


def test_an_interruption_keeps_what_was_measured(tmp_path: Path) -> None:
    done = interrupted_at(tmp_path, 6 + 6 + 6 + 2)  # the warm-up, two rounds, and a third of another
    assert done.interrupted
    assert done.rounds == 2
    rows = done.measurements.values()
    assert {len(row) for row in rows} == {3}
    assert sum(run is not None for row in rows for run in row) == 6 + 6 + 2


def test_an_interruption_of_the_warm_up_leaves_nothing(tmp_path: Path) -> None:
    done = interrupted_at(tmp_path, 3)
    assert (done.interrupted, done.rounds) == (True, 0)
    assert set(done.measurements.values()) == {()}


class Clock:
    """Seconds that pass only while a meter runs."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def timed(clock: Clock, costs: dict[str, float]) -> Callable[..., Measurement]:
    def meter(job: Job, allocator: Allocator, **_: object) -> Measurement:
        clock.now += costs[f"{job.argv[0].removeprefix('/bin/')}/{allocator.name}"]
        return measurement()

    return meter


@pytest.mark.parametrize(("budget_s", "rounds"), [(None, 10), (1000.0, 10), (15.0, 4), (14.9, 3), (1.0, 1)])
def test_a_budget_ends_the_rounds_before_it_is_exceeded(
    tmp_path: Path, budget_s: float | None, rounds: int
) -> None:
    clock = Clock()
    done = run(
        [workload("a")],
        allocators("system", "one"),
        meter=timed(clock, {"a/system": 1.0, "a/one": 2.0}),  # a round takes 3 seconds, as the warm-up does
        scratch=tmp_path,
        effort=Effort.QUICK,
        rounds=10,
        seed=0,
        timeout_s=1.0,
        budget_s=budget_s,
        clock=clock,
    )
    assert done.rounds == rounds
    assert done.out_of_time is (rounds < 10)
    assert not done.interrupted


def test_the_time_left_is_known_once_every_pair_has_run(tmp_path: Path) -> None:
    clock = Clock()
    left: list[tuple[float, float]] = []

    def note(event: Event) -> None:
        if isinstance(event, RunStarted) and event.round > 0:
            left.append((clock.now, event.seconds_left))

    run(
        [workload("a"), workload("b")],
        allocators("system", "one"),
        meter=timed(clock, {"a/system": 1.0, "a/one": 2.0, "b/system": 5.0, "b/one": 0.5}),
        scratch=tmp_path,
        effort=Effort.QUICK,
        rounds=3,
        seed=0,
        timeout_s=1.0,
        on_event=note,
        clock=clock,
    )
    assert len(left) == 12
    assert all(at + seconds == pytest.approx(clock.now) for at, seconds in left)


def test_a_pair_that_has_not_run_is_expected_to_take_what_others_took() -> None:
    clock = Clock()
    forecast = Forecast(clock)
    assert forecast.of([("a", "one")]) == 0
    for pair, seconds in ((("a", "one"), 1.0), (("a", "two"), 3.0), (("b", "one"), 8.0)):
        with forecast.taking(pair):
            clock.now += seconds
    assert forecast.of([("a", "one")]) == pytest.approx(1)
    assert forecast.of([("a", "three")]) == pytest.approx(2)
    assert forecast.of([("c", "one")]) == pytest.approx(4)
    assert forecast.of([("a", "one")] * 3) == pytest.approx(3)


def test_the_announced_time_counts_the_warm_up_and_the_floor() -> None:
    workloads = [workload("a", has_floor=True), workload("b", kind=Kind.REAL)]
    assert typical_s(workloads, 2, 3, Effort.QUICK) == pytest.approx((0.15 * 3 + 1.05 * 2) * 4)


def test_events_tell_of_every_run_and_of_what_is_left_out(tmp_path: Path) -> None:
    events: list[Event] = []
    run(
        [workload("a"), workload("b", needs={"git": "apt-get install git"})],
        allocators("system", "one"),
        meter=MadeUpMeter(),
        scratch=tmp_path,
        effort=Effort.QUICK,
        rounds=3,
        seed=0,
        timeout_s=1.0,
        on_event=events.append,
        warm_up=False,
    )
    started = [event for event in events if isinstance(event, RunStarted)]
    assert [event.runs_left for event in started] == [6, 5, 4, 3, 2, 1]
    assert [event.round for event in started] == [1, 1, 2, 2, 3, 3]
    assert sum(isinstance(event, RunEnded) for event in events) == 6
    assert [event for event in events if isinstance(event, LeftOut)] == [
        LeftOut("b", "git is not here: apt-get install git")
    ]
