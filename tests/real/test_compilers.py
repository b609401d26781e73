"""GCC compiles a large generated C file and a C++ file full of templates; the objects are identical."""

from pathlib import Path

import pytest

from . import needs
from .child import Launcher
from .library import SYSTEM, Library

C_FUNCTIONS = 500
CPP_TYPES = 15


def large_c_file(count: int) -> str:
    """Many functions with loops, switches and tables, each a little different."""
    functions = (
        f"static const int table{n}[] = {{ {', '.join(str(n * k % 97) for k in range(1, 20))} }};\n"
        f"int f{n}(int a, int b) {{\n"
        f"    int sum = {n};\n"
        f"    for (int i = 0; i < 19; i++) {{\n"
        f"        switch ((a + i * b) % 5) {{\n"
        f"            case 0: sum += table{n}[i]; break;\n"
        f"            case 1: sum ^= a << (i % {n % 7 + 2}); break;\n"
        f"            case 2: sum -= b * {n}; break;\n"
        f"            default: sum = sum * 31 + i;\n"
        f"        }}\n"
        f"    }}\n"
        f"    return {f'f{n - 1}(sum, a)' if n else 'sum'};\n"
        f"}}\n"
        for n in range(count)
    )
    return "".join(functions)


def large_cpp_file(count: int) -> str:
    """Instantiates the standard library's containers and algorithms for many types."""
    head = """
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>
template <int N> struct Item { int key; std::string name; bool operator<(const Item &o) const { return key < o.key; } };
template <int N> struct Fibonacci { static constexpr long value = Fibonacci<N - 1>::value + Fibonacci<N - 2>::value; };
template <> struct Fibonacci<1> { static constexpr long value = 1; };
template <> struct Fibonacci<0> { static constexpr long value = 0; };
"""  # noqa: E501
    bodies = (
        f"""
long work{n}(const std::vector<Item<{n}>> &items) {{
    std::map<std::string, std::vector<Item<{n}>>> groups;
    std::unordered_map<int, std::unique_ptr<Item<{n}>>> index;
    for (const auto &item : items) {{
        groups[item.name].push_back(item);
        index.emplace(item.key, std::make_unique<Item<{n}>>(item));
    }}
    for (auto &[name, group] : groups) std::sort(group.begin(), group.end());
    std::function<long(long)> grow = [&](long x) {{ return x + Fibonacci<{n + 30}>::value; }};
    std::variant<int, std::string, Item<{n}>> choice = Item<{n}>{{}};
    return grow(std::accumulate(items.begin(), items.end(), 0L,
        [](long s, const Item<{n}> &i) {{ return s + i.key; }}) + long(choice.index()) + long(index.size()));
}}
"""
        for n in range(count)
    )
    return head + "".join(bodies)


def compile_both(
    launcher: Launcher,
    library: Library,
    directory: Path,
    functions: int = C_FUNCTIONS,
    types: int = CPP_TYPES,
) -> dict[str, bytes]:
    """The object files' contents by name."""
    (directory / "large.c").write_text(large_c_file(functions))
    (directory / "large.cpp").write_text(large_cpp_file(types))
    objects = {}
    for compiler, source, proper in (("gcc", "large.c", "cc1"), ("g++", "large.cpp", "cc1plus")):
        command = [needs.program(compiler), "-O1", "-frandom-seed=1", "-c", source, "-o", f"{source}.o"]
        finished = launcher.run(library, command, cwd=directory, time_limit_s=120)
        if library is not SYSTEM:
            assert proper in finished.programs, "the compiler proper did not run on the library"
        objects[source] = (directory / f"{source}.o").read_bytes()
    return objects


@pytest.fixture(scope="session")
def expected(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return compile_both(launcher, SYSTEM, tmp_path_factory.mktemp("compilers"))


def test_compilers_write_identical_objects(
    library: Library, launcher: Launcher, expected: dict[str, bytes], tmp_path: Path
) -> None:
    assert compile_both(launcher, library, tmp_path) == expected
