"""C++'s new and delete, with a C++ runtime in the program or only in a plugin of a C program."""

from pathlib import Path

from .child import Launcher
from .library import Library
from .native import Compiler


def test_every_form_of_new_and_delete_follows_the_standard(
    library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    program = compiler.program("new_delete.cpp")
    assert launcher.run(library, [program], cwd=tmp_path, time_limit_s=60).stdout == b"ok\n"


def test_new_throws_in_a_plugin_that_brings_its_own_runtime(
    library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    plugin = compiler.shared_library("cxx_plugin.cpp")
    command = [compiler.program("c_host.c"), plugin]
    assert launcher.run(library, command, cwd=tmp_path, time_limit_s=30).stdout == b"ok\n"
