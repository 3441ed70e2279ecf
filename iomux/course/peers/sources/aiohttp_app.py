"""The same on aiohttp: `aiohttp_app.py PORT FOLDER`.

A file is read in the loop, as in `app.py`: aiohttp's own `add_static` asks a thread for each, at four times the cost.
"""

import sys
from pathlib import Path

from aiohttp import web

FOLDER = Path(sys.argv[2])
SMALL = b"x" * 64


async def small(_: web.Request) -> web.Response:
    """64 bytes."""
    return web.Response(body=SMALL)


async def file(request: web.Request) -> web.Response:
    """A file of the folder."""
    return web.Response(body=(FOLDER / request.match_info["name"]).read_bytes())


application = web.Application()
application.router.add_get("/small", small)
application.router.add_get("/{name}", file)
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
