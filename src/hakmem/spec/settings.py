"""The settings: what a person may ask of the core, by environment variables named HAKMEM_*.

Each has a reason to exist and a range; the core reports unknown names and bad values in one line on
stderr and ignores them, and `hakmem run --set` refuses them beforehand. The values that the core takes
are the ones `Setting.parse` takes.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PREFIX: Final = "HAKMEM_"
"""What the environment name of every setting starts with."""

KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30
TIB: Final = 1 << 40

_SUFFIXES: Final = {"T": TIB, "G": GIB, "M": MIB, "K": KIB}


class Kind(StrEnum):
    """What a value is; the names are those that the generated C uses."""

    BOOL = "BOOL"
    INT = "INT"
    SIZE = "SIZE"
    CHOICE = "CHOICE"


def format_size(size_b: int) -> str:
    """Bytes in the largest unit that divides them: 8388608 -> "8M"."""
    for suffix, unit_b in _SUFFIXES.items():
        if size_b and size_b % unit_b == 0:
            return f"{size_b // unit_b}{suffix}"
    return str(size_b)


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting whose value is a number to the core.

    id: its name in C and in `--set`.
    kind: how its value is written.
    default, minimum, maximum: in the setting's unit (bytes for SIZE, the index in `choices` for CHOICE).
    choices: the words of a CHOICE, empty otherwise.
    summary: half a line, for tables.
    detail: what to know before one changes it.
    """

    id: str
    kind: Kind
    default: int
    minimum: int
    maximum: int
    summary: str
    detail: str
    choices: tuple[str, ...] = ()

    @property
    def env(self) -> str:
        """The environment variable."""
        return PREFIX + self.id.upper()

    def parse(self, text: str) -> int:
        """The value that `text` means to the core; ValueError says what would be right."""
        value = self._number(text)
        if value is None or not self.minimum <= value <= self.maximum:
            raise ValueError(f"{text!r} is not {self.expected}")
        return value

    def show(self, value: int) -> str:
        """`value` as a person would write it, and as the core reads it."""
        if self.kind is Kind.CHOICE:
            return self.choices[value]
        return format_size(value) if self.kind is Kind.SIZE else str(value)

    @property
    def expected(self) -> str:
        """The values that are right, in words."""
        if self.kind is Kind.BOOL:
            return "0 or 1"
        if self.kind is Kind.CHOICE:
            return "one of " + ", ".join(self.choices)
        noun = "a size (suffixes K, M, G, T)" if self.kind is Kind.SIZE else "a whole number"
        return f"{noun} from {self.show(self.minimum)} to {self.show(self.maximum)}"

    def _number(self, text: str) -> int | None:
        if self.kind is Kind.CHOICE:
            return self.choices.index(text) if text in self.choices else None
        scale = 1
        if self.kind is Kind.SIZE and text[-1:].upper() in _SUFFIXES:
            scale = _SUFFIXES[text[-1].upper()]
            text = text[:-1]
        return int(text) * scale if text.isascii() and text.isdigit() else None


@dataclass(frozen=True, slots=True)
class PathSetting:
    """A setting whose value is the path of a file. Fields as in `Setting`."""

    id: str
    summary: str
    detail: str

    @property
    def env(self) -> str:
        """The environment variable."""
        return PREFIX + self.id.upper()


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        "purge_delay_ms",
        Kind.INT,
        default=500,
        minimum=0,
        maximum=3_600_000,
        summary="milliseconds that free memory stays before its pages go back to the system",
        detail=(
            "A short delay keeps the process small after a burst; a long one saves page faults where"
            " bursts follow each other. 0 gives memory back as soon as it is free, which costs most"
            " programs time."
        ),
    ),
    Setting(
        "background_purge",
        Kind.BOOL,
        default=0,
        minimum=0,
        maximum=1,
        summary="a thread that gives memory back also while the program is silent",
        detail=(
            "Without it, allocating and freeing drive the purge, so a program that falls silent right"
            " after a burst keeps the burst's memory until it allocates or frees again."
        ),
    ),
    Setting(
        "retain",
        Kind.SIZE,
        default=8 * MIB,
        minimum=0,
        maximum=TIB,
        summary="free memory that may stay resident after the delay",
        detail=(
            "Memory that stays needs no page fault when it is used again. 0 gives back everything that is"
            " wholly free."
        ),
    ),
    Setting(
        "cache_limit",
        Kind.SIZE,
        default=32 * MIB,
        minimum=0,
        maximum=64 * GIB,
        summary="bytes that all thread caches may hold together, and as many of blocks above 8 KiB",
        detail=(
            "Memory in a thread cache is ready for that thread and for no other. Lower it where hundreds"
            " of threads allocate, raise it where few threads move much memory."
        ),
    ),
    Setting(
        "cache_blocks",
        Kind.INT,
        default=256,
        minimum=1,
        maximum=4096,
        summary="blocks that one bin of a thread cache may hold, of up to 8 KiB each",
        detail="Bins grow towards this limit while a thread uses them and shrink when it does not.",
    ),
    Setting(
        "prewarm",
        Kind.CHOICE,
        default=0,
        minimum=0,
        maximum=1,
        summary="whether a new thread's tiny bins are filled at its start",
        detail=(
            "'start' spares short runs their first misses and costs every thread the memory of a filled"
            " cache."
        ),
        choices=("never", "start"),
    ),
    Setting(
        "huge_pages",
        Kind.CHOICE,
        default=0,
        minimum=0,
        maximum=2,
        summary="transparent huge pages for the heap",
        detail=(
            "'system' follows the machine's setting, 'always' asks for them, 'never' opts out. Metadata"
            " and the first 32 MiB of the heap opt out in any case, so that small processes stay small."
            " Under full checks without `check_guard`, 'system' asks for them in the whole heap."
        ),
        choices=("system", "always", "never"),
    ),
    Setting(
        "arena_max",
        Kind.SIZE,
        default=TIB,
        minimum=64 * MIB,
        maximum=4 * TIB,
        summary="bytes of address range that the arena may grow to",
        detail=(
            "The range is reserved step by step as the heap grows, so a large value costs nothing. When it"
            " is used up, blocks above 32 KiB still get mappings of their own; smaller ones fail with"
            " ENOMEM."
        ),
    ),
    Setting(
        "large_threshold",
        Kind.SIZE,
        default=32 * MIB,
        minimum=MIB,
        maximum=TIB,
        summary="block size from which free memory is the first to go back",
        detail=(
            "Freed blocks from here on do not wait for the delay: the next tick, at most 250 ms later,"
            " gives their memory back, before any other. Where the program made another such block within"
            " the delay, they wait like all others: temporaries follow each other."
        ),
    ),
    Setting(
        "guard_sample",
        Kind.INT,
        default=0,
        minimum=0,
        maximum=1_000_000_000,
        summary="one allocation in about so many is placed between guard pages; 0 is off",
        detail=(
            "Release and count flavours. Errors with such a block are found when they happen, with the"
            " callers of malloc and free. The fast path counts nothing, so the rate is an estimate:"
            " docs/reference/guard-sampling.md."
        ),
    ),
    Setting(
        "zero_on_free",
        Kind.BOOL,
        default=0,
        minimum=0,
        maximum=1,
        summary="whether freed blocks are cleared whole",
        detail=(
            "Secure flavour alone. What a program left in freed memory cannot be read from it then, and a"
            " write to any byte of a freed block up to 256 KiB is found when the block is handed out again."
            " Without it that holds for the first 16 bytes."
        ),
    ),
    Setting(
        "check_kinds",
        Kind.BOOL,
        default=1,
        minimum=0,
        maximum=1,
        summary="whether delete must fit new, delete[] new[], and sizes and alignments those of the block",
        detail=(
            "0 is for programs that pair them wrongly and cannot be mended. The secure flavour compares all"
            " of these. The others compare what a sized or aligned delete or free says with its class;"
            " release tells the first that does not fit, and goes on."
        ),
    ),
    Setting(
        "stats",
        Kind.BOOL,
        default=0,
        minimum=0,
        maximum=1,
        summary="a readable summary on stderr when the program ends",
        detail="`hakmem run --stats` sets it.",
    ),
    Setting(
        "check_on_error",
        Kind.CHOICE,
        default=0,
        minimum=0,
        maximum=1,
        summary="what follows an error that `check_file` records",
        detail=(
            "Debug flavour with `check_file` alone. 'abort' ends the process at the first error; 'continue'"
            " leaves the block as it is and goes on."
        ),
        choices=("abort", "continue"),
    ),
    Setting(
        "check_quarantine",
        Kind.SIZE,
        default=64 * MIB,
        minimum=0,
        maximum=TIB,
        summary="bytes of freed blocks that wait, filled with a pattern, before they may be used again",
        detail=(
            "Debug flavour with `check_file` alone. Blocks leave in the order in which they were freed. The"
            " more wait, the later a use after free can still be found; 0 lets none wait."
        ),
    ),
    Setting(
        "check_guard",
        Kind.CHOICE,
        default=0,
        minimum=0,
        maximum=3,
        summary="whether each block lies in system pages of its own, at their end or start",
        detail=(
            "Debug flavour with `check_file` alone. An access just past the block ('end') or just before it"
            " ('start'), and any to a freed block, stops at the instruction that makes it. 'end' keeps the"
            " alignment of 16 bytes, which leaves up to 15 bytes behind a block; 'exact' does not, which most"
            " programs bear and CPython 3.14 and code with wide vectors do not. Each block"
            " takes 16 KiB of address range and some mappings; when the system's limit on mappings is"
            " near, further blocks are checked by patterns only, and the record of the end says how many."
        ),
        choices=("off", "end", "start", "exact"),
    ),
    Setting(
        "check_leaks",
        Kind.CHOICE,
        default=0,
        minimum=0,
        maximum=2,
        summary="a search for blocks that nothing points to any more when the program ends",
        detail=(
            "Debug flavour with `check_file` alone. Data segments, stacks, registers and reachable blocks are"
            " read word by word; whatever looks like the address of a block keeps it. 'lost' records the lost"
            " blocks by their stacks and the sum of the reachable ones, 'all' both by their stacks, which may"
            " be tens of megabytes."
        ),
        choices=("off", "lost", "all"),
    ),
    Setting(
        "check_sweep",
        Kind.INT,
        default=0,
        minimum=0,
        maximum=3_600_000,
        summary="milliseconds between two looks at every block; 0 looks at the end alone",
        detail=(
            "Debug flavour with `check_file` alone. A thread looks at what surrounds live blocks and at the"
            " pattern in freed ones, so that damage is found before the block is freed or used again."
        ),
    ),
    Setting(
        "check_stacks",
        Kind.INT,
        default=16,
        minimum=0,
        maximum=64,
        summary="frames of the call stacks that are kept for each block; 0 keeps none",
        detail="Debug flavour with `check_file` alone. Fewer frames cost less time and tell less.",
    ),
)
"""Settings with a number, in the order in which people read them."""

PATH_SETTINGS: Final[tuple[PathSetting, ...]] = (
    PathSetting(
        "stats_file",
        "file for the statistics, as JSON, when the program ends",
        "%p in the path is the process id, so that children do not overwrite each other's file; - is stderr."
        " `hakmem run --stats=FILE` sets it.",
    ),
    PathSetting(
        "check_file",
        "file to which errors are added, a line of JSON each; turns the debug flavour's full checks on",
        "Debug flavour alone; `hakmem check` sets it. Without it that flavour ends the process at the first"
        " error that it sees, and keeps neither stacks nor redzones. Children add to the same file. A process"
        " that cannot open it says so and runs without the full checks.",
    ),
)
"""Settings with a path."""
