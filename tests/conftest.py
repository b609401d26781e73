"""Fixtures of more than one directory of tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.real import needs


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser for the pages that commands write."""
    executable = needs.program("chromium")
    with sync_playwright() as playwright:
        # Root may not use the sandbox; the pages are our own.
        started = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield started
        started.close()
