"""The flavours: the builds of the core that the package carries.

CMake builds them under the same names and numbers; the tests compare the two.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Flavour:
    """One build of the core.

    name: what `--flavour` takes.
    number: HAK_FLAVOUR in C.
    file: the library's file name and soname.
    summary: when to use it.
    """

    name: str
    number: int
    file: str
    summary: str


FLAVOURS: Final[tuple[Flavour, ...]] = (
    Flavour("release", 0, "libhakmem.so", "the allocator, for everything that is not one of the others"),
    Flavour(
        "count", 1, "libhakmem-count.so", "release with counters in every call, for rates and never for time"
    ),
    Flavour(
        "secure",
        2,
        "libhakmem-secure.so",
        "checks of every free, canaries and guards, for production; about a third slower",
    ),
    Flavour("debug", 3, "libhakmem-debug.so", "every check in every call, to find memory errors; slow"),
)
"""Every flavour; the first is the default."""

DEFAULT_FLAVOUR: Final = FLAVOURS[0].name
"""What runs when nobody asks for a flavour."""
