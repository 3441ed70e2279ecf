"""Start the process of a server and wait until it accepts clients: with our listener, or with one that it makes.

A function that takes a listener is ready as soon as its file is imported: clients may connect to the listener before.
A command line, and a function that makes its own listener, is ready when one of its processes listens; where it does is
looked up (`iomux.system.listeners`), because a test connection would be a client. Its processes are those below the one
started here, daemons included: a command's supervisor adopts them (`iomux.processes.supervisor`).
"""

import os
import select
import subprocess
import time
from typing import IO, Any, NamedTuple

from iomux.processes.errors import CANT_LISTEN, ServerError, cause_of_end, ended, not_ready
from iomux.processes.logs import read_log, too_much, written_bytes
from iomux.processes.named import place, taken
from iomux.processes.named.command import Command
from iomux.processes.named.ways import Called
from iomux.processes.resolve import Found, name_of
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


class Started(NamedTuple):
    """A process that serves: the one started here, the one that listens, where, and what is to be said of that."""

    process: "subprocess.Popen[bytes]"
    pid: int
    address: Address
    notes: tuple[str, ...] = ()
    alone: bool = False
    """Whether `pid` is the server, and what it starts is not counted with it."""


def start_found(
    found: Found, handler: Handler | None, core: int | None, log: IO[bytes], port: int | None, main: str = "main"
) -> Started:
    """Start what `iomux.processes.resolve.find` has found. Raises ServerError.

    main: the function of the process that runs it; `main_bounded` ends it when it takes too much of the machine.
    """
    if isinstance(found, Command):
        return start_command(found, core, log, port, main)
    if isinstance(found, Called) and found.way.own_listener:
        return start_own(found, core, log, port, main)
    return start_function(found, handler, core, log, main)


def start_function(serve: Any, handler: Handler | None, core: int | None, log: IO[bytes], main: str) -> Started:
    """Start a server that takes a listener. Raises ServerError."""
    with listen() as listener:
        work = {"serve": serve, "handler": handler, "cpu": core, "descriptor": listener.fileno()}
        options = WITHOUT_SITE if isinstance(serve, str) and handler is None else ()
        process = spawn("iomux.processes.child", work, log, (listener.fileno(),), options, main)
        try:
            pid = _wait_until_ready(name_of(serve), process, log)
        except BaseException:
            end(process)
            raise
        return Started(process, pid, listener.getsockname()[:2], alone=True)


def start_own(serve: Called, core: int | None, log: IO[bytes], port: int | None, main: str) -> Started:
    """Start a function that makes its own listener, at `port` if it takes one. Raises ServerError."""
    wanted = port or place.free_port() if serve.way.takes_port else None
    work = {"serve": serve, "cpu": core, "address": ("127.0.0.1", wanted or 0)}
    process = spawn("iomux.processes.child", work, log, main=main)
    try:
        _wait_until_ready(serve.__name__, process, log)
        return _wait_until_it_listens(serve.__name__, process, log, port or wanted, wanted is not None)
    except BaseException:
        end(process)
        raise


def start_command(command: Command, core: int | None, log: IO[bytes], port: int | None, main: str) -> Started:
    """Start a command line, with `port` or a free one in place of `{port}`. Raises ServerError.

    A program with a port of its own may find it kept by connections of its last run: it is tried again for a minute.
    """
    until, unexplained = time.monotonic() + PORT_SECONDS, 0
    while True:
        try:
            started = _start_command_once(command, core, log, port, main)
        except ServerError as error:
            if command.takes_port or not taken.in_use(error.log):
                raise
            if whose := taken.by_whom(command, error.log):
                raise not_ready(command.line, f"{CANT_LISTEN}{whose}", error.log) from None
            kept = taken.by_old_connections(command, error.log)
            unexplained = 0 if kept else unexplained + 1  # it may have become free just now
            if port is not None or unexplained > 1:
                raise
            if kept and time.monotonic() > until:
                raise not_ready(command.line, f"{CANT_LISTEN}{taken.why_kept(kept)}", error.log) from None
            time.sleep(1)
            os.ftruncate(log.fileno(), 0)
            os.lseek(log.fileno(), 0, os.SEEK_SET)
        else:
            taken.remember(command, started.address[1])
            return started


def _start_command_once(command: Command, core: int | None, log: IO[bytes], port: int | None, main: str) -> Started:
    wanted = port or place.free_port() if command.takes_port else port
    words, environment = command.at(wanted or 0)
    process = spawn(
        "iomux.processes.supervisor", {"words": words, "environment": environment, "cpu": core}, log, main=main
    )
    try:
        return _wait_until_it_listens(command.line, process, log, wanted, command.takes_port)
    except BaseException:
        end(process)
        raise


def _wait_until_ready(name: str, process: "subprocess.Popen[bytes]", log: IO[bytes]) -> int:
    """The server's process id, which it reports when it is ready."""
    assert process.stdout is not None
    poller = select.poll()
    poller.register(process.stdout, select.POLLIN)
    came = poller.poll(START_SECONDS * 1000)
    ready, _, pid = os.read(process.stdout.fileno(), 16).partition(b" ") if came else (b"", b"", b"")
    if not (ready == b"ready" and outlives(process, int(pid), _SETTLE_SECONDS)):
        cause = cause_of_end(process) if came else f"was not ready after {START_SECONDS:.0f} s"
        raise ended(f"{name} server", cause, read_log(log))
    return int(pid)


def _wait_until_it_listens(
    name: str, process: "subprocess.Popen[bytes]", log: IO[bytes], wanted: int | None, was_told: bool
) -> Started:
    """Wait until a process of the server listens, at the port that is `wanted` if there is one."""
    limit, same, before, first = time.monotonic() + START_SECONDS, 0, list[Listener](), 0
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise ended(f"{name} server", cause_of_end(process), read_log(log))
        found = listeners(below(process.pid))
        if was_told and not found:  # another user's process shows no descriptors, but nobody else has this port
            first = first or _told_by(process)
            found = [one._replace(pid=first or below(process.pid)[-1]) for one in listening() if one.port == wanted]
        same = same + 1 if found == before else 0
        before = found
        if same >= (_SAME if wanted is None else _SAME_PLACE) and (
            found if wanted is None else wanted in {one.port for one in found}
        ):
            return _at(name, process, [one for one in found if wanted in (None, one.port)], log, was_told)
        time.sleep(_LOOK_SECONDS)
    raise not_ready(name, _why_not(before, wanted, was_told) + too_much(written_bytes(log)), read_log(log))


def _told_by(process: "subprocess.Popen[bytes]") -> int:
    """The id of the command's process, which its supervisor tells before it becomes the command; 0 until then."""
    assert process.stdout is not None
    poller = select.poll()
    poller.register(process.stdout, select.POLLIN)
    return int(os.read(process.stdout.fileno(), 16) or 0) if poller.poll(0) else 0


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
