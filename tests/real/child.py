"""Programs run on a malloc, with the checks that every such run deserves.

A program must end in time, with the expected exit code, without a line from HAKMEM on its output, and with
malloc resolved into the library under test in the program and in every child that inherited the preload. The
proof comes from inside the processes: see ``programs/witness.c``. Under full checks (see ``library``) none of
them may be found wrong.
"""

import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .checked import assert_no_error
from .library import Library
from .native import Compiler

_OUTPUT_SHOWN = 4000


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program left behind.

    programs: the short names of all process images that testified, in order of their start.
    """

    stdout: bytes
    stderr: bytes
    programs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs; ``Launcher.start`` makes it."""

    what: str
    library: Library
    process: subprocess.Popen[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]
    testimony: Path
    record: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def output(self) -> tuple[bytes, bytes]:
        """What it wrote to stdout and stderr until now."""
        return _content(self.stdout), _content(self.stderr)

    def finish(
        self, time_limit_s: float, expected_returncode: int = 0, errors_on_purpose: Collection[str] = ()
    ) -> Finished:
        """Wait for the end and check all that the module's words promise.

        errors_on_purpose: kinds of errors that full checks must find, and no others.
        """
        try:
            returncode = self.process.wait(time_limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"{self.what} did not end within {time_limit_s} s\n{self._tails()}"
            ) from None
        assert returncode == expected_returncode, f"{self.what} ended with {returncode}\n{self._tails()}"
        if self.library.checks is not None:
            assert_no_error(self.what, self.record, self.library.checks, errors_on_purpose)
        stdout, stderr = self.output()
        lines = [line for line in (*stderr.splitlines(), *stdout.splitlines()) if line.startswith(b"hakmem:")]
        assert not lines, f"{self.what}: the library said:\n" + b"\n".join(lines).decode(errors="replace")
        return Finished(stdout, stderr, self._programs())

    def stop(self, time_limit_s: float, with_signal: int = signal.SIGTERM) -> Finished:
        """Ask a server to end in order, and check it as ``finish`` does."""
        self.process.send_signal(with_signal)
        return self.finish(time_limit_s)

    def kill(self) -> None:
        """End it and all of its process group, if it still runs."""
        if self.process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()

    def _programs(self) -> tuple[str, ...]:
        if self.library.path is None:
            return ()
        lines = [line.split(" ", 2) for line in self.testimony.read_text().splitlines()]
        assert any(int(line[0]) == self.pid for line in lines), f"{self.what}: the library was not loaded"
        strays = [line for line in lines if line[1] != str(self.library.path)]
        assert not strays, f"{self.what}: malloc came from elsewhere in {strays}"
        return tuple(line[2] for line in lines)

    def _tails(self) -> str:
        stdout, stderr = (text[-_OUTPUT_SHOWN:].decode(errors="replace") for text in self.output())
        return f"--- stdout\n{stdout}\n--- stderr\n{stderr}"


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts programs with a library and the witness preloaded."""

    compiler: Compiler

    def run(
        self,
        library: Library,
        command: Sequence[str | Path],
        *,
        cwd: Path,
        time_limit_s: float,
        environment: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        expected_returncode: int = 0,
        errors_on_purpose: Collection[str] = (),
        user: int | None = None,
        preload_before: Path | None = None,
        preload_after: Path | None = None,
    ) -> Finished:
        """Run ``command`` to its end and check it; the arguments are those of ``start`` and ``finish``."""
        with self.start(
            library,
            command,
            cwd=cwd,
            environment=environment,
            stdin=stdin,
            user=user,
            preload_before=preload_before,
            preload_after=preload_after,
        ) as running:
            return running.finish(time_limit_s, expected_returncode, errors_on_purpose)

    @contextmanager
    def start(
        self,
        library: Library,
        command: Sequence[str | Path],
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        user: int | None = None,
        preload_before: Path | None = None,
        preload_after: Path | None = None,
    ) -> Iterator[Running]:
        """Start ``command`` in a process group of its own, which is gone when the context ends.

        environment: added to a small fixed one. user: a user id to run as (root only). preload_before,
        preload_after: one more library, named before or after the one under test.
        """
        # Files, not pipes: a daemon that the program leaves behind must not keep the test waiting.
        with (
            tempfile.TemporaryFile() as source,
            tempfile.TemporaryFile() as stdout,
            tempfile.TemporaryFile() as stderr,
            tempfile.NamedTemporaryFile(prefix="hakmem-witness-") as testimony,
            tempfile.NamedTemporaryFile(prefix="hakmem-record-") as record,
        ):
            source.write(stdin)
            source.seek(0)
            # Programs that refuse to run as root testify as well.
            Path(testimony.name).chmod(0o666)
            Path(record.name).chmod(0o666)
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=cwd,
                env={
                    **_fixed_environment(cwd),
                    **self._preload(library, testimony.name, preload_before, preload_after),
                    **_checks(library, record.name),
                    **(environment or {}),
                },
                stdin=source,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                user=user,
                group=None if user is None else pwd.getpwuid(user).pw_gid,
                extra_groups=None if user is None else [],
            )
            what = f"{' '.join(map(str, command))} on {library.name}"
            running = Running(what, library, process, stdout, stderr, Path(testimony.name), Path(record.name))
            try:
                yield running
            finally:
                running.kill()

    def _preload(
        self, library: Library, testimony: str, before: Path | None, after: Path | None
    ) -> dict[str, str]:
        if library.path is None:
            others = [str(path) for path in (before, after) if path is not None]
            return {"LD_PRELOAD": ":".join(others)} if others else {}
        witness = self.compiler.shared_library("witness.c")
        preloaded = (witness, before, library.path, after)
        return {
            "LD_PRELOAD": ":".join(str(path) for path in preloaded if path is not None),
            "WITNESS_FILE": testimony,
        }


def _checks(library: Library, record: str) -> dict[str, str]:
    return {} if library.checks is None else {"HAKMEM_CHECK_FILE": record, **library.checks}


def _fixed_environment(home: Path) -> dict[str, str]:
    """No setting of the person who runs the tests may change what a program prints."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": tempfile.gettempdir(),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


def _content(file: IO[bytes]) -> bytes:
    """All of a file whose offset belongs to a child: read without moving it."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
