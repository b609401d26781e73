"""Programs compiled for a test, loaded nowhere: their places in code are found by nm(1) alone."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from hakmem.check.processes import Location
from tests.compiler import compile_to


@dataclass(frozen=True, slots=True)
class Built:
    """A compiled file, and where its functions start by the file it was before strip(1)."""

    path: Path
    starts: dict[str, int]

    def inside(self, function: str, build_id: str = "") -> Location:
        """A place a few bytes into a function."""
        address = self.starts[function] + 5
        return Location(0x7000_0000_0000 + address, str(self.path), build_id, address)


def build(directory: Path, source: str, *flags: str, name: str = "program.c", compiler: str = "gcc") -> Built:
    """Compiles `source` with exactly these flags."""
    file = directory / name
    file.write_text(source)
    target = compile_to(file.with_suffix(".out"), file, *flags, compiler=compiler)
    listed = subprocess.run(["nm", str(target)], capture_output=True, text=True, check=True).stdout
    symbols = (line.split() for line in listed.splitlines())
    return Built(
        target, {each[2]: int(each[0], 16) for each in symbols if len(each) == 3 and each[1] in "tTW"}
    )
