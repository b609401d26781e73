"""The page in a real browser: drawn, readable, and asking nobody, light and dark, narrow and wide."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from hakmem.lab.result import Suite
from hakmem.report.html import page as html

from . import suites

_PROBES = (Path(__file__).parent / "probes.js").read_text("utf-8")
_HOSTILE = "</script><script>document.title='taken'</script><b>bold</b>"


@dataclass(slots=True)
class _Visit:
    """A page that is open, and what it did meanwhile."""

    page: Page
    noise: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def ask(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    def data(self) -> dict[str, Any]:
        """What the page's scripts were given."""
        return dict(json.loads(self.page.locator("#suite").inner_text()))

    def count(self, selector: str) -> int:
        return self.page.locator(selector).count()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(suites.suite(), tmp_path_factory.mktemp("page"))


def _written(suite: Suite, directory: Path) -> Path:
    path = directory / "report.html"
    path.write_text(html(suite), encoding="utf-8")
    return path


def _open(
    browser: Browser, path: Path, *, width: int = 1400, scheme: str = "light", scripts: bool = True
) -> _Visit:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=scripts,
    )
    visit = _Visit(context.new_page())
    visit.page.on("console", lambda message: visit.noise.append(message.text))
    visit.page.on("pageerror", lambda error: visit.noise.append(str(error)))
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.goto(path.as_uri())
    if scripts:
        visit.ask(_PROBES)
    return visit


def _overflow(visit: _Visit) -> int:
    return int(visit.ask("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1400])
def test_the_page_is_drawn_and_readable(browser: Browser, whole: Path, width: int, scheme: str) -> None:
    visit = _open(browser, whole, width=width, scheme=scheme)
    assert visit.noise == []
    assert visit.requests == [whole.as_uri()]
    assert visit.ask("document.documentElement.dataset.drawn") == "yes"
    assert _overflow(visit) == 0
    workloads = visit.data()["workloads"]
    timed = [cell for each in workloads for cell in each["quantities"]["time"]["cells"] if "ratio" in cell]
    assert visit.count("#bars .panel") == len(workloads)
    assert visit.count("#bars [aria-label=bar] > *") == len(timed)
    others = [cell for cell in timed if cell["verdict"] != "baseline"]
    assert visit.count("#bars g.interval line") == len(others)
    lines = sum(len(each["memory"]["series"]) for each in workloads)
    assert visit.count("#memory-panels g.resident path") == lines
    telling = sum(bool(each["memory"]["live"]["seconds"]) for each in workloads)
    assert visit.count("#memory-panels g.live path") == telling
    rated = [each for each in workloads if each["rates"]]
    assert visit.count("#rates-panels .panel") == len(rated)
    assert visit.count("#rates-panels [aria-label=bar] > *") == sum(len(each["rates"]) for each in rated)
    assert visit.count("#tradeoff-panels g.workloads > *") == len(others)
    assert visit.count("#means .panel") == 2
    pale = visit.ask("probes.pale()")
    assert pale["seen"] > 2000
    assert pale["found"] == []
    assert visit.ask("probes.clipped()") == []
    assert visit.ask("probes.covered()") == []
    visit.page.context.close()


def test_bars_and_intervals_are_as_long_as_their_figures(browser: Browser, whole: Path) -> None:
    visit = _open(browser, whole)
    _check_lengths(visit, "ratio", "ratioLow", "ratioHigh")
    visit.page.get_by_role("radio", name="absolute").check(force=True)
    _check_lengths(visit, "median", "low", "high")
    floors = {each["name"]: each["quantities"]["time"]["floor"] for each in visit.data()["workloads"]}
    for panel in visit.ask("probes.bars()"):
        assert len(panel["floors"]) == (floors[panel["title"]] is not None)
    visit.page.context.close()


def _check_lengths(visit: _Visit, value: str, low: str, high: str) -> None:
    """Every bar's pixels over its value are the panel's own constant; intervals end where they should."""
    workloads = {each["name"]: each["quantities"]["time"] for each in visit.data()["workloads"]}
    panels = visit.ask("probes.bars()")
    assert {panel["title"] for panel in panels} == set(workloads)
    for panel in panels:
        quantity = workloads[panel["title"]]
        cells = [cell for cell in quantity["cells"] if cell.get(value) is not None]
        scale = panel["widths"][0] / cells[0][value]
        assert panel["widths"] == pytest.approx([cell[value] * scale for cell in cells], abs=1)
        spread = [
            c for c in cells if c.get(low) is not None and (value == "median" or c["verdict"] != "baseline")
        ]
        assert len(panel["intervals"]) == len(spread)
        for (left, right), cell in zip(panel["intervals"], spread, strict=True):
            assert (left, right) == pytest.approx((cell[low] * scale, cell[high] * scale), abs=1.6)
        if value == "median" and quantity["floor"] is not None:
            assert panel["floors"] == pytest.approx([quantity["floor"] * scale], abs=1.6)


def test_failed_cells_are_said_in_words(browser: Browser, whole: Path) -> None:
    visit = _open(browser, whole)
    panels = {panel["title"]: panel["words"] for panel in visit.ask("probes.bars()")}
    for (workload, allocator), (status, detail) in suites.FAILURES.items():
        assert f"{allocator} {status}: {detail}" in panels[workload]
        row = visit.page.locator(f'table.figures tr[data-workload="{workload}"]').filter(has_text=allocator)
        assert f"{status}: {detail}" in row.inner_text()
    visit.page.context.close()


def test_every_chart_says_what_it_shows(browser: Browser, whole: Path) -> None:
    visit = _open(browser, whole)
    labels = visit.ask(
        "[...document.querySelectorAll('.panel > svg')].map((e) => [e.role, e.getAttribute('aria-label')])"
    )
    assert len(labels) > 70
    assert all(role == "img" and len(label) > 15 for role, label in labels)
    unnamed = visit.ask(
        "[...document.querySelectorAll('input, select, button, [tabindex]')]"
        ".filter((e) => !e.labels?.length && !e.textContent.trim() && !e.getAttribute('aria-label')).length"
    )
    assert unnamed == 0
    visit.page.context.close()


def test_kinds_names_and_allocators_filter_charts_and_tables(browser: Browser, whole: Path) -> None:
    visit = _open(browser, whole)
    page = visit.page
    python = [name for name, kind, *_ in suites.WORKLOADS if kind == "python"]
    page.get_by_role("radio", name="python").check(force=True)
    assert [panel["title"] for panel in visit.ask("probes.bars()")] == python
    assert visit.count("table.figures tr[data-workload]:visible") == len(python) * len(suites.ALLOCATORS)
    assert visit.count("table.overview >> nth=0 >> tbody tr:visible") == len(python)
    assert f"over {len(python) - 1} workloads" in page.locator("#means figcaption").first.inner_text()
    page.get_by_label("Named").fill("JSON")
    assert [panel["title"] for panel in visit.ask("probes.bars()")] == [
        "python/json/pymalloc",
        "python/json/malloc",
    ]
    assert page.locator("#shown").inner_text() == "2 of 24 workloads"
    page.get_by_role("checkbox", name="tbbmalloc").uncheck(force=True)
    assert visit.count("table.figures tr[data-workload]:visible") == 2 * (len(suites.ALLOCATORS) - 1)
    assert visit.count("#memory-panels g.resident path") == 2 * (len(suites.ALLOCATORS) - 1)
    page.get_by_label("Named").fill("nothing of this name")
    assert "No workload" in page.locator("#bars").inner_text()
    assert visit.noise == []
    page.context.close()


def test_other_quantities_and_single_workloads_are_drawn(browser: Browser, whole: Path) -> None:
    visit = _open(browser, whole)
    visit.page.get_by_role("radio", name="Peak memory").check(force=True)
    words = {panel["title"]: panel["words"] for panel in visit.ask("probes.bars()")}
    assert "MiB" in words["burst"]
    visit.page.locator("#tradeoff-workload").select_option("larson/mixed")
    assert visit.count("#tradeoff-panels .panel") == 1
    assert visit.count("#tradeoff-panels [aria-label=dot] > *") == len(suites.ALLOCATORS)
    assert visit.count("#tradeoff-panels g.name text") == len(suites.ALLOCATORS)
    assert "throughput, M/s; right is faster" in (
        visit.page.locator("#tradeoff-panels svg").text_content() or ""
    )
    assert visit.ask("probes.covered()") == []
    assert visit.noise == []
    visit.page.context.close()


def test_everything_is_reached_by_keyboard(browser: Browser, whole: Path) -> None:
    visit = _open(browser, whole)
    page = visit.page
    page.keyboard.press("Tab")
    assert visit.ask("document.activeElement.className") == "skip"
    page.get_by_role("radio", name="all", exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert visit.ask("document.activeElement.value") == "native"
    assert visit.count("#bars .panel") == sum(kind == "native" for _, kind, *_ in suites.WORKLOADS)
    outline = visit.ask("getComputedStyle(document.activeElement.nextElementSibling).outlineStyle")
    assert outline == "solid"
    page.get_by_role("checkbox", name="mimalloc").focus()
    page.keyboard.press("Space")
    assert visit.count("table.figures tr[data-allocator='2']:visible") == 0
    page.locator("table.figures th button").nth(2).focus()
    page.keyboard.press("Enter")
    assert page.locator("table.figures th").nth(2).get_attribute("aria-sort") == "ascending"
    page.context.close()


def test_a_column_sorts_both_ways_and_keeps_failures_last(browser: Browser, whole: Path) -> None:
    visit = _open(browser, whole)
    rows = "[...document.querySelectorAll('table.figures tbody tr')]"
    head = visit.page.locator("table.figures th button").nth(2)
    failed = len(suites.FAILURES)
    for direction in (1, -1):
        head.click()
        keys = visit.ask(f"{rows}.map((row) => row.cells[2].dataset.sort ?? null)")
        assert keys[-failed:] == [None] * failed
        figures = [float(key) * direction for key in keys[:-failed]]
        assert figures == sorted(figures)
    visit.page.locator("table.figures th button").first.click()
    names = visit.ask(
        "[...document.querySelectorAll('table.figures tbody th')].map((head) => head.textContent)"
    )
    assert names[0] == "burst"
    assert names.index("random_mixed/256") < names.index("random_mixed/8192")
    visit.page.context.close()


def test_the_page_follows_its_width(browser: Browser, whole: Path) -> None:
    visit = _open(browser, whole)
    visit.page.set_viewport_size({"width": 380, "height": 900})
    visit.page.wait_for_function("document.querySelector('#bars svg').getBoundingClientRect().width < 350")
    assert _overflow(visit) == 0
    assert visit.ask("probes.clipped()") == []
    visit.page.context.close()


def test_without_scripts_the_tables_tell_everything(browser: Browser, whole: Path) -> None:
    visit = _open(browser, whole, width=380, scripts=False)
    words = visit.page.locator("body").inner_text()
    assert "HAKMEM leads in time and in memory" in words
    assert "Charts are drawn by scripts" in words
    assert "A column's head sorts" not in words
    assert "git/gc" in words
    assert not visit.page.locator("#workloads").is_visible()
    assert not visit.page.locator("#filters").is_visible()
    assert visit.requests == [whole.as_uri()]
    visit.page.context.close()


def test_hostile_names_stay_names(browser: Browser, tmp_path: Path) -> None:
    suite = suites.renamed(suites.suite(workloads=3, failures=False), "mimalloc", _HOSTILE)
    suite = suites.renamed(suite, "random_mixed/128", _HOSTILE)
    visit = _open(browser, _written(suite, tmp_path), width=380)
    assert visit.noise == []
    assert visit.page.title() != "taken"
    assert visit.count("b") == 0
    assert visit.ask("probes.bars()")[0]["title"] == _HOSTILE
    assert _overflow(visit) == 0
    assert visit.ask("probes.clipped()") == []
    assert visit.ask("probes.covered()") == []
    visit.page.context.close()


def test_the_policy_stops_a_script_and_a_request_that_came_in_all_the_same(
    browser: Browser, tmp_path: Path
) -> None:
    path = _written(suites.suite(workloads=1), tmp_path)
    added = "<script>document.title='taken'</script><img src='other.png'></body>"
    path.write_text(path.read_text("utf-8").replace("</body>", added), encoding="utf-8")
    visit = _open(browser, path)
    assert visit.page.title() != "taken"
    refused = [line for line in visit.noise if "Content Security Policy" in line]
    assert any("inline script" in line for line in refused)
    assert any("other.png" in line for line in refused)
    visit.page.context.close()


@pytest.mark.parametrize("width", [380, 1400])
def test_an_interrupted_run_says_so_and_shows_what_there_is(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    visit = _open(browser, _written(suites.interrupted(), tmp_path), width=width)
    assert visit.noise == []
    assert "interrupted after 1 round" in visit.page.locator("#verdict").inner_text()
    assert visit.count("#bars .panel") == 9
    assert visit.count("#bars g.interval line") == 0
    assert "not run" in visit.page.locator("#bars").inner_text()
    assert visit.count("#tradeoff-panels .panel") == 1
    assert _overflow(visit) == 0
    assert visit.ask("probes.clipped()") == []
    visit.page.context.close()


@pytest.mark.parametrize("allocators", [("system",), ("system", "hakmem")])
def test_a_suite_of_one_workload_is_drawn(
    browser: Browser, tmp_path: Path, allocators: tuple[str, ...]
) -> None:
    visit = _open(browser, _written(suites.suite(workloads=1, allocators=allocators), tmp_path))
    assert visit.noise == []
    assert visit.count("#bars [aria-label=bar] > *") == len(allocators)
    assert visit.count("#means .panel") == (2 if len(allocators) > 1 else 0)
    visit.page.context.close()
