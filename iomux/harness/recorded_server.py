"""A server run recorded: the one that was named, on recorded sockets and a recorded poller, in a process of its own.

It is itself a `serve` function, so `iomux.start` runs it like any other. What it does, step by step, it writes to a
file, which `collect` reads; `iomux.harness.steps` and `iomux.harness.tape` play its clients.
"""

import functools
import json
import socket
import time
from pathlib import Path
from typing import Any, cast

from iomux import servers
from iomux.connection import Handler
from iomux.harness.process import LAST_WORDS_SECONDS, Server
from iomux.harness.recording import RecordedListener, RecordedPoller, Recorder
from iomux.harness.recording_select import record_select
from iomux.harness.traced_server import UNTRACEABLE, with_poller
from iomux.servers.resolve import name_of, resolve

UNRECORDABLE = UNTRACEABLE | {"io_uring": "the kernel does what its ring asks for: there is no recv or send to see"}

_SETTLE_SECONDS = 0.1  # a server that dies of its last client's end does so within this time


def recordable(server: str | servers.Serve) -> str | servers.Serve:
    """What can be run, of what a user names; ValueError, with the reason, where its calls are out of sight."""
    target = resolve(server)
    if reason := UNRECORDABLE.get(str(target)):
        raise ValueError(f"{target} can't be recorded: {reason}")
    return target


def recorded(server: str | servers.Serve, path: Path) -> servers.Serve:
    """The same server, run on recorded sockets and a recorded poller, which write to the file at `path`."""
    serve: Any = functools.partial(serve_recorded, server, str(path))
    serve.__name__ = f"recorded {name_of(server)}"
    # It goes along, so that what it imports is there before the script begins: asyncio takes 0.1 s.
    serve.__wrapped__ = servers.get(server).load() if isinstance(server, str) else server
    return cast(servers.Serve, serve)


def serve_recorded(server: str | servers.Serve, path: str, listener: socket.socket, handler: Handler) -> None:
    """Run `server` on recorded sockets and a recorded poller, which write to the file at `path`. Never returns."""
    recorder = Recorder(path)
    if not isinstance(server, str):
        record_select(recorder)
    serve = with_poller(server, functools.partial(RecordedPoller, recorder=recorder))
    servers.run_forever(serve, cast(socket.socket, RecordedListener(listener, recorder)), recorder.handler(handler))


def collect(server: Server, path: Path, clients: int, seconds: float) -> list[list[Any]]:
    """What was written to the file, once the server has closed every client, or so many seconds have passed."""
    until = time.monotonic() + seconds
    while True:
        server.check()
        text = path.read_text() if path.exists() else ""
        lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        if sum(step == "close" for _, step, *_ in lines) >= clients or time.monotonic() > until:
            server.check(LAST_WORDS_SECONDS if _closed_first(lines) else _SETTLE_SECONDS)
            return lines
        time.sleep(0.01)


def _closed_first(lines: list[list[Any]]) -> bool:
    """Whether the server has closed a client that had not ended: it may be about to die, and to say why."""
    ended = {port for port, step, _, _, size, _ in lines if step == "recv" and size == 0}
    return any(step == "close" and port not in ended for port, step, *_ in lines)
