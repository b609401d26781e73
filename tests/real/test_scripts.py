"""perl, Node and Java run programs that allocate as their runtimes do, and print what they computed."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from . import needs
from .child import Launcher
from .library import SYSTEM, Library
from .native import SOURCES

COMMANDS: dict[str, Callable[[], list[str]]] = {
    "perl": lambda: [needs.program("perl"), f"{SOURCES}/records.pl"],
    "node": lambda: [needs.program("node"), f"{SOURCES}/records.js"],
    "java": lambda: [needs.program("java"), "-Xmx256m", f"{SOURCES}/Records.java"],
}
ENVIRONMENT = {"PERL_HASH_SEED": "0"}


@pytest.fixture(scope="session")
def on_system(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """What a command prints on the system's malloc."""

    @cache
    def output(name: str) -> bytes:
        directory = tmp_path_factory.mktemp(name)
        return launcher.run(
            SYSTEM, COMMANDS[name](), cwd=directory, environment=ENVIRONMENT, time_limit_s=60
        ).stdout

    return output


@pytest.mark.parametrize("name", COMMANDS)
def test_a_runtime_computes_the_same(
    name: str, library: Library, launcher: Launcher, on_system: Callable[[str], bytes], tmp_path: Path
) -> None:
    finished = launcher.run(
        library, COMMANDS[name](), cwd=tmp_path, environment=ENVIRONMENT, time_limit_s=120
    )
    assert finished.stdout.endswith(b"done\n")
    assert finished.stdout == on_system(name)
