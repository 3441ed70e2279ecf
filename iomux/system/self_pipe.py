"""A pipe through which a thread or a signal handler wakes a loop that sleeps in its poller.

The loop watches the pipe's reading end; to wake it, a thread writes a byte into the other. This is D. J. Bernstein's
self-pipe trick (cr.yp.to/docs/selfpipe.html). Cost: two descriptors, and a write and a read for each wake-up.
Source: pipe(7).
"""

import contextlib
import os
import threading


class SelfPipe:
    """A pipe whose two ends belong to this process. It holds two descriptors until it is closed."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # reentrant: a signal handler may call `wake` while its thread is in it
        self._ends: tuple[int, ...] = os.pipe()
        self.fd = self._ends[0]
        """The end to watch for reading."""
        for end in self._ends:
            os.set_blocking(end, False)

    def wake(self) -> bool:
        """Make `fd` readable, from any thread; False if the pipe is closed."""
        with self._lock:  # otherwise `close` could free the number, and we would write into another file
            if self._ends:
                with contextlib.suppress(BlockingIOError):  # full of wake-ups: one is enough
                    os.write(self._ends[1], b"\0")
            return bool(self._ends)

    def drain(self) -> None:
        """Read the wake-ups, so that `fd` is no longer readable."""
        os.read(self.fd, 4096)

    def close(self) -> None:
        """Close both descriptors; does nothing the second time."""
        with self._lock:
            ends, self._ends = self._ends, ()
        for end in ends:
            os.close(end)
