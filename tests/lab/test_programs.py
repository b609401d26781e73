"""Finding the laboratory's programs."""

import os
from pathlib import Path

import pytest

from hakmem.lab.catalogue.native import WORKLOADS
from hakmem.lab.plan import Effort
from hakmem.lab.programs import ProgramsMissingError, program


def test_every_native_workload_has_its_program(tmp_path: Path) -> None:
    for workload in WORKLOADS:
        argv = workload.prepare(tmp_path, Effort.QUICK).argv
        assert os.access(argv[0], os.X_OK), argv


def test_the_floor_allocator_and_the_meter_are_there() -> None:
    assert program("floor.so").is_file()
    assert os.access(program("meter"), os.X_OK)


def test_the_first_directory_that_has_it_gives_the_program(tmp_path: Path) -> None:
    directories = [tmp_path / "none", tmp_path / "first", tmp_path / "second"]
    for directory in directories[1:]:
        directory.mkdir()
        (directory / "larson").touch()
    assert program("larson", directories) == tmp_path / "first" / "larson"


def test_a_program_that_is_not_built_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ProgramsMissingError, match=r"'larson' is not built; .*pip install \."):
        program("larson", [tmp_path])
