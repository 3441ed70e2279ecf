"""Start the process of a server and wait until it accepts clients: with our listener, or with one that it makes.

A function that takes a listener is ready as soon as its file is imported: clients may connect to the listener before.
A command line, and a function that makes its own listener, is ready when one of its processes listens; where it does is
looked up (`iomux.system.listeners`), because a test connection would be a client. Its processes are those below the one
started here, daemons included: a command's supervisor adopts them (`iomux.processes.supervisor`).
"""

import contextlib
import os
import select
import socket
import subprocess
import time
from typing import IO, Any, NamedTuple

from iomux.processes.errors import CANT_LISTEN, ServerError, cause_of_end, ended, not_ready
from iomux.processes.logs import read_log, too_much, written_bytes
from iomux.processes.named import place, taken
from iomux.processes.named.command import Command
from iomux.processes.named.ways import Called
from iomux.processes.resolve import Found, name_of, own_port
from iomux.processes.spawn import WITHOUT_SITE, end, outlives, spawn
from iomux.servers.connection import Handler
from iomux.system.listeners import Listener, listeners, listening
from iomux.system.machine import below
from iomux.system.sockets import Address, listen

START_SECONDS = 20.0
"""How long a server may take to come up, imports included."""
_SETTLE_SECONDS = 0.03  # a server that fails in its first lines ends within this time, and `start` raises
_LOOK_SECONDS = 0.02
_SAME = 5  # a program without {port} has all its listeners when they are the same so many times in a row
_SAME_PLACE = 2  # a daemon listens, forks and leaves: its listener is then held by another process
PORT_SECONDS = 65.0
"""How long to wait for a port that ended connections keep: a little more than the kernel's TCP_TIMEWAIT_LEN."""
_MOST_FAILURES = 20  # of a program that can't take its port, though it seems free


class Started(NamedTuple):
    """A process that serves: the one started here, the one that listens, where, and what is to be said of that."""

    process: "subprocess.Popen[bytes]"
    pid: int
    address: Address
    notes: tuple[str, ...] = ()


def start_found(
    found: Found, handler: Handler | None, core: int | None, log: IO[bytes], port: int | None, patience: float
) -> Started:
    """Start what `iomux.processes.resolve.find` has found. Raises ServerError."""
    if isinstance(found, Command) or (isinstance(found, Called) and found.way.own_listener):
        return start_own(found, core, log, port, patience)
    return start_function(found, handler, core, log)


def start_function(serve: Any, handler: Handler | None, core: int | None, log: IO[bytes]) -> Started:
    """Start a server that takes a listener. Raises ServerError."""
    with listen() as listener:
        work = {"serve": serve, "handler": handler, "cpu": core, "descriptor": listener.fileno()}
        options = WITHOUT_SITE if isinstance(serve, str) and handler is None else ()
        process = spawn("iomux.processes.child", work, log, (listener.fileno(),), options)
        try:
            _wait_until_ready(name_of(serve), process, log)
        except BaseException:
            end(process)
            raise
        return Started(process, process.pid, listener.getsockname()[:2])


def start_own(found: Command | Called, core: int | None, log: IO[bytes], port: int | None, patience: float) -> Started:
    """Start what makes its own listener, at `port` or a free one if it takes one. Raises ServerError.

    patience: how many seconds it is tried again if connections that have ended keep its port.
    """
    until, failures, holder = time.monotonic() + patience if patience else 0.0, 0, None
    while True:
        with holder or contextlib.nullcontext():
            try:
                started = _start_own_once(found, core, log, port)
            except ServerError as error:
                failures += 1
                if not taken.in_use(error.log) or failures > _MOST_FAILURES:
                    raise
                failed = error
            else:
                taken.remember(found, started.address[1])
                return started
        # A program without SO_REUSEADDR fails because of the holder: it is tried without one in between.
        holder = None if holder else _hold(found, failed, port, until, failures)
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


def _start_own_once(found: Command | Called, core: int | None, log: IO[bytes], port: int | None) -> Started:
    told = not own_port(found)
    wanted = port or place.free_port() if told else port
    process = _spawn_own(found, core, log, wanted or 0)
    try:
        if isinstance(found, Called):
            _wait_until_ready(found.__name__, process, log)
        return _wait_until_it_listens(name_of(found), process, log, wanted, told)
    except BaseException:
        end(process)
        raise


def _spawn_own(found: Command | Called, core: int | None, log: IO[bytes], port: int) -> "subprocess.Popen[bytes]":
    if isinstance(found, Called):
        return spawn("iomux.processes.child", {"serve": found, "cpu": core, "address": ("127.0.0.1", port)}, log)
    words, environment = found.at(port)
    return spawn("iomux.processes.supervisor", {"words": words, "environment": environment, "cpu": core}, log)


def _wait_until_ready(name: str, process: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
    assert process.stdout is not None
    poller = select.poll()
    poller.register(process.stdout, select.POLLIN)
    came = poller.poll(START_SECONDS * 1000)
    if not (came and os.read(process.stdout.fileno(), 16) == b"ready" and outlives(process, _SETTLE_SECONDS)):
        cause = cause_of_end(process) if came else f"was not ready after {START_SECONDS:.0f} s"
        raise ended(f"{name} server", cause, read_log(log))


def _wait_until_it_listens(
    name: str, process: "subprocess.Popen[bytes]", log: IO[bytes], wanted: int | None, was_told: bool
) -> Started:
    """Wait until a process of the server listens, at the port that is `wanted` if there is one."""
    limit, same, before = time.monotonic() + START_SECONDS, 0, list[Listener]()
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise ended(f"{name} server", cause_of_end(process), read_log(log))
        found = listeners(below(process.pid))
        if was_told and not found:  # another user's process shows no descriptors, but nobody else has this port
            found = [one._replace(pid=below(process.pid)[-1]) for one in listening() if one.port == wanted]
        same = same + 1 if found == before else 0
        before = found
        if same >= (_SAME if wanted is None else _SAME_PLACE) and (
            found if wanted is None else wanted in {one.port for one in found}
        ):
            return _at(name, process, [one for one in found if wanted in (None, one.port)], log, was_told)
        time.sleep(_LOOK_SECONDS)
    raise not_ready(name, _why_not(before, wanted, was_told) + too_much(written_bytes(log)), read_log(log))


def _why_not(found: list[Listener], wanted: int | None, was_told: bool) -> str:
    if not found:
        told = ": does it use {port}?" if was_told else ""
        return f"did not listen on {'its' if was_told else 'any'} port within {START_SECONDS:.0f} s{told}"
    places = " and ".join(sorted({place.written(one.host, one.port) for one in found}))
    return f"listens at {places}, not at the port {wanted} that it was to take: leave {{port}} out if it has its own"


def _at(
    name: str, process: "subprocess.Popen[bytes]", found: list[Listener], log: IO[bytes], was_told: bool
) -> Started:
    try:
        best = place.best(found)
    except ValueError as error:
        raise not_ready(name, str(error), read_log(log)) from None
    host = place.host_of_clients(best.host)
    holders = [one.pid for one in found if one[:2] == best[:2]]
    return Started(process, _above_all(process.pid, holders), (host, best.port), place.note(best, host, was_told))


def _above_all(first: int, holders: list[int]) -> int:
    """The lowest process with all holders of a listener in it and below it: a prefork server's first process."""
    inside = below(first)
    for pid in reversed(inside[1:]):
        if set(holders) <= set(below(pid)):
            return pid
    return holders[0]
