"""An event loop for programs: a queue of events, handlers by kind, timers, and descriptors to watch.

User interfaces work this way. A button has a handler for its clicks (JavaScript: `onClick`, `onKeyDown`); what
the user does becomes an *event* in a *queue*; a loop takes one event after another and calls the handlers of its kind.
A socket that has become readable is another kind of event, and a timer that is due another: so one queue, one table
and one loop serve buttons, sockets and timers.

All handlers run on the loop's one thread, one after another: none sees another half done, and one that takes long
delays all the others. Work that waits goes to a separate thread (`in_thread`), which returns its result as an event.
A loop asleep in its poller does not notice the queue: the thread wakes it through a pipe (`iomux.system.self_pipe`).
Sources: WHATWG, HTML Standard, section 8.1.7 "Event loops"; the poller is the one of `iomux.servers.readiness`.
"""

import contextlib
import functools
import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, NamedTuple, Self

from iomux.servers import pollers
from iomux.servers.connection import READ, log_error
from iomux.servers.readiness import Poller, deadline, timeout
from iomux.system.self_pipe import SelfPipe

EventHandler = Callable[..., object]
"""The function called for an event; its arguments are the event's details."""


class Event(NamedTuple):
    """Something that has happened: its kind, and the arguments for its handlers."""

    kind: Hashable
    details: tuple[Any, ...]


class Timer(NamedTuple):
    """A time in the future, by time.monotonic(); also the kind of the event that it becomes."""

    due: float
    number: int


class Watch(NamedTuple):
    """A watched descriptor; also the kind of its events. A later watch of the same number is a different kind."""

    fd: int
    number: int


class EventLoop:
    """A queue of events and the handlers of each kind. It holds descriptors: use it in a `with`, or `close` it.

    poller, unit: what the loop sleeps in, and one second in the unit of its timeout; by default the best available.
    A handler that raises ends neither the loop nor the other handlers: the exception becomes an event of the kind
    "error", or, if that kind has no handler, a traceback on standard error.

    Example:
    >>> with iomux.events.EventLoop() as loop:
    ...     loop.on("click", print)
    ...     loop.emit("click", "Save")
    ...     loop.run()
    Save
    """

    def __init__(self, poller: Poller | None = None, unit: float = 1) -> None:
        self._poller, self._unit = (poller, unit) if poller else pollers.make(pollers.best())
        self._queue: deque[Event] = deque()
        self._handlers: dict[Hashable, list[EventHandler]] = {}
        self._timers: list[Timer] = []
        self._watched: dict[int, Watch] = {}
        self._number = itertools.count().__next__
        self._threads, self._stopped = 0, False
        self._pipe = SelfPipe()
        self._poller.register(self._pipe.fd, READ)

    def on(self, kind: Hashable, handler: EventHandler) -> None:
        """Add a handler for a kind of event; several handlers of a kind are called in the order they were added."""
        self._handlers.setdefault(kind, []).append(handler)

    def off(self, kind: Hashable) -> None:
        """Remove the handlers of a kind. For a timer this cancels it."""
        self._handlers.pop(kind, None)

    def emit(self, kind: Hashable, *details: Any) -> None:
        """Put an event into the queue, from the loop's thread. It is handled later, never within this call."""
        self._queue.append(Event(kind, details))

    def emit_from_thread(self, kind: Hashable, *details: Any) -> None:
        """Do the same from any thread or signal handler, and wake the loop. Raises RuntimeError if it is closed."""
        self._queue.append(Event(kind, details))  # appending to a deque is atomic
        if not self._pipe.wake():
            raise RuntimeError("this event loop is closed: no handler will be called")

    def after(self, seconds: float, handler: EventHandler, *details: Any) -> Timer:
        """Call a handler once after `seconds`; `off` with the returned timer cancels it. Raises ValueError for NaN."""
        timer = Timer(deadline(seconds), self._number())
        heapq.heappush(self._timers, timer)
        self.on(timer, functools.partial(handler, *details))
        return timer

    def watch(self, fd: int, interest: int, handler: EventHandler, *details: Any) -> None:
        """Call a handler whenever a descriptor is ready for `interest`: READ, WRITE or both.

        A second call replaces both. Raises ValueError or OSError if the poller can't watch the descriptor.
        """
        (self._poller.modify if fd in self._watched else self._poller.register)(fd, interest)
        # The number alone could be closed and reused while an event of the old descriptor is still in the queue.
        watch = self._watched.setdefault(fd, Watch(fd, self._number()))
        self._handlers[watch] = [functools.partial(handler, *details)]

    def unwatch(self, fd: int) -> None:
        """Stop watching a descriptor; call this before closing it."""
        self.off(self._watched.pop(fd))
        self._poller.unregister(fd)

    def in_thread(self, work: Callable[[], Any], then: EventHandler) -> None:
        """Run `work` on a separate thread, and have the loop call `then` with its result.

        This helps where `work` waits: a computation keeps Python's lock, so let `work` start a process and wait for it.
        An exception in `work` is treated as a handler's. `run` waits for the thread unless it is stopped.
        """
        self._threads += 1
        done = Timer(0, self._number())  # a kind that is used for nothing else
        self.on(done, functools.partial(self._finish, then))
        threading.Thread(target=self._work, args=(work, done), daemon=True).start()

    def run(self) -> None:
        """Handle events until `stop`, or until no descriptor, timer or thread is left that could cause one."""
        self._stopped = False
        while not self._stopped and self._has_work_left():
            self._collect()
            for _ in range(len(self._queue)):  # events emitted here wait until the descriptors were polled
                self._handle(self._queue.popleft())

    def stop(self) -> None:
        """Make `run` return after the events that are in the queue now."""
        self._stopped = True

    def close(self) -> None:
        """Close the loop's pipe and poller; the descriptors that it watched stay open."""
        self._pipe.close()
        getattr(self._poller, "close", lambda: None)()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _has_work_left(self) -> bool:
        while self._timers and self._timers[0] not in self._handlers:  # cancelled
            heapq.heappop(self._timers)
        return bool(self._queue or self._watched or self._timers or self._threads)

    def _collect(self) -> None:
        """Sleep until something happens, unless events are queued; put all that has happened into the queue."""
        for fd, _ in self._poller.poll(self._poll_timeout()):
            if fd == self._pipe.fd:
                self._pipe.drain()  # only a wake-up: the event itself is in the queue already
            else:
                self._queue.append(Event(self._watched[fd], ()))
        now = time.monotonic()
        while self._timers and self._timers[0].due <= now:
            self._queue.append(Event(heapq.heappop(self._timers), ()))

    def _poll_timeout(self) -> float | None:
        if self._queue:
            return 0
        return timeout(self._timers[0].due, self._unit) if self._timers else None

    def _handle(self, event: Event) -> None:
        find = self._handlers.pop if isinstance(event.kind, Timer) else self._handlers.get  # a timer fires once
        for handler in tuple(find(event.kind, ())):
            try:
                handler(*event.details)
            except Exception as error:
                if "error" in self._handlers and event.kind != "error":
                    self.emit("error", error)
                else:
                    log_error()

    def _work(self, work: Callable[[], Any], done: Timer) -> None:
        """Run `work` on the new thread; the loop then takes its result or raises its exception."""
        outcome: Future[Any] = Future()
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile, so the result is not needed
            self.emit_from_thread(done, outcome)

    def _finish(self, then: EventHandler, outcome: "Future[Any]") -> None:
        self._threads -= 1
        then(outcome.result())
