"""Reads JUnit XML, the form in which other projects' test suites tell their results here."""

from pathlib import Path
from xml.etree import ElementTree as ET

_NOT_PASSED = ("failure", "error", "skipped")


def passed_tests(report: Path) -> frozenset[str]:
    """The full names of the tests that passed."""
    passed = set()
    for case in ET.parse(report).iter("testcase"):
        if not any(case.find(kind) is not None for kind in _NOT_PASSED):
            passed.add(f"{case.get('classname', '')}.{case.get('name', '')}")
    return frozenset(passed)
