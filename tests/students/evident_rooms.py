"""Chat rooms with one fault each, which one short conversation shows, and a right one that greets."""

import contextlib
import select
import socket
from collections.abc import Callable

Serve = Callable[[socket.socket], None]


def _room(
    heard: Callable[[bytes], bytes] = bytes, to_all: bool = False, greeting: bytes = b"", survives: bool = True
) -> Serve:
    """A room on select(2) that passes on what `heard` makes of what a member says."""

    def serve(listener: socket.socket) -> None:
        members: list[socket.socket] = []
        while True:
            for ready in select.select([listener, *members], [], [])[0]:
                if ready is listener:
                    members.append(listener.accept()[0])
                    members[-1].sendall(greeting)
                    continue
                data = b""
                with contextlib.suppress(*([ConnectionError] if survives else [])):
                    data = ready.recv(65536)
                if not data:
                    members.remove(ready)
                    ready.close()
                for member in members:
                    if to_all or member is not ready:
                        member.sendall(heard(data))

    return serve


greets = _room(greeting=b"welcome\n")
stops_at_nul = _room(lambda data: data.partition(b"\0")[0])
to_all = _room(to_all=True)
doubles = _room(lambda data: data * 2)
dies_of_a_reset = _room(survives=False)
