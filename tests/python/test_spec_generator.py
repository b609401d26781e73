"""What is generated from the tables compiles, links and is up to date."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hakmem.spec.documents import PAGES
from hakmem.spec.errors import ERROR_KINDS
from hakmem.spec.exports import EXPORTS
from hakmem.spec.generate import header, main, version_script
from hakmem.spec.settings import SETTINGS
from hakmem.spec.size_classes import CLASSES_PER_DOUBLING, SIZE_CLASSES

from .command import Compile

CHECKOUT = Path(__file__).resolve().parents[2]

USES_EVERYTHING = r"""
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "hak_spec.h"
enum kind { BOOL, INT, SIZE, CHOICE };
#define CLASS(number, block, units, batches) printf("class %d %d %d %d\n", number, block, units, batches);
#define SETTING(id, env, kind, preset, low, high, choices) \
    { uint64_t id = preset; const char *c = choices; \
      printf("setting %s %s %d %llu %llu %llu %s\n", #id, env, kind, (unsigned long long)id, \
             (unsigned long long)(low), (unsigned long long)(high), c ? c : "-"); }
#define PATH(id, env) printf("path %s %s\n", #id, env);
#define NAMED(id, text) printf("named %s: %s\n", #id, text);
#define ERROR(id, text, sentence) printf("error %s: %s: %s\n", #id, text, sentence);
int main(void) {
    _Static_assert(HAK_TINY_MAX < HAK_MID_MAX && HAK_UNIT_SHIFT < HAK_SUPERSLAB_SHIFT, "order");
    printf("count %d %d\n", HAK_CLASS_COUNT, HAK_CLASSES_PER_DOUBLING);
    HAK_CLASS_TABLE(CLASS) HAK_SETTINGS(SETTING) HAK_PATH_SETTINGS(PATH)
    HAK_COUNTERS(NAMED) HAK_CLASS_COUNTERS(NAMED) HAK_CALL_COUNTERS(NAMED) HAK_ERRORS(ERROR)
    return 0;
}
"""


def test_c_reads_from_the_header_what_the_tables_say(tmp_path: Path, compile_c: Compile) -> None:
    main(["--out", str(tmp_path)])
    program = compile_c(USES_EVERYTHING, f"-I{tmp_path}", "-std=c11", "-Wall", "-Wextra", "-Werror")
    lines = subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[0] == f"count {len(SIZE_CLASSES)} {CLASSES_PER_DOUBLING}"
    assert [line for line in lines if line.startswith("class")] == [
        f"class {c.number} {c.block_b} {c.units} {c.batches}" for c in SIZE_CLASSES
    ]
    kinds = ["BOOL", "INT", "SIZE", "CHOICE"]
    assert [line for line in lines if line.startswith("setting")] == [
        f"setting {s.id} {s.env} {kinds.index(s.kind)} {s.default} {s.minimum} {s.maximum}"
        f" {'|'.join(s.choices) or '-'}"
        for s in SETTINGS
    ]
    assert [line for line in lines if line.startswith("error")] == [
        f"error {kind.id}: {kind.message}: {kind.sentence}" for kind in ERROR_KINDS
    ]


def test_the_version_script_names_exactly_the_exports() -> None:
    names = re.search(r"global:(.*)local:\s*\*;", version_script(), re.DOTALL)
    assert names is not None
    assert re.findall(r"\w+", names[1]) == [export.symbol for export in EXPORTS]


def test_the_generator_runs_from_a_bare_source_tree(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-S", "-m", "hakmem.spec.generate", "--out", tmp_path / "made" / "here"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    made = tmp_path / "made" / "here"
    assert (made / "hak_spec.h").read_text() == header()
    assert (made / "hakmem.map").read_text() == version_script()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_reference_pages_are_fresh(name: str) -> None:
    page = CHECKOUT / "docs" / "reference" / name
    assert page.read_text() == PAGES[name](), "stale: run `make docs`"
