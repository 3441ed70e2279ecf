"""Nonblocking, with a protocol object for each client: the round that asks everyone for bytes looks at the clock, too.

Each client is a `Speaker`, as in the readiness loop. It gets its turn in every round, whether there is something to do
for it or not, so nothing has to wake it.

Cost: as in `iomux.servers.nonblocking`, and a look at the next deadline in each round.
"""

import socket
import time
from typing import NoReturn

from iomux.servers.connection import OVER
from iomux.servers.protocol import Speaks
from iomux.servers.protocol.idle import SPARE
from iomux.servers.protocol.speaker import Speaker
from iomux.servers.protocol.speakers import Speakers
from iomux.system.sockets import SHORTAGE, accept_pending, descriptor_limit


def serve(listener: socket.socket, speaks: Speaks) -> NoReturn:
    """Serve every client of `listener` by trying each in turn, for ever. Never returns, never sleeps."""
    listener.setblocking(False)
    speakers = Speakers(speaks)
    clients: set[Speaker] = set()
    while True:
        full = _accept(listener, speakers, clients)
        over = [client for client in clients if client.advance() and client.interest == OVER]
        now = time.monotonic()
        speakers.tell_the_late(now)
        over += [client for client in speakers.changed() if client.interest == OVER]
        over += speakers.longest_idle(now) if full else ()
        for client in over:
            clients.discard(client)
            client.close()


def _accept(listener: socket.socket, speakers: Speakers, clients: set[Speaker]) -> bool:
    """Accept every waiting client; return whether there are as many as there may be: the next round tries again."""
    try:
        for sock in accept_pending(listener):
            if client := speakers.admit(sock):
                clients.add(client)
            if sock.fileno() >= descriptor_limit() - SPARE:
                return True
    except OSError as error:
        if error.errno not in SHORTAGE:
            raise
        return True
    return False
