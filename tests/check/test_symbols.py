"""Names and lines of real ELF files, by each tool and without any."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hakmem.check.elf_symbols import NOTHING, ElfSymbols, Symbol, demangled
from hakmem.check.processes import Location
from hakmem.check.symbols import AUTO, BUILT_IN, CHOICES, Symbolizer, choose
from hakmem.check.tools import Tool
from hakmem.errors import UsageError
from tests.real import needs

from .compiled import Built, build

_C = """\
#include <stdlib.h>
static inline __attribute__((always_inline)) char *inlined(int n) {
    char *p = malloc(n);
    p[0] = 1;
    return p;
}
__attribute__((noinline)) char *make(int n) { return inlined(n); }
int main(int argc, char **argv) { (void)argv; return make(argc)[0]; }
"""
_CXX = """\
#include <vector>
namespace shop { template <class T> __attribute__((noinline)) T *basket(int n) { return new T[n]; } }
int main(int argc, char **) { return shop::basket<std::vector<int>>(argc) == nullptr; }
"""
_PATH = os.environ.get("PATH", os.defpath)


def _tool(name: str) -> Tool | None:
    if name in ("llvm-symbolizer", "addr2line"):
        needs.program(name)
    return choose(name, _PATH)


def _asked(location: Location, name: str = AUTO, root: Path = Path("/nowhere")) -> tuple[Symbol, ...]:
    symbolizer = Symbolizer(_tool(name), root)
    symbolizer.learn([location])
    assert symbolizer.problems == []
    return symbolizer.symbols(location)


def _build_id(path: Path) -> str:
    told = subprocess.run(["readelf", "-n", str(path)], capture_output=True, text=True, check=True).stdout
    found = re.search(r"Build ID: (\w+)", told)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    "flags", [("-O2",), ("-O2", "-no-pie"), ("-O2", "-fPIC", "-shared"), ("-O0", "-gdwarf-4")]
)
@pytest.mark.parametrize("name", CHOICES)
def test_a_function_has_its_name_and_line(tmp_path: Path, name: str, flags: tuple[str, ...]) -> None:
    built = build(tmp_path, _C, "-g", *flags)
    outer = _asked(built.inside("make"), name)[-1]
    assert outer.function == "make"
    if name != BUILT_IN or "-O0" in flags:  # without inlining the line is that of the inlined function
        assert (outer.file, outer.line) == (str(tmp_path / "program.c"), 7)


@pytest.mark.parametrize("name", ["llvm-symbolizer", "addr2line"])
def test_inlined_functions_are_told_innermost_first(tmp_path: Path, name: str) -> None:
    symbols = _asked(build(tmp_path, _C, "-g", "-O2").inside("make"), name)
    assert [symbol.function for symbol in symbols] == ["inlined", "make"]
    assert [symbol.line for symbol in symbols] == [3, 7]


@pytest.mark.parametrize("name", CHOICES)
def test_cxx_names_are_demangled(tmp_path: Path, name: str) -> None:
    built = build(tmp_path, _CXX, "-g", "-O1", name="program.cc", compiler="g++")
    mangled = next(each for each in built.starts if "basket" in each)
    function = _asked(built.inside(mangled), name)[-1].function
    assert "shop::basket<std::vector<int, std::allocator<int>" in function


@pytest.mark.parametrize("name", CHOICES)
def test_without_debug_information_the_symbol_table_names_functions(tmp_path: Path, name: str) -> None:
    assert _asked(build(tmp_path, _C, "-O2").inside("make"), name) == (Symbol("make"),)


@pytest.mark.parametrize("name", CHOICES)
def test_a_stripped_library_keeps_its_exported_names_alone(tmp_path: Path, name: str) -> None:
    own = "static __attribute__((noinline)) int own(int n) { return n / 7; }\n"
    built = build(tmp_path, f"{own}int open_(int n) {{ return own(n) * 3; }}\n", "-O1", "-fPIC", "-shared")
    subprocess.run(["strip", str(built.path)], check=True)
    assert _asked(built.inside("open_"), name) == (Symbol("open_"),)
    assert _asked(built.inside("own"), name) == (NOTHING,)


@pytest.mark.parametrize("name", CHOICES)
def test_debug_information_is_found_by_build_id(tmp_path: Path, name: str) -> None:
    built = build(tmp_path, _C, "-g", "-O0", "-Wl,--build-id")
    build_id = _build_id(built.path)
    separate = tmp_path / "debug" / ".build-id" / build_id[:2] / f"{build_id[2:]}.debug"
    separate.parent.mkdir(parents=True)
    subprocess.run(["objcopy", "--only-keep-debug", str(built.path), str(separate)], check=True)
    subprocess.run(["strip", str(built.path)], check=True)
    symbol = _asked(built.inside("make", build_id), name, tmp_path / "debug")[-1]
    assert (symbol.function, symbol.line) == ("make", 7)


def _replaced(built: Built) -> str:
    old = _build_id(built.path)
    return f"{int(old[0], 16) ^ 1:x}{old[1:]}"


@pytest.mark.parametrize("case", ["replaced", "gone", "text"])
def test_a_file_that_is_not_the_one_that_was_loaded_gives_no_names(tmp_path: Path, case: str) -> None:
    built = build(tmp_path, _C, "-g", "-Wl,--build-id")
    location = built.inside("make", _replaced(built) if case == "replaced" else "")
    if case == "gone":
        built.path.unlink()
    elif case == "text":
        built.path.write_text("not ELF")
    symbolizer = Symbolizer(choose(AUTO, _PATH))
    symbolizer.learn([location])
    assert symbolizer.symbols(location) == (NOTHING,)
    assert len(symbolizer.problems) == 1
    assert str(built.path) in symbolizer.problems[0]


@pytest.mark.parametrize("path", ["", "[vdso]", "relative", "/dev/null", "/a\0b"])
def test_what_is_no_file_has_no_names(path: str) -> None:
    location = Location(1, path, "", 1)
    symbolizer = Symbolizer(None)
    symbolizer.learn([location])
    assert symbolizer.symbols(location) == (NOTHING,)


@pytest.mark.parametrize(
    "answer", ["exit 1", "echo nonsense", "sleep 0; yes | head -3", "head -c 99 /dev/zero"]
)
def test_a_tool_that_fails_leaves_the_symbol_tables(tmp_path: Path, answer: str) -> None:
    tool = tmp_path / "llvm-symbolizer"
    tool.write_text(f"#!/bin/sh\n{answer}\n")
    tool.chmod(0o755)
    built = build(tmp_path, _C)
    symbolizer = Symbolizer(choose("llvm-symbolizer", str(tmp_path)))
    symbolizer.learn([built.inside("make"), built.inside("main")])
    assert symbolizer.symbols(built.inside("make"))[-1].function == "make"
    assert symbolizer.problems[0].startswith(f"{built.path}: llvm-symbolizer gave")


def test_each_file_is_asked_once_for_all_places(tmp_path: Path) -> None:
    real, log = shutil.which("addr2line"), tmp_path / "log"
    tool = tmp_path / "addr2line"
    tool.write_text(f'#!/bin/sh\necho run >> {log}\nexec {real} "$@"\n')
    tool.chmod(0o755)
    built = build(tmp_path, _C, "-g")
    symbolizer = Symbolizer(choose("addr2line", str(tmp_path)))
    places = [built.inside("make"), built.inside("main"), built.inside("make")]
    symbolizer.learn(places)
    symbolizer.learn(places)
    assert log.read_text() == "run\n"
    assert [symbolizer.symbols(place)[-1].function for place in places] == ["make", "main", "make"]


def test_the_tool_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    assert choose(AUTO, str(tmp_path)) is None
    with pytest.raises(UsageError, match="--symbolizer addr2line: it is not on PATH; install binutils"):
        choose("addr2line", str(tmp_path))


@settings(deadline=None, max_examples=40)
@given(damage=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=40))
def test_a_damaged_file_breaks_nothing(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]]
) -> None:
    directory = tmp_path_factory.mktemp("damaged")
    octets = bytearray(Path("/bin/true").read_bytes())
    for at, value in damage:
        octets[at % len(octets)] = value
    path = directory / "damaged"
    path.write_bytes(octets)
    assert all(len(each) == 1 for each in ElfSymbols(path).symbols(path, [0, 0x1000, 1 << 63]))
    symbolizer = Symbolizer(None)
    symbolizer.learn([Location(1, str(path), "", 0x2000)])


@pytest.mark.parametrize("name", ["", "main", "_Z", "_Z1", "_ZZZZ", "_Z" + "1a" * 5000, "_Znwm"])
def test_only_names_of_cxx_change(name: str) -> None:
    assert demangled(name) == ("operator new(unsigned long)" if name == "_Znwm" else name)
