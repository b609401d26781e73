"""Fixtures: the library under test (one test run a flavour), a compiler, and a launcher of programs."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .child import Launcher
from .library import Library, LibraryNotFoundError, load_under_test, names_under_test
from .native import Compiler


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks for ``library`` once a flavour (or once, on the stand-in)."""
    if "library" in metafunc.fixturenames:
        metafunc.parametrize("library", names_under_test(), indirect=True, scope="session")


@pytest.fixture(scope="session")
def public_directory() -> Iterator[Path]:
    """A directory that every user of the machine can read, for servers that refuse to run as root."""
    with tempfile.TemporaryDirectory(prefix="hakmem-real-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


@pytest.fixture(scope="session")
def compiler(public_directory: Path) -> Compiler:
    directory = public_directory / "programs"
    directory.mkdir()
    return Compiler(directory)


@pytest.fixture(scope="session")
def launcher(compiler: Compiler) -> Launcher:
    return Launcher(compiler)


@pytest.fixture(scope="session")
def library(request: pytest.FixtureRequest, public_directory: Path) -> Library:
    name: str = request.param
    try:
        return load_under_test(name, public_directory)
    except LibraryNotFoundError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def hakmem(library: Library) -> Library:
    """The library under test, for tests of HAKMEM's own settings and doors: skipped on a stand-in."""
    if not library.is_hakmem:
        pytest.skip(f"{library.name} is a stand-in without HAKMEM's settings and doors")
    return library
