"""Echo on trio: a task for each client, and every `await` of the network may switch to another one.

usage: python echo_trio.py PORT        listens on 127.0.0.1; serves until killed.

`send_all` returns when the kernel has taken everything, so a client that does not read stops only its own task.
Source: trio.readthedocs.io, trio.serve_tcp.
"""

import contextlib
import sys
from functools import partial

import trio


async def echo(client: trio.SocketStream) -> None:
    """Serve one client until it has ended its stream, or reset; trio closes the socket then."""
    with contextlib.suppress(trio.BrokenResourceError):
        async for data in client:
            await client.send_all(data)


trio.run(partial(trio.serve_tcp, echo, int(sys.argv[1]), host="127.0.0.1", backlog=4096))
