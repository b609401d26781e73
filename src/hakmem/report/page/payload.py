"""The suite as the page's scripts read it: JSON in the units that are shown, small enough to mail.

Everything that is decided in words or by statistics is decided here; the scripts draw.
"""

import json
from typing import Any, Final

from hakmem.lab.measurement import Point
from hakmem.lab.metrics import decimated
from hakmem.lab.result import Cell
from hakmem.report.figures import figure
from hakmem.report.matrix import Matrix, Row
from hakmem.report.page import palette, quantities
from hakmem.report.sentence import quantity, shown
from hakmem.report.standing import Standing, Standings

POINTS: Final = 30_000
"""How many points of memory over time a page holds at most: some 600 KB."""
_FEWEST: Final = 24
"""So many points a series keeps at least, which shows its shape."""
_MOST: Final = 160
"""More than a line some 300 pixels wide can show."""


def payload(matrix: Matrix, standings: Standings) -> str:
    """JSON that can stand in a script element: no `<`, whatever a name holds."""
    fields = {
        "baseline": _place(matrix, matrix.suite.baseline),
        "allocators": [
            {"name": shown(name), "symbol": look.symbol}
            for name, look in palette.looks(matrix.allocators).items()
        ],
        "kinds": list(matrix.kinds),
        "quantities": [{"key": key, "label": quantity(key).capitalize()} for key in matrix.quantities],
        "means": {
            kind: {key: _means(matrix, over) for key, over in of_kind.items()}
            for kind, of_kind in standings.items()
        },
        "workloads": _workloads(matrix),
    }
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace(
        "<", "\\u003c"
    )


def _place(matrix: Matrix, name: str) -> int | None:
    return matrix.allocators.index(name) if name in matrix.allocators else None


def _means(matrix: Matrix, over: Standing) -> dict[str, Any]:
    return {
        "over": over.workloads,
        "leaders": [_place(matrix, name) for name in over.leaders],
        "means": [
            {
                "allocator": _place(matrix, mean.allocator),
                "ratio": _short(mean.interval.median),
                "low": _short(mean.interval.low),
                "high": _short(mean.interval.high),
            }
            for mean in over.means
        ],
    }


def _workloads(matrix: Matrix) -> list[dict[str, Any]]:
    series = sum(1 for row in matrix.rows for entry in row.entries if entry.memory)
    most = max(_FEWEST, min(_MOST, POINTS // max(series, 1)))
    return [
        {
            "name": row.workload,
            "kind": row.kind,
            "title": row.title,
            "quantities": {key: _quantity(row, key) for key in matrix.quantities if row.cells(key)},
            "memory": _memory(row, matrix.suite.baseline, most),
            "rates": [[r.size, r.allocations, r.hits] for r in matrix.suite.rates.get(row.workload, ())],
        }
        for row in matrix.rows
    ]


def _quantity(row: Row, key: str) -> dict[str, Any]:
    """One workload's cells of a quantity, in the unit in which its largest figure is short."""
    cells = row.cells(key)
    floor = next((cell.floor for cell in cells if cell.floor is not None), None)
    scale = quantities.scale(cells[0].unit, max((cell.median or 0 for cell in cells), default=0))
    return {
        "unit": scale.label,
        "per": "operation" if cells[0].unit.endswith("/operation") else "",
        "better": cells[0].better,
        "floor": None if floor is None else _short(floor / scale.divisor),
        "cells": [
            {"allocator": place, **_figures(entry.cells.get(key), scale), "failure": entry.failure}
            for place, entry in enumerate(row.entries)
        ],
    }


def _figures(cell: Cell | None, scale: quantities.Scale) -> dict[str, Any]:
    if cell is None or cell.median is None:
        return {"median": None}
    figures: dict[str, Any] = {
        "median": _short(cell.median / scale.divisor),
        "text": figure(cell.median, cell.unit),
        "samples": sum(1 for sample in cell.samples if sample is not None),
        "outliers": len(cell.outliers),
    }
    if cell.ci95 is not None:
        figures |= {"low": _short(cell.ci95[0] / scale.divisor), "high": _short(cell.ci95[1] / scale.divisor)}
    if cell.ratio is not None:
        figures |= {
            "ratio": _short(cell.ratio.median),
            "ratioText": quantities.ratio(cell.ratio.median),
            "ratioLow": _short(cell.ratio.ci95[0]),
            "ratioHigh": _short(cell.ratio.ci95[1]),
            "verdict": cell.ratio.verdict,
        }
    return figures


def _memory(row: Row, baseline: str, most: int) -> dict[str, Any] | None:
    """Resident bytes over time under each allocator, and the live bytes, which are the same under all."""
    series = {entry.allocator: decimated(entry.memory, most) for entry in row.entries if entry.memory}
    if not series:
        return None
    scale = quantities.scale("B", max(point.resident_b for points in series.values() for point in points))
    telling = {
        name: live
        for name, points in series.items()
        if (live := [point for point in points if point.live_b is not None])
    }
    live = telling.get(baseline) or next(iter(telling.values()), [])
    return {
        "unit": scale.label,
        "series": [
            {"allocator": place, **_columns(series[entry.allocator], scale)}
            for place, entry in enumerate(row.entries)
            if entry.allocator in series
        ],
        "live": {
            "seconds": [round(point.seconds, 3) for point in live],
            "size": [_short((point.live_b or 0) / scale.divisor) for point in live],
        },
    }


def _columns(points: tuple[Point, ...], scale: quantities.Scale) -> dict[str, list[float]]:
    return {
        "seconds": [round(point.seconds, 3) for point in points],
        "size": [_short(point.resident_b / scale.divisor) for point in points],
    }


def _short(value: float) -> float:
    """Four significant digits: less than a pixel, and short in JSON."""
    short = float(f"{value:.4g}")
    return int(short) if short == int(short) else short
