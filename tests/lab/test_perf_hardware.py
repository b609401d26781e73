"""Hardware counters: found where the kernel gives them, preferred to simulation, and told apart from it.

The machines that these tests run on may have none; a program that prints what perf(1) prints stands for it.
"""

import shutil
from functools import partial
from pathlib import Path

import pytest

from hakmem.lab import catalogue, meter
from hakmem.lab.perf import hardware
from hakmem.lab.perf.counts import Source
from hakmem.lab.perf.gather import Tools
from hakmem.lab.perf.profile import profile
from hakmem.lab.perf.session import Plan
from hakmem.lab.perf.start import Starter
from hakmem.lab.plan import Allocator

from .fake_perf import EACH, START
from .test_perf_fakes import HERE


def install(directory: Path, text: str) -> None:
    perf = directory / "perf"
    perf.write_text(text)
    perf.chmod(0o755)


@pytest.fixture
def only_our_perf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that comes first in PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory), prepend=":")
    return directory


@pytest.fixture
def counting_perf(only_our_perf: Path) -> None:
    shutil.copy(Path(__file__).with_name("fake_perf.py"), only_our_perf / "perf")


@pytest.mark.usefixtures("counting_perf")
def test_counters_are_found_where_perf_counts() -> None:
    assert hardware.unavailable() is None


def test_a_kernel_without_counters_is_told(only_our_perf: Path) -> None:
    install(only_our_perf, "#!/bin/sh\necho '<not supported>,,instructions:u,0,100.00,,' >&2\n")
    assert "virtual machines" in (hardware.unavailable() or "")


def test_a_kernel_that_forbids_counting_is_told_with_the_remedy(only_our_perf: Path) -> None:
    install(
        only_our_perf,
        "#!/bin/sh\necho 'Consider adjusting /proc/sys/kernel/perf_event_paranoid setting' >&2\nexit 255\n",
    )
    assert "kernel.perf_event_paranoid" in (hardware.unavailable() or "")


def test_a_machine_without_perf_is_told_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert "linux-perf" in (hardware.unavailable() or "")


def test_the_perf_of_this_machine_is_asked_without_harm() -> None:
    reason = hardware.unavailable()
    assert reason is None or reason.startswith("no hardware counters")


@pytest.mark.usefixtures("counting_perf")
def test_figures_are_the_slope_of_the_counters_and_say_so(
    system: Allocator, scratch: Path, meter_program: Path
) -> None:
    plan = Plan(
        catalogue.select(["random_mixed/256"])[0], (system,), system, None, operations=30_000, rounds=1
    )
    starter = Starter(partial(meter.measure, meter=meter_program), plan.workload.kind, 60.0, scratch)
    tools = Tools(hardware=True, simulation=bool(shutil.which("valgrind")), trace=False, caches={}, notes=[])
    outcome = profile(plan, starter, tools, host=HERE, command="", on_step=lambda _part, _name: None)
    figures = outcome.subject_profile.figures
    for resource, event in hardware.EVENTS.items():
        if event in EACH:
            assert figures[resource].source is Source.HARDWARE
            assert figures[resource].amount == pytest.approx(EACH[event], rel=1e-3)
    assert figures["ipc"].amount == pytest.approx(EACH["instructions"] / EACH["cycles"], rel=1e-3)
    if tools.simulation:
        assert figures["stores"].source is Source.SIMULATION, "perf does not support it here"
    else:
        assert outcome.subject_profile.start["instructions"] == pytest.approx(START, rel=0.01)
