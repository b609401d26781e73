"""stress-ng --malloc verifies what it wrote into blocks of many sizes, in several processes and threads."""

from pathlib import Path

import pytest

from . import needs
from .child import Launcher
from .library import Library


@pytest.mark.parametrize("threads", ["0", "2"])
def test_stress_ng_finds_its_patterns_again(
    threads: str, library: Library, launcher: Launcher, tmp_path: Path
) -> None:
    command = [
        needs.program("stress-ng"), "--malloc", "2", "--malloc-bytes", "128M", "--malloc-max", "20000",
        "--malloc-pthreads", threads, "--malloc-touch", "--verify", "--timeout", "2", "--metrics-brief",
        "--temp-path", str(tmp_path),
    ]  # fmt: skip
    finished = launcher.run(library, command, cwd=tmp_path, time_limit_s=60)
    report = finished.stdout + finished.stderr
    assert b"successful run completed" in report
    assert b"fail" not in report
