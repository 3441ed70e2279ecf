"""Try items side by side: each has a server and clients in processes of its own, so none disturbs another.

A trial mostly waits (for a reset to be noticed, for a client that stays silent), and the waiting of many costs no more
than that of one. Items that would share one server (a server that runs already, a port that stands in a program) are
tried one after another. Whoever waits here can be interrupted: no item is waited for longer than `_LOOK_SECONDS`.

Cost: a thread for each item that is under way, two processes for each of them; that of the clients is a fork of one
that has imported what they need.
"""

import contextlib
import pickle
import resource
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from iomux.conformance.trial.items import Item
from iomux.conformance.trial.outcome import Outcome, try_item
from iomux.conformance.trial.subject import NotStarted
from iomux.processes.forking.forked import Fork
from iomux.processes.worker import Reports, TookTooLong
from iomux.system.machine import cores

Attempt = Callable[[Item, Any], Outcome]
"""Tries an item on a subject, in a process of its own."""
LONGEST_SECONDS = 180.0
"""How long one item may take with a server that answers, however slowly: 64 MiB at one megabyte a second take 64 s."""
_AT_ONCE_PER_CORE = 3
_DESCRIPTORS_EACH, _OWN_DESCRIPTORS = 12, 32  # pipes and logs of two processes; what else this process has open
_LOOK_SECONDS = 0.2
_SHARE_OF_ITEMS = 0.8  # of a check's time; the rest is for what the report shows of those that failed


def most_at_once(spins: bool) -> int:
    """How many items are tried side by side. spins: whether the server never sleeps, and so takes a whole core."""
    wanted = len(cores()) * (1 if spins else _AT_ONCE_PER_CORE)
    allowed = (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OWN_DESCRIPTORS) // _DESCRIPTORS_EACH
    return max(1, min(wanted, allowed))


class Clock:
    """How long the items of one check may still take; a check that was interrupted has no time left."""

    def __init__(self, seconds: float) -> None:
        self._began, self._seconds = time.monotonic(), seconds
        self._failed, self._interrupted = threading.Event(), threading.Event()

    def failed(self) -> None:
        """Note that an item has failed: from now on the check ends within its time."""
        self._failed.set()

    def interrupt(self) -> None:
        """Let no item go on."""
        self._interrupted.set()

    @property
    def ends(self) -> float:
        """When a check that fails ends, on the monotonic clock; the items leave some of its time for the report."""
        return self._began + self._seconds

    def is_over(self) -> bool:
        """Whether no further item is to be begun or waited for."""
        late = time.monotonic() - self._began > self._seconds * _SHARE_OF_ITEMS
        return self._interrupted.is_set() or (late and self._failed.is_set())

    def why_not_seen(self) -> str:
        """For the report: why an item was not tried to its end."""
        return f"other items had failed, and the {self._seconds:g} s of this check were over: ask for more (seconds)"


def to_import(items: Iterable[Item]) -> set[str]:
    """The library's modules that have these items: a student's own are imported in no process that others share."""
    modules = {getattr(item.trial, "__module__", "") for item in items}
    return {module for module in modules if module.startswith("iomux.")}


def try_in_worker(item: Item, subject: Any, clock: Clock, fork: Fork, attempt: Attempt = try_item) -> Outcome:
    """Try an item in a process of its own, and end that when the check's time is over.

    attempt: what is called there with the item and the subject.
    """
    limit = time.monotonic() + LONGEST_SECONDS
    with fork(attempt, item, subject, what=f"the item {item.name}") as reports:
        while time.monotonic() < limit:
            if (outcome := _report(reports)) is not None:
                return outcome
            if clock.is_over():
                return Outcome("not seen", clock.why_not_seen())
    return Outcome("not seen", f"the clients had not finished after {LONGEST_SECONDS:.0f} s, though bytes still came")


def _report(reports: Reports) -> Outcome | None:
    with contextlib.suppress(TookTooLong):
        outcome: Outcome = reports.next(_LOOK_SECONDS)
        return outcome
    return None


def to_try_once_more(chosen: Sequence[Item], outcomes: Mapping[str, Outcome]) -> tuple[list[Item], Attempt]:
    """What was not seen by the fault of an item that has passed, and how to try it again: as a fault of its own."""
    passed = frozenset(name for name, outcome in outcomes.items() if outcome.status == "passed")
    again = [item for item in chosen if item.name in outcomes and outcomes[item.name].see in passed]
    return again, partial(try_item, passed=passed)


@contextlib.contextmanager
def sent_by_value() -> Iterator[None]:
    """Raise NotStarted if a target that is sent to another process refers to something that can't be pickled."""
    try:
        yield
    except (TypeError, pickle.PicklingError) as error:
        raise NotStarted(f"the function can't be sent to another process: {error}") from error


def side_by_side(
    items: Sequence[Item], try_one: Callable[[Item], Outcome], clock: Clock, at_once: int
) -> Iterator[tuple[Item, Outcome]]:
    """Try each item, `at_once` side by side; yield each with its outcome as soon as it is there."""
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="iomux-check")
    tried: dict[Future[Outcome], Item] = {pool.submit(try_one, item): item for item in items}
    try:
        while tried:
            for future in wait(tried, _LOOK_SECONDS, FIRST_COMPLETED).done:
                yield tried.pop(future), future.result()
    except BaseException:
        clock.interrupt()
        raise
    finally:  # also at an interrupt: the servers and clients of all items are ended before it goes on
        pool.shutdown(cancel_futures=True)
