"""Finding programs, following scripts, and telling what cannot be preloaded."""

import os
import struct
from pathlib import Path

import pytest

from hakmem.errors import CannotPreloadError, ProgramNotFoundError
from hakmem.program import check_preloadable, find, follow

from .command import Compile, Script

PATH = "/usr/bin:/bin"
CAPABILITY_V2 = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)
"""cap_net_bind_service, effective and permitted, as capabilities(7) lays it out."""


def changed_copy(target: Path, old: bytes, new: bytes) -> Path:
    """A copy of /bin/true in which `old`, which occurs, is replaced by `new` of the same length."""
    data = Path("/bin/true").read_bytes()
    assert old in data
    target.write_bytes(data.replace(old, new.ljust(len(old), b"\0"), 1))
    target.chmod(0o755)
    return target


def test_names_are_looked_up_in_the_order_of_path(tmp_path: Path, script: Script) -> None:
    (tmp_path / "late").mkdir()
    script("late/tool", "")
    own = script("tool", "")
    assert find("tool", f"/nowhere:{tmp_path}:{tmp_path}/late") == str(own)


def test_files_that_may_not_be_executed_are_passed_over_on_path(tmp_path: Path, script: Script) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "tool").touch()
    own = script("tool", "")
    assert find("tool", f"{tmp_path}/first:{tmp_path}") == str(own)
    with pytest.raises(CannotPreloadError, match="not executable"):
        find("tool", f"{tmp_path}/first")


@pytest.mark.parametrize("name", ["no-such-program", "", "./no-such-program", "/dev/null/x"])
def test_a_missing_program_is_not_found(name: str) -> None:
    with pytest.raises(ProgramNotFoundError):
        find(name, PATH)


@pytest.mark.parametrize("name", ["/tmp", "/dev/null"])
def test_what_is_no_regular_file_cannot_be_run(name: str) -> None:
    with pytest.raises(CannotPreloadError):
        find(name, PATH)


def test_a_program_is_its_own_binary() -> None:
    program = follow("/bin/true", PATH)
    assert (program.binary, program.interpreters) == ("/bin/true", ())


def test_a_script_is_followed_to_its_interpreter(script: Script) -> None:
    program = follow(str(script("s", "#! /bin/sh -e\n")), PATH)
    assert program.interpreters == ("/bin/sh",)


@pytest.mark.parametrize(
    "line",
    [
        "#!/usr/bin/env cat",
        "#!/usr/bin/env  cat ",
        "#!/usr/bin/env -S cat -u",
        "#!/usr/bin/env -S -u HOME A=1 cat",
    ],
)
def test_env_in_a_script_is_followed_through_path(script: Script, line: str) -> None:
    program = follow(str(script("s", line + "\n")), PATH)
    assert program.interpreters == ("/usr/bin/env", find("cat", PATH))


def test_an_interpreter_that_is_a_script_is_followed_too(script: Script) -> None:
    inner = script("inner", "#!/bin/sh\n")
    outer = script("outer", f"#!{inner}\n")
    assert follow(str(outer), PATH).interpreters == (str(inner), "/bin/sh")


def test_scripts_that_interpret_each_other_come_to_an_end(tmp_path: Path, script: Script) -> None:
    circle = script("circle", f"#!{tmp_path}/circle\n")
    with pytest.raises(CannotPreloadError, match="without end"):
        follow(str(circle), PATH)


def test_text_without_an_interpreter_is_run_by_sh_as_every_shell_does(script: Script) -> None:
    program = follow(str(script("s", "echo hello\n")), PATH)
    assert program.argv(["s", "a"]) == ("/bin/sh", ["/bin/sh", program.path, "a"])


def test_a_script_that_pip_wrote_for_a_path_with_blanks_names_its_python(
    tmp_path: Path, script: Script
) -> None:
    (tmp_path / "a b").mkdir()
    python = script("a b/python3", "")
    text = f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\nprint()\n"
    assert str(python) in follow(str(script("tool", text)), PATH).interpreters


def test_binary_rubbish_is_neither_program_nor_script(tmp_path: Path) -> None:
    (tmp_path / "rubbish").write_bytes(b"\1\2\0\3")
    with pytest.raises(CannotPreloadError, match="neither"):
        follow(str(tmp_path / "rubbish"), PATH)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("#!/no/such/interpreter", "'/no/such/interpreter', the interpreter of the script"),
        ("#!/usr/bin/env no-such-interpreter", "'no-such-interpreter', the interpreter of the script"),
    ],
)
def test_a_missing_interpreter_is_named_with_its_script(script: Script, line: str, says: str) -> None:
    path = script("s", line + "\n")
    with pytest.raises(ProgramNotFoundError) as caught:
        follow(str(path), PATH)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("line", ["#!", "#!/usr/bin/env", "#!/usr/bin/env -S"])
def test_a_script_without_interpreter_behind_its_mark_is_refused(script: Script, line: str) -> None:
    with pytest.raises(CannotPreloadError, match="names no interpreter"):
        follow(str(script("s", line + "\n")), PATH)


def test_a_script_that_clears_the_environment_is_refused(script: Script) -> None:
    with pytest.raises(CannotPreloadError, match="clears the environment"):
        follow(str(script("s", "#!/usr/bin/env -S -i cat\n")), PATH)


def test_a_dynamic_program_of_this_system_is_preloadable(each_library: Path) -> None:
    check_preloadable(follow("/bin/true", PATH), each_library)


def test_a_static_program_is_refused(compile_c: Compile, library: Path) -> None:
    program = compile_c("int main(void) { return 0; }", "-static")
    with pytest.raises(CannotPreloadError, match="statically linked"):
        check_preloadable(follow(str(program), PATH), library)


def test_a_script_of_a_static_interpreter_is_refused_under_both_names(
    compile_c: Compile, script: Script, library: Path
) -> None:
    interpreter = compile_c("int main(void) { return 0; }", "-static")
    path = script("s", f"#!{interpreter}\n")
    with pytest.raises(CannotPreloadError, match="statically linked") as caught:
        check_preloadable(follow(str(path), PATH), library)
    assert str(path) in str(caught.value)
    assert str(interpreter) in str(caught.value)


def test_a_program_of_another_machine_is_refused(tmp_path: Path, library: Path) -> None:
    data = bytearray(Path("/bin/true").read_bytes())
    data[18:20] = struct.pack("<H", 243)
    path = tmp_path / "foreign"
    path.write_bytes(data)
    with pytest.raises(CannotPreloadError, match="is for riscv"):
        check_preloadable(follow(str(path), PATH), library)


def test_a_program_of_another_c_library_is_refused(tmp_path: Path, library: Path) -> None:
    path = changed_copy(tmp_path / "foreign", b"/lib64/ld-linux-x86-64.so.2", b"/lib/ld-musl-x86_64.so.1")
    with pytest.raises(CannotPreloadError, match="runs on musl and this library on glibc"):
        check_preloadable(follow(str(path), PATH), library)


def test_a_program_whose_loader_is_missing_is_not_found(tmp_path: Path, library: Path) -> None:
    path = changed_copy(tmp_path / "lost", b"/lib64/ld-linux-x86-64.so.2", b"/lib65/ld-linux-x86-64.so.2")
    with pytest.raises(ProgramNotFoundError, match="needs the loader"):
        check_preloadable(follow(str(path), PATH), library)


def test_a_setuid_program_is_refused(tmp_path: Path, library: Path) -> None:
    path = setuid_program(tmp_path)
    with pytest.raises(CannotPreloadError, match="is setuid"):
        check_preloadable(follow(str(path), PATH), library)


def test_a_setuid_program_of_its_own_user_is_preloadable(tmp_path: Path, library: Path) -> None:
    path = changed_copy(tmp_path / "own", b"\x7fELF", b"\x7fELF")
    path.chmod(0o4755)
    check_preloadable(follow(str(path), PATH), library)


def test_file_capabilities_matter_to_all_but_root(
    tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = changed_copy(tmp_path / "able", b"\x7fELF", b"\x7fELF")
    try:
        os.setxattr(path, "security.capability", CAPABILITY_V2)
    except OSError as error:
        pytest.skip(f"file capabilities cannot be set here: {error}")
    monkeypatch.setattr(os, "getuid", lambda: 0)
    check_preloadable(follow(str(path), PATH), library)
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    with pytest.raises(CannotPreloadError, match="has file capabilities"):
        check_preloadable(follow(str(path), PATH), library)


def setuid_program(directory: Path) -> Path:
    """A program that is setuid to somebody else; skips where none can be had."""
    if os.statvfs(directory).f_flag & os.ST_NOSUID:
        pytest.skip("setuid has no effect on the file system of the tests")
    if os.getuid() == 0:
        path = changed_copy(directory / "setuid", b"\x7fELF", b"\x7fELF")
        os.chown(path, 65534, -1)
        path.chmod(0o4755)
        return path
    for name in ("su", "passwd", "mount"):
        for place in PATH.split(":"):
            path = Path(place, name)
            if path.exists() and path.stat().st_mode & 0o4000:
                return path
    pytest.skip("no setuid program on this machine")
