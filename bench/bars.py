"""Measures the figures that the foundation has to show, on this machine, against Debian's allocators.

    make bars        writes docs/results/foundation.json and prints the table

Every time is a ratio of paired runs: in each round all allocators run once, in random order, and a
ratio is taken within the round; the median over the rounds comes with a bootstrap 95 % interval. "No
slower" means that the upper end of the interval of HAKMEM's time over the best peer's is at most 1.03.
Instructions are callgrind's, over those of an allocator that does nothing (docs/design/limits.md).
"""

import argparse
import json
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
PEERS = {
    "mimalloc": ("libmimalloc.so.2", "libmimalloc2.0"),
    "jemalloc": ("libjemalloc.so.2", "libjemalloc2"),
    "tcmalloc": ("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
}
THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")
NO_SLOWER = 1.03


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what was measured, the bar, and whether it is met (None: it could not be measured)."""

    figure: str
    measured: str
    bar: str
    met: bool | None


def library_of(flavour: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "hakmem", "lib", "--flavour", flavour],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def find_peers() -> dict[str, str]:
    listing = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    found = {}
    for name, (soname, package) in PEERS.items():
        match = re.search(rf"{re.escape(soname)} .*=> (\S+)", listing)
        if match:
            found[name] = match.group(1)
        else:
            print(f"bars: {name} is absent: install the package {package}", file=sys.stderr)
    return found


def environment(library: str, extra: dict[str, str] | None = None) -> dict[str, str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("HAKMEM_")}
    env.pop("LD_PRELOAD", None)
    if library:
        env["LD_PRELOAD"] = library
    return env | (extra or {})


def run(command: Sequence[str], library: str, extra: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, env=environment(library, extra), capture_output=True, text=True, check=True
    )
    return done.stdout


def field(text: str, name: str) -> float:
    match = re.search(rf"\b{name}=([\d.]+)", text)
    if match is None:
        raise ValueError(f"no {name} in {text!r}")
    return float(match.group(1))


def paired(measure: Callable[[str], float], libraries: dict[str, str], rounds: int) -> dict[str, list[float]]:
    """Costs (lower is better) by allocator, one a round, all allocators in each round."""
    costs: dict[str, list[float]] = {name: [] for name in libraries}
    for _ in range(rounds):
        order = list(libraries)
        random.shuffle(order)
        for name in order:
            costs[name].append(measure(libraries[name]))
    return costs


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Bootstrap percentile interval of the median, 95 % (Efron and Tibshirani 1993, section 13.3)."""
    medians = sorted(statistics.median(random.choices(values, k=len(values))) for _ in range(2000))
    return medians[49], medians[1949]


def against_best(figure: str, costs: dict[str, list[float]], unit: str) -> Row:
    medians = {name: statistics.median(values) for name, values in costs.items()}
    best = min((name for name in costs if name != "hakmem"), key=lambda name: medians[name])
    ratios = [ours / theirs for ours, theirs in zip(costs["hakmem"], costs[best], strict=True)]
    low, high = interval(ratios)
    every = ", ".join(
        f"{name} {value:.3g}" for name, value in sorted(medians.items(), key=lambda item: item[1])
    )
    measured = f"{statistics.median(ratios):.3f} of {best} [{low:.3f}, {high:.3f}] ({every} {unit})"
    return Row(figure, measured, f"interval's upper end at most {NO_SLOWER}", high <= NO_SLOWER)


def spread(figure: str, costs: dict[str, list[float]]) -> Row:
    """Spread of five runs, beside that of the steadiest peer in the same rounds: the machine's noise."""

    def of(values: Sequence[float]) -> float:
        five = values[:5]
        return (max(five) - min(five)) / statistics.median(five)

    noise = min(of(values) for name, values in costs.items() if name != "hakmem")
    ours = of(costs["hakmem"])
    return Row(
        figure,
        f"{ours:.1%} (steadiest peer {noise:.1%})",
        "at most 10 %, or the noise's",
        ours <= max(0.10, noise),
    )


def instructions(program: str, arguments: Sequence[str], library: str) -> int:
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, *arguments],
        env=environment(library),
        capture_output=True,
        text=True,
        check=True,
    )
    match = re.search(r"Collected : (\d+)", done.stderr)
    if match is None:
        raise ValueError("callgrind printed no count")
    return int(match.group(1))


def instructions_row(program: str, floor: str, libraries: dict[str, str]) -> Row:
    def slope(library: str) -> int:
        return instructions(program, ["1500000", "256"], library) - instructions(
            program, ["500000", "256"], library
        )

    base = slope(floor)
    over = {name: (slope(library) - base) / 1_100_000 for name, library in libraries.items()}
    measured = ", ".join(
        f"{name} {value:.2f}" for name, value in sorted(over.items(), key=lambda item: item[1])
    )
    return Row(
        "instructions an operation over the floor, random_mixed, 256 slots",
        measured,
        "at most 14",
        over["hakmem"] <= 14,
    )


def child_usage(launcher: str, command: Sequence[str], library: str) -> tuple[int, int]:
    """Peak resident KiB and minor faults of a program, the child of a launcher smaller than itself."""
    peak, faults = run([launcher, library, *command], "").split()
    return int(peak), int(faults)


def median_usage(launcher: str, command: Sequence[str], library: str) -> tuple[float, float]:
    usages = [child_usage(launcher, command, library) for _ in range(7)]
    return statistics.median(u[0] for u in usages), statistics.median(u[1] for u in usages)


def small_process_rows(launcher: str, trivial: str, ours: str) -> list[Row]:
    def row(mode: str) -> Row:
        extra = (median_usage(launcher, [trivial], ours)[0] - median_usage(launcher, [trivial], "")[0]) / 1024
        return Row(
            f"peak memory of a trivial program above the system's, THP {mode}",
            f"{extra:.2f} MiB",
            "at most 0.5 MiB",
            extra <= 0.5,
        )

    current = re.search(r"\[(\w+)\]", THP.read_text(encoding="ascii")) if THP.exists() else None
    rows = [row(current.group(1) if current else "absent")]
    if current is None or current.group(1) == "always":
        return rows
    try:
        THP.write_text("always", encoding="ascii")
    except OSError as error:
        return [*rows, Row("the same, THP always", f"not measured: {error}", "at most 0.5 MiB", None)]
    try:
        return [*rows, row("always")]
    finally:
        THP.write_text(current.group(1), encoding="ascii")


def system_rows(launcher: str, program: str, ours: str, peers: dict[str, str]) -> list[Row]:
    command = [program, "200000", "4096"]
    with tempfile.NamedTemporaryFile("r", suffix=".strace") as log:
        subprocess.run(
            [
                "strace",
                "-f",
                "-o",
                log.name,
                "-e",
                "trace=mmap,munmap,mprotect,madvise,mremap,brk",
                "-E",
                f"LD_PRELOAD={ours}",
                *command,
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            env=environment(""),
        )
        calls = sum("(" in line for line in log)
    faults = {
        name: median_usage(launcher, command, library)[1]
        for name, library in {"system": "", "hakmem": ours, **peers}.items()
    }
    ratio = faults["hakmem"] / faults["system"]
    listing = ", ".join(f"{name} {count:.0f}" for name, count in faults.items())
    return [
        Row(
            "memory system calls, random_mixed 200,000 operations, 4,096 slots",
            str(calls),
            "below 60",
            calls < 60,
        ),
        Row(
            "minor faults there",
            f"{ratio:.2f} of the system's ({listing})",
            "at most 1.1 of the system's",
            ratio <= 1.1,
        ),
    ]


def hit_rate_row(program: str, count_library: str) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stats.json"
        run([program, "200000", "4096"], count_library, {"HAKMEM_STATS_FILE": str(file)})
        classes = json.loads(file.read_text(encoding="utf-8"))["classes"]
    rate = sum(c["malloc_hits"] for c in classes) / sum(c["allocations"] for c in classes)
    return Row("thread-cache hit rate there (count flavour)", f"{rate:.1%}", "at least 95 %", rate >= 0.95)


def burst_rows(libraries: dict[str, str], rounds: int) -> tuple[list[Row], dict[str, list[float]]]:
    def one(library: str, python_malloc: str) -> dict[str, float]:
        out = run(
            [sys.executable, str(PROGRAMS / "python_burst.py")], library, {"PYTHONMALLOC": python_malloc}
        )
        parsed: dict[str, float] = json.loads(out)
        return parsed

    cases = {f"{name}, malloc": (library, "malloc") for name, library in libraries.items()}
    cases["system, pymalloc"] = ("", "pymalloc")
    cases["hakmem, pymalloc"] = (libraries["hakmem"], "pymalloc")
    samples: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name in random.sample(list(cases), len(cases)):
            samples[name].append(one(*cases[name]))

    def median(name: str, key: str) -> float:
        return statistics.median(sample[key] for sample in samples[name])

    listing = "; ".join(
        f"{name}: {median(name, 'burst_s'):.2f} s, peak {median(name, 'peak_mib'):.0f},"
        f" after {median(name, 'after_mib'):.0f} MiB"
        for name in samples
    )
    after = median("hakmem, malloc", "after_mib")
    row = Row(
        "Python burst, resident 1.2 s later", f"{after:.0f} MiB ({listing})", "at most 40 MiB", after <= 40
    )
    return [row], {name: [sample["burst_s"] for sample in values] for name, values in samples.items()}


def compile_programs(folder: Path) -> dict[str, str]:
    built = {}
    for name, flags in {
        "random_mixed": [],
        "larson": ["-pthread"],
        "pairs": [],
        "launch": ["-static"],
        "floor": ["-shared", "-fPIC", "-fno-builtin"],
    }.items():
        built[name] = str(folder / name)
        subprocess.run(["cc", "-O2", *flags, "-o", built[name], str(PROGRAMS / f"{name}.c")], check=True)
    trivial = folder / "trivial.c"
    trivial.write_text(
        "#include <stdlib.h>\nint main(void) { free(malloc(100)); return 0; }\n", encoding="ascii"
    )
    built["trivial"] = str(folder / "trivial")
    subprocess.run(["cc", "-O1", "-fno-builtin", "-o", built["trivial"], str(trivial)], check=True)
    return built


def measure(rounds: int) -> tuple[list[Row], dict[str, dict[str, list[float]]]]:
    ours, counting, peers = library_of("release"), library_of("count"), find_peers()
    libraries = {"hakmem": ours, **peers}
    with tempfile.TemporaryDirectory() as folder:
        programs = compile_programs(Path(folder))
        rows = [instructions_row(programs["random_mixed"], programs["floor"], libraries)]
        mixed = paired(
            lambda library: field(run([programs["random_mixed"], "5000000", "256"], library), "ns"),
            libraries,
            rounds,
        )
        larson_arguments = ["2", "8", "1000", "1000", "100", "7", "2"]
        larson = paired(
            lambda library: 1000 / field(run([programs["larson"], *larson_arguments], library), "rate"),
            libraries,
            rounds,
        )
        rows.append(against_best("random_mixed 16-1024 B, 256 slots", mixed, "ns an operation"))
        rows.append(
            against_best(
                "Larson, 2 threads, 8-1000 B, 1000 chunks, 100 rounds", larson, "ns an operation, all threads"
            )
        )
        rows += small_process_rows(programs["launch"], programs["trivial"], ours)
        rows += system_rows(programs["launch"], programs["random_mixed"], ours, peers)
        rows.append(hit_rate_row(programs["random_mixed"], counting))
        burst, burst_times = burst_rows({"system": "", **libraries}, max(3, rounds // 4))
        rows += burst
        rows.append(spread("spread of five runs, random_mixed", mixed))
        rows.append(spread("spread of five runs, Larson", larson))
    return rows, {"random_mixed_ns": mixed, "larson_ns": larson, "python_burst_s": burst_times}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the foundation's figures.")
    parser.add_argument("--rounds", type=int, default=15, help="paired rounds of each timing (default 15)")
    parser.add_argument("--json", type=Path, help="also write the figures and samples to this file")
    options = parser.parse_args()
    missing = [tool for tool in ("cc", "valgrind", "strace") if shutil.which(tool) is None]
    if missing:
        print(f"bars: needs {', '.join(missing)}; tools/install-test-programs installs them", file=sys.stderr)
        return 2
    rows, samples = measure(options.rounds)
    for row in rows:
        mark = {True: "met", False: "MISSED", None: "not measured"}[row.met]
        print(f"{mark:12} {row.figure}: {row.measured}; bar: {row.bar}")
    if options.json:
        version = subprocess.run(
            [sys.executable, "-m", "hakmem", "--version", "-v"], capture_output=True, text=True, check=True
        ).stdout
        host = {
            "kernel": platform.release(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "load": os.getloadavg(),
            "python": platform.python_version(),
        }
        result = {
            "schema": "hakmem-bars/1",
            "command": f"make bars ROUNDS={options.rounds}",
            "host": host,
            "build": [line for line in version.splitlines() if not line.startswith(" ")],  # without the paths
            "rounds": options.rounds,
            "rows": [asdict(row) for row in rows],
            "samples": samples,
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
