"""What this machine is, as far as it bears on figures, and what on it disturbs measuring now."""

import os
import platform
import re
import time
from pathlib import Path
from typing import Final

from hakmem.lab.result import Host

_BUSY: Final = 0.1
"""Share of the processors' time above which others are thought to take part in what is measured."""

_LOOK_S: Final = 0.3
"""Seconds over which that share is taken: thirty ticks of the kernel's clock a core, which make a share of
0.1 a few ticks. The load average will not do, for it remembers what was measured a minute ago."""

_STOLEN: Final = 0.01
"""Share of the processors' time, since start, that a hypervisor gave to other machines."""

_MEMORY_LEFT: Final = 0.1
"""Share of the memory that should be available, so that nothing is swapped or reclaimed."""


def describe(root: Path = Path("/")) -> Host:
    """What this machine is. root: where /proc and /sys are."""
    cpuinfo = _read(root / "proc/cpuinfo")
    return Host(
        kernel=platform.release(),
        machine=platform.machine(),
        cpu=_cpu(cpuinfo),
        cores=len(os.sched_getaffinity(0)),
        memory_b=_memory(root, "MemTotal"),
        governor=_governor(root),
        load_at_start=_load(root),
        thp=_chosen(_read(root / "sys/kernel/mm/transparent_hugepage/enabled")),
        overcommit=_overcommit(root),
        libc=" ".join(filter(None, platform.libc_ver())),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        virtualised=_virtualised(root, cpuinfo),
    )


def noise_now(root: Path = Path("/"), look_s: float = _LOOK_S) -> list[str]:
    """Sentences about what disturbs measuring on this machine now; empty when nothing is known to.

    look_s: seconds over which it is watched, in which the caller should do nothing.
    """
    cores = len(os.sched_getaffinity(0))
    notes = []
    busy = _busy(root, look_s)
    if busy > _BUSY:
        notes.append(
            f"The machine is busy: other programs took {busy:.0%} of the processors' time while nothing was"
            " measured; end what else runs."
        )
    governor = _governor(root)
    if governor not in ("", "performance"):
        notes.append(
            f'The processor\'s clock changes: its frequency governor is "{governor}"; "performance" keeps it'
            " steady."
        )
    stolen = _stolen(root)
    if stolen > _STOLEN:
        notes.append(
            f"A hypervisor took {stolen:.1%} of the processors' time since start: other machines share them."
        )
    quota = _quota(root)
    if quota is not None and quota < cores:
        notes.append(
            f"A control group limits processes to {quota:g} of {cores} cores: they are stopped for a while"
            " when it is used up."
        )
    total, left = _memory(root, "MemTotal"), _memory(root, "MemAvailable")
    if 0 < left < _MEMORY_LEFT * total:
        notes.append(f"Memory is short: {left / total:.0%} of it is available.")
    return notes


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _cpu(cpuinfo: str) -> str:
    """The processor's name; on Arm, where /proc/cpuinfo has none, its maker's and part's numbers."""
    name = re.search(r"^(?:model name|cpu model|cpu|Processor)\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    if name:
        return " ".join(name[1].split())
    maker = re.search(r"^CPU implementer\s*:\s*(\S+)", cpuinfo, re.MULTILINE)
    part = re.search(r"^CPU part\s*:\s*(\S+)", cpuinfo, re.MULTILINE)
    return f"implementer {maker[1]}, part {part[1]}" if maker and part else ""


def _memory(root: Path, name: str) -> int:
    """Bytes, from /proc/meminfo; 0 when it does not say."""
    found = re.search(rf"^{name}:\s+(\d+) kB", _read(root / "proc/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _governor(root: Path) -> str:
    """The governors of all processors, which mostly are one."""
    files = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    return ", ".join(sorted(filter(None, {_read(file) for file in files})))


def _load(root: Path) -> float:
    """The 1-minute load average."""
    words = _read(root / "proc/loadavg").split()
    return float(words[0]) if words else 0.0


def _chosen(choices: str) -> str:
    """The choice in brackets."""
    found = re.search(r"\[(\w+)\]", choices)
    return found[1] if found else ""


def _overcommit(root: Path) -> str:
    """How the kernel promises memory (proc_sys_vm(5))."""
    value = _read(root / "proc/sys/vm/overcommit_memory")
    return {"0": "heuristic", "1": "always", "2": "never"}.get(value, value)


def _virtualised(root: Path, cpuinfo: str) -> str:
    """What the machine runs on, when it is no machine of its own; "" when nothing tells that."""
    if not re.search(r"^flags\s*:.*\bhypervisor\b", cpuinfo, re.MULTILINE):
        kind = _read(root / "sys/hypervisor/type")
        return f"{kind} guest" if kind else ""
    product = " ".join(
        filter(None, (_read(root / "sys/class/dmi/id" / name) for name in ("sys_vendor", "product_name")))
    )
    return f"virtual machine ({product})" if product else "virtual machine"


def _times(root: Path) -> list[int]:
    """Ticks of all processors: user, nice, system, idle, iowait, irq, softirq, steal (proc_stat(5))."""
    words = _read(root / "proc/stat").partition("\n")[0].split()[1:9]
    return [int(word) for word in words] if len(words) == 8 else [0] * 8


def _busy(root: Path, look_s: float) -> float:
    """The share of time in which processors were neither idle nor waiting for a device."""
    before = _times(root)
    time.sleep(look_s)
    passed = [now - then for now, then in zip(_times(root), before, strict=True)]
    total = sum(passed)
    return 1 - (passed[3] + passed[4]) / total if total > 0 else 0.0


def _stolen(root: Path) -> float:
    """The share of all time that a hypervisor took."""
    times = _times(root)
    total = sum(times)
    return times[7] / total if total > 0 else 0.0


def _quota(root: Path) -> float | None:
    """Processors that the control groups of this process allow (cgroup-v2: cpu.max); None: all."""
    own = re.search(r"^0::/(.*)$", _read(root / "proc/self/cgroup"), re.MULTILINE)
    if own is None:
        return None
    top = root / "sys/fs/cgroup"
    group = top / own[1]
    quotas = []
    for directory in (group, *group.parents):
        words = _read(directory / "cpu.max").split()
        if len(words) == 2 and words[0] != "max":
            quotas.append(int(words[0]) / int(words[1]))
        if directory == top:
            break
    return min(quotas, default=None)
