"""NumPy temporaries: expressions over arrays of 256 KiB to 64 MiB, each of which makes four arrays.

An operation is one expression. The sizes follow the ruler sequence (1, 2, 1, 3, 1, 2, 1, 4, ...): each size
comes half as often as the one below it, so that all make about as many bytes of temporaries.
"""

import numpy as np
from lab_protocol import Run, operations

_SMALLEST_B = 256 << 10
_SIZES = 9
"""256 KiB, 512 KiB, ... 64 MiB."""


def main() -> None:
    """Computes as many expressions as the command line says.

    The values are whole numbers far below 2^53, so that sums are exact in whatever order they are made.
    """
    count = operations()
    run = Run()
    longest = np.arange((_SMALLEST_B << (_SIZES - 1)) // 8, dtype=np.float64) % 1024
    sources = [longest[: (_SMALLEST_B << size) // 8] for size in range(_SIZES)]
    kept = [source.copy() for source in sources[:-2]]
    run.point(longest.nbytes + sum(array.nbytes for array in kept))
    with run.timed():
        for number in range(1, count + 1):
            size = min((number & -number).bit_length(), _SIZES) - 1
            source = sources[size]
            result = (source + number % 100) * 2.0 - np.minimum(source, 500.0) + np.abs(source - 512.0)
            run.check(int(result[:: 1 << size].sum()))
            if size < len(kept):
                kept[size] = result
            del result
    run.point(longest.nbytes + sum(array.nbytes for array in kept))
    run.check(*(int(array.sum()) for array in kept))
    run.result(count)


if __name__ == "__main__":
    main()
