"""The kinds of error on which the core ends the process, and the words that it uses.

The line on stderr names the pointer and says what is wrong with it in these words.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One kind of fatal error.

    id: its name in C.
    message: what the line on stderr says about the pointer, or about the process where there is none.
    cause: what the program did, or what happened to it.
    """

    id: str
    message: str
    cause: str


ERROR_KINDS: Final[tuple[ErrorKind, ...]] = (
    ErrorKind("double_free", "block was freed before", "the same block was freed twice"),
    ErrorKind(
        "invalid_pointer",
        "pointer is in the heap but no block lives there",
        "free or realloc got an address in memory that is free, or was never given out",
    ),
    ErrorKind(
        "interior_pointer",
        "pointer is inside a block and not its start",
        "a pointer was moved before it was freed, or a block of another size was meant",
    ),
    ErrorKind(
        "foreign_pointer",
        "pointer is not from this allocator",
        "free or realloc got a variable, a string literal, or memory from another allocator",
    ),
    ErrorKind(
        "corrupt_list",
        "a list of free blocks is corrupt",
        "something wrote into a block after it was freed, or past the end of the block before it",
    ),
    ErrorKind(
        "write_after_free",
        "a free block was written to",
        "the program kept a pointer to a block that it had freed",
    ),
    ErrorKind(
        "no_cxx_runtime",
        "operator new found no memory and no C++ runtime to throw std::bad_alloc",
        "operator new was called in a process without a C++ runtime",
    ),
)
"""Every kind, in the order of the numbers that C gives them."""
