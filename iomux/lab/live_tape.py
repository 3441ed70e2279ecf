"""The newest events of a traced server as an event tape, with the columns and marks of `iomux.tape`.

For `iomux.tape` a script plays the clients and every call is recorded; here the clients are a load, and the events are
those of the traced sockets of a few connections. So the arrival is the kernel's own stamp, and empty reads (EAGAIN)
are missing.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from iomux.harness.tape.tape import COLUMNS
from iomux.harness.timeline.trace import RECV, Event
from iomux.lab.live_trace import ACCEPT, TRACED_CONNECTIONS

if TYPE_CHECKING:
    import pandas as pd

MOST_EVENTS = 24
"""The most reads and writes that are shown: twelve requests."""
_LETTERS = "ABC"


def newest(server: str, events: Sequence[Event], most: int = MOST_EVENTS) -> "pd.DataFrame":
    """The last `most` events of the traced connections; one row for each mark, client by client; may be empty.

    Columns: those of `iomux.tape`; `at_us` counts from the first mark. `client` is A, B or C, in the order in which
    they connected.
    """
    import pandas as pd

    names = dict(zip(sorted({event.port for event in events})[:TRACED_CONNECTIONS], _LETTERS, strict=False))
    shown = sorted((event for event in events if event.port in names), key=lambda event: event.end)[-most:]
    marks = [mark for event in _from_arrivals(shown) for mark in _marks(names[event.port], event)]
    marks += [(names[read.port], "handler", write.begin, read.end, write.begin, 0) for read, write in _answers(shown)]
    began = min((mark[2] for mark in marks), default=0)
    rows = [
        (server, client, mark, *((moment - began) / 1000 for moment in (at, begin, end)), size, 1)
        for client, mark, at, begin, end, size in sorted(marks, key=lambda mark: (mark[0], mark[2]))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _from_arrivals(events: Sequence[Event]) -> Iterator[Event]:
    """The events without answers to requests that came before the tape."""
    asked = set[int]()
    for event in events:
        if event.kind in (RECV, ACCEPT):
            asked.add(event.port)
        if event.port in asked:
            yield event


def _answers(events: Sequence[Event]) -> Iterator[tuple[Event, Event]]:
    """Each first write after a read, with that read: between them the handler worked, or slept."""
    read: dict[int, Event] = {}
    for event in events:
        if event.kind == RECV:
            read[event.port] = event
        elif question := read.pop(event.port, None):
            yield question, event


def _marks(client: str, event: Event) -> Iterator[tuple[str, str, int, int, int, int]]:
    """The marks of one event: client, mark, when, begin and end of the call, bytes."""
    call: Any = (event.end, event.begin, event.end, event.size)
    if event.kind == ACCEPT:
        yield client, "accept", *call
    elif event.kind == RECV:
        if event.stamp:
            yield client, "arrival", event.stamp, event.stamp, event.stamp, event.size
        if event.ready:
            yield client, "notification", event.ready, event.ready, event.ready, 0
        yield client, "read", *call
    else:
        yield client, "write", *call
