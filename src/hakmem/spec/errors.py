"""The kinds of error that the core tells, and the words that it uses.

The line on stderr names the pointer and says what is wrong with it in these words; the record of
`hakmem check` says the same in a sentence.
"""

from dataclasses import dataclass
from typing import Final

PLACES: Final = ("call", "pointer", "block", "size", "given", "offset", "length", "kind")
"""What a sentence may have in braces.

call: the function of the allocator, or "the program" where none was called. pointer: the address in
question. block, size: address and requested bytes of the block that it belongs to. given: the size, alignment
or kind of call that does not fit. offset: bytes from the block's start to the first byte that is wrong;
beyond the end they count from the end, before the start from the start. length: bytes that are wrong. kind:
how the block was allocated.
"""


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One kind of error.

    id: its name in C and in records.
    message: what the line on stderr says about the pointer, or about the process where there is none.
    cause: what the program did, or what happened to it.
    sentence: the record's words, with PLACES in braces.
    """

    id: str
    message: str
    cause: str
    sentence: str


ERROR_KINDS: Final[tuple[ErrorKind, ...]] = (
    ErrorKind(
        "double_free",
        "block was freed before",
        "the same block was freed twice",
        "{call} got {pointer}, a block of {size} bytes that was freed before",
    ),
    ErrorKind(
        "invalid_pointer",
        "pointer is in the heap but no block lives there",
        "free or realloc got an address in memory that is free, or was never given out",
        "{call} got {pointer}, which is in the heap, but no block lives there",
    ),
    ErrorKind(
        "interior_pointer",
        "pointer is inside a block and not its start",
        "a pointer was moved before it was freed, or a block of another size was meant",
        "{call} got {pointer}, which is {offset} bytes inside a block of {size} bytes and not its start",
    ),
    ErrorKind(
        "foreign_pointer",
        "pointer is not from this allocator",
        "free or realloc got a variable, a string literal, or memory from another allocator",
        "{call} got {pointer}, which no function of the allocator has returned",
    ),
    ErrorKind(
        "corrupt_list",
        "a list of free blocks is corrupt",
        "something wrote into a block after it was freed, or past the end of the block before it",
        "a list of free blocks is corrupt at {pointer}",
    ),
    ErrorKind(
        "write_after_free",
        "a free block was written to",
        "the program kept a pointer to a block that it had freed",
        "{length} bytes from byte {offset} on of a freed block of {size} bytes were written to",
    ),
    ErrorKind(
        "no_cxx_runtime",
        "operator new found no memory and no C++ runtime to throw std::bad_alloc",
        "operator new was called in a process without a C++ runtime",
        "operator new found no memory and no C++ runtime to throw std::bad_alloc",
    ),
    ErrorKind(
        "overrun",
        "bytes after the block were written to",
        "the program wrote past the end of a block",
        "{length} bytes were written to {offset} bytes after the end of a block of {size} bytes",
    ),
    ErrorKind(
        "underrun",
        "bytes before the block were written to",
        "the program wrote in front of the start of a block",
        "{length} bytes were written to {offset} bytes before the start of a block of {size} bytes",
    ),
    ErrorKind(
        "zero_size_write",
        "a block of 0 bytes was written to",
        "the program wrote to what malloc(0) returned",
        "{length} bytes were written to a block of 0 bytes",
    ),
    ErrorKind(
        "read_after_free",
        "a freed block was read",
        "the program kept a pointer to a block that it had freed",
        "the program read byte {offset} of a block of {size} bytes that was freed before",
    ),
    ErrorKind(
        "out_of_bounds_read",
        "memory beside a block was read",
        "the program read before the start or past the end of a block",
        "the program read at {pointer}, {offset} bytes outside a block of {size} bytes",
    ),
    ErrorKind(
        "out_of_bounds_write",
        "memory beside a block was written to",
        "the program wrote before the start or past the end of a block",
        "the program wrote at {pointer}, {offset} bytes outside a block of {size} bytes",
    ),
    ErrorKind(
        "wild_access",
        "memory of the heap was used where no block lives",
        "the program followed a pointer that is wrong, or whose block is long gone",
        "the program used the heap at {pointer}, where no block lives",
    ),
    ErrorKind(
        "size_mismatch",
        "block has another size than the call says",
        "a sized free or delete got another size than the block was allocated with",
        "{call} was told {given} bytes for a block of {size} bytes",
    ),
    ErrorKind(
        "alignment_mismatch",
        "block has another alignment than the call says",
        "an aligned free or delete got another alignment than the block was allocated with",
        "{call} was told an alignment of {given} for a block from {kind}",
    ),
    ErrorKind(
        "kind_mismatch",
        "block was allocated by a function of another kind",
        "new[] was paired with delete, malloc with delete, new with free, or the like",
        "{call} got {pointer}, which was allocated by {kind}",
    ),
    ErrorKind(
        "bad_size",
        "size is more than any block can have",
        "a negative number became a size, or a product overflowed",
        "{call} was asked for {given} bytes, more than any block can have",
    ),
)
"""Every kind, in the order of the numbers that C gives them."""
