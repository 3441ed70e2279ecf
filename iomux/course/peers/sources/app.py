"""The web servers of the comparison on ASGI (uvicorn, granian): 64 bytes at /small, and the files of a folder."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["FOLDER"])
SMALL = b"x" * 64


async def app(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """Answer one request; the start of the server (lifespan) is left to it."""
    if scope["type"] != "http":
        return
    body = SMALL if scope["path"] == "/small" else (FOLDER / scope["path"][1:]).read_bytes()
    fields = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})
