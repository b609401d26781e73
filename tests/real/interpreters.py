"""Finds the Python interpreters that tests run on a malloc.

Not always the tests' own ``sys.executable``: Debian leaves CPython's test suite out of ``python3``.
"""

import subprocess
import sys
from functools import cache
from pathlib import Path

from . import needs

# A free-threaded build refuses PYTHONMALLOC=malloc; the tests need an interpreter that takes it.
_PROBE = """
import sys, sysconfig, test.test_dict
sys.exit(sys.version_info < (3, 11) or bool(sysconfig.get_config_var("Py_GIL_DISABLED")))
"""


@cache
def with_test_suite() -> str:
    """An interpreter of CPython 3.11 or newer that brings CPython's own tests; else the test ends here."""
    pyenv = Path.home() / ".pyenv" / "versions"
    candidates = [
        sys.executable,
        getattr(sys, "_base_executable", sys.executable),
        *map(str, sorted(pyenv.glob("3.1[1-9]*/bin/python3"))),
        "/usr/local/bin/python3",
        "/usr/bin/python3",
    ]
    for candidate in candidates:
        if Path(candidate).is_file() and _passes_probe(candidate):
            return candidate
    return needs.missing("CPython's own test suite", "apt-get install libpython3-testsuite")


def _passes_probe(interpreter: str) -> bool:
    return subprocess.run([interpreter, "-c", _PROBE], capture_output=True, check=False).returncode == 0
