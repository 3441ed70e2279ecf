"""How the command is ended from outside: an interrupt says one line at most, and SIGTERM does what Ctrl-C does.

So `timeout 600 iomux soak epoll` prints its report, and an interrupted bench the runs that were done. `timeout` sends
SIGTERM twice, to the command and to its group; only the first one counts. While modules are imported, and once all is
done, an interrupt ends the process at once, as it ends a program in C: Python would print where it was.
"""

import signal
import sys
import time
from types import FrameType

INTERRUPTED, TERMINATED = 130, 143
"""The statuses of a shell for what SIGINT or SIGTERM has ended."""
_terminated = list[int]()
_PAUSE_SECONDS = 0.01


def at_once() -> None:
    """Let both signals end this process at once, unless they are ignored, as in the background of a script."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def in_order() -> None:
    """Let both signals raise KeyboardInterrupt from now on, or do what a handler of SIGINT does that is set later."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        return
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    # A function even then: whoever takes an interrupt in order, as a soak does, replaces a function only.
    signal.signal(signal.SIGINT, _only_when_terminated if ignored else signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _once_more


def status(found: int) -> int:
    """The exit status, in which SIGTERM is told from Ctrl-C."""
    return TERMINATED if found == INTERRUPTED and _terminated else found


def _terminate(number: int, frame: FrameType | None) -> None:
    if not _terminated:
        _terminated.append(number)
        interrupt = signal.getsignal(signal.SIGINT)
        (interrupt if callable(interrupt) else signal.default_int_handler)(number, frame)


def _only_when_terminated(number: int, _frame: FrameType | None) -> None:
    if number == signal.SIGTERM or _terminated:
        raise KeyboardInterrupt


def _once_more(lost: "sys.UnraisableHookArgs") -> None:
    """Send an interrupt again that has come in a callback or destructor, where Python prints errors and goes on.

    Not from here, where it would be lost as well.
    """
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    import threading  # not at the top: most interrupts come elsewhere

    threading.Thread(target=_send_outside, args=(threading.get_ident(),), daemon=True).start()


def _send_outside(thread: int) -> None:
    """Interrupt a thread as soon as it has left `_once_more`: on a busy machine it may be there for long.

    To this thread, and not to the process: one that sleeps would not notice else.
    """
    while True:
        time.sleep(_PAUSE_SECONDS)
        frame = sys._current_frames().get(thread)
        while frame and frame.f_code is not _once_more.__code__:
            frame = frame.f_back
        if frame is None:
            signal.pthread_kill(thread, signal.SIGINT)
            return
