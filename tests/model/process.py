"""The core under test, in a process of its own; see worker.py."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")


class CoreDiedError(Exception):
    """The process of the core ended; `text` is what it said on stderr."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"the core's process ended with status {os.waitstatus_to_exitcode(status)}:\n{text}")
        self.exit_code = os.waitstatus_to_exitcode(status)
        self.text = text


class CoreProcess:
    """Starts processes with untouched heaps, one after the other."""

    def __init__(self, library: Path, clock: Path) -> None:
        self._library = library
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("HAKMEM_", "LD_"))}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(WORKER)],
            env={**environment, "LD_PRELOAD": str(clock)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._is_open = False

    def open(self, environment: Mapping[str, str], limit_b: int | None = None) -> None:
        """A new heap, under these settings, and with so much address space."""
        self.close()
        self._errors.seek(0)
        self._errors.truncate()
        self._request({"open": str(self._library), "environment": dict(environment), "limit": limit_b})
        self._is_open = True

    def calls(self, thread: int, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """Makes the calls and gives their answers."""
        answer: list[Any] = self._request({"thread": thread, "calls": calls})["answer"]
        return answer

    def end(self, thread: int) -> None:
        """The thread exits."""
        self._request({"end": thread})

    def set_clock(self, now_ms: int) -> None:
        """The time that the core sees."""
        self._request({"clock": now_ms})

    def close(self) -> None:
        """Ends the heap's process."""
        if self._is_open:
            self._is_open = False
            self._request({"close": 0})

    def stop(self) -> None:
        """Ends everything."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def said(self) -> str:
        """What the core wrote on stderr since it was opened."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def _request(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise CoreDiedError(self._process.wait() << 8, self.said())
        answer: dict[str, Any] = json.loads(line)
        if "died" in answer:
            self._is_open = False
            raise CoreDiedError(answer["died"], self.said())
        return answer
