"""Whether a server's waits were seen at all, told by what its traced sockets recorded: nothing is guessed as 0.

A server that is woken by a call which can't be seen (in C, or made before the tracing began) does not look different
at first: each `recv` finds its bytes. But a server must learn of its bytes somehow. It waits in `recv` itself, or asks
again and again and finds nothing now and then, or was told by a poller that was seen. If it never did any of
these, there was a call that was not seen.
"""

from collections.abc import Sequence

from iomux.harness.timeline.trace import RECV, RECVS, Event

WAIT_NOT_SEEN = (
    "the server's wait was not seen: it waits neither in recv nor in select.select, select.poll or select.epoll, "
    "on which selectors and asyncio are built"
)
_ASKING = 1.02  # calls for each one that found bytes: one that asks has many more, one that is told has none
_SLEPT_NS = 10_000


def wait_not_seen(served: Sequence[Event]) -> str:
    """Why the waits of this server are unknown; empty if they are known. served: all its events."""
    received = [event for event in served if event.kind == RECV]
    if not received or any(_told(event) for event in received):
        return ""
    asked = max(event.calls[RECVS] for event in served)
    ports = len({event.port for event in received})
    waited = sum(_waited(event) for event in received)
    if waited > ports or asked > _ASKING * len(received) + ports:  # the first of each may be made after `accept`
        return ""
    return WAIT_NOT_SEEN


def _peeked(event: Event) -> bool:
    return event.ready == event.begin and event.entered > 0


def _told(event: Event) -> bool:
    """Whether a poller that was seen has reported these bytes."""
    return event.ready > 0 and not _peeked(event)


def _waited(event: Event) -> bool:
    """Whether a blocking `recv` was there before its bytes."""
    if not event.stamp:  # nothing says when they came: a call that finds them takes some 2 µs
        return _peeked(event) and event.begin - event.entered > _SLEPT_NS
    return _peeked(event) and event.stamp > event.entered


def without_waits(served: Sequence[Event]) -> list[Event]:
    """The events without what they say of waits."""
    return [event._replace(ready=0, entered=0) for event in served]
