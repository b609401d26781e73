"""The page for a browser: what it says, that it asks nobody, and that hostile names stay names."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from hakmem.report.check import data
from hakmem.report.check.page import page

from .made_up import (
    BASE,
    block,
    collect,
    error,
    leak,
    lines,
    module,
    python_frame,
    result,
    simple,
    stack,
    start,
)

_HOSTILE = "</style><script>document.title='taken'</script><img src='http://127.0.0.1/x'>"


def _written(directory: Path, *records: dict[str, Any], leaks: bool = True) -> Path:
    _, collector, _ = collect(directory / "record", lines(*records))
    path = directory / "check.html"
    path.write_text(page(result(collector, leaks=leaks, notes=("A note.",))), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1400])
def test_the_page_tells_everything_offline(browser: Browser, tmp_path: Path, width: int, scheme: str) -> None:
    path = _written(
        tmp_path, *simple(), error(error="double_free", damage=None), leak(), leak(kind="reachable")
    )
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    opened, noise, requests = context.new_page(), [], []
    opened.on("console", lambda message: noise.append(message.text))
    opened.on("request", lambda request: requests.append(request.url))
    opened.goto(path.as_uri())
    assert (noise, requests) == ([], [path.as_uri()])
    assert opened.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    said = opened.locator("main").inner_text()
    for words in (
        "2 memory errors; lost: 300 bytes in 3 blocks",
        "write past the end of a block",
        "double free",
        "1 byte was written right behind the end of a block of 100 bytes.",
        "_fill.so+0x1010",
        "/opt/app/app.py:7",
        "Lost: nothing points to it any more",
        "Still reachable at the end",
        "A note.",
    ):
        assert words in said
    assert opened.locator(".dump .mark").first.inner_text() == "61"
    assert opened.locator("article details[open]").count() == 0
    opened.locator("article details summary").first.click()
    assert "malloc 0x7f0000001040, 100 bytes" in opened.locator("article").first.inner_text()
    light = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (light == "rgb(244, 246, 248)") == (scheme == "light")
    context.close()


def test_hostile_names_stay_names(browser: Browser, tmp_path: Path) -> None:
    frames = [python_frame(_HOSTILE, 7, f"/opt/{_HOSTILE}")]
    records = [
        start(exe=f"/{_HOSTILE}"),
        module(f"/{_HOSTILE}"),
        stack(1, [BASE + 1], python=frames),
        stack(2, []),
    ]
    hostile = error(
        thread=_HOSTILE, sentence=_HOSTILE, error=_HOSTILE, call=_HOSTILE, block=block(state=_HOSTILE)
    )
    path = _written(tmp_path, *records, hostile, leak())
    opened, requests = browser.new_page(), []
    opened.on("request", lambda request: requests.append(request.url))
    opened.goto(path.as_uri())
    assert requests == [path.as_uri()]
    assert opened.title() == "1 memory error; lost: 300 bytes in 3 blocks"
    assert opened.locator("script, img").count() == 0
    assert _HOSTILE in opened.locator("article").first.inner_text()
    opened.close()


def test_a_clean_run_has_a_page_too(tmp_path: Path) -> None:
    told = _written(tmp_path, start(), leaks=False).read_text("utf-8")
    assert '<h1 id="headline">No memory error was found</h1>' in told
    assert 'id="errors"' not in told
    assert 'id="leaks"' not in told


def test_the_report_for_programs_holds_what_the_text_does(tmp_path: Path) -> None:
    _, collector, _ = collect(tmp_path / "record", lines(*simple(), error(), leak()))
    told = json.loads(data.dumps(result(collector, leaks=True)))
    assert (told["schema"], told["version"]) == ("hakmem-check-report/1", "0.1.0")
    assert told["totals"] == {"errors": 2, "places": 1, "suppressed": 0, "lost_bytes": 300, "lost_blocks": 3}
    only = told["errors"][0]
    assert (only["error"], only["count"], only["damage"]) == ("overrun", 2, {"offset": 100, "length": 1})
    assert only["bytes"] == {"address": "0x7f0000001098", "hex": "61" * 13 + "fb" * 19}
    innermost, outer, _ = only["detected"]["stack"]
    assert (innermost["part"], innermost["module"], innermost["offset"]) == (
        "program",
        "/opt/app/_fill.so",
        "0x1032",
    )
    assert (outer["part"], outer["function"], outer["file"], outer["line"]) == (
        "python",
        "fill",
        "/opt/app/app.py",
        7,
    )
    assert only["block"]["allocated"]["tid"] == 4711
    assert [leak["kind"] for leak in told["leaks"]] == ["lost"]
    assert [each["exe"] for each in told["processes"]] == ["/opt/app/app"]
