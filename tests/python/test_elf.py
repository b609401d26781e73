"""Reading ELF files, sound and damaged."""

import io
import platform
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hakmem.elf import CLibrary, ElfError, read_elf

from .command import Compile

PROGRAM = Path("/bin/true").read_bytes()


def test_a_program_names_its_machine_and_its_loader() -> None:
    elf = read_elf(io.BytesIO(PROGRAM))
    assert elf.bits == 64 if sys.maxsize > 1 << 32 else 32
    assert elf.machine.replace("-", "_") == platform.machine()
    assert elf.interpreter is not None
    assert Path(elf.interpreter).exists()
    assert elf.c_library is not CLibrary.UNKNOWN


def test_a_library_names_no_loader_and_the_c_library(each_library: Path) -> None:
    with each_library.open("rb") as file:
        elf = read_elf(file)
    assert elf.interpreter is None
    assert any(name.startswith("libc.") for name in elf.needed)
    assert elf.c_library is read_elf(io.BytesIO(PROGRAM)).c_library


@pytest.mark.parametrize("flag", ["-static", "-static-pie"])
def test_a_static_program_names_no_loader(compile_c: Compile, flag: str) -> None:
    with compile_c("int main(void) { return 0; }", flag).open("rb") as file:
        assert read_elf(file).interpreter is None


def test_a_32_bit_program_is_read(compile_c: Compile) -> None:
    source = "void _start(void) { for (;;) { } }"
    program = compile_c(source, "-m32", "-nostdlib", "-static", "-fno-pie", "-no-pie")
    with program.open("rb") as file:
        elf = read_elf(file)
    assert (elf.bits, elf.machine) == (32, "i386")


@pytest.mark.parametrize("data", [b"", b"\x7fEL", b"#!/bin/sh\n", b"\x7fELF", PROGRAM[:40], PROGRAM[:100]])
def test_what_is_no_elf_file_is_refused(data: bytes) -> None:
    with pytest.raises(ElfError):
        read_elf(io.BytesIO(data))


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(4, 1023), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(changes: list[tuple[int, int]]) -> None:
    data = bytearray(PROGRAM)
    for at, value in changes:
        data[at] = value
    try:
        read_elf(io.BytesIO(bytes(data)))
    except ElfError as error:
        assert "ELF" in str(error)  # noqa: PT017  (most changes are no error)
