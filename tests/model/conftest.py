"""Fixtures: the processes of the core, one a flavour.

The libraries are those of the installed package; HAKMEM_TEST_LIBRARIES names a directory with others.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hakmem.libraries import DIRECTORY, library_path
from hakmem.spec.flavours import FLAVOURS

from .process import CoreProcess


@pytest.fixture(scope="session")
def cores(clock: Path) -> Iterator[dict[str, CoreProcess]]:
    """The process of every flavour, by the flavour's name."""
    directory = Path(os.environ.get("HAKMEM_TEST_LIBRARIES", DIRECTORY))
    processes = {entry.name: CoreProcess(library_path(entry.name, directory), clock) for entry in FLAVOURS}
    yield processes
    for process in processes.values():
        process.stop()
