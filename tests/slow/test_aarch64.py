"""The core on aarch64: cross-compiled, run under qemu-user. Slow, so only `make test-slow` runs it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
COMPILER: Final = "aarch64-linux-gnu-gcc"
EMULATOR: Final = "qemu-aarch64"
FLAGS: Final = (
    "-std=c11",
    "-D_GNU_SOURCE",
    "-O2",
    "-fPIC",
    "-fvisibility=hidden",
    "-ftls-model=initial-exec",
    "-fno-builtin",
    "-Wall",
    "-Wextra",
    "-Werror",
)


@pytest.fixture(scope="module", params=["release", "count", "secure", "debug"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    for program, package in ((COMPILER, "gcc-aarch64-linux-gnu"), (EMULATOR, "qemu-user")):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is absent: install the package {package}")
    folder = tmp_path_factory.mktemp(request.param)
    subprocess.run(
        [sys.executable, "-m", "hakmem.spec.generate", "--out", str(folder)],
        check=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    built = folder / f"libhakmem-{request.param}.so"
    subprocess.run(
        [
            COMPILER,
            *FLAGS,
            f"-DHAK_FLAVOUR=HAK_FLAVOUR_{request.param.upper()}",
            '-DHAK_VERSION="0"',
            '-DHAK_BUILD_INFO="test"',
            f"-I{folder}",
            f"-I{ROOT / 'core'}",
            f"-I{ROOT / 'include'}",
            str(ROOT / "core" / "one.c"),
            "-shared",
            f"-Wl,--version-script={folder / 'hakmem.map'}",
            "-o",
            str(built),
            "-lpthread",
            "-ldl",
        ],
        check=True,
    )
    return built


def run(library: Path, name: str, *arguments: str, stats: Path) -> str:
    program = library.with_name(name)
    source = ROOT / "workloads" / f"{name}.c"
    subprocess.run([COMPILER, "-O2", "-pthread", "-o", str(program), str(source)], check=True)
    done = subprocess.run(
        [
            EMULATOR,
            "-L",
            "/usr/aarch64-linux-gnu",
            "-E",
            f"LD_PRELOAD={library}",
            "-E",
            f"HAKMEM_STATS_FILE={stats}",
            str(program),
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def live_bytes(stats: Path) -> int:
    return int(json.loads(stats.read_text(encoding="utf-8"))["bytes"]["live"])


def test_a_thread_works_and_gives_everything_back(library: Path, tmp_path: Path) -> None:
    stats = tmp_path / "stats.json"
    printed = run(library, "random_mixed", "1000000", "1024", "7", "1", "100000", stats=stats)
    assert "operations=1000000" in printed
    assert live_bytes(stats) < 1 << 20


def test_threads_hand_blocks_to_each_other(library: Path, tmp_path: Path) -> None:
    stats = tmp_path / "stats.json"
    printed = run(library, "larson", "2", "8", "1000", "1000", "10", "7", "4", stats=stats)
    assert int(printed.split("operations=")[1].split()[0]) > 100_000
    # Four threads' blocks: 1,000 each, of 512 bytes on average with the rounding.
    assert live_bytes(stats) < 4 << 20
