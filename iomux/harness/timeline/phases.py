"""From what both ends saw to one row a request: where its time went.

A request is followed through these stamps, all of one clock:

    the client enters `send`      request: over the loopback, into the server's socket buffer
    the kernel's receive stamp    notify:  until the readiness call has returned to the server
    the readiness call returned   queue:   told, not yet served; others of the same batch come first
    the server enters `recv`      recv:    the copy in
    `recv` returned               handler: the server's own work
    the server enters `send`      send:    the copy out
    the reply's receive stamp     client:  until the client's `recv` has returned

On the loopback the reply is delivered *within* the server's `send`: the sender's own thread carries the
packet up to the receiver's socket buffer (net/core/dev.c, netif_rx). So `send` ends when the reply is there,
and what the call still does then (waking the client) runs beside the client's phase; `reply` is what lies
between a `send` that returned and a stamp that came later, which is nearly nothing here.

A request that arrives in pieces goes through recv, handler and send once a piece; each phase is their sum.
Between two pieces the server's own time is handler: all of it, if nothing was waited for in between, else
until a blocking call began to wait. What then lies before a readiness call's return is notify; where none is
seen (a loop that asks all the time, a `select` of its own), waiting and work can't be told apart: notify too.
"""

from collections.abc import Iterable, Iterator, Sequence

from iomux.harness.timeline.trace import RECV, SEND, Event

PHASES = {
    "request": "to the server's socket buffer",
    "notify": "until the server is told",
    "queue": "told, not yet served: others of the same batch come first",
    "recv": "the copy in",
    "handler": "the server's own work",
    "send": "the copy out",
    "reply": "to the client's socket buffer",
    "client": "until the client has it",
}
"""The phases in their order, and what each is."""
_ONE_SEGMENT = 32 * 1024
"""Bytes that the loopback (MTU 65,536) carries in one segment: of a longer request the stamp is the last segment's."""


def conversations(events: Iterable[Event], ending: int, size: int) -> dict[int, list[list[Event]]]:
    """By its client's port, each connection's requests in order, as the events of each.

    ending: the kind of event (RECV or SEND) with whose last byte, the `size`th, a request is over.
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
    """One request's phases in nanoseconds, from the client's events and the server's; their sum is its total.

    A phase whose stamp is missing is NaN, and its time is in a neighbour: that of `request` in notify, of
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
    told = any(event.ready for event in served)
    copied = any(event.end > event.begin for event in served if event.kind == RECV)
    known = {"request": arrived, "queue": told, "recv": copied, "reply": replied}
    return spent | {phase: float("nan") for phase, stamped in known.items() if not stamped}


def _steps(served: Sequence[Event], cursor: int, taken: int) -> Iterator[tuple[str, int]]:
    """What the server did, step by step: the phase, and when it ended; the last `send` when its bytes were taken."""
    for number, event in enumerate(served):
        if number:
            yield "handler", (cursor := max(cursor, _own_work_ends(served[number - 1], event)))
        # the readiness call may have returned before the bytes came: then it told of something else
        yield "notify", (cursor := max(event.ready or event.begin, cursor))
        yield "queue", (cursor := max(event.begin, cursor))
        cursor = max(event.end, cursor)
        last = number == len(served) - 1
        yield ("recv" if event.kind == RECV else "send"), min(cursor, taken) if last else cursor


def _own_work_ends(before: Event, event: Event) -> int:
    """When the server, after `before`, had no more to do of its own for this request; 0: at once, as far as is seen."""
    nothing_waited_for = 0 < event.ready <= before.end
    if nothing_waited_for or (before.kind == RECV and event.kind == SEND):
        return event.begin
    return event.entered
