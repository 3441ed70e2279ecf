"""A recorded server: any server, run in its own process on recorded sockets and a recorded poller.

The recorded server is itself a `serve` function, so `iomux.start` runs it like any other. It writes its steps to a
file, which `collect` reads; `iomux.harness.tape.steps` and `iomux.harness.tape.tape` play its clients.
"""

import functools
import json
import socket
import time
from pathlib import Path
from typing import Any, NoReturn, cast

from iomux import servers
from iomux.harness.tape.recorder import RecordedPoller, Recorder, Waits, recorded_listener
from iomux.processes.resolve import name_of, resolve
from iomux.processes.server import LAST_WORDS_SECONDS, Server
from iomux.servers.connection import Handler, echo
from iomux.servers.observed.instrument import UNTRACEABLE, arguments_for, takes_handler, with_poller
from iomux.servers.observed.watched_select import watch

UNRECORDABLE = UNTRACEABLE | {"io_uring": "the kernel carries out its operations: there is no recv or send to record"}

_SETTLE_SECONDS = 0.1  # a server that closes its last client because it is dying ends within this time


def recordable(server: Any) -> str | servers.Serve:
    """The server that a user names, resolved; raises ValueError, with the reason, if its calls can't be recorded."""
    target = resolve(server)
    if reason := UNRECORDABLE.get(str(target)):
        raise ValueError(f"{target} can't be recorded: {reason}")
    return target


def recorded(server: str | servers.Serve, path: Path) -> servers.Serve:
    """The same server, run on recorded sockets and a recorded poller, which write to the file at `path`."""
    serve: Any = functools.partial(serve_recorded, cast(Any, server), str(path))
    serve.__name__ = f"recorded {name_of(server)}"
    if not isinstance(server, str):  # it is ready once its file is imported
        serve.import_file = functools.partial(watched, server, str(path))
    # Pickled along, so that its imports are done before the script begins: asyncio takes 0.1 s.
    serve.__wrapped__ = servers.get(server).load() if isinstance(server, str) else server
    return cast(servers.Serve, serve)


def serve_recorded(server: str, path: str, listener: socket.socket, handler: Handler | None = None) -> NoReturn:
    """Run a registered server on recorded sockets and a recorded poller, which write to the file at `path`."""
    recorder = Recorder(path)
    _run(with_poller(server, functools.partial(RecordedPoller, recorder=recorder)), recorder, listener, handler)


def watched(server: Any, path: str) -> servers.Serve:
    """A `serve` function that runs someone's own server recorded; its pollers are watched from now on.

    A file is imported here, after that: it may make its pollers when it is imported.
    """
    recorder = Recorder(path)
    watch(Waits(recorder), getattr(server, "function", server))
    function = server.import_file() if hasattr(server, "import_file") else server

    def serve_watched(listener: socket.socket, handler: Handler | None = None) -> None:
        _run(function, recorder, listener, None if handler is echo and not takes_handler(function) else handler)

    return serve_watched


def _run(serve: servers.Serve, recorder: Recorder, listener: socket.socket, handler: Handler | None) -> NoReturn:
    listening = cast(socket.socket, recorded_listener(listener, recorder))
    arguments = arguments_for(serve, listening, handler)
    servers.run_forever(serve, *arguments[:1], *map(recorder.handler, arguments[1:]))


def collect(server: Server, path: Path, clients: int, seconds: float) -> list[list[Any]]:
    """The lines of the file, once the server has closed every client, or after `seconds`."""
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
