"""Event-driven programs: a queue of events, handlers by kind, and a loop that brings them together.

It is the model of user interfaces. A button holds a handler for its clicks (JavaScript: `onClick`, `onKeyDown`); what
the user does becomes an *event* in a *queue*; a loop takes one out after the other and calls the handlers of its kind.
A socket on which bytes have arrived is one kind more, and a moment that has come another: so one queue, one table and
one loop serve buttons, sockets and timers.

All handlers run on the loop's one thread, one after another: none sees another half done, and one that takes
long holds up everybody. What takes long goes to a thread of its own (`in_thread`), which hands its result back as an
event. A loop that sleeps in its poller would not see what another thread puts into the queue, so that thread also
wakes it through a pipe that it watches (`iomux.system.self_pipe`).

Sources: WHATWG, HTML Standard, section 8.1.7 "Event loops"; the poller is that of `iomux.servers.readiness`.
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
"""What is called for an event, with the event's details."""


class Event(NamedTuple):
    """Something that has happened: its kind, and the details that its handlers are called with."""

    kind: Hashable
    details: tuple[Any, ...]


class Timer(NamedTuple):
    """A moment to come, by time.monotonic(); also the kind of the event that it becomes."""

    due: float
    number: int


class Watch(NamedTuple):
    """A descriptor being watched; also the kind of its events. Another watch of the same number is another kind."""

    fd: int
    number: int


class EventLoop:
    """A queue of events and the handlers of each kind. It holds descriptors: use it in a `with`, or `close` it.

    poller, unit: what it sleeps in, and one second in the unit of that one's timeout; by default the best there is.
    A handler that raises ends neither the loop nor the other handlers: the exception becomes an event of the kind
    "error", and where nobody handles those, a traceback on standard error.

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
        """Have events of a kind handled; several handlers of a kind are called in the order in which they came."""
        self._handlers.setdefault(kind, []).append(handler)

    def off(self, kind: Hashable) -> None:
        """Forget the handlers of a kind: a button's, or a timer's, which cancels it."""
        self._handlers.pop(kind, None)

    def emit(self, kind: Hashable, *details: Any) -> None:
        """Put an event into the queue, from the loop's own thread. It is handled later, never within this call."""
        self._queue.append(Event(kind, details))

    def emit_from_thread(self, kind: Hashable, *details: Any) -> None:
        """The same from any thread, or a signal's handler: the loop is woken. Raises RuntimeError if it is closed."""
        self._queue.append(Event(kind, details))  # appending to a deque is atomic
        if not self._pipe.wake():
            raise RuntimeError("this event loop is closed: nobody will handle the event")

    def after(self, seconds: float, handler: EventHandler, *details: Any) -> Timer:
        """Call a handler in so many seconds, once; `off` with what this returns cancels it. ValueError for NaN."""
        timer = Timer(deadline(seconds), self._number())
        heapq.heappush(self._timers, timer)
        self.on(timer, functools.partial(handler, *details))
        return timer

    def watch(self, fd: int, interest: int, handler: EventHandler, *details: Any) -> None:
        """Call a handler whenever a descriptor is ready for `interest` (READ, WRITE or both); again: changes both.

        Raises ValueError or OSError where the poller can't watch it.
        """
        (self._poller.modify if fd in self._watched else self._poller.register)(fd, interest)
        # Not the number alone: it may have been closed and given away while an event of its is in the queue.
        watch = self._watched.setdefault(fd, Watch(fd, self._number()))
        self._handlers[watch] = [functools.partial(handler, *details)]

    def unwatch(self, fd: int) -> None:
        """Watch a descriptor no longer; to be done before it is closed."""
        self.off(self._watched.pop(fd))
        self._poller.unregister(fd)

    def in_thread(self, work: Callable[[], Any], then: EventHandler) -> None:
        """Do what takes long on a thread of its own, and have the loop call `then` with its result.

        What `work` raises counts as raised by a handler. `run` does not return before it is done, unless stopped.
        """
        self._threads += 1
        done = Timer(0, self._number())  # a kind that nobody else has
        self.on(done, functools.partial(self._finish, then))
        threading.Thread(target=self._work, args=(work, done), daemon=True).start()

    def run(self) -> None:
        """Handle events until `stop`, or until nothing is left that could cause one: no descriptor, timer or thread."""
        self._stopped = False
        while not self._stopped and self._something_left():
            self._collect()
            for _ in range(len(self._queue)):  # what these emit comes after the descriptors have been asked
                self._handle(self._queue.popleft())

    def stop(self) -> None:
        """Have `run` return after the events that are in the queue now."""
        self._stopped = True

    def close(self) -> None:
        """Let go of the loop's own descriptors, its poller's included; what it watched stays open."""
        self._pipe.close()
        getattr(self._poller, "close", lambda: None)()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _something_left(self) -> bool:
        while self._timers and self._timers[0] not in self._handlers:  # cancelled
            heapq.heappop(self._timers)
        return bool(self._queue or self._watched or self._timers or self._threads)

    def _collect(self) -> None:
        """Sleep until something happens, unless something has; put all that has happened into the queue."""
        for fd, _ in self._poller.poll(self._patience()):
            if fd == self._pipe.fd:
                self._pipe.drain()  # only a wake-up: the event itself is in the queue already
            else:
                self._queue.append(Event(self._watched[fd], ()))
        now = time.monotonic()
        while self._timers and self._timers[0].due <= now:
            self._queue.append(Event(heapq.heappop(self._timers), ()))

    def _patience(self) -> float | None:
        if self._queue:
            return 0
        return timeout(self._timers[0].due, self._unit) if self._timers else None

    def _handle(self, event: Event) -> None:
        find = self._handlers.pop if isinstance(event.kind, Timer) else self._handlers.get  # a timer's is for once
        for handler in tuple(find(event.kind, ())):
            try:
                handler(*event.details)
            except Exception as error:
                if "error" in self._handlers and event.kind != "error":
                    self.emit("error", error)
                else:
                    log_error()

    def _work(self, work: Callable[[], Any], done: Timer) -> None:
        """On a thread of its own: work, and leave it to the loop to take the result, or to raise what was raised."""
        outcome: Future[Any] = Future()
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits for it any more
            self.emit_from_thread(done, outcome)

    def _finish(self, then: EventHandler, outcome: "Future[Any]") -> None:
        self._threads -= 1
        then(outcome.result())
