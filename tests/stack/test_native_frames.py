"""Every stack on which a C++ program allocates is the one that backtrace(3) finds."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.compiler import compile_to

_SHORT = """
#include <stdlib.h>
#include <string.h>
static char *volatile kept;
__attribute__((noinline)) static void deeper(int n) {
    char room[100];
    memset(room, n, sizeof room);
    kept = malloc(room[0] + 1);
    free(kept);
}
void allocate(void) { deeper(1); deeper(2); }
"""
_LONG = _SHORT.replace("room[100]", "room[3000]").replace("deeper(2);", "deeper(2); deeper(3); deeper(4);")


@pytest.mark.parametrize(
    "flags", [("-O2", "-fomit-frame-pointer"), ("-O0",), ("-O2", "-fno-omit-frame-pointer")]
)
def test_every_stack_is_that_of_backtrace(door: Path, flags: tuple[str, ...], tmp_path: Path) -> None:
    libraries = []
    for name, source in (("short", _SHORT), ("long", _LONG)):
        path = tmp_path / f"{name}.c"
        path.write_text(source, encoding="utf-8")
        libraries.append(compile_to(tmp_path / f"lib{name}.so", "-O1", "-fPIC", "-shared", path))
    program = tmp_path / "every_malloc"
    source_file = Path(__file__).with_name("every_malloc.cc")
    linked = (door, f"-Wl,-rpath,{door.parent}", "-pthread", "-ldl")
    compile_to(program, *flags, source_file, *linked, compiler="g++")
    done = subprocess.run([program, *libraries * 8], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", done.stdout)}
    assert told["agreed"] > 1000
    assert told["deepest"] > 30
    # The libraries, loaded in turn, lay in the same place: rules of the one must not serve the other.
    assert told["reused"] > 0
