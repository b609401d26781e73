"""Under full checks the whole heap lies on huge pages, where the system gives them and no setting forbids."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from hakmem.libraries import library_path

TELL = 'print(open("/proc/self/smaps_rollup").read())'
PROGRAM = f"""
blocks = [bytearray(2000) for _ in range(6000)]
{TELL}
"""
PROBE = f"""
import mmap
memory = mmap.mmap(-1, 16 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(mmap.MADV_HUGEPAGE)
memory[:] = b"1" * len(memory)
{TELL}
"""


def run(program: str, variables: Mapping[str, str]) -> int:
    """Bytes of huge pages of a Python program that tells them."""
    environment = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    found = re.search(r"^AnonHugePages:\s+(\d+) kB$", done.stdout, re.MULTILINE)
    assert found, done.stdout
    return int(found[1]) << 10


def huge_b(tmp_path: Path, **settings: str) -> int:
    """The same with 12 MB of live blocks under full checks."""
    checks = {
        "LD_PRELOAD": str(library_path("debug")),
        "HAKMEM_CHECK_FILE": str(tmp_path / "record"),
        "PYTHONMALLOC": "malloc",
    }
    return run(PROGRAM, {**checks, **settings})


def test_a_checked_heap_lies_on_huge_pages_unless_told_otherwise(tmp_path: Path) -> None:
    if run(PROBE, {}) == 0:
        pytest.skip("the system gives no transparent huge pages to who asks for them")
    assert huge_b(tmp_path) >= 8 << 20
    assert huge_b(tmp_path, HAKMEM_HUGE_PAGES="never") < 4 << 20
    assert huge_b(tmp_path, HAKMEM_CHECK_GUARD="end") < 4 << 20
