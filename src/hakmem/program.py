"""Finds the program of a command, follows scripts, and says whether the loader will preload a library."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hakmem.elf import CLibrary, Elf, ElfError, is_elf, read_elf
from hakmem.errors import CannotPreloadError, HakmemError, ProgramNotFoundError

_FIRST_LINE_B: Final = 256
"""Bytes of a script that the kernel reads for its #! line (BINPRM_BUF_SIZE)."""

_START_B: Final = 4096
"""Bytes that are read of a script: its #! line, and the next one in scripts that pip wrote."""

_SCRIPTS_MAX: Final = 10
"""Scripts whose interpreter is a script again; the kernel allows fewer, env(1) may be among them."""

_SHELL: Final = "/bin/sh"


@dataclass(frozen=True, slots=True)
class Program:
    """What a command starts.

    path: the file that the command names.
    interpreters: what the kernel starts in its place, in turn; empty when `path` is no script.
    needs_shell: whether it is text without a #! line, which exec refuses and every shell runs by sh.
    """

    path: str
    interpreters: tuple[str, ...]
    needs_shell: bool = False

    @property
    def binary(self) -> str:
        """The file that becomes the process in the end."""
        return self.interpreters[-1] if self.interpreters else self.path

    @property
    def files(self) -> tuple[str, ...]:
        """The command's file and all of its interpreters."""
        return (self.path, *self.interpreters)

    def argv(self, command: list[str]) -> tuple[str, list[str]]:
        """The file to exec and its arguments for `command`."""
        return (_SHELL, [_SHELL, self.path, *command[1:]]) if self.needs_shell else (self.path, command)


def find(name: str, search_path: str) -> str:
    """The file that exec would start for `name`, looked up in `search_path` as execvp(3) does."""
    if "/" in name:
        _check_executable(name, f"{name!r}")
        return name
    refused: HakmemError | None = None
    for directory in search_path.split(os.pathsep) if name else ():
        candidate = f"{directory or '.'}/{name}"
        try:
            _check_executable(candidate, repr(candidate))
        except CannotPreloadError as error:
            refused = refused or error
        except ProgramNotFoundError:
            continue
        else:
            return candidate
    raise refused or ProgramNotFoundError(f"no program {name!r} on PATH")


def follow(path: str, search_path: str) -> Program:
    """The program in `path`, with its interpreters when it is a script."""
    interpreters: list[str] = []
    needs_shell = False
    file = path
    for _ in range(_SCRIPTS_MAX):
        start = _start_of(file)
        if start is None or is_elf(start):
            return Program(path, tuple(interpreters), needs_shell)
        if start.startswith(b"#!"):
            following = _interpreters(file, start, search_path)
        elif b"\0" in start.partition(b"\n")[0]:
            raise CannotPreloadError(f"{file!r} is neither a program nor a script")
        else:
            following, needs_shell = [_SHELL], True
        interpreters += following
        file = interpreters[-1]
    raise CannotPreloadError(f"{path!r} is a script whose interpreters are scripts without end")


def check_preloadable(program: Program, library: Path) -> None:
    """Raises CannotPreloadError, with the reason, when the loader would not put `library` under `program`."""
    binary = program.binary
    who = repr(binary) if binary == program.path else f"{binary!r}, which runs {program.path!r},"
    try:
        with Path(binary).open("rb") as file:
            elf = read_elf(file)
    except PermissionError:
        return  # it may be executed and not read: nothing more can be known
    except ElfError as error:
        raise CannotPreloadError(f"{who} cannot be run: {error}") from None
    with library.open("rb") as file:
        own = read_elf(file)
    _check_same_system(who, elf, own)
    reason = _privilege(binary)
    if reason:
        raise CannotPreloadError(f"{who} {reason}: the system ignores LD_PRELOAD there; run it as its owner")


def _check_same_system(who: str, elf: Elf, own: Elf) -> None:
    if (elf.bits, elf.machine) != (own.bits, own.machine):
        raise CannotPreloadError(
            f"{who} is for {elf.machine} ({elf.bits} bits),"
            f" and this library for {own.machine} ({own.bits} bits)"
        )
    if elf.interpreter is None:
        raise CannotPreloadError(
            f"{who} is statically linked, so nothing can be preloaded;"
            ' for the programs that it starts: eval "$(hakmem env)"'
        )
    if elf.c_library is not own.c_library and CLibrary.UNKNOWN not in (elf.c_library, own.c_library):
        raise CannotPreloadError(
            f"{who} runs on {elf.c_library} and this library on {own.c_library};"
            f" install hakmem for {elf.c_library}"
        )
    if not Path(elf.interpreter).exists():
        raise ProgramNotFoundError(f"{who} needs the loader {elf.interpreter!r}, which does not exist")


def _privilege(path: str) -> str:
    """Why the kernel would start `path` in secure mode (AT_SECURE in getauxval(3)); "" when it would not."""
    status = Path(path).stat()
    if os.statvfs(path).f_flag & os.ST_NOSUID or _no_new_privileges():
        return ""
    if status.st_mode & stat.S_ISUID and status.st_uid != os.getuid():
        return "is setuid"
    if status.st_mode & stat.S_ISGID and status.st_mode & stat.S_IXGRP and status.st_gid != os.getgid():
        return "is setgid"
    if os.getuid() != 0:
        try:
            os.getxattr(path, "security.capability")
        except OSError:
            return ""
        return "has file capabilities"
    return ""


def _no_new_privileges() -> bool:
    """Whether this process gave up gaining privileges by exec (prctl(2)), so that setuid has no effect."""
    try:
        return "\nNoNewPrivs:\t1\n" in Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _check_executable(path: str, who: str) -> None:
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError) as error:
        if isinstance(error, PermissionError):
            raise CannotPreloadError(f"{who} cannot be reached: permission denied") from None
        raise ProgramNotFoundError(f"{who} does not exist") from None
    if stat.S_ISDIR(mode):
        raise CannotPreloadError(f"{who} is a directory")
    if not stat.S_ISREG(mode) or not os.access(path, os.X_OK):
        raise CannotPreloadError(f"{who} is not executable; chmod +x makes it so")


def _start_of(path: str) -> bytes | None:
    """The first bytes of a file; None when it may be executed but not read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(_START_B)
    except PermissionError:
        return None
    except OSError as error:
        raise CannotPreloadError(f"{path!r} cannot be read: {error.strerror}") from None


def _interpreters(script: str, start: bytes, search_path: str) -> list[str]:
    """What the #! line of `script` starts, in turn: a program, or env(1) and what that looks up."""
    line = os.fsdecode(start[2:_FIRST_LINE_B].partition(b"\n")[0]).strip(" \t")
    name, _, argument = line.partition(" ") if " " in line else line.partition("\t")
    if not name:
        raise CannotPreloadError(f"{script!r} has a #! line that names no interpreter")
    _check_executable(name, f"{name!r}, the interpreter of the script {script!r},")
    if Path(name).name == "env":
        target = _target_of_env(script, argument.strip())
        try:
            return [name, find(target, search_path)]
        except ProgramNotFoundError:
            raise ProgramNotFoundError(
                f"{target!r}, the interpreter of the script {script!r}, is not on PATH"
            ) from None
    if Path(name).name == "sh":
        long_path = _behind_sh(start)
        return [name, long_path] if long_path else [name]
    return [name]


def _target_of_env(script: str, argument: str) -> str:
    """The program that `#!/usr/bin/env ARGUMENT` starts; the kernel passes it whole, and -S splits it."""
    words = [argument]
    for option in ("-S", "--split-string="):
        if argument.startswith(option):
            words = argument.removeprefix(option).split()
    skip = False
    for word in words:
        if skip or (word.startswith("-") and len(word) > 1) or "=" in word:
            if word in ("-i", "--ignore-environment"):
                raise CannotPreloadError(
                    f"the script {script!r} clears the environment (env -i), LD_PRELOAD with it"
                )
            skip = word in ("-u", "-C") and not skip
            continue
        if word and word != "-":
            return word
    raise CannotPreloadError(f"{script!r} has a #! line that names no interpreter")


def _behind_sh(start: bytes) -> str | None:
    """The interpreter in a script that pip wrote for a path #! cannot hold: '''exec' "/a b/python" ..."""
    second = os.fsdecode(start).split("\n")[1:2]
    if not second or not second[0].startswith("'''exec' "):
        return None
    rest = second[0].removeprefix("'''exec' ")
    path = rest[1:].partition('"')[0] if rest.startswith('"') else rest.partition(" ")[0]
    return path if os.access(path, os.X_OK) else None
