"""The build: what it makes, what it installs for C, and what it says when it cannot."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

import hakmem as package
from hakmem.spec.exports import EXPORTS
from hakmem.spec.flavours import FLAVOURS

CHECKOUT = Path(__file__).resolve().parents[2]
TOOLS = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

CONSUMER = r"""
#include <hakmem.h>
#include <stdlib.h>
#include <string.h>
int main(void) {
    void *theirs = malloc(100), *ours = hak_malloc(100);
    if (theirs == NULL || ours == NULL || !hak_owns(theirs) || !hak_owns(ours)) return 1;
    free(theirs);
    hak_free(ours);
    return strcmp(hak_version(), EXPECTED) != 0;
}
"""

CONSUMER_CMAKE = """
cmake_minimum_required(VERSION 3.21)
project(consumer C)
find_package(hakmem 0.1 REQUIRED)
add_executable(consumer consumer.c)
target_compile_definitions(consumer PRIVATE EXPECTED="${hakmem_VERSION}")
target_link_libraries(consumer PRIVATE hakmem::hakmem)
"""


def tool(name: str) -> str:
    """A program that the build needs; skips, by its name, where it is missing."""
    path = shutil.which(name, path=TOOLS)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def cmake(*arguments: str | Path, path: str = TOOLS) -> subprocess.CompletedProcess[str]:
    """Runs cmake in the checkout, with the interpreter of the tests for the generator."""
    env = {name: value for name, value in os.environ.items() if name not in ("CC", "CFLAGS", "LDFLAGS")}
    return subprocess.run(
        [tool("cmake"), *map(str, arguments)],
        cwd=CHECKOUT,
        env={**env, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def configure(build: Path, *options: str, path: str = TOOLS) -> subprocess.CompletedProcess[str]:
    """Configures the checkout into `build`."""
    return cmake("-S", CHECKOUT, "-B", build, f"-DPython3_EXECUTABLE={sys.executable}", *options, path=path)


def no_error(result: subprocess.CompletedProcess[str]) -> None:
    """Asserts that a step of the build went well."""
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `cmake --install` has put a release build."""
    tool("gcc")
    build = tmp_path_factory.mktemp("build")
    installed = tmp_path_factory.mktemp("prefix")
    no_error(configure(build, "-DHAKMEM_FLAVOURS=release"))
    no_error(cmake("--build", build))
    no_error(cmake("--install", build, "--prefix", installed))
    return installed


def test_an_installation_has_what_c_programs_need(prefix: Path) -> None:
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
    assert {
        "lib/libhakmem.so",
        "include/hakmem.h",
        "lib/cmake/hakmem/hakmem-config.cmake",
        "lib/pkgconfig/hakmem.pc",
    } <= files


def test_a_c_program_links_by_pkg_config(prefix: Path, tmp_path: Path) -> None:
    flags = subprocess.run(
        [tool("pkg-config"), "--cflags", "--libs", "hakmem"],
        env={**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    (tmp_path / "consumer.c").write_text(CONSUMER)
    expected = f'-DEXPECTED="{package.__version__}"'
    program = tmp_path / "consumer"
    source = str(tmp_path / "consumer.c")
    subprocess.run([tool("gcc"), source, "-o", str(program), "-fno-builtin", expected, *flags], check=True)
    subprocess.run([program], env={"LD_LIBRARY_PATH": str(prefix / "lib")}, check=True)


def test_a_c_program_links_by_find_package(prefix: Path, tmp_path: Path) -> None:
    (tmp_path / "consumer.c").write_text(CONSUMER)
    (tmp_path / "CMakeLists.txt").write_text(CONSUMER_CMAKE)
    no_error(cmake("-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}"))
    no_error(cmake("--build", tmp_path / "build"))
    subprocess.run([tmp_path / "build" / "consumer"], check=True)


def test_the_installed_libraries_export_exactly_the_table(each_library: Path) -> None:
    listing = subprocess.run(
        [tool("nm"), "--dynamic", "--defined-only", each_library], capture_output=True, text=True, check=True
    ).stdout
    symbols = {line.split()[-1].partition("@")[0] for line in listing.splitlines()}
    assert symbols == {export.symbol for export in EXPORTS}


def test_the_installed_libraries_are_linked_as_a_malloc_must_be(each_library: Path) -> None:
    dynamic = subprocess.run(
        [tool("readelf"), "--dynamic", "--sections", "--wide", each_library],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"soname: [{each_library.name}]" in dynamic
    assert re.search(r"\(FLAGS(_1)?\).*\bNOW\b", dynamic)
    assert "SYMBOLIC" in dynamic
    assert ".symtab" in dynamic, "profilers name functions by it"
    assert set(re.findall(r"\(NEEDED\).*\[(.*?)\]", dynamic)) <= {
        "libc.so.6",
        "libpthread.so.0",
        "libdl.so.2",
        "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
    }


def test_the_flavours_of_cmake_and_of_the_package_are_the_same() -> None:
    text = (CHECKOUT / "cmake" / "HakmemFlavour.cmake").read_text()
    numbers = dict(re.findall(r"set\(HAKMEM_NUMBER_(\w+) (\d+)\)", text))
    files = dict(re.findall(r"set\(HAKMEM_FILE_(\w+) (\S+)\)", text))
    assert numbers == {flavour.name: str(flavour.number) for flavour in FLAVOURS}
    assert {name: f"lib{file}.so" for name, file in files.items()} == {f.name: f.file for f in FLAVOURS}


def test_one_wheel_serves_every_python() -> None:
    wheel = distribution("hakmem").read_text("WHEEL")
    assert wheel is not None
    assert re.search(r"^Tag: py3-none-\w*linux\w*$", wheel, re.MULTILINE)


def test_a_machine_without_a_compiler_is_told_what_to_install(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("make", "ninja", "sh", "uname"):
        path = shutil.which(name, path=TOOLS)
        if path:
            (tools / name).symlink_to(path)
    result = configure(tmp_path / "build", path=str(tools))
    assert result.returncode != 0
    assert "apt-get install build-essential" in result.stderr


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("-DHAKMEM_SANITIZE=memory", "HAKMEM_SANITIZE is memory; it must be off, address or thread"),
        ("-DHAKMEM_FLAVOURS=fast", "HAKMEM has no flavour fast"),
    ],
)
def test_a_wrong_option_is_refused(tmp_path: Path, option: str, says: str) -> None:
    tool("gcc")
    result = configure(tmp_path / "build", option)
    assert result.returncode != 0
    assert says in " ".join(result.stderr.split())


@pytest.mark.parametrize("preset", ["release", "debug", "asan", "tsan"])
def test_every_preset_configures(tmp_path: Path, preset: str) -> None:
    tool("gcc")
    no_error(cmake("--preset", preset, "-B", tmp_path, f"-DPython3_EXECUTABLE={sys.executable}"))
