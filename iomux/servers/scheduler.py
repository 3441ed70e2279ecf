"""A scheduler for generators and coroutines: it runs each until it has to wait, and sleeps until one can go on.

A *task* is anything with `send`: a generator, or the object that an `async def` function returns. When it would
have to wait, it yields what it waits for, and its frame with all local variables is kept until that happens. The
loop is that of `readiness`; only the call for a ready descriptor differs. There a method looks up where its client
was, here the task continues at the line where it stopped.

Cost: the poller's, and one `send` into a frame for each wake-up. Sources: PEP 342 (generators that receive),
PEP 380 (`yield from`), PEP 492 (`async` and `await`); the poller is the one of `readiness`.
"""

import contextlib
import heapq
import time
from collections.abc import Coroutine, Generator

from iomux.servers.connection import log_error
from iomux.servers.readiness import Poller, deadline, timeout

Wait = tuple[int, int] | float
"""What a task yields: a descriptor and what to wait for on it, or seconds to sleep (0: run the other tasks first)."""

Task = Generator[Wait, None, object] | Coroutine[Wait, None, object]


class Scheduler:
    """Tasks over one level-triggered poller. unit: one second in the unit of the poller's timeout.

    Only one task at a time may wait for a descriptor; a second one gets a ValueError. A descriptor stays on the
    interest list until its task waits for something else or ends (registering it anew each time would cost two
    system calls under epoll), so a task must close it last.

    Example:
    >>> from iomux.servers import pollers
    >>> from iomux.servers.scheduler import Scheduler
    >>> scheduler = Scheduler(*pollers.make("poll"))
    >>> scheduler.spawn(print("awake") or 0.01 for _ in range(2))
    >>> scheduler.run()
    awake
    awake
    """

    def __init__(self, poller: Poller, unit: float) -> None:
        self._poller = poller
        self._unit = unit
        self._waiting: dict[int, Task] = {}
        self._interest: dict[int, int] = {}
        self._timers: list[tuple[float, int, Task]] = []

    def spawn(self, task: Task) -> None:
        """Add a task; it runs from the loop's next turn on."""
        self._park(task, 0)

    def run(self) -> None:
        """Run until no task is left. A task that raises ends, with its traceback on standard error."""
        while self._waiting or self._timers:
            for fd, _ in self._poller.poll(self._poll_timeout()):
                self._step(self._waiting.pop(fd), fd)
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                self._step(heapq.heappop(self._timers)[2])

    def _poll_timeout(self) -> float | None:
        return timeout(self._timers[0][0], self._unit) if self._timers else None

    def _step(self, task: Task, held: int = -1, error: Exception | None = None) -> None:
        """Run a task to its next wait. held: the descriptor it waited for, still on the interest list; -1 if none."""
        try:
            wait = task.throw(error) if error else task.send(None)
        except StopIteration:
            self._forget(held)
        except Exception:  # an error ends this task only
            log_error()
            self._forget(held)
        else:
            if not isinstance(wait, tuple) or wait[0] != held:
                self._forget(held)
            self._park(task, wait)

    def _park(self, task: Task, wait: Wait) -> None:
        try:
            if isinstance(wait, tuple):
                self._watch(task, *wait)
            else:
                # The id decides between two tasks due at the same time: tasks can't be compared.
                heapq.heappush(self._timers, (deadline(wait), id(task), task))
        except (OSError, ValueError, TypeError) as error:  # it can't wait for that: raise it in the task
            self._step(task, error=error)

    def _watch(self, task: Task, fd: int, interest: int) -> None:
        if fd in self._waiting:
            raise ValueError(f"another task waits for descriptor {fd}")
        before = self._interest.pop(fd, None)
        if before is None:
            self._poller.register(fd, interest)
        elif before != interest:
            self._poller.modify(fd, interest)
        self._waiting[fd], self._interest[fd] = task, interest

    def _forget(self, fd: int) -> None:
        if self._interest.pop(fd, None):
            with contextlib.suppress(OSError):  # the task has closed it, and so epoll has dropped it
                self._poller.unregister(fd)
