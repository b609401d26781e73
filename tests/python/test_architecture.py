"""The core's layers look down only, export what the table says, and keep `#if` where it may be."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from hakmem.spec.exports import EXPORTS
from hakmem.spec.generate import main as generate

CORE = Path(__file__).resolve().parents[2] / "core"

LAYERS = (
    "base",
    "bits",
    "atomic",
    "counters",
    "preempt",
    "diag",
    "chain",
    "pattern",
    "os",
    "lock",
    "shard",
    "options",
    "recent",
    "hash",
    "reach",
    "depot",
    "loaded",
    "object",
    "cfi",
    "path",
    "trail",
    "unwind",
    "python_layout",
    "python_code",
    "python_seen",
    "python_frames",
    "stack",
    "callers",
    "sampled",
    "size_class",
    "arena",
    "state",
    "span",
    "stock",
    "large",
    "slab",
    "look",
    "transfer",
    "central",
    "budget",
    "thread_cache",
    "long",
    "thread",
    "flow",
    "upkeep",
    "doors",
    "guard",
    "secure",
    "foreign",
    "alloc",
    "probe",
    "json",
    "redzone",
    "record",
    "ring",
    "witness",
    "finding",
    "inspect",
    "report",
    "quarantine",
    "spare",
    "pages",
    "sweep",
    "fault",
    "world",
    "leaks",
    "checked",
    "told",
    "stats",
    "cxx",
    "api",
    "override",
)
"""From the lowest up. A file may include and call what stands before its layer, and its own."""

RANK = {layer: rank for rank, layer in enumerate(LAYERS)}
CONDITIONAL = {"base.h", "atomic.h", "lock.c", "override.c"}
"""Files that may have `#if`, beside os_*.c."""

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
CONDITION = re.compile(r"^[ \t]*#[ \t]*(?:if|ifdef|ifndef|elif)\b.*$", re.MULTILINE)
MAY_USE = re.compile(r"May use: (.+?)\.\s", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the core.

    path: where it is.
    layer: which layer it belongs to; os_linux.c and its like belong to "os".
    text: what it holds.
    """

    path: Path
    layer: str
    text: str

    @property
    def includes(self) -> list[str]:
        """The headers of the core that it includes, as layers."""
        return [
            Path(name).stem for name in INCLUDE.findall(self.text) if name not in ("hak_spec.h", "hakmem.h")
        ]


def layer_of(path: Path) -> str:
    return "os" if path.stem.startswith("os_") else path.stem


def sources(pattern: str = "*.[ch]") -> list[Source]:
    paths = [path for path in sorted(CORE.glob(pattern)) if path.name != "one.c"]
    return [Source(path, layer_of(path), path.read_text()) for path in paths]


def header(layer: str) -> Source:
    path = CORE / f"{layer}.h"
    return Source(path, layer, path.read_text()) if path.exists() else sources(f"{layer}.c")[0]


def allowed(layer: str) -> set[str]:
    """What a layer's "May use" line lets it use; "everything up to x" means x and all below."""
    found = MAY_USE.search(header(layer).text)
    assert found is not None, f"{header(layer).path.name} has no line that begins with 'May use:'"
    words = re.sub(r"[*\s]+", " ", found[1])
    up_to = re.search(r"everything up to (\w+)", words)
    below = LAYERS[: RANK[up_to[1]] + 1] if up_to else ()
    return {*below, *(word for word in re.findall(r"\w+", words) if word in RANK)}


def uses(layer: str) -> set[str]:
    """The layers whose headers a layer's own files include."""
    return {name for source in sources() if source.layer == layer for name in source.includes} - {layer}


def test_every_file_of_the_core_has_a_rank_and_every_rank_a_file() -> None:
    assert {source.layer for source in sources()} == set(LAYERS)


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.path.name)
def test_includes_look_down(source: Source) -> None:
    upward = [name for name in source.includes if RANK[name] > RANK[source.layer]]
    assert not upward, f"{source.path.name} includes {upward}, which rank above {source.layer}"


def test_one_c_includes_the_files_from_the_lowest_layer_up() -> None:
    included = INCLUDE.findall((CORE / "one.c").read_text())
    assert sorted(included) == sorted(source.path.name for source in sources("*.c"))
    ranks = [RANK[layer_of(Path(name))] for name in included]
    assert ranks == sorted(ranks), included


@pytest.mark.parametrize("layer", LAYERS)
def test_contracts_name_lower_layers_alone(layer: str) -> None:
    assert all(RANK[name] < RANK[layer] for name in allowed(layer)), allowed(layer)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_uses_what_its_contract_names(layer: str) -> None:
    unnamed = uses(layer) - allowed(layer)
    assert not unnamed, f"{header(layer).path.name} does not say that {layer} may use {sorted(unnamed)}"


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.path.name)
def test_conditional_compilation_stays_where_it_belongs(source: Source) -> None:
    name = source.path.name
    if name in CONDITIONAL or name.startswith("os_"):
        return
    guard = re.compile(rf"#ifndef HAK_{re.escape(source.path.stem.upper())}_H\b")
    others = [
        line
        for line in CONDITION.findall(source.text)
        if "__cplusplus" not in line and not (name.endswith(".h") and guard.match(line))
    ]
    assert not others, f"{name}: write `if (CONSTANT)` instead of {others}"


@pytest.mark.parametrize("source", sources("*.c"), ids=lambda source: source.path.name)
def test_locks_say_what_they_are_taken_for(source: Source) -> None:
    before_fork = re.compile(r"^[^\n]*before_fork\(void\) \{.*?\}$", re.MULTILINE | re.DOTALL)
    others = re.findall(r"\bhak_(?:try_)?lock\(.*", before_fork.sub("", source.text))
    assert source.path.name == "lock.c" or not others, f"{source.path.name}: hak_lock_for, not {others}"


@pytest.fixture(scope="module")
def compile_alone(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that compiles one file of the core, without output and input."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed")
    directory = tmp_path_factory.mktemp("spec")
    generate(["--out", str(directory)])
    defines = ["-D_GNU_SOURCE", '-DHAK_VERSION="0"', '-DHAK_BUILD_INFO="none"']
    paths = [f"-I{CORE}", f"-I{CORE.parent / 'include'}", f"-I{directory}"]
    return [
        compiler,
        "-std=c11",
        "-O1",
        "-fPIC",
        "-fno-builtin",
        "-Wall",
        "-Wextra",
        "-Werror",
        *defines,
        *paths,
    ]


def run(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("source", sources("*.h"), ids=lambda source: source.path.name)
def test_a_header_compiles_by_itself(source: Source, compile_alone: list[str], tmp_path: Path) -> None:
    alone = tmp_path / "alone.c"
    alone.write_text(f'#include "{source.path.name}"\n')
    run([*compile_alone, "-fsyntax-only", str(alone)])


@pytest.mark.parametrize("flavour", ["HAK_FLAVOUR_RELEASE", "HAK_FLAVOUR_COUNT", "HAK_FLAVOUR_DEBUG"])
def test_calls_look_down(flavour: str, compile_alone: list[str], tmp_path: Path) -> None:
    number = re.search(rf"#define {flavour} (\d+)", (CORE / "base.h").read_text())
    assert number is not None
    defined: dict[str, str] = {}
    needed: dict[str, set[str]] = {}
    for source in sources("*.c"):
        built = tmp_path / f"{source.path.stem}.o"
        run([*compile_alone, f"-DHAK_FLAVOUR={number[1]}", "-c", str(source.path), "-o", str(built)])
        symbols = run(["nm", str(built)]).splitlines()
        defined.update(
            (line.split()[-1], source.layer) for line in symbols if re.search(r" [BDRTVW] hak_", line)
        )
        needed.setdefault(source.layer, set()).update(
            line.split()[-1] for line in symbols if re.search(r" U hak_", line)
        )
    upward = [
        f"{layer} needs {symbol} of {defined.get(symbol, 'nobody')}"
        for layer, wanted in needed.items()
        for symbol in wanted
        if symbol not in defined or RANK[defined[symbol]] > RANK[layer]
    ]
    assert not upward


def test_each_library_exports_the_names_of_the_table_and_nothing_else(each_library: Path) -> None:
    symbols = run(["nm", "-D", "--defined-only", str(each_library)]).splitlines()
    exported = {line.split()[-1] for line in symbols if line.split()[-2] != "A"}
    assert exported == {export.symbol for export in EXPORTS}


def test_no_source_runs_without_a_contract() -> None:
    for source in sources("*.h"):
        assert source.text.startswith(f"/* {source.path.name} -- "), source.path.name


@pytest.mark.parametrize(
    ("flavour", "known"), [("debug", "hak_stack_capture"), ("secure", "hak_secure_set_kind")]
)
def test_no_other_flavour_contains_the_layers_of_one(flavour: str, known: str, each_library: Path) -> None:
    """Those that one.c includes in that flavour alone."""
    blocks = re.findall(
        rf"^#if HAK_{flavour.upper()}\n(.*?)^#endif", (CORE / "one.c").read_text(), re.MULTILINE | re.DOTALL
    )
    layers = [Path(name) for block in blocks for name in INCLUDE.findall(block)]
    names = {
        name
        for path in layers
        for name in re.findall(r"^(?:\w+[ *]+)+(hak_\w+)\(.*\{$", (CORE / path).read_text(), re.MULTILINE)
    }
    assert known in names
    symbols = {line.split()[-1] for line in run(["nm", str(each_library)]).splitlines()}
    assert bool(names & symbols) == (flavour in each_library.name)
