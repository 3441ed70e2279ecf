"""Echo on gevent: straight-line code in a greenlet for each client, switched by a loop in C (libev) when it must wait.

usage: python echo_gevent.py PORT        listens on 127.0.0.1; serves until killed.

`recv` and `sendall` look as if they blocked. At EAGAIN the greenlet's stack is put aside and the loop runs another one.
Source: gevent.org, gevent.server.
"""

import contextlib
import socket
import sys

import gevent
from gevent.server import StreamServer

_MOST_BYTES = 65536


def echo(client: socket.socket, address: object) -> None:
    """Serve one client until it has ended its stream, or reset; gevent closes the socket then."""
    with contextlib.suppress(OSError):
        while data := client.recv(_MOST_BYTES):
            client.sendall(data)
            if len(data) == _MOST_BYTES:  # there is more: neither call would wait, and no other client get a turn
                gevent.sleep(0)


StreamServer(("127.0.0.1", int(sys.argv[1])), echo, backlog=4096).serve_forever()
