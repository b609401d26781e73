"""Measuring takes next to nothing from what is measured."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from hakmem.lab.meter_report import Report, parse
from tests.real import needs

pytestmark = pytest.mark.alone


def command(meter: Path, scratch: Path, program: str, *words: str, interval: str = "0.02") -> list[str]:
    return [
        str(meter),
        f"--report={scratch}/report",
        f"--stdout={scratch}/out",
        f"--stderr={scratch}/err",
        "--timeout=60",
        f"--interval={interval}",
        "--",
        program,
        *words,
    ]


def report(scratch: Path) -> Report:
    return parse((scratch / "report").read_text())


def test_sampling_takes_under_a_hundredth_of_a_processor(meter_program: Path, scratch: Path) -> None:
    subprocess.run(command(meter_program, scratch, "/bin/sleep", "2"), check=True)
    got = report(scratch)
    assert got.ended is not None
    assert got.cost.samples >= 10
    # By design it is 0.5 % and the start; this machine's clock of processor time may be coarse.
    assert got.cost.user_s + got.cost.system_s < 0.01 * got.ended.seconds + 0.005


def test_an_interval_that_would_cost_much_is_not_kept(meter_program: Path, scratch: Path) -> None:
    subprocess.run(command(meter_program, scratch, "/bin/sleep", "1", interval="0.00001"), check=True)
    got = report(scratch)
    assert got.cost.samples < 2000
    assert got.cost.user_s + got.cost.system_s < 0.05


def test_a_sample_is_about_twenty_system_calls(
    meter_program: Path, scratch: Path, programs: Mapping[str, Path]
) -> None:
    counts = scratch / "counts"
    strace = [needs.program("strace"), "-c", "-o", str(counts), "--"]
    holds = command(meter_program, scratch, str(programs["holds"]), "0", "1", "1000")
    subprocess.run([*strace, *holds], check=True)
    total = re.search(r"^100\.00\s+\S+\s+(?:\d+\s+)?(\d+)\s", counts.read_text(), re.MULTILINE)
    assert total is not None, counts.read_text()
    samples = report(scratch).cost.samples
    assert samples >= 5
    assert int(total[1]) < 150 + 24 * samples  # those of the start, the search for the library and the end


def test_many_threads_are_sampled_less_often(
    meter_program: Path, scratch: Path, programs: Mapping[str, Path]
) -> None:
    subprocess.run(command(meter_program, scratch, str(programs["threads"]), "200", "1000"), check=True)
    got = report(scratch)
    assert got.cost.samples >= 5
    assert got.cost.user_s + got.cost.system_s < 0.05
