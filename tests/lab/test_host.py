"""The host is described by facts and its noise told in sentences; trees of files stand for machines."""

from pathlib import Path

import pytest

from hakmem.lab import host

STILL = "cpu  100 0 100 10000 0 0 0 0 0 0\n"


def machine(root: Path, files: dict[str, str]) -> Path:
    """A directory with /proc and /sys of a machine."""
    for name, text in {"proc/stat": STILL, **files}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_this_machine_is_described() -> None:
    got = host.describe()
    assert got.kernel
    assert got.machine
    assert got.cores >= 1
    assert got.memory_b > 64 << 20
    assert got.load_at_start >= 0
    assert got.overcommit in ("heuristic", "always", "never")
    assert got.libc.startswith("glibc ")
    assert got.python.startswith("CPython 3.")


def test_noise_of_this_machine_is_in_sentences() -> None:
    notes = host.noise_now(look_s=0.01)
    assert all(note[0].isupper() and note.endswith(".") for note in notes)


def test_a_machine_is_read_from_its_files(tmp_path: Path) -> None:
    got = host.describe(
        machine(
            tmp_path,
            {
                "proc/cpuinfo": "model name\t: Fast  One\nflags\t\t: fpu hypervisor sse\n",
                "proc/meminfo": "MemTotal:       1000 kB\nMemAvailable:    900 kB\n",
                "proc/loadavg": "1.25 0.50 0.10 1/99 1234\n",
                "proc/sys/vm/overcommit_memory": "2\n",
                "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
                "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
                "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "powersave\n",
                "sys/class/dmi/id/sys_vendor": "QEMU\n",
            },
        )
    )
    assert (got.cpu, got.memory_b, got.load_at_start) == ("Fast One", 1_024_000, 1.25)
    assert (got.overcommit, got.thp, got.governor) == ("never", "madvise", "powersave")
    assert got.virtualised == "virtual machine (QEMU)"


def test_what_is_not_there_is_empty(tmp_path: Path) -> None:
    got = host.describe(tmp_path)
    assert (got.cpu, got.memory_b, got.governor, got.thp, got.virtualised) == ("", 0, "", "", "")
    assert host.noise_now(tmp_path, look_s=0) == []


def test_an_arm_processor_has_its_makers_numbers(tmp_path: Path) -> None:
    cpuinfo = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
    assert host.describe(machine(tmp_path, {"proc/cpuinfo": cpuinfo})).cpu == "implementer 0x41, part 0xd0c"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n"}, "frequency governor"),
        ({"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n"}, ""),
        ({"proc/stat": "cpu  100 0 100 10000 0 0 0 900 0 0\n"}, "hypervisor took 8.1%"),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "50000 100000\n"}, "0.5 of"),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, ""),
        ({"proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 50 kB\n"}, "5% of it is available"),
    ],
)
def test_noise_is_told(tmp_path: Path, files: dict[str, str], words: str) -> None:
    notes = host.noise_now(machine(tmp_path, files), look_s=0)
    assert len(notes) == bool(words)
    assert all(words in note for note in notes)


def test_other_programs_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = machine(tmp_path, {})

    def sleep(_seconds: float) -> None:
        (root / "proc/stat").write_text("cpu  130 0 110 10060 0 0 0 0 0 0\n")

    monkeypatch.setattr("time.sleep", sleep)
    assert ["40%" in note for note in host.noise_now(root)] == [True]
