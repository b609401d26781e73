"""The page as text: what it says, what it keeps out, what it embeds."""

import json
import math
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from hakmem.lab.measurement import Point
from hakmem.lab.plan import PROCESSOR_TIME
from hakmem.lab.result import Suite
from hakmem.report.html import page
from hakmem.report.matrix import MEMORY, TIME, Matrix
from hakmem.report.page import palette, quantities
from hakmem.report.page.headline import headline, omissions, sentence
from hakmem.report.standing import standing

from . import suites

_ROOT = Path(__file__).resolve().parents[2]
_LARGEST_B = 1_500_000
_HOSTILE = "</script><script>document.title='taken'</script>"


class _Reader(HTMLParser):
    """The page's elements with their attributes, and its text outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words = ""
        self._inside = ""
        self.feed(html)
        self.words = re.sub(r"\s+", " ", self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag if tag in ("script", "style") else self._inside

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag == self._inside else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif not self._inside:
            self.words += data


def _headline(suite: Suite) -> str:
    matrix = Matrix(suite)
    return headline(matrix, standing(matrix, "", TIME), standing(matrix, "", MEMORY))


def _scaled(suite: Suite, allocator: str, quantity: str, factor: float) -> Suite:
    """`suite` with the samples of `allocator` in a metric multiplied."""
    return replace(
        suite,
        cells=tuple(
            replace(cell, samples=tuple(sample and sample * factor for sample in cell.samples))
            if (cell.allocator, cell.metric) == (allocator, quantity)
            else cell
            for cell in suite.cells
        ),
    )


def _two(**options: int) -> Suite:
    return suites.suite(allocators=("system", "hakmem"), failures=False, **options)


def test_the_headline_names_one_who_leads_in_both() -> None:
    assert _headline(suites.suite()) == "HAKMEM leads in time and in memory"


def test_the_headline_names_each_where_they_differ() -> None:
    heavier = _scaled(_two(), "hakmem", "peak_rss", 3)
    assert _headline(heavier) == "HAKMEM leads in time; system leads in memory"


def test_those_that_cannot_be_told_apart_share_the_lead() -> None:
    suite = suites.suite(allocators=("system", "hakmem", "mimalloc"), failures=False, workloads=3)
    twins = replace(
        suite,
        cells=tuple(
            replace(other, allocator=cell.allocator) if cell.allocator == "mimalloc" else cell
            for cell in suite.cells
            for other in suite.cells
            if (other.workload, other.metric, other.allocator) == (cell.workload, cell.metric, "hakmem")
        ),
    )
    assert (
        _headline(twins)
        == "HAKMEM and mimalloc share the lead in time; HAKMEM and mimalloc share the lead in memory"
    )


def test_nobody_leads_without_enough_rounds_or_without_others() -> None:
    assert _headline(suites.interrupted()) == "There are too few finished rounds to name a leader"
    alone = suites.suite(allocators=("system",))
    assert _headline(alone) == "Only system was measured: there is nothing to compare it with"
    assert _headline(replace(alone, cells=())) == "Nothing was measured"


def test_the_sentence_tells_the_mean_of_the_paired_ratios() -> None:
    suite = _two(workloads=4)
    over = standing(Matrix(suite), "", TIME)
    expected = []
    for name in dict.fromkeys(cell.workload for cell in suite.cells):
        cells = {c.allocator: c for c in suite.cells if c.workload == name and c.metric == "time"}
        ratios = [
            ours / theirs
            for ours, theirs in zip(cells["hakmem"].samples, cells["system"].samples, strict=True)
            if ours and theirs
        ]
        expected.append(sorted(ratios)[len(ratios) // 2])
    mean = math.prod(expected) ** (1 / len(expected))
    best = over.means[0]
    assert best.allocator == "hakmem"
    assert best.interval.median == pytest.approx(mean)
    said = sentence(over, "system", "time", "takes")
    assert said.startswith(f"HAKMEM takes {100 * (1 - mean):.0f} % less time than system ({mean:.2f}; 95 %")


def test_a_leading_baseline_is_said_to_lead() -> None:
    slow = _scaled(_two(workloads=5), "hakmem", "time", 4)
    said = sentence(standing(Matrix(slow), "", TIME), "system", "time", "takes")
    assert said.startswith("None is ahead of system in time; the next, HAKMEM, takes ")
    assert " times the time of system " in said


def test_more_throughput_is_less_cost() -> None:
    """The sixth to eighth workloads are Larson's, of which more is better."""
    matrix = Matrix(_two(workloads=8))
    larson = next(row for row in matrix.rows if row.workload == "larson/mixed")
    ours, theirs = (larson.entry(name).cells[TIME].median for name in ("hakmem", "system"))
    assert ours is not None
    assert theirs is not None
    assert ours > theirs
    assert standing(matrix, "", TIME).leaders == ("hakmem",)


def test_means_leave_out_what_a_contender_did_not_finish_and_say_so() -> None:
    matrix = Matrix(suites.suite())
    time, memory = standing(matrix, "", TIME), standing(matrix, "", MEMORY)
    assert time.workloads == len(suites.WORKLOADS) - len(suites.FAILURES)
    assert {(workload, name) for workload, names in time.left_out.items() for name in names} == set(
        suites.FAILURES
    )
    said = omissions({"time": time, "peak memory": memory})
    assert len(said) == 1
    assert said[0].startswith("Time and peak memory: the means leave out what not every allocator finished: ")
    assert "git/gc (tbbmalloc)" in said[0]


def test_an_allocator_that_hardly_ran_is_no_contender() -> None:
    suite = suites.suite(failures=False)
    broken = replace(
        suite,
        cells=tuple(
            replace(cell, status="crashed", detail="signal 11", samples=(None,) * 5, median=None, ratio=None)
            if cell.allocator == "tbbmalloc" and cell.workload != "gcc"
            else cell
            for cell in suite.cells
        ),
    )
    over = standing(Matrix(broken), "", TIME)
    assert over.outsiders == ("tbbmalloc",)
    assert over.workloads == len(suites.WORKLOADS)
    assert omissions({"time": over}) == ("Time: not ranked, for want of finished workloads: tbbmalloc.",)


def test_the_page_reads_without_scripts() -> None:
    suite = suites.suite()
    html = page(suite)
    words = _Reader(html).words
    for name, _, title, *_ in suites.WORKLOADS:
        assert name in words
        assert title in html
    for part in (suite.command, suite.host.cpu, suite.host.kernel, "glibc 2.36", "madvise", *suite.notes):
        assert part in words
    for status, detail in suites.FAILURES.values():
        assert f"{status}: {detail}" in words


def test_every_cell_is_a_row_with_its_samples_and_outliers_counted() -> None:
    suite = suites.suite(rounds=7)
    html = page(suite)
    speeds = [cell for cell in suite.cells if cell.metric in ("time", "throughput")]
    assert html.count("data-allocator=") == len(speeds)
    drawn = sum(sum(sample is not None for sample in cell.samples) for cell in speeds)
    assert len(re.findall(r'<circle cx="[\d.]+" cy="7"', html)) == drawn
    outlying = sum(len(cell.outliers) for cell in speeds)
    assert outlying > 0
    assert html.count('class="hollow"') == outlying
    assert sum(int(n) for n in re.findall(r"(\d+) outlier", _Reader(html).words)) == outlying


def test_a_cell_of_which_some_rounds_failed_shows_both() -> None:
    suite = suites.suite(workloads=2, failures=False)
    cells = list(suite.cells)
    at = next(i for i, cell in enumerate(cells) if cell.allocator == "mimalloc" and cell.metric == "time")
    cells[at] = replace(
        cells[at],
        status="crashed",
        detail="1 of 5 runs: signal 6",
        samples=(None, *cells[at].samples[1:]),
        ratio=None,
    )
    words = _Reader(page(replace(suite, cells=tuple(cells)))).words
    assert "ns; crashed: 1 of 5 runs: signal 6" in words
    assert "4 samples, 1 failed" in words


def test_other_quantities_are_told_too() -> None:
    suite = suites.suite(workloads=1)
    extra = [
        replace(cell, metric=PROCESSOR_TIME.name, unit="s")
        for cell in suite.cells
        if cell.metric == "peak_rss"
    ]
    matrix = Matrix(replace(suite, cells=(*suite.cells, *extra)))
    assert matrix.quantities == ("time", "processor", "peak_rss", "end_rss")
    words = _Reader(page(matrix.suite)).words
    assert "processor time " in words
    assert "minor faults 1841" in words


def test_names_are_text_wherever_they_stand() -> None:
    suite = suites.renamed(suites.renamed(suites.suite(), "mimalloc", _HOSTILE), "redis", _HOSTILE)
    suite = replace(suite, command=_HOSTILE, notes=(_HOSTILE,), host=replace(suite.host, cpu=_HOSTILE))
    reader = _Reader(page(suite))
    assert sum(tag == "script" for tag, _ in reader.elements) == 4
    data = next(script for script in reader.scripts if script.startswith("{"))
    assert "<" not in data
    assert json.loads(data)["allocators"][2]["name"] == _HOSTILE
    assert reader.words.count(_HOSTILE) >= 6


def test_nothing_in_the_page_leads_elsewhere() -> None:
    reader = _Reader(page(suites.suite(workloads=2)))
    for tag, attributes in reader.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith("#") or value == "data:,", f"{tag} {name}={value}"
    policy = next(
        a["content"] for _, a in reader.elements if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert not re.search(r"https?:|\*|unsafe-eval|script-src[^;]*unsafe-inline", policy)
    style = (resources.files("hakmem.report") / "page" / "style.css").read_text("utf-8")
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize("points", [50, 1000])
def test_a_page_of_a_standard_suite_is_small_enough_to_mail(points: int) -> None:
    assert len(page(suites.suite(points=points)).encode()) < _LARGEST_B


def test_a_peak_survives_in_the_series() -> None:
    suite = suites.suite(points=4)
    spiky = tuple(Point(at / 100, (900 if at == 777 else 5) << 20) for at in range(2000))
    cells = tuple(replace(cell, memory=spiky) if cell.metric == "time" else cell for cell in suite.cells)
    data = next(s for s in _Reader(page(replace(suite, cells=cells))).scripts if s.startswith("{"))
    series = json.loads(data)["workloads"][0]["memory"]["series"][0]
    assert max(series["size"]) == 900
    assert series["seconds"][series["size"].index(900)] == 7.77
    assert len(series["size"]) < 200


def test_suites_of_any_size_make_a_page() -> None:
    empty = replace(suites.suite(workloads=1), cells=(), rates={}, notes=())
    for suite in (
        empty,
        suites.interrupted(),
        suites.suite(workloads=1),
        suites.suite(allocators=("system",)),
    ):
        assert page(suite).rstrip().endswith("</html>")


def test_the_same_suite_makes_the_same_page() -> None:
    assert page(suites.suite()) == page(suites.suite())


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.8123, "0.812"), (9.996, "10.0"), (48.04, "48.0"), (327.4, "327"), (15_700.0, "15,700"), (0.0, "0")],
)
def test_numbers_have_three_digits(value: float, words: str) -> None:
    assert quantities.digits(value) == words


@pytest.mark.parametrize(
    ("unit", "largest", "label"),
    [
        ("B", 3 << 20, "MiB"),
        ("ns/operation", 8.0, "ns"),
        ("operations/s", 48e6, "M/s"),
        ("s", 0.2, "ms"),
        ("s", 90, "s"),
    ],
)
def test_a_scale_keeps_figures_short(unit: str, largest: float, label: str) -> None:
    assert quantities.scale(unit, largest).label == label


def test_an_allocator_keeps_its_colour_whoever_else_takes_part() -> None:
    many = palette.looks([*suites.ALLOCATORS, "rpmalloc", "mine"])
    assert palette.looks(["mine", "hakmem"])["hakmem"] == many["hakmem"]
    assert palette.looks(["mine"])["mine"] == palette.looks(["system", "mine"])["mine"]
    assert len({look.light for look in many.values()}) == len(many)


def _linear(colour: str) -> list[float]:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def _contrast(one: str, other: str) -> float:
    """Contrast of two colours, WCAG 2.1."""
    low, high = sorted(
        sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), _linear(colour), strict=True))
        for colour in (one, other)
    )
    return (high + 0.05) / (low + 0.05)


_DEFICIENCIES = {
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}
"""Machado, Oliveira and Fernandes 2009, severity 1: what is seen of linear red, green and blue."""


def _seen(colour: str, matrix: tuple[tuple[float, float, float], ...]) -> tuple[float, float, float]:
    """OKLab (Ottosson 2020) of a colour as somebody with the deficiency sees it."""
    rgb = _linear(colour)
    r, g, b = (max(0.0, sum(w * c for w, c in zip(row, rgb, strict=True))) for row in matrix)
    long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    medium = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_stand_out_from_the_page_and_from_each_other(theme: str) -> None:
    ground = palette.BACKGROUNDS[theme == "dark"]
    colours = {name: getattr(look, theme) for name, look in palette.KNOWN.items()}
    for name, colour in colours.items():
        assert _contrast(colour, ground) >= 3, name
    standard = ("system", "hakmem", "mimalloc", "jemalloc", "tcmalloc", "tbbmalloc")
    for matrix in _DEFICIENCIES.values():
        for one, other in combinations(standard, 2):
            apart = math.dist(_seen(colours[one], matrix), _seen(colours[other], matrix))
            assert apart > 0.05 or palette.KNOWN[one].symbol != palette.KNOWN[other].symbol, (one, other)
        neighbours = [
            math.dist(_seen(colours[a], matrix), _seen(colours[b], matrix)) for a, b in pairwise(standard)
        ]
        assert min(neighbours) > 0.05
    assert len({palette.KNOWN[name].symbol for name in standard}) == len(standard)


def test_the_page_s_files_come_with_the_package() -> None:
    directory = resources.files("hakmem.report") / "page"
    for name in ("frame.html", "template.html", "style.css", "scripts", "vendor"):
        assert (directory / name).is_file() or (directory / name).is_dir()


def _vendor_charts(*arguments: str) -> subprocess.CompletedProcess[str]:
    tool = _ROOT / "tools" / "vendor-charts"
    return subprocess.run([sys.executable, tool, *arguments], capture_output=True, text=True, check=False)


def test_the_charting_library_is_what_its_manifest_pins() -> None:
    found = _vendor_charts("--check")
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("damage", ["changed", "missing", "extra"])
def test_a_different_charting_library_is_noticed(damage: str, tmp_path: Path) -> None:
    copy = tmp_path / "vendor"
    shutil.copytree(_ROOT / "src" / "hakmem" / "report" / "page" / "vendor", copy)
    if damage == "changed":
        with (copy / "d3.min.js").open("a") as file:
            file.write(";")
    elif damage == "missing":
        (copy / "plot.LICENSE").unlink()
    else:
        (copy / "other.js").write_text("")
    found = _vendor_charts("--check", "--directory", str(copy))
    assert found.returncode == 1
    assert {"changed": "d3.min.js", "missing": "plot.LICENSE", "extra": "other.js"}[damage] in found.stderr
