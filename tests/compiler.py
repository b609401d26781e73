"""Compiles C and C++ for the tests, in one way."""

import subprocess
from pathlib import Path

from tests.real import needs


def compile_to(target: Path, *arguments: str | Path, compiler: str = "gcc") -> Path:
    """`target`, made by the compiler from sources and flags, in their order.

    A missing compiler is told as every missing program (needs.py); what it refuses fails with its words.
    """
    command = [needs.program(compiler), *map(str, arguments), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return target
