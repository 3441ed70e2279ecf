"""Echo on Tornado: a coroutine for each client, over an IOStream on asyncio's loop.

usage: python echo_tornado.py PORT        listens on 127.0.0.1; serves until killed.

The result of `write` is done when the kernel has taken everything, so a client that does not read stops only its own
coroutine. Source: tornadoweb.org, tornado.tcpserver and tornado.iostream.
"""

import asyncio
import contextlib
import sys

from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpserver import TCPServer

_MOST_BYTES = 65536


class Echo(TCPServer):
    """Sends back what arrives."""

    async def handle_stream(self, stream: IOStream, address: object) -> None:
        """Serve one client until it has ended its stream, or reset."""
        with contextlib.suppress(StreamClosedError):
            while True:
                data = await stream.read_bytes(_MOST_BYTES, partial=True)
                await stream.write(data)
                if len(data) == _MOST_BYTES:  # there is more: neither would wait, and no other client get a turn
                    await asyncio.sleep(0)


async def main() -> None:
    """Listen, and serve for ever."""
    Echo().listen(int(sys.argv[1]), "127.0.0.1", backlog=4096)
    await asyncio.Event().wait()


asyncio.run(main())
