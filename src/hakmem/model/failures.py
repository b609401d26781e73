"""How a call of the model can end without a result."""

import errno
from typing import ClassVar


class InvariantError(Exception):
    """The model contradicts itself: a defect of the model, or of the policy that it was given."""


class RefusalError(Exception):
    """The call gives nothing; `errno` is what C sees."""

    errno: ClassVar[int]


class OutOfMemoryError(RefusalError):
    """There is no such block: too large, or an overflow of count times size."""

    errno = errno.ENOMEM


class BadAlignmentError(RefusalError):
    """The alignment is no power of two."""

    errno = errno.EINVAL


class MisuseError(Exception):
    """The program gave an address that is not a live block's start; C ends the process.

    kind: an id of `hakmem.spec.errors.ERROR_KINDS`, as the debug flavour names it.
    """

    def __init__(self, kind: str, address: int) -> None:
        super().__init__(f"{kind}: {address:#x}")
        self.kind = kind
        self.address = address


def require(condition: bool, claim: str) -> None:
    """Raises InvariantError with `claim` unless it is true."""
    if not condition:
        raise InvariantError(claim)
