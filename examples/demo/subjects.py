"""The real programs of the demonstration: how each is started, given work, and asked what it took.

A subject is run by ``measure(launcher)``; the launcher is the empty list, or the words of ``hakmem run``.
Every figure is taken by the program itself, or from the kernel's books on that one process: the peak that
``wait4`` reports starts with the peak of whoever started the process, which is an interpreter here.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

HERE = Path(__file__).resolve().parent
TIME_LIMIT_S = 60


class DemoError(Exception):
    """A program of the demonstration failed; the message has its words."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one program.

    seconds: its work, without its start. peak_kib: its most resident memory.
    after_kib: resident after 1.2 s of light work since its last burst; None: it ends with the burst.
    result: what it computed, to be the same on every malloc.
    """

    seconds: float
    peak_kib: int
    after_kib: int | None
    result: str


class Subject(Protocol):
    """A program of the demonstration."""

    @property
    def title(self) -> str:
        """What it is and does, in a line."""

    def measure(self, launcher: Sequence[str]) -> Sample:
        """Run it once, with the launcher's words before its command."""


@dataclass(frozen=True, slots=True)
class SelfMeasured:
    """A program that prints one line of JSON about itself."""

    title: str
    command: tuple[str, ...]

    def measure(self, launcher: Sequence[str]) -> Sample:
        """Let it measure itself."""
        done = subprocess.run(
            [*launcher, *self.command], capture_output=True, text=True, check=False, timeout=TIME_LIMIT_S
        )
        if done.returncode != 0:
            raise DemoError(f"{self.title} ended with {done.returncode}:\n{done.stderr}")
        told = json.loads(done.stdout)
        return Sample(told["seconds"], told["peak_kib"], told["after_kib"], str(told["result"]))


@dataclass(frozen=True, slots=True)
class SqliteShell:
    """The SQLite shell, fed through a pipe; it reads its own /proc/self/status as a table."""

    title: str
    program: str
    rounds: int = 2

    def measure(self, launcher: Sequence[str]) -> Sample:
        """Time the burst from outside, without the start."""
        with subprocess.Popen(
            [*launcher, self.program, "-batch", "-bail"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as shell:
            self._ask(shell, "SELECT 'ready';")
            script = (HERE / "burst.sql").read_text(encoding="utf-8")
            started = time.perf_counter()
            results = [self._ask(shell, script) for _ in range(self.rounds)]
            seconds = time.perf_counter() - started
            quiet_after = time.monotonic() + 1.2
            while time.monotonic() < quiet_after:
                self._ask(shell, "SELECT upper('light work ' || random());")
                time.sleep(0.002)
            status = self._ask(
                shell,
                "CREATE TEMP TABLE status(name, value);\n.mode list\n.separator : \\n\n"
                ".import /proc/self/status status\n.separator |\n"
                "SELECT name || ' ' || value FROM status WHERE name IN ('VmHWM', 'VmRSS');",
            )
        if shell.returncode != 0:
            raise DemoError(f"{self.title} ended with {shell.returncode}")
        kib = {line.split()[0]: int(line.split()[1]) for line in status}
        return Sample(seconds, kib["VmHWM"], kib["VmRSS"], "\n".join(map("\n".join, results)))

    def _ask(self, shell: subprocess.Popen[str], statements: str) -> list[str]:
        """The lines of answer to some statements."""
        assert shell.stdin is not None
        assert shell.stdout is not None
        shell.stdin.write(f"{statements}\nSELECT 'answered';\n")
        shell.stdin.flush()
        answers: list[str] = []
        for line in shell.stdout:
            if line == "answered\n":
                return answers
            answers.append(line.rstrip("\n"))
        raise DemoError(f"{self.title} ended early, with {shell.wait()}")


@dataclass(frozen=True, slots=True)
class GccCompiler:
    """GCC's compiler proper on a generated file; the kernel is asked for its peak while it runs."""

    title: str
    compiler: str
    source: Path

    def measure(self, launcher: Sequence[str]) -> Sample:
        """Watch the compiler until it ends."""
        output = self.source.with_suffix(".s")
        command = [self.compiler, "-quiet", "-O2", str(self.source), "-o", str(output)]
        peak_kib, started = 0, time.perf_counter()
        with subprocess.Popen([*launcher, *command], stderr=subprocess.DEVNULL) as process:
            status = Path(f"/proc/{process.pid}/status")
            is_compiler = False
            while process.poll() is None:
                kib = _compiler_peak_kib(status)
                if kib is not None and not is_compiler:
                    # Until now the process was the launcher's interpreter.
                    is_compiler, started = True, time.perf_counter()
                peak_kib = max(peak_kib, kib or 0)
                time.sleep(0.002)
            seconds = time.perf_counter() - started
        if process.returncode != 0:
            raise DemoError(f"{self.title} ended with {process.returncode}")
        return Sample(seconds, peak_kib, None, output.read_text(encoding="utf-8"))


def _compiler_peak_kib(status: Path) -> int | None:
    """The peak so far if the process is GCC's compiler proper; None before it is, or when it has ended."""
    try:
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
    except (FileNotFoundError, ProcessLookupError):
        return None
    if not lines["Name"].strip().startswith("cc1") or "VmHWM" not in lines:
        return None
    return int(lines["VmHWM"].split()[0])


def python_subject() -> Subject:
    """A service in this interpreter."""
    version = ".".join(map(str, sys.version_info[:2]))
    title = f"Python {version} service: JSON, objects, 4 threads, bursts (a cache keeps 1 record in 1000)"
    return SelfMeasured(title, (sys.executable, str(HERE / "python_service.py")))


def native_subject(directory: Path) -> Subject | None:
    """The best native program that this machine has; ``directory`` takes what must be made for it."""
    if sqlite3 := shutil.which("sqlite3"):
        return SqliteShell("SQLite shell: a database of 250,000 rows built, queried and dropped", sqlite3)
    if gcc := shutil.which("gcc"):
        answer = subprocess.run([gcc, "-print-prog-name=cc1"], capture_output=True, text=True, check=True)
        if compiler := shutil.which(answer.stdout.strip()):
            return GccCompiler("GCC compiles a C file of 800 functions", compiler, _c_file(directory))
    if compiler := shutil.which("cc") or shutil.which("clang"):
        program = directory / "burst"
        subprocess.run([compiler, "-O2", str(HERE / "burst.c"), "-o", str(program)], check=True)
        return SelfMeasured("burst.c: a tree of words built and dropped", (str(program),))
    return None


def _c_file(directory: Path) -> Path:
    source = directory / "large.c"
    functions = (
        f"int f{n}(int a, int b) {{ int s = {n}; for (int i = 0; i < a; i++) switch ((a + i * b) % 5) {{"
        f" case 0: s += i ^ {n}; break; case 1: s ^= a << (i % 7); break;"
        f" case 2: s -= b * {n % 13 + 1}; break; default: s = s * 31 + i; }}"
        f" return {f'f{n - 1}(s, b)' if n else 's'}; }}\n"
        for n in range(800)
    )
    source.write_text("".join(functions), encoding="utf-8")
    return source
