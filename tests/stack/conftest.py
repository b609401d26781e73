"""Builds the core's stack layers as a library of their own."""

import re
import sys
from pathlib import Path

import pytest

from hakmem.spec.generate import main as generate
from tests.compiler import compile_to

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "core"


def layers_of_stacks() -> list[Path]:
    """The files of the core up to stack.c, in the order of one.c."""
    names = re.findall(r'#include "(\w+\.c)"', (CORE / "one.c").read_text(encoding="utf-8"))
    return [CORE / name for name in names[: names.index("stack.c") + 1]]


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that captures the stack of the thread that calls it (door.c)."""
    if sys.platform != "linux":
        pytest.skip("the core is for Linux")
    folder = tmp_path_factory.mktemp("door")
    generate(["--out", str(folder)])
    built = folder / "libdoor.so"
    return compile_to(
        built,
        *("-shared", "-std=c11", "-O2", "-fPIC", "-fvisibility=hidden", "-fno-builtin"),
        *("-ftls-model=initial-exec", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE"),
        *("-DHAK_FLAVOUR=HAK_FLAVOUR_DEBUG", '-DHAK_VERSION="0"', '-DHAK_BUILD_INFO="test"'),
        *(f"-I{path}" for path in (folder, CORE, ROOT / "include")),
        Path(__file__).with_name("door.c"),
        *layers_of_stacks(),
        *("-pthread", "-ldl"),
    )
