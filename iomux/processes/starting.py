"""Start the process of a server: a function on our listener, or what makes its own and may have to wait for its port.

A program with a port of its own may find it kept, by connections of its last run or by a client that was given it: then
it is started again as soon as the port can be had.
"""

import contextlib
import os
import socket
import subprocess
import time
from typing import IO, Any, NamedTuple

from iomux.processes.errors import CANT_LISTEN, ServerError, in_one_line, not_ready
from iomux.processes.named import place, taken
from iomux.processes.named.command import Command
from iomux.processes.named.ways import Called
from iomux.processes.ready import Started, wait_until_it_listens, wait_until_ready
from iomux.processes.resolve import Found, name_of, own_port
from iomux.processes.spawn import WITHOUT_SITE, end, spawn
from iomux.servers.connection import Handler
from iomux.system.network.place import Place
from iomux.system.sockets import listen

PORT_SECONDS = 65.0
"""How long to wait for a port that ended connections keep: a little more than the kernel's TCP_TIMEWAIT_LEN."""
_NOT_RUN = ("ended with status 126", "ended with status 127")  # as a shell says it (POSIX, 2.8.2)
_MOST_FAILURES = 20  # of a program that can't take its port, though it seems free


class Terms(NamedTuple):
    """On which core a server runs, and how it gets its port."""

    core: int | None
    """Any, if it is None."""
    port: int | None
    """For what makes its own listener: the port to give it, or which of its ports is meant."""
    main: str = "main"
    """The function of the process that runs it; `main_bounded` ends it when it takes too much of the machine, and so
    does `main_to_the_last`, which leaves alone what it leaves behind."""
    patience: float = PORT_SECONDS
    """How many seconds it may wait for a port that is kept."""
    inside: Place | None = None
    """The host in which it runs, if not on this machine's own network."""


def start_found(found: Found, handler: Handler | None, log: IO[bytes], terms: Terms) -> Started:
    """Start what `iomux.processes.resolve.find` has found. Raises ServerError."""
    if isinstance(found, Command) or (isinstance(found, Called) and found.way.own_listener):
        return start_own(found, log, terms)
    return start_function(found, handler, log, terms)


def start_function(serve: Any, handler: Handler | None, log: IO[bytes], terms: Terms) -> Started:
    """Start a server that takes a listener. Raises ServerError."""
    with terms.inside.listen() if terms.inside else listen() as listener:
        process = spawn_function(serve, handler, log, terms, listener)
        try:
            pid = wait_until_ready(name_of(serve), process, log)
        except BaseException:
            end(process)
            raise
        return Started(process, pid, listener.getsockname()[:2], alone=True)


def spawn_function(
    serve: Any,
    handler: Handler | None,
    log: IO[bytes],
    terms: Terms,
    listener: socket.socket,
    count: int | None = None,
    exclusive: bool = False,
) -> "subprocess.Popen[bytes]":
    """Start the process of a server that takes a listener; of one of several, count: where it counts its clients."""
    work = {"serve": serve, "handler": handler, "cpu": terms.core, "descriptor": listener.fileno()}
    work |= {} if count is None else {"count": count, "exclusive": exclusive}
    options = WITHOUT_SITE if isinstance(serve, str) and handler is None else ()
    descriptors = (listener.fileno(),) if count is None else (listener.fileno(), count)
    return spawn("iomux.processes.child", work, log, descriptors, options, terms.main, terms.inside)


def start_own(found: Command | Called, log: IO[bytes], terms: Terms) -> Started:
    """Start what makes its own listener, at its port or a free one if it takes one. Raises ServerError.

    It is tried again if connections that have ended keep its port. LookupError for a program that is not there, such as
    the one that a shell is to run.
    """
    until, failures, holder = time.monotonic() + terms.patience if terms.patience else 0.0, 0, None
    while True:
        with holder or contextlib.nullcontext():
            try:
                started = _start_own_once(found, log, terms)
            except ServerError as error:
                if isinstance(found, Command) and error.cause in _NOT_RUN:
                    raise LookupError(f"{found.line} could not be run: {in_one_line(error)}") from error
                failures += 1
                if terms.inside or not taken.in_use(error.log) or failures > _MOST_FAILURES:
                    raise
                failed = error
            else:
                if not terms.inside:
                    taken.remember(found, started.address[1])
                return started
        # A program without SO_REUSEADDR fails because of the holder: it is tried without one in between.
        holder = None if holder else _hold(found, failed, terms.port, until, failures)
        os.ftruncate(log.fileno(), 0)
        os.lseek(log.fileno(), 0, os.SEEK_SET)


def _hold(
    found: Command | Called, failed: ServerError, port: int | None, until: float, failures: int
) -> socket.socket | None:
    """Wait until the port of a server can be had, and hold it. Raises ServerError if that can't be, or is too late."""
    if not own_port(found) and port is None:  # somebody was quicker to take it: another one is free
        return None
    ports = taken.candidates(found, failed.log, port)
    if whose := taken.by_whom(ports):
        raise not_ready(name_of(found), f"{CANT_LISTEN}{whose}", failed.log)
    kept = taken.by_ended_connections(ports)
    if not kept and failures == 1:  # it has become free meanwhile
        return None
    if kept and (holder := taken.hold(kept, until)):
        return holder
    if kept and (until or taken.by_a_client(kept)):
        raise not_ready(name_of(found), f"{CANT_LISTEN}{taken.why_kept(kept)}", failed.log)
    raise failed


def _start_own_once(found: Command | Called, log: IO[bytes], terms: Terms) -> Started:
    told = not own_port(found)
    wanted = terms.port or place.free_port() if told else terms.port
    process = _spawn_own(found, log, wanted or 0, terms)
    try:
        if isinstance(found, Called):
            wait_until_ready(found.__name__, process, log)
        return wait_until_it_listens(name_of(found), process, log, wanted, told, terms.inside)
    except BaseException:
        end(process)
        raise


def _spawn_own(found: Command | Called, log: IO[bytes], port: int, terms: Terms) -> "subprocess.Popen[bytes]":
    if isinstance(found, Called):
        call = {
            "serve": found,
            "cpu": terms.core,
            "address": (terms.inside.address if terms.inside else "127.0.0.1", port),
        }
        return spawn("iomux.processes.child", call, log, main=terms.main, inside=terms.inside)
    words, environment = found.at(port)
    work = {"words": words, "environment": environment, "cpu": terms.core}
    return spawn("iomux.processes.supervisor", work, log, main=terms.main, inside=terms.inside)
