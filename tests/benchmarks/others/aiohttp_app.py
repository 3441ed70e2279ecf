"""The same on aiohttp: `aiohttp_app.py PORT FOLDER`."""

import sys

from aiohttp import web

SMALL = b"x" * 64


async def small(_: web.Request) -> web.Response:
    """64 bytes."""
    return web.Response(body=SMALL)


application = web.Application()
application.router.add_get("/small", small)
application.router.add_static("/", sys.argv[2])
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
