"""A signal is heard also by a main thread that waits in the kernel already, or that is just about to.

Python's handlers run between two steps of the main thread, and what the kernel interrupts is only the call in which a
thread waits at that moment (signal(7), EINTR). A signal that comes just before such a call, or that another thread is
given, is noted, and then the main thread waits for as long as no client comes: Ctrl-C seems to do nothing. So a second
thread reads from a pipe which signals came (signal.set_wakeup_fd), and interrupts the wait once more.

Cost: a thread, with which the kernel counts the users of each descriptor in each call (fs/file.c, fdget), some percent
at most; so only `iomux serve` has it, and none of the servers that are measured.
"""

import os
import signal
import threading
import time

_POKE = signal.SIGURG
"""What interrupts the wait: ignored where nobody asked for it, and sent by nothing but F_SETOWN (socket(7))."""
_PAUSE_SECONDS = 0.1
"""So long the main thread has to do by itself what a signal wants."""


def hear_signals() -> None:
    """Let a signal reach the main thread in a tenth of a second whatever it waits for. Called in the main thread."""
    near, far = os.pipe()
    os.set_blocking(far, False)
    signal.signal(_POKE, lambda *_: None)
    signal.set_wakeup_fd(far, warn_on_full_buffer=False)
    threading.Thread(target=_poke, args=(near, threading.get_ident()), daemon=True).start()


def _poke(near: int, main: int) -> None:
    while numbers := os.read(near, 64):
        if set(numbers) != {_POKE}:
            time.sleep(_PAUSE_SECONDS)
            signal.pthread_kill(main, _POKE)
