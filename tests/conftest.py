"""What more than one directory of tests needs: fixtures, and signals as a terminal's."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright

from tests.compiler import compile_to
from tests.real import needs


def pytest_configure() -> None:
    """Nothing depends on who runs the tests, or on how busy the machine is.

    Programs under test hear Ctrl-C, also where a shell that put pytest into the background ignores it.
    Examples of hypothesis take as long as they take.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("patient", patient)
    settings.load_profile("patient")


@pytest.fixture(scope="session")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that holds the clock that the core sees, so that no tick comes; tests/model sets it."""
    flags = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror")
    source = Path(__file__).parent / "model" / "clock.c"
    return compile_to(tmp_path_factory.mktemp("clock") / "clock.so", *flags, source, "-ldl")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser for the pages that commands write."""
    executable = needs.program("chromium")
    with sync_playwright() as playwright:
        # Root may not use the sandbox; the pages are our own.
        started = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield started
        started.close()
