"""The targets of `iomux.check`, and how each is started: afresh for every item, and stopped after it.

A registered name, a function, `file.py:function` and a command line are started as by `iomux.start`; a command line and
what makes its own listener can be started again on the same port. An address is a server that runs already.
"""

import contextlib
import dataclasses
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from iomux import servers
from iomux.conformance.side_by_side import sent_by_value
from iomux.conformance.trial.ending import why_ended
from iomux.conformance.trial.subject import Fault, NotSeen, NotStarted, Subject
from iomux.processes.errors import CANT_LISTEN, UNREACHED, ServerError
from iomux.processes.named.command import Command
from iomux.processes.named.in_folder import carrying, given_folder, speaking, with_folder
from iomux.processes.named.place import written
from iomux.processes.ready import START_SECONDS
from iomux.processes.resolve import Found, find, name_of, notes_of, own_listener, own_port
from iomux.processes.server import Server, launch_on
from iomux.processes.starting import PORT_SECONDS
from iomux.servers.protocol import Factory, Speaks
from iomux.system.machine import cores
from iomux.system.network.place import Place
from iomux.system.process_tree import is_stopped
from iomux.system.sockets import Address

_STOPPED = "the server is stopped (SIGSTOP): it has stopped itself, and runs nothing more"


@dataclass(frozen=True)
class Running:
    """A running server under test, and functions that say how it ended and what it wrote."""

    subject: Subject
    ended: Callable[[float], str]
    """Why it has ended, or ends within that many seconds, in one line; empty while it runs, or if that is unknown."""
    log: Callable[[], str] = str
    """What it has written so far; empty if it was not started here."""
    written_bytes: Callable[[], int] = int
    """How many bytes it has written, including those that the log leaves out."""
    notes: tuple[str, ...] = ()
    """How it was called and where it listens, if that is not as usual: lines for the report."""


class Run(Protocol):
    """Starts a server for one item."""

    def __call__(self, port: int | None = None, **terms: Any) -> AbstractContextManager[Running]:
        """Start it, and stop it on leaving. Raises NotStarted, and NotSeen if somebody else has its port.

        port: where to listen, at once, for what makes its own listener. terms: inside and main, as they are in
        `iomux.processes.starting.Terms`.
        """


@dataclass(frozen=True)
class Target:
    """Something to check: its name, how to start it, and its I/O model if that is known."""

    name: str
    run: Run
    models: tuple[str, ...] = ()
    serial: bool = False
    """Whether its items share one server or one port, and so have to be tried one after another."""
    own_listener: bool = False
    """Whether it makes its own listener: then `run` can start it again on a port on which it has listened."""
    notes: tuple[str, ...] = ()
    """How it is called, if that is not as usual: lines for the report, known before it runs."""


def target_of(target: str | servers.Serve, port: int | None = None) -> Target:
    """The target that a user names. Raises LookupError, ValueError or TypeError, saying what to write instead.

    port: of a command line, or of what makes its own listener: where it listens, or which of its ports is meant.
    """
    found = find(target)
    name = target if isinstance(target, str) and isinstance(found, tuple) else name_of(found)
    if port is not None and not own_listener(found):
        raise ValueError(f"{name} has no port of its own: leave port out")
    if isinstance(found, tuple):
        _check_it_answers(found)
        return Target(name, partial(_already_running, found), serial=True)
    return Target(
        name,
        partial(_start, found, port),
        _models(found),
        serial=port is not None or own_port(found),
        own_listener=own_listener(found),
        notes=notes_of(found),
    )


def target_in_folder(
    target: str | servers.Serve,
    folder: str,
    port: int | None,
    protocol: Callable[[str], Factory] | None,
    elsewhere: bool,
) -> Target:
    """The target that a user names, given a folder to serve (`iomux.processes.named.in_folder`). Raises as `target_of`.

    protocol: makes a factory of the folder, in the server's process. elsewhere: whether something else is to be asked
    for: else ValueError for a server that runs already, since it can't be given a folder.
    """
    named = find(with_folder(target, folder) if isinstance(target, str) else target)
    if isinstance(named, tuple) and not elsewhere:
        raise ValueError(f"{written(*named)} serves its own files: name a page of it, as in path='/index.html'")
    found = given_folder(named, folder)
    if protocol is not None:
        found = speaking(_serve_of(named), lambda given: Speaks(protocol(given)), folder)
    name = target if isinstance(target, str) and isinstance(named, Command | tuple) else name_of(named)
    return dataclasses.replace(target_of(found, port), name=name, models=_models(named), notes=notes_of(named))


def target_with_protocol(
    target: str | servers.Serve, port: int | None, protocol: Callable[[], Factory] | None, ours: Callable[[], Factory]
) -> Target:
    """The target that a user names, and the protocol that it carries: `ours` for a registered server without one."""
    named = find(target)
    make = ours if protocol is None and isinstance(named, str) else protocol
    if make is None:
        return target_of(target, port)
    found = target_of(carrying(_serve_of(named), lambda: Speaks(make())), port)
    return dataclasses.replace(found, name=name_of(named), models=_models(named), notes=notes_of(named))


def _serve_of(named: Found) -> servers.Serve:
    """The function that takes a handler. ValueError for a server with a protocol of its own."""
    if isinstance(named, Command | tuple) or own_listener(named):
        raise ValueError(f"{name_of(named)} has a protocol of its own: leave protocol out")
    return servers.get(named).load() if isinstance(named, str) else named


def _models(named: Found) -> tuple[str, ...]:
    return (named, servers.get(named).model) if isinstance(named, str) else ()


def _check_it_answers(address: Address) -> None:
    try:
        socket.create_connection(address, timeout=START_SECONDS).close()
    except OSError as error:
        raise ValueError(f"nothing answers at {written(*address)}: start the server first") from error


def _start(target: Found, hint: int | None, port: int | None = None, **terms: Any) -> AbstractContextManager[Running]:
    """port: to start it again on, at once. One with a port of its own takes that again, or another one each time."""
    if port is None:
        return _started_here(target, hint, PORT_SECONDS, **terms)
    return _started_here(target, hint if own_port(target) else port, 0.0, **terms)


@contextlib.contextmanager
def _started_here(
    target: Found, port: int | None, patience: float, inside: Place | None = None, main: str = "main_bounded"
) -> Iterator[Running]:
    try:
        with sent_by_value():
            core = None if isinstance(target, Command) else cores()[0]
            server = launch_on(target, None, core, port, main, patience, inside)
    except ServerError as error:
        raise _not_started(error) from error
    try:
        told = (lambda: server.log, lambda: server.written_bytes)
        yield Running(Subject(server.address, server.pid), partial(_cause, server), *told, server.notes)
    finally:
        server.stop()


def _not_started(error: ServerError) -> NotStarted | NotSeen:
    if error.cause.startswith(CANT_LISTEN) or UNREACHED in error.cause:  # by no fault of the server's
        return NotSeen(f"the server {error.cause}")
    by_itself = error.cause.startswith(("ended", "was ended"))
    return NotStarted(why_ended(error.cause, error.log) if by_itself else f"the server {error.cause}", log=error.log)


def _cause(server: Server, grace: float) -> str:
    try:
        server.check(grace)
    except ServerError as error:
        return why_ended(error.cause, error.log)
    return _STOPPED if is_stopped(server.pid) else ""


@contextlib.contextmanager
def _already_running(address: Address, inside: Place | None = None, **_: object) -> Iterator[Running]:
    if inside is not None:
        raise NotSeen("this server runs already, and not behind a wire: let check start it")
    try:
        _check_it_answers(address)
    except ValueError:
        raise Fault("the server is gone: nothing listens at its address any more") from None
    yield Running(Subject(address), lambda _: "")
