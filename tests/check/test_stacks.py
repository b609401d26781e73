"""Native and Python frames as one stack: in whose order, and which of them a reader sees."""

from collections.abc import Mapping

import pytest

from hakmem.check.elf_symbols import NOTHING, Symbol
from hakmem.check.processes import Location, Trace
from hakmem.check.records import PythonFrame
from hakmem.check.stacks import Frame, Part, culprit, frames, shown
from hakmem.check.symbols import Symbolizer

_EVAL = "_PyEval_EvalFrameDefault"
_MODULES = {"libc": "/lib/libc.so.6", "py": "/usr/lib/libpython3.11.so.1.0", "hak": "/x/libhakmem-debug.so"}


class _Named(Symbolizer):
    """Knows the functions of made-up places."""

    def __init__(self, names: Mapping[int, tuple[str, ...]]) -> None:
        super().__init__(None)
        self._names = names

    def symbols(self, location: Location) -> tuple[Symbol, ...]:
        names = self._names.get(location.pc, ())
        return tuple(Symbol(name, f"/src/{name}.c", 1) for name in names) or (NOTHING,)


def _stack(native: str, python: str = "") -> tuple[Frame, ...]:
    """Native frames of "inlined<function@module ..."; Python's of "name ...", with * where C entered it."""
    names, locations = {}, []
    for pc, word in enumerate(native.split(), 1):
        functions, _, module = word.partition("@")
        names[pc] = tuple(filter(None, functions.split("<")))
        locations.append(Location(pc, _MODULES.get(module, f"/app/{module}") if module else "", "", pc))
    inner = tuple(
        PythonFrame("/app/a.py", name.rstrip("*"), 1, name.endswith("*")) for name in python.split()
    )
    return frames(Trace(tuple(locations), inner), _Named(names))


def _names(stack: tuple[Frame, ...]) -> str:
    return " ".join(f"{frame.function}()" if frame.python else frame.function or "?" for frame in stack)


@pytest.mark.parametrize(
    ("native", "python", "merged"),
    [
        ("malloc@hak alloc_slow@hak make@app main@app", "", "make main"),
        (f"make@ext.so call@py {_EVAL}@py main@py", "f g", f"make call {_EVAL} f() g() main"),
        (
            f"make@ext.so {_EVAL}@py back@ext.so {_EVAL}@py",
            "f* g h*",
            f"make {_EVAL} f() back {_EVAL} g() h()",
        ),
        (f"make@ext.so {_EVAL}@py back@ext.so {_EVAL}@py", "f g h", f"make {_EVAL} f() g() h() back {_EVAL}"),
        ("make@ext.so @py @py", "f g", "make f() g() ? ?"),
        ("make@ext.so more@ext.so", "f", "make more f()"),
        ("", "f", "f()"),
        (f"list<{_EVAL}@py main@py", "f", f"list {_EVAL} f() main"),
        ("@", "", "?"),
        ("", "", ""),
    ],
)
def test_python_frames_stand_where_the_interpreter_runs_them(native: str, python: str, merged: str) -> None:
    assert _names(_stack(native, python)) == merged


@pytest.mark.parametrize(
    ("native", "python", "seen"),
    [
        (f"make@ext.so call@py {_EVAL}@py start@py libc@libc", "f g", "make f() g()"),
        (f"dealloc@py {_EVAL}@py start@py", "f", "dealloc f()"),
        (f"{_EVAL}@py start@py", "f", "f()"),
        ("strdup@libc make@app main@app libc@libc _start@app", "", "strdup make main"),
        ("dealloc@py start@py", "", "dealloc start"),
        ("strdup@libc start@libc", "", "strdup"),
        ("_start@app", "", "_start"),
    ],
)
def test_what_only_carries_the_call_is_left_out(native: str, python: str, seen: str) -> None:
    stack = _stack(native, python)
    chosen, hidden = shown(stack)
    assert _names(chosen) == seen
    assert hidden == len(stack) - len(chosen)


@pytest.mark.parametrize(
    ("native", "python", "function"),
    [
        (f"memcpy@libc make@ext.so {_EVAL}@py", "f", "make"),
        (f"dealloc@py {_EVAL}@py", "f", "f"),
        ("inner<outer@app", "", "inner"),
        ("strdup@libc", "", "strdup"),
    ],
)
def test_the_culprit_is_the_programs_innermost_function(native: str, python: str, function: str) -> None:
    found = culprit(_stack(native, python))
    assert found is not None
    assert found.function == function


def test_no_stack_has_no_culprit() -> None:
    assert culprit(frames(None, Symbolizer(None))) is None


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/usr/bin/python3.13t", Part.INTERPRETER),
        ("/usr/lib/libpython3.14.so.1.0", Part.INTERPRETER),
        ("/usr/bin/python3-config-tool", Part.PROGRAM),
        ("/usr/lib/libstdc++.so.6.0.30", Part.SYSTEM),
        ("/lib64/ld-linux-x86-64.so.2", Part.SYSTEM),
        ("[vdso]", Part.SYSTEM),
        ("/usr/lib/libcurl.so.4", Part.PROGRAM),
        ("/x/libhakmem.so", Part.ALLOCATOR),
        ("/x/_elementtree.cpython-311-x86_64-linux-gnu.so", Part.PROGRAM),
    ],
)
def test_a_frame_belongs_to_whom_its_module_does(path: str, part: Part) -> None:
    outer = Location(1, "/app/app", "", 1)
    stack = frames(Trace((outer, Location(2, path, "", 2))), Symbolizer(None))
    assert stack[1].part is part


def test_of_the_cxx_library_the_function_that_the_program_called_is_shown() -> None:
    inlined = ("deallocate", "_M_deallocate", "~vector", "main")
    files = ["/usr/include/c++/12/bits/stl_vector.h"] * 3 + ["/app/main.cc"]

    class _Inlined(Symbolizer):
        def symbols(self, _location: Location) -> tuple[Symbol, ...]:
            return tuple(Symbol(name, file, 1) for name, file in zip(inlined, files, strict=True))

    stack = frames(Trace((Location(1, "/app/app", "", 1),)), _Inlined(None))
    assert _names(shown(stack)[0]) == "~vector main"
    found = culprit(stack)
    assert found is not None
    assert found.function == "main"
