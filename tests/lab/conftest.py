"""Fixtures of the laboratory's tests: fake allocators, small programs, the meter, a place for files."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from hakmem.lab.plan import SYSTEM, Allocator

from .compiled import compile_fakes, compile_meter, compile_programs


@pytest.fixture(scope="session")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Allocator]:
    """Allocators with one known defect each, by name; `compiled.DEFECTS` lists them."""
    return compile_fakes(tmp_path_factory.mktemp("fakes"))


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The programs in `programs/`, by name."""
    return compile_programs(tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="session")
def meter_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The meter of this source tree."""
    return compile_meter(tmp_path_factory.mktemp("meter"))


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A directory for the files of measured runs."""
    directory = tmp_path / "scratch"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def system() -> Allocator:
    """The C library's malloc."""
    return Allocator(SYSTEM, None)
