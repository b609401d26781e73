"""Runs a model through spin: generate, compile, search, and say what the search found."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

MODELS = Path(__file__).parent
PACKAGES = {"spin": "spin", "gcc": "gcc"}
"""Program -> Debian package."""

MEMORY_LIMIT_MIB = 3800
TIME_LIMIT_S = 900
DEADLOCK = "deadlock"
_INCOMPLETE = (
    "Search not completed",
    "max search depth too small",
    "VECTORSZ",
    "MEMLIM",
    "out of memory",
    "Bit statespace",
    "resized",
)
"""What spin prints when it has not stored and visited every state."""


@dataclass(frozen=True, slots=True)
class Search:
    """What one search found.

    violated: names of the properties (see MUST in the models) that a failed assertion named, or DEADLOCK;
        spin stops at the first. states: states stored. output: what spin printed.
    """

    errors: int
    violated: tuple[str, ...]
    states: int
    complete: bool
    output: str

    @property
    def proves(self) -> bool:
        """True if every state was visited and none breaks a property."""
        return self.complete and self.errors == 0 and self.states > 0


def search(
    model: str, directory: Path, *switches: str, depth: int = 2_000_000, short: bool = False
) -> Search:
    """Search every state of a model of this directory, compiled with ``switches`` (``WIDE``, ``THREADS=3``).

    directory: an empty directory for what spin and gcc write. depth: longest path of the depth-first search.
    short: it will find something at once, and optimising it would take longer than the search.
    """
    _require("spin", "gcc")
    options = [f"-D{switch}" for switch in switches]
    _run(directory, "spin", *options, "-a", str(MODELS / model))
    _run(
        directory,
        *("gcc", "-O0" if short else "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", f"-DMEMLIM={MEMORY_LIMIT_MIB}"),
        *("-o", "pan", "pan.c"),
    )
    return read_search(_run(directory, "./pan", f"-m{depth}", "-w24"))


def read_search(output: str) -> Search:
    """Read what spin's verifier printed; what does not look like a whole report counts as incomplete."""
    errors = re.search(r"errors: (\d+)", output)
    states = re.search(r"^\s*([\d.e+]+) states, stored", output, re.MULTILINE)
    violated = re.findall(r"assertion violated \(+(\w+)\|\|", output)
    if "invalid end state" in re.sub(r"invalid end states\t", "", output):
        violated.append(DEADLOCK)
    return Search(
        errors=int(errors[1]) if errors else 1,
        violated=tuple(violated),
        states=int(float(states[1])) if states else 0,
        complete=errors is not None and not any(sign in output for sign in _INCOMPLETE),
        output=output,
    )


def _require(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            message = f"{program} is not here: apt-get install {PACKAGES[program]}"
            if os.environ.get("CI") == "true":
                pytest.fail(f"{message}; with CI=true an unchecked model is a failure", pytrace=False)
            pytest.skip(message)


def _run(directory: Path, *command: str) -> str:
    result = subprocess.run(
        command,
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIME_LIMIT_S,
        check=False,
    )
    if result.returncode != 0:
        pytest.fail(f"{' '.join(command)} returned {result.returncode}:\n{result.stdout}", pytrace=False)
    return result.stdout
