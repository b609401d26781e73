"""The names that the library exports: the C library's, C++'s, and HAKMEM's own doors.

The linker's version script is made from this table, so a function that is not here cannot be seen
from outside; a test compares it with the symbols of the built library.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Family(StrEnum):
    """Whose interface an exported function belongs to."""

    C = "The C library's names"
    CXX = "C++'s operators"
    HAK = "HAKMEM's own doors"


@dataclass(frozen=True, slots=True)
class Export:
    """One exported function.

    symbol: the name that the linker sees.
    family: whose interface it is.
    declaration: the prototype, as C or C++ writes it.
    does: what the call does.
    returns: what it returns, "" for void.
    errors: what happens when it cannot do so, "" where nothing can go wrong.
    """

    symbol: str
    family: Family
    declaration: str
    does: str
    returns: str = ""
    errors: str = ""


_ENOMEM = "NULL and errno ENOMEM when there is no memory or the size exceeds PTRDIFF_MAX"
_FATAL = "a pointer that is not the start of a live block ends the process, as far as the flavour sees it"
_ALIGNED_EINVAL = "NULL and errno EINVAL when the alignment is not a power of two; " + _ENOMEM
_POSIX_RETURNS = "0, or the error number; errno is left alone"
_POSIX_ERRORS = (
    "EINVAL when the alignment is not a power of two or not a multiple of sizeof(void *), ENOMEM"
    " when there is no memory; *out is written on success alone"
)
_BLOCK = "the block, aligned to 16 bytes; 0 bytes give a pointer of their own"
_REALLOC_RETURNS = (
    "the block, which may have moved; NULL after realloc to 0 bytes, which frees it as glibc does"
)
_REALLOC_ERRORS = _ENOMEM + ", and the old block is unchanged; " + _FATAL

_C: tuple[Export, ...] = (
    Export("malloc", Family.C, "void *malloc(size_t size)", "allocates", _BLOCK, _ENOMEM),
    Export("free", Family.C, "void free(void *block)", "frees; NULL is ignored; errno is kept", "", _FATAL),
    Export(
        "calloc",
        Family.C,
        "void *calloc(size_t count, size_t size)",
        "allocates count * size bytes of zeros",
        _BLOCK,
        _ENOMEM + ", also when the product overflows",
    ),
    Export(
        "realloc",
        Family.C,
        "void *realloc(void *block, size_t size)",
        "changes a block's size and keeps its contents; in place where possible",
        _REALLOC_RETURNS,
        _REALLOC_ERRORS,
    ),
    Export(
        "reallocarray",
        Family.C,
        "void *reallocarray(void *block, size_t count, size_t size)",
        "realloc to count * size bytes",
        _REALLOC_RETURNS,
        "ENOMEM also when the product overflows; otherwise as realloc",
    ),
    Export(
        "posix_memalign",
        Family.C,
        "int posix_memalign(void **out, size_t alignment, size_t size)",
        "allocates a block at a multiple of alignment and stores it in *out",
        _POSIX_RETURNS,
        _POSIX_ERRORS,
    ),
    Export(
        "aligned_alloc",
        Family.C,
        "void *aligned_alloc(size_t alignment, size_t size)",
        "allocates a block at a multiple of alignment; size may be any",
        "the block",
        _ALIGNED_EINVAL,
    ),
    Export(
        "memalign",
        Family.C,
        "void *memalign(size_t alignment, size_t size)",
        "as aligned_alloc, for old programs",
        "the block",
        _ALIGNED_EINVAL,
    ),
    Export(
        "valloc", Family.C, "void *valloc(size_t size)", "allocates at a system page", "the block", _ENOMEM
    ),
    Export(
        "pvalloc",
        Family.C,
        "void *pvalloc(size_t size)",
        "allocates whole system pages",
        "the block",
        _ENOMEM,
    ),
    Export(
        "malloc_usable_size",
        Family.C,
        "size_t malloc_usable_size(void *block)",
        "tells how much of a block may be used, all of which realloc keeps",
        "bytes; 0 for NULL",
        _FATAL,
    ),
    Export(
        "malloc_trim",
        Family.C,
        "int malloc_trim(size_t pad)",
        "gives free memory back to the system at once, but for about pad bytes",
        "1 when memory was given back, 0 otherwise",
    ),
    Export(
        "mallinfo",
        Family.C,
        "struct mallinfo mallinfo(void)",
        "tells the heap's figures in fields of int, which overflow",
        "the figures, as far as they exist here",
    ),
    Export(
        "mallinfo2",
        Family.C,
        "struct mallinfo2 mallinfo2(void)",
        "tells the heap's figures",
        "the figures, as far as they exist here",
    ),
    Export(
        "malloc_info",
        Family.C,
        "int malloc_info(int options, FILE *stream)",
        "writes the heap's figures as XML",
        "0, or -1",
        "errno EINVAL when options is not 0",
    ),
    Export("malloc_stats", Family.C, "void malloc_stats(void)", "writes a readable summary to stderr"),
    Export(
        "mallopt",
        Family.C,
        "int mallopt(int parameter, int value)",
        "accepts the parameters of glibc and changes nothing: settings are made by HAKMEM_* variables",
        "1",
    ),
    Export("cfree", Family.C, "void cfree(void *block)", "as free, for old programs", "", _FATAL),
    Export(
        "free_sized",
        Family.C,
        "void free_sized(void *block, size_t size)",
        "as free, for a block whose size is known (C23)",
        "",
        _FATAL,
    ),
    Export(
        "free_aligned_sized",
        Family.C,
        "void free_aligned_sized(void *block, size_t alignment, size_t size)",
        "as free, for an aligned block whose size is known (C23)",
        "",
        _FATAL,
    ),
)

_THROWS = "calls the new-handler while there is one, then throws std::bad_alloc; aborts without a C++ runtime"
_NOTHROW = "calls the new-handler while there is one, then returns nullptr"


def _new(symbol: str, parameters: str) -> Export:
    array = "[]" if symbol.startswith("_Zna") else ""
    nothrow = "nothrow_t" in parameters
    return Export(
        symbol,
        Family.CXX,
        f"void *operator new{array}({parameters})",
        "allocates",
        "the block",
        _NOTHROW if nothrow else _THROWS,
    )


def _delete(symbol: str, parameters: str) -> Export:
    array = "[]" if symbol.startswith("_Zda") else ""
    return Export(symbol, Family.CXX, f"void operator delete{array}({parameters})", "frees", "", _FATAL)


_SIZE, _ALIGN, _NOTHROW_T = "std::size_t", "std::align_val_t", "const std::nothrow_t &"

_CXX: tuple[Export, ...] = (
    _new("_Znwm", _SIZE),
    _new("_Znam", _SIZE),
    _new("_ZnwmRKSt9nothrow_t", f"{_SIZE}, {_NOTHROW_T}"),
    _new("_ZnamRKSt9nothrow_t", f"{_SIZE}, {_NOTHROW_T}"),
    _new("_ZnwmSt11align_val_t", f"{_SIZE}, {_ALIGN}"),
    _new("_ZnamSt11align_val_t", f"{_SIZE}, {_ALIGN}"),
    _new("_ZnwmSt11align_val_tRKSt9nothrow_t", f"{_SIZE}, {_ALIGN}, {_NOTHROW_T}"),
    _new("_ZnamSt11align_val_tRKSt9nothrow_t", f"{_SIZE}, {_ALIGN}, {_NOTHROW_T}"),
    _delete("_ZdlPv", "void *"),
    _delete("_ZdaPv", "void *"),
    _delete("_ZdlPvRKSt9nothrow_t", f"void *, {_NOTHROW_T}"),
    _delete("_ZdaPvRKSt9nothrow_t", f"void *, {_NOTHROW_T}"),
    _delete("_ZdlPvm", f"void *, {_SIZE}"),
    _delete("_ZdaPvm", f"void *, {_SIZE}"),
    _delete("_ZdlPvSt11align_val_t", f"void *, {_ALIGN}"),
    _delete("_ZdaPvSt11align_val_t", f"void *, {_ALIGN}"),
    _delete("_ZdlPvmSt11align_val_t", f"void *, {_SIZE}, {_ALIGN}"),
    _delete("_ZdaPvmSt11align_val_t", f"void *, {_SIZE}, {_ALIGN}"),
    _delete("_ZdlPvSt11align_val_tRKSt9nothrow_t", f"void *, {_ALIGN}, {_NOTHROW_T}"),
    _delete("_ZdaPvSt11align_val_tRKSt9nothrow_t", f"void *, {_ALIGN}, {_NOTHROW_T}"),
)

_HAK: tuple[Export, ...] = (
    Export("hak_malloc", Family.HAK, "void *hak_malloc(size_t size)", "as malloc", _BLOCK, _ENOMEM),
    Export("hak_free", Family.HAK, "void hak_free(void *block)", "as free", "", _FATAL),
    Export(
        "hak_calloc",
        Family.HAK,
        "void *hak_calloc(size_t count, size_t size)",
        "as calloc",
        _BLOCK,
        _ENOMEM + ", also when the product overflows",
    ),
    Export(
        "hak_realloc",
        Family.HAK,
        "void *hak_realloc(void *block, size_t size)",
        "as realloc",
        _REALLOC_RETURNS,
        _REALLOC_ERRORS,
    ),
    Export(
        "hak_reallocarray",
        Family.HAK,
        "void *hak_reallocarray(void *block, size_t count, size_t size)",
        "as reallocarray",
        _REALLOC_RETURNS,
        "ENOMEM also when the product overflows; otherwise as hak_realloc",
    ),
    Export(
        "hak_aligned_alloc",
        Family.HAK,
        "void *hak_aligned_alloc(size_t alignment, size_t size)",
        "as aligned_alloc",
        "the block",
        _ALIGNED_EINVAL,
    ),
    Export(
        "hak_posix_memalign",
        Family.HAK,
        "int hak_posix_memalign(void **out, size_t alignment, size_t size)",
        "as posix_memalign",
        _POSIX_RETURNS,
        _POSIX_ERRORS,
    ),
    Export(
        "hak_owns",
        Family.HAK,
        "int hak_owns(const void *pointer)",
        "tells whether a pointer is the start of a live block of this library; any pointer may be"
        " asked about",
        "1 or 0",
    ),
    Export(
        "hak_usable_size",
        Family.HAK,
        "size_t hak_usable_size(const void *block)",
        "as malloc_usable_size",
        "bytes; 0 for NULL",
        _FATAL,
    ),
    Export(
        "hak_trim",
        Family.HAK,
        "int hak_trim(size_t pad)",
        "as malloc_trim",
        "1 when memory was given back, 0 otherwise",
    ),
    Export(
        "hak_stats_json",
        Family.HAK,
        "size_t hak_stats_json(char *buffer, size_t size)",
        'writes the statistics as JSON of the schema "hakmem-stats/1": at most size bytes with the'
        " NUL, as snprintf does",
        "the length of the whole text without the NUL, so a result of size or more means that it was cut off",
    ),
    Export(
        "hak_version",
        Family.HAK,
        "const char *hak_version(void)",
        "tells the version",
        'a string that lives for ever, such as "0.1.0"',
    ),
    Export(
        "hak_build_info",
        Family.HAK,
        "const char *hak_build_info(void)",
        "tells the compiler and the flags",
        "a string that lives for ever",
    ),
)

EXPORTS: Final[tuple[Export, ...]] = _C + _CXX + _HAK
"""Every exported function."""
