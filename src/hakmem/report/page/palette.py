"""A colour and a symbol for each allocator, the same on every page.

Both colours of a pair have a contrast of at least 3:1 against their background (WCAG 2.1, 1.4.11), and those
of the allocators that a standard suite compares stay apart for readers who confuse red and green; symbols and
names stand beside them wherever a colour does, so that none is needed to read a chart.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Look:
    """How an allocator is drawn.

    light, dark: its colour on a light and on a dark page, as CSS writes it.
    symbol: one of d3-shape that can be filled: "circle" is d3.symbolCircle.
    """

    light: str
    dark: str
    symbol: str


BACKGROUNDS: Final = ("#ffffff", "#171b21")
"""What charts stand on, light and dark."""

KNOWN: Final = {
    "system": Look("#6b727c", "#9aa3ae", "square"),
    "hakmem": Look("#0b57c2", "#63a4ff", "circle"),
    "mimalloc": Look("#c25e00", "#f29a3d", "triangle"),
    "jemalloc": Look("#00805f", "#2cc295", "diamond"),
    "tcmalloc": Look("#a3277e", "#f08bcb", "star"),
    "tbbmalloc": Look("#8a7400", "#d8c64b", "wye"),
    "hakmem-count": Look("#2c8db5", "#8fd3f2", "cross"),
    "hakmem-secure": Look("#2e7d4f", "#7fd6a2", "square"),
    "hakmem-debug": Look("#4a4fb8", "#a9adff", "diamond2"),
    "snmalloc": Look("#6d3fc0", "#bda0ff", "cross"),
}
_OTHERS: Final = (
    Look("#6d3fc0", "#bda0ff", "cross"),
    Look("#a33030", "#ff9088", "diamond2"),
    Look("#1d7d8c", "#66cfdd", "square"),
    Look("#4d7a1e", "#a3d46c", "triangle"),
    Look("#7a5230", "#d6a77c", "diamond"),
)


def looks(names: Sequence[str]) -> dict[str, Look]:
    """Each of `names` -> its look; an unknown name has one by its letters, or the next that is free."""
    found = {name: KNOWN[name] for name in names if name in KNOWN}
    for name in sorted(set(names) - KNOWN.keys()):
        start = hashlib.blake2b(name.encode(), digest_size=2).digest()[0]
        turns = [_OTHERS[(start + step) % len(_OTHERS)] for step in range(len(_OTHERS))]
        found[name] = next((look for look in turns if look not in found.values()), turns[0])
    return {name: found[name] for name in names}


def variables(names: Sequence[str]) -> str:
    """CSS that gives the allocator at place N of `names` the variable --allocator-N, light and dark."""
    each = list(looks(names).values())
    light = "".join(f"--allocator-{at}:{look.light};" for at, look in enumerate(each))
    dark = "".join(f"--allocator-{at}:{look.dark};" for at, look in enumerate(each))
    return f":root{{{light}}}@media (prefers-color-scheme: dark){{:root{{{dark}}}}}"
