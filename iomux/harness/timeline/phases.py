"""The phases of a request: how its time is split by the events of client, server and kernel.

A request is followed through these timestamps, all of one clock:

    the client enters `send`      request: over the loopback, to the kernel's receive path
    the kernel's receive stamp    notify:  through TCP, until the readiness call has returned to the server
    the readiness call returned   queue:   notified, not yet served; others of the same batch come first
    the server enters `recv`      recv:    the copy in
    `recv` returned               handler: the server's own work
    the server enters `send`      send:    the copy out
    the reply's receive stamp     client:  through TCP, until the client's `recv` has returned

The kernel takes a stamp where its receive path begins: before IP and TCP have seen the packet, and so before the bytes
lie in the socket's buffer (drivers/net/loopback.c, loopback_xmit; net/core/dev.c, netif_rx_internal).

On the loopback a packet is delivered *within* the `send` that carries it: the sender's own thread takes it from the
device up to the receiver's socket buffer. So the stamp of a request lies between the beginning and the end of the
client's `send`, that of a reply within the server's. `send` ends at the stamp, and the rest of the call (TCP, waking
the client) runs in parallel to the client's phase; `reply` is the time from the return of `send` to a later stamp,
which is 0 here.

A request that arrives in pieces goes through recv, handler and send once for each piece; each phase is their sum.
Between two pieces the server's own time is handler: all of it if the server did not wait in between, else the
part until a call began to wait. The time from then to a readiness call's return is notify. If none is seen (a
loop that polls all the time, a poller in C), waiting and work can't be separated: that is notify too.
"""

from collections.abc import Iterable, Iterator, Sequence

from iomux.harness.timeline.trace import RECV, SEND, Event

PHASES = {
    "request": "to the kernel's receive path, before TCP",
    "notify": "through TCP, until the server is notified",
    "queue": "notified, not yet served: others of the same batch come first",
    "recv": "the copy in",
    "handler": "the server's own work",
    "send": "the copy out",
    "reply": "to the kernel's receive path",
    "client": "through TCP, until the client has it",
}
"""The phases in their order, with a description of each."""
_ONE_SEGMENT = 32 * 1024
"""Bytes that the loopback (MTU 65,536) carries in one segment; a longer request has the stamp of its last segment."""


def conversations(events: Iterable[Event], ending: int, size: int) -> dict[int, list[list[Event]]]:
    """The requests of each connection in order, by client port; each request is a list of its events.

    ending: the kind of event (RECV or SEND) that ends a request when it reaches `size` bytes.
    """
    found: dict[int, list[list[Event]]] = {}
    moved: dict[int, int] = {}
    for event in events:
        requests = found.setdefault(event.port, [[]])
        requests[-1].append(event)
        if event.kind == ending:
            moved[event.port] = moved.get(event.port, 0) + event.size
            if moved[event.port] == size:
                moved[event.port] = 0
                requests.append([])
    return {port: requests[:-1] for port, requests in found.items()}


def phases(asked: Sequence[Event], served: Sequence[Event], size: int) -> dict[str, float]:
    """One request's phases in nanoseconds, from the client's and the server's events; their sum is its total.

    A phase whose stamp is missing is NaN, and its time is part of another: that of `request` in notify, of
    `queue` (no readiness call was seen) in notify, of `recv` (the kernel copied before the completion was seen)
    in notify, of `reply` in client.
    """
    sent, returned, replied = asked[0].begin, asked[-1].end, asked[-1].stamp
    arrived = served[0].stamp
    if size > _ONE_SEGMENT:
        arrived = min(arrived, served[0].begin)
    spent = dict.fromkeys(PHASES, 0)
    cursor = arrived or sent
    spent["request"] = cursor - sent
    for phase, until in _steps(served, cursor, replied or returned):
        spent[phase] += until - cursor
        cursor = until
    spent["reply"] = max(replied, cursor) - cursor
    spent["client"] = returned - max(replied, cursor)
    reported = any(event.ready for event in served)
    copied = any(event.end > event.begin for event in served if event.kind == RECV)
    known = {"request": arrived, "queue": reported, "recv": copied, "reply": replied}
    return spent | {phase: float("nan") for phase, stamped in known.items() if not stamped}


def _steps(served: Sequence[Event], cursor: int, taken: int) -> Iterator[tuple[str, int]]:
    """The server's phases in order, each with its end; the last `send` ends when its bytes have arrived."""
    for number, event in enumerate(served):
        if number:
            yield "handler", (cursor := max(cursor, _own_work_ends(served[number - 1], event)))
        # the readiness call may have returned before the bytes came: then it reported another event
        yield "notify", (cursor := max(event.ready or event.begin, cursor))
        yield "queue", (cursor := max(event.begin, cursor))
        cursor = max(event.end, cursor)
        last = number == len(served) - 1
        yield ("recv" if event.kind == RECV else "send"), min(cursor, taken) if last else cursor


def _own_work_ends(before: Event, event: Event) -> int:
    """When the server's own work after `before` ended; 0 if nothing shows that it did any."""
    did_not_wait = 0 < event.ready <= before.end
    if did_not_wait or (before.kind == RECV and event.kind == SEND and not event.entered):
        return event.begin
    return event.entered
