"""Two processes between an owner and what it has started: nothing of that outlives it, whatever it does.

The first, the guard, is the one that the owner knows. It adopts orphans (`iomux.system.process_tree`) and waits for the
end of the server, the end of the owner (its standard input is the lifeline, see `iomux.processes.child`), or a bound
that is overrun (`iomux.processes.guarding.bounds`). Then it ends all that is below it, and ends as the server has
ended: with the same status or signal. The second is the server's parent, so that a server which kills its parent does
not kill the guard. The server leads a session of its own. It can signal nothing outside of it where the kernel offers
that (`iomux.system.confine`). Cost: two forks, some 2 ms, and two processes that sleep.

What is not stopped: a server that looks for the guard in /proc and kills it, on a kernel before 6.12. Elsewhere than on
Linux there is no guard.
"""

import contextlib
import gc
import os
import resource
import select
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

from iomux.system.confine import confine_signals
from iomux.system.process_tree import adopt_orphans, end_below

KILLED_ITS_PARENT = 63
"""The signal by which a guard ends when the server has ended its parent; `guarding.bounds` has others."""
_LAST_NAMED = 60  # signals above it are ours: a bound, or KILLED_ITS_PARENT
_PAUSE_SECONDS = 0.05
_WIDTH = 4  # bytes of a process id in a pipe


def guarded(
    serve: Callable[[], object], bounds: Iterable[int] = (), over: Callable[[int], bool] = lambda status: True
) -> None:
    """Run `serve` two processes below this one; this process ends when it does, and with the same status.

    bounds: gives 0, or the signal that says what was overrun; asked every 0.05 s, until it gives no more. over: whether
    all is over when the first process has ended with this status; asked again while that is not so.
    """
    if sys.platform != "linux":
        serve()
        return
    adopt_orphans()
    gc.freeze()  # the server's garbage collector need not copy the pages of what was imported here
    told, tell = os.pipe()
    if not os.fork():
        os.close(told)
        _be_the_parent(serve, tell)
    _close_all_but(told)
    server = int.from_bytes(os.read(told, _WIDTH))
    status = _wait(told, iter(bounds), over)
    if server and (status is None or status < -_LAST_NAMED):  # it has not ended by itself
        with contextlib.suppress(OSError):
            os.killpg(server, signal.SIGKILL)  # this needs no /proc, which a container may hide
    end_below(os.getpid())
    _end_as(-signal.SIGKILL if status is None else status)


def _be_the_parent(serve: Callable[[], object], tell: int) -> NoReturn:
    """In the second process: start the server, wait for it, and tell the guard how it ended."""
    if not (server := os.fork()):
        os.close(tell)
        os.setsid()
        confine_signals()
        serve()
        os._exit(0)
    _close_all_but(tell)
    os.write(tell, server.to_bytes(_WIDTH))
    os.write(tell, b"%d" % os.waitstatus_to_exitcode(os.waitpid(server, 0)[1]))
    os._exit(0)


def _close_all_but(kept: int) -> None:
    """Close what was inherited: a listener that is open here would go on listening after the server has closed it."""
    os.closerange(3, kept)
    os.closerange(kept + 1, 1 << 20)


def _wait(told: int, bounds: Iterator[int], over: Callable[[int], bool]) -> int | None:
    """Wait for the end of the server, or that of the owner or of a bound.

    Returns the status to end with, a signal negative; None if the owner has ended.
    """
    poller = select.poll()
    poller.register(0, 0)  # POLLHUP: the owner has ended, or has closed the lifeline
    poller.register(told, select.POLLIN)  # the server's parent tells how that has ended; at its own end POLLHUP comes
    status = None
    while status is None or not over(status):
        for descriptor, _ in poller.poll(_PAUSE_SECONDS * 1000):
            if descriptor == 0:
                return None
            poller.unregister(told)
            status = int(os.read(told, 16) or -KILLED_ITS_PARENT)
        if overrun := next(bounds, 0):
            return -overrun
        _reap()
    return status


def nobody_left(_: int = 0) -> bool:
    """Whether nothing is below this process any more; for `guarded`, whose orphans are this process's own children."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _reap() -> None:
    """Wait for orphans that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _end_as(status: int) -> NoReturn:
    """End with a status, or by a signal if it is negative, without a core file."""
    if status < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError, ValueError):  # SIGKILL has no handler
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)
