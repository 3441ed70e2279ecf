"""Whether a tape shows how its server learns of bytes: if neither a poller nor its own calls tell, it must say so."""

from collections.abc import Mapping, Sequence
from typing import Any

from iomux.harness.tape.recorder import EMPTY_READ

NOT_SEEN = (
    "the server's notifications were not seen: it waits neither in recv nor in select.select, select.poll or "
    "select.epoll, on which selectors and asyncio are built"
)


def notifications_not_seen(lines: Sequence[Sequence[Any]], arrivals: Mapping[int, Sequence[int]]) -> str:
    """Why a tape without notifications has none; empty if it has some, or needs none.

    lines: the recorded steps. arrivals: by port, when the client's bytes or its end came. A server needs no
    notification if its `recv` was there before the bytes, or asked and found nothing. What the first `recv` of a
    client finds says nothing: many servers make it at once after `accept`.
    """
    later: list[Sequence[Any]] = []
    ports: set[int] = set()
    for line in lines:
        if line[1] == EMPTY_READ or line[1].startswith("wait"):
            return ""
        if line[1] == "recv" and line[0] in ports:
            later.append(line)
        elif line[1] == "recv":
            ports.add(line[0])
    waited = any(begin < moment < end for port, _, begin, end, *_ in later for moment in arrivals.get(port, ()))
    return NOT_SEEN if later and not waited else ""
