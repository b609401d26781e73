"""Fixtures: the processes of the core, one a flavour.

The libraries are those of the installed package; HAKMEM_TEST_LIBRARIES names a directory with others.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hakmem.libraries import DIRECTORY, library_path
from hakmem.spec.flavours import FLAVOURS

from .process import CoreProcess


@pytest.fixture(scope="session")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library by which tests set the clock that the core sees."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed: the clock of the core cannot be held")
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    source = Path(__file__).with_name("clock.c")
    command = [
        compiler,
        "-std=c11",
        "-D_GNU_SOURCE",
        "-O2",
        "-fPIC",
        "-shared",
        "-Wall",
        "-Wextra",
        "-Werror",
    ]
    subprocess.run([*command, str(source), "-o", str(library), "-ldl"], check=True)
    return library


@pytest.fixture(scope="session")
def cores(clock: Path) -> Iterator[dict[str, CoreProcess]]:
    """The process of every flavour, by the flavour's name."""
    directory = Path(os.environ.get("HAKMEM_TEST_LIBRARIES", DIRECTORY))
    processes = {entry.name: CoreProcess(library_path(entry.name, directory), clock) for entry in FLAVOURS}
    yield processes
    for process in processes.values():
        process.stop()
