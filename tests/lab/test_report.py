"""`hakmem report`: what one file says, what changed between two, and when a build is to fail."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from hakmem import cli
from hakmem.lab import statistics, store
from hakmem.lab.measurement import Status
from hakmem.lab.plan import PEAK_MEMORY, THROUGHPUT, TIME_PER_OPERATION, Kind, Metric
from hakmem.lab.result import AllocatorRecord, Cell, Ratio, Suite
from hakmem.report.changes import Outcome, compare, counted, drift, regressions
from hakmem.report.machines import differences
from hakmem.report.sentence import phrase, verdicts
from hakmem.report.side_by_side import side_by_side

from .made_up import HOST

MIB = 1 << 20
STEADY = (1.00, 1.01, 0.99, 1.005, 0.995)
"""Samples that differ by 1 %."""

NOISY = (0.6, 1.9, 0.8, 1.5, 1.0)
Figures = Mapping[tuple[str, str], Sequence[float | None]]
"""Workload, allocator -> samples."""


def cell(
    workload: str,
    allocator: str,
    samples: Sequence[float | None],
    *,
    metric: Metric = TIME_PER_OPERATION,
    baseline: Sequence[float | None] = (),
    status: Status = Status.OK,
    detail: str = "",
    checksum: str = "",
) -> Cell:
    known = [sample for sample in samples if sample is not None]
    paired = statistics.ratio(list(samples), list(baseline))
    return Cell(
        workload=workload,
        kind=Kind.NATIVE,
        params={"slots": 256},
        allocator=allocator,
        metric=metric.name,
        unit=metric.unit,
        better=metric.better,
        status=status,
        detail=detail,
        samples=tuple(samples),
        outliers=(),
        median=statistics.median(known) if known else None,
        ci95=None,
        floor=None,
        ratio=Ratio("system", paired.median, (paired.low, paired.high), "") if paired else None,
        peak_rss_bytes=None,
        checksum=checksum,
    )


def suite(figures: Figures, *, metric: Metric = TIME_PER_OPERATION, more: Sequence[Cell] = ()) -> Suite:
    """A suite of one metric, and of further cells."""
    cells = [
        cell(name, allocator, samples, metric=metric, baseline=figures.get((name, "system"), ()))
        for (name, allocator), samples in figures.items()
    ]
    names = dict.fromkeys(each.allocator for each in (*cells, *more))
    return Suite(
        command="hakmem bench",
        created="2026-01-01T00:00:00+00:00",
        effort="default",
        seed=0,
        baseline="system",
        rounds=5,
        interrupted=False,
        host=HOST,
        allocators=tuple(AllocatorRecord(name, "1.0", "", "made up") for name in names),
        cells=(*cells, *more),
    )


def times(factor: float, samples: Sequence[float] = STEADY) -> tuple[float, ...]:
    return tuple(factor * sample for sample in samples)


BEFORE = suite(
    {("mixed", "system"): times(10), ("mixed", "hakmem"): times(8), ("larson", "hakmem"): times(5)}
)


def changed(**factors: float) -> Suite:
    """BEFORE with HAKMEM's samples of a workload times its factor."""
    return replace(
        BEFORE,
        cells=tuple(
            cell(
                each.workload,
                each.allocator,
                [s * factors.get(each.workload, 1.0) for s in each.samples if s],
            )
            if each.allocator == "hakmem"
            else each
            for each in BEFORE.cells
        ),
    )


def outcome(before: Suite, after: Suite, workload: str = "mixed", allocator: str = "hakmem") -> Outcome:
    found = compare(before, after)
    return next(each.outcome for each in found if (each.workload, each.allocator) == (workload, allocator))


# ---- what changed ----


def test_a_figure_that_is_slower_beyond_its_noise_is_worse() -> None:
    change = compare(BEFORE, changed(mixed=1.2))[1]
    assert change.outcome is Outcome.WORSE
    assert change.verdict == statistics.SLOWER
    assert change.ratio is not None
    assert change.ratio.low < 1.2 < change.ratio.high < 1.25


def test_a_figure_of_which_more_is_better_is_worse_when_it_falls() -> None:
    before = suite({("larson", "hakmem"): times(50e6)}, metric=THROUGHPUT)
    after = suite({("larson", "hakmem"): times(40e6)}, metric=THROUGHPUT)
    assert outcome(before, after, "larson") is Outcome.WORSE
    assert outcome(after, before, "larson") is Outcome.BETTER


def test_the_same_figures_are_no_difference_and_noise_is_said_to_be_noise() -> None:
    assert outcome(BEFORE, BEFORE) is Outcome.SAME
    noisy = suite({("mixed", "hakmem"): times(8, NOISY)})
    assert outcome(noisy, noisy) is Outcome.NOISY


def test_two_samples_are_too_few() -> None:
    few = suite({("mixed", "hakmem"): (8.0, None, 8.1)})
    assert outcome(few, BEFORE) is Outcome.FEW


def test_new_and_vanished_cells_are_told_and_an_absent_allocator_has_vanished() -> None:
    more = cell("new", "hakmem", times(1))
    gone = cell("mixed", "system", (), status=Status.ABSENT, detail="apt-get install it")
    after = replace(BEFORE, cells=(*BEFORE.cells[1:], gone, more))
    assert outcome(BEFORE, after, "new") is Outcome.NEW
    assert outcome(BEFORE, after, "mixed", "system") is Outcome.VANISHED


def test_what_ran_before_and_crashes_now_is_broken_and_the_reverse_mended() -> None:
    crash = suite({}, more=[cell("mixed", "hakmem", (), status=Status.CRASHED, detail="ended by SIGSEGV")])
    assert outcome(BEFORE, crash) is Outcome.BROKEN
    assert outcome(crash, BEFORE) is Outcome.MENDED
    assert outcome(crash, crash) is Outcome.NEVER
    assert compare(BEFORE, crash)[0].detail == "crashed: ended by SIGSEGV"


@pytest.mark.parametrize("how", [{"params": {"slots": 128}}, {"unit": "s"}, {"checksum": "beef"}])
def test_cells_that_did_other_work_are_not_compared(how: dict[str, object]) -> None:
    before = suite({}, more=[cell("mixed", "hakmem", times(8), checksum="c0ffee")])
    after = replace(before, cells=(replace(before.cells[0], **how),))  # type: ignore[arg-type]
    assert outcome(before, after) is Outcome.OTHER_WORK


def test_relative_figures_are_blind_to_a_machine_that_is_slower_altogether() -> None:
    both = {("mixed", "system"): times(10), ("mixed", "hakmem"): times(8)}
    before, after = suite(both), suite({key: times(1.5, row) for key, row in both.items()})
    assert outcome(before, after) is Outcome.WORSE
    (change,) = compare(before, after, relative=True)
    assert change.outcome is Outcome.SAME
    assert change.before == pytest.approx(0.8)


def test_drift_is_told_where_the_baseline_is_the_same_library() -> None:
    after = suite({("mixed", "system"): times(11), ("mixed", "hakmem"): times(8)})
    assert drift(compare(BEFORE, after), BEFORE, after) == pytest.approx(1.1)
    other = replace(after, allocators=(AllocatorRecord("system", "2.0", "", ""),))
    assert drift(compare(BEFORE, other), BEFORE, other) is None


# ---- regressions ----


def test_a_regression_is_beyond_its_interval_and_beyond_the_percentage() -> None:
    changes = compare(BEFORE, changed(mixed=1.2, larson=1.04))
    assert [each.workload for each in regressions(changes, ["hakmem"], 5)] == ["mixed"]
    assert [each.workload for each in regressions(changes, ["hakmem"], 0)] == ["mixed", "larson"]
    noisy = compare(
        suite({("mixed", "hakmem"): times(8, NOISY)}), suite({("mixed", "hakmem"): times(9, NOISY)})
    )
    assert regressions(noisy, ["hakmem"], 0) == ()


def test_regressions_count_for_hakmem_or_without_it_for_all() -> None:
    assert counted(BEFORE) == ("hakmem",)
    assert counted(suite({("mixed", "system"): STEADY, ("mixed", "mimalloc"): STEADY})) == (
        "system",
        "mimalloc",
    )
    worse = replace(BEFORE, cells=(cell("mixed", "system", times(20)), *BEFORE.cells[1:]))
    assert regressions(compare(BEFORE, worse), counted(worse), 5) == ()


def test_side_by_side_has_before_and_after_as_allocators_with_unpaired_ratios() -> None:
    both = side_by_side(BEFORE, changed(mixed=1.2), ["hakmem"])
    assert [record.name for record in both.allocators] == ["hakmem before", "hakmem after"]
    ratios = {
        (each.workload, each.allocator): each.ratio.median for each in both.cells if each.ratio is not None
    }
    assert ratios["mixed", "hakmem before"] == 1.0
    assert ratios["mixed", "hakmem after"] == pytest.approx(1.2)
    assert store.loads(store.dumps(both)) == both


# ---- machines ----


@pytest.mark.parametrize(
    ("field", "value"),
    [("cpu", "Another"), ("cores", 4), ("kernel", "6.2.0"), ("libc", "glibc 2.40"), ("memory_b", 16 << 30)],
)
def test_what_two_machines_differ_in_is_named(field: str, value: object) -> None:
    other = replace(BEFORE, host=replace(HOST, **{field: value}))  # type: ignore[arg-type]
    (difference,) = differences(BEFORE, other)
    assert difference.startswith(field.removesuffix("_b"))


def test_unknown_facts_load_and_a_little_memory_make_no_other_machine() -> None:
    alike = replace(HOST, governor="", load_at_start=3.0, memory_b=HOST.memory_b - 50 * MIB, python="3.12.1")
    assert differences(BEFORE, replace(BEFORE, host=alike)) == []


# ---- sentences ----


@pytest.mark.parametrize(
    ("metric", "ratio", "said"),
    [
        ("time", 0.96, "4 % faster"),
        ("time", 0.25, "4.0 times as fast"),
        ("time", 1.012, "1.2 % slower"),
        ("time", 3.1, "takes 3.1 times as long"),
        ("throughput", 0.9, "10 % faster"),
        ("peak_rss", 0.69, "31 % less peak memory"),
        ("peak_rss", 2.5, "2.5 times the peak memory"),
        ("end_rss", 1.3, "30 % more memory at the end"),
        ("processor", 0.5, "50 % less processor time"),
    ],
)
def test_a_ratio_in_words(metric: str, ratio: float, said: str) -> None:
    assert phrase(metric, ratio, (ratio - 0.02, ratio + 0.001), "faster") == said


def test_words_say_no_more_than_the_interval_allows() -> None:
    assert phrase("time", 0.97, (0.93, 1.01), statistics.NO_DIFFERENCE) == "no difference seen in time"
    assert phrase("time", 0.8, (0.5, 1.3), statistics.TOO_NOISY) == "time too noisy to tell"
    assert phrase("peak_rss", 0.998, (0.997, 0.999), statistics.LEANER) == "the same peak memory within 1 %"


def test_a_verdict_speaks_of_every_allocator_but_the_baseline() -> None:
    def judged(allocator: str, metric: Metric, ratio: float, said: str) -> Cell:
        made = cell("mixed", allocator, STEADY, metric=metric)
        return replace(made, ratio=Ratio("system", ratio, (ratio - 0.02, ratio + 0.02), said))

    cells = [
        cell("mixed", "system", STEADY),
        judged("hakmem", TIME_PER_OPERATION, 0.96, "faster"),
        judged("hakmem", PEAK_MEMORY, 0.69, "leaner"),
        judged("mimalloc", TIME_PER_OPERATION, 1.0, "no difference seen"),
        cell("mixed", "jemalloc", (), status=Status.CRASHED, detail="1 of 6 runs: ended by SIGSEGV"),
        cell("mixed", "tcmalloc", (1.0, 1.0)),
    ]
    assert verdicts(cells, "system") == (
        "Against system: HAKMEM: 4 % faster, 31 % less peak memory; mimalloc: no difference seen in time;"
        " jemalloc: crashed (1 of 6 runs: ended by SIGSEGV); tcmalloc: too few rounds to tell."
    )


# ---- the command ----


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """BEFORE, and HAKMEM 20 % slower in "mixed"."""
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_text(store.dumps(BEFORE))
    after.write_text(store.dumps(changed(mixed=1.2)))
    return str(before), str(after)


def test_one_file_is_shown_as_a_table(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", files[0]]) == 0
    shown = capsys.readouterr().out
    assert "mixed" in shown
    assert "A Processor" in shown


def test_one_file_as_json_is_the_file(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", files[0], "--json", "-"]) == 0
    assert store.loads(capsys.readouterr().out) == BEFORE


def test_two_files_show_what_changed(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", *files]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"mixed +hakmem +8\.00 ns +9\.60 ns +20 % slower +1\.1\d to 1\.2\d", shown)
    assert "larson" not in shown
    assert "3 figures compared: 1 worse, 2 no difference seen." in shown
    assert cli.main(["report", *files, "--all"]) == 0
    assert "larson" in capsys.readouterr().out


def test_two_files_as_json_are_every_change(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", *files, "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "hakmem-changes/1"
    assert [each["outcome"] for each in told["changes"]] == [
        "no difference seen",
        "worse",
        "no difference seen",
    ]


def test_a_regression_ends_with_3_and_names_it(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", *files, "--fail-on-regression", "5"]) == 3
    assert "mixed on HAKMEM: 20 % slower" in capsys.readouterr().err
    assert cli.main(["report", *files, "--fail-on-regression", "25"]) == 0
    assert cli.main(["report", *files, "--fail-on-regression", "5", "--allocators", "system"]) == 0
    assert cli.main(["report", *reversed(files), "--fail-on-regression", "0"]) == 0


def test_a_page_of_two_files_is_written(files: tuple[str, str], tmp_path: Path) -> None:
    assert cli.main(["report", *files, "--html", str(tmp_path / "page.html")]) == 0
    assert "hakmem before" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_different_machines_are_refused_until_allowed(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(files[1]).write_text(store.dumps(replace(BEFORE, host=replace(HOST, cores=64, cpu="Another"))))
    assert cli.main(["report", *files]) == 2
    said = capsys.readouterr().err
    assert "cpu: A Processor and then Another" in said
    assert "cores: 2 and then 64" in said
    assert "--allow-different-machines" in said
    assert cli.main(["report", *files, "--allow-different-machines"]) == 0
    assert "the machines differ in cores: 2 and then 64" in capsys.readouterr().err


def test_different_efforts_and_baselines_are_refused(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(files[1]).write_text(store.dumps(replace(BEFORE, effort="quick")))
    assert cli.main(["report", *files]) == 2
    assert "effort default" in capsys.readouterr().err
    Path(files[1]).write_text(store.dumps(replace(BEFORE, baseline="hakmem")))
    assert cli.main(["report", *files, "--relative"]) == 2
    assert "baselines" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.json"], "cannot read 'nowhere.json'"),
        ([], "required: FILE"),
        (["{0}", "--relative"], "--relative needs two files"),
        (["{0}", "{0}", "{0}"], "3 files"),
        (["{0}", "{0}", "--fail-on-regression", "much"], "'much' is not a number of percent"),
        (["{0}", "{0}", "--allocators", "mimaloc"], "the second file has system, hakmem"),
        (["{0}", "--html", "-"], "a page needs a file"),
    ],
)
def test_what_cannot_be_done_is_said(
    words: list[str], said: str, files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", *(word.format(files[0]) for word in words)]) in (1, 2)
    assert said in capsys.readouterr().err


def test_a_damaged_file_is_said_to_be_damaged(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(files[1]).write_text(Path(files[0]).read_text()[:500])
    assert cli.main(["report", *files]) == 1
    assert "after.json" in capsys.readouterr().err
