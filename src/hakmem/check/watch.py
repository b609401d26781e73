"""The life of the checked program: it has the terminal, it gets the signals, and its end is what is told.

Signals that are sent to this process are passed on. What a terminal sends (Ctrl-C) goes to the program
anyway, since both are in one process group, and must not end this process before it has told what was found.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from hakmem.check.result import Ending
from hakmem.errors import CannotPreloadError

TICK_S: Final = 0.2
"""Seconds between two looks at what was recorded."""

_PASSED_ON: Final = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_AWAITED: Final = {*_PASSED_ON, signal.SIGCHLD}
_SI_KERNEL: Final = 0x80
"""si_code of a signal from a terminal (sigaction(2))."""


def run(
    path: str, argv: Sequence[str], environment: Mapping[str, str], on_tick: Callable[[], None]
) -> Ending:
    """Runs the program to its end; `on_tick` is called now and then meanwhile. Errors: CannotPreloadError.

    The program starts with the caller's signals and open files. `on_tick` runs with the signals held back.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)  # first: one may come as soon as it runs
    process = None
    try:
        process = _started(path, argv, environment, before)
        while process.poll() is None:
            _wait(process)
            on_tick()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if process is not None:
            process.wait()  # what went wrong here is no reason to end a person's program
    code = process.returncode
    return Ending(code) if code >= 0 else Ending(0, -code)


def _started(
    path: str, argv: Sequence[str], environment: Mapping[str, str], mask: Collection[int]
) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            list(argv),
            executable=path,
            env=dict(environment),
            close_fds=False,
            restore_signals=True,
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, mask),  # noqa: PLW1509  (no threads here)
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CannotPreloadError(f"cannot run {path!r}: {reason}") from None


def _wait(process: "subprocess.Popen[bytes]") -> None:
    """Until the program may have ended, a signal was passed on, or a tick is over."""
    received = signal.sigtimedwait(_AWAITED, TICK_S)
    if received is None or received.si_signo == signal.SIGCHLD or received.si_code == _SI_KERNEL:
        return
    if process.poll() is None:
        os.kill(process.pid, received.si_signo)
