"""Fixtures: private caches, programs that are compiled for a test, and the libraries that pip installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from hakmem.libraries import library_path
from hakmem.spec.flavours import FLAVOURS

from .command import Compile, Script


@pytest.fixture(params=[flavour.name for flavour in FLAVOURS])
def each_library(request: pytest.FixtureRequest) -> Path:
    """The library of every flavour in turn."""
    return library_path(request.param)


@pytest.fixture
def library() -> Path:
    """The release library."""
    return library_path("release")


@pytest.fixture
def compile_c(tmp_path: Path) -> Compile:
    """Compiles C to a program: compile_c(source, *flags) -> path. Skips where gcc cannot, by what it says."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed")

    def compile_(source: str, *flags: str, name: str = "program") -> Path:
        file = tmp_path / f"{name}.c"
        file.write_text(source)
        result = subprocess.run(
            [compiler, str(file), "-o", str(tmp_path / name), *flags],
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            pytest.skip(f"gcc cannot compile with {' '.join(flags)}: {result.stderr.splitlines()[0]}")
        return tmp_path / name

    return compile_


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Writes an executable script: script(name, text) -> path."""

    def write(name: str, text: str) -> Path:
        file = tmp_path / name
        file.write_text(text)
        file.chmod(0o755)
        return file

    return write
