"""The library named by the argument is opened late, by ctypes, beside the malloc that is in use already."""

import ctypes
import ctypes.util
import sys
import threading


def open_doors(path: str) -> ctypes.CDLL:
    library = ctypes.CDLL(path)
    library.hak_malloc.restype = library.hak_calloc.restype = library.hak_realloc.restype = ctypes.c_void_p
    library.hak_aligned_alloc.restype = ctypes.c_void_p
    library.hak_malloc.argtypes = [ctypes.c_size_t]
    library.hak_calloc.argtypes = library.hak_aligned_alloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
    library.hak_realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    library.hak_free.argtypes = library.hak_owns.argtypes = [ctypes.c_void_p]
    library.hak_free.restype = None
    library.hak_usable_size.argtypes = [ctypes.c_void_p]
    library.hak_usable_size.restype = ctypes.c_size_t
    library.hak_version.restype = ctypes.c_char_p
    return library


def use(hakmem: ctypes.CDLL, c_library: ctypes.CDLL) -> None:
    """Blocks of both mallocs, side by side, each known to its own alone."""
    blocks: list[tuple[int, int]] = []
    for size in (0, 1, 15, 16, 100, 1024, 1025, 5000, 32768, 32769, 200_000, 5_000_000, 50_000_000) * 5:
        ours, theirs = hakmem.hak_malloc(size), c_library.malloc(size)
        assert ours not in {None, theirs}
        assert hakmem.hak_owns(ours)
        assert not hakmem.hak_owns(theirs)
        assert hakmem.hak_usable_size(ours) >= size
        ctypes.memset(ours, size % 251, min(size, 70_000))
        ours = hakmem.hak_realloc(ours, size + 1000)
        assert ctypes.string_at(ours, min(size, 70_000)) == bytes([size % 251]) * min(size, 70_000)
        c_library.free(theirs)
        zero = hakmem.hak_calloc(1, size + 1)
        assert not any(ctypes.string_at(zero, min(size + 1, 70_000)))
        aligned = hakmem.hak_aligned_alloc(4096, size)
        assert aligned % 4096 == 0
        blocks += [(ours, size), (zero, size), (aligned, size)]
    for block, _ in blocks:
        hakmem.hak_free(block)
        assert not hakmem.hak_owns(block)
    hakmem.hak_free(None)
    assert not hakmem.hak_owns(None)


def main() -> None:
    hakmem = open_doors(sys.argv[1])
    c_library = ctypes.CDLL(None)
    c_library.malloc.restype = ctypes.c_void_p
    c_library.free.argtypes = [ctypes.c_void_p]
    assert hakmem.hak_version()
    use(hakmem, c_library)
    threads = [threading.Thread(target=use, args=(hakmem, c_library)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hakmem.hak_trim(0) in {0, 1}
    print("ok")


main()
