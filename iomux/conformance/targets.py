"""The targets of `iomux.check`, and how each is started: afresh for every item, and stopped after it.

A registered name, a function and `file.py:function` are started as by `iomux.start`. A command line is run in its own
process group, under a small process that never outlives this one; a port is chosen for it and written in place of
`{port}`. An address is a server that runs already: it is not started here, and its process is not known.
"""

import contextlib
import ipaddress
import os
import pickle
import re
import shlex
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO

import psutil

from iomux import servers
from iomux.conformance.trial.ending import why_ended
from iomux.conformance.trial.subject import Fault, NotStarted, Subject
from iomux.processes.errors import ServerError, cause_of_end
from iomux.processes.logs import read_log, too_much, written_bytes
from iomux.processes.resolve import name_of, resolve
from iomux.processes.server import START_SECONDS, Server, launch
from iomux.processes.spawn import end, spawn
from iomux.system.sockets import Address

_NOTICE_SECONDS = 0.1  # until a command's supervisor has noticed that it ended
_URL = re.compile(r"[a-z]+://(?P<rest>[^/]*).*")
_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[\w.-]+):(?P<port>\d+)")


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


@dataclass(frozen=True)
class Target:
    """Something to check: its name, how to start it, and its I/O model if that is known."""

    name: str
    run: Callable[[], AbstractContextManager[Running]]
    models: tuple[str, ...] = ()
    serial: bool = False
    """Whether its items share one server, and so have to be tried one after another."""


def target_of(target: str | servers.Serve) -> Target:
    """The target that a user names. Raises LookupError, ValueError or TypeError, saying what to write instead."""
    if isinstance(target, str) and "{port}" in target:
        return Target(target, lambda: _from_command_line(target))
    if isinstance(target, str) and (url := _URL.fullmatch(target)):
        raise ValueError(f"{target!r} is a URL: write host:port, as in {url['rest'] or 'localhost:8000'}")
    if isinstance(target, str) and (match := _ADDRESS.fullmatch(target)):
        address = _loopback(match["host"].strip("[]"), int(match["port"]))
        _check_it_answers(address)
        return Target(target, lambda: _already_running(address), serial=True)
    if isinstance(target, str) and len(target.split()) > 1 and ".py:" not in target:
        raise ValueError(f"a command line must say where its port goes: write {{port}} into {target!r}")
    serve = resolve(target)
    models = (serve, servers.get(serve).model) if isinstance(serve, str) else ()
    return Target(name_of(target), lambda: _started_here(serve), models)


def _loopback(host: str, port: int) -> Address:
    """A loopback address: a check sends load to this machine only. Raises ValueError for any other."""
    number = "127.0.0.1" if host == "localhost" else host
    try:
        inside = ipaddress.ip_address(number).is_loopback
    except ValueError:
        inside = False
    if not inside or not 0 < port < 65536:
        raise ValueError(
            f"{host}:{port} is not a loopback address with a port: a check sends load to this machine only"
        )
    return number, port


def _check_it_answers(address: Address) -> None:
    try:
        socket.create_connection(address, timeout=START_SECONDS).close()
    except OSError as error:
        raise ValueError(f"nothing answers at {address[0]}:{address[1]}: start the server first") from error


@contextlib.contextmanager
def _started_here(target: str | servers.Serve) -> Iterator[Running]:
    try:
        server = launch(target)
    except ServerError as error:
        raise NotStarted(why_ended(error.cause, error.log), log=error.log) from error
    except (TypeError, pickle.PicklingError) as error:  # the function refers to something that can't be pickled
        raise NotStarted(f"the function can't be sent to another process: {error}") from error
    try:
        yield Running(
            Subject(server.address, server.pid),
            lambda grace: _cause(server, grace),
            lambda: server.log,
            lambda: server.written_bytes,
        )
    finally:
        server.stop()


def _cause(server: Server, grace: float) -> str:
    try:
        server.check(grace)
    except ServerError as error:
        return why_ended(error.cause, error.log)
    return ""


@contextlib.contextmanager
def _already_running(address: Address) -> Iterator[Running]:
    try:
        _check_it_answers(address)
    except ValueError:
        raise Fault("the server is gone: nothing listens at its address any more") from None
    yield Running(Subject(address), lambda _: "")


@contextlib.contextmanager
def _from_command_line(line: str) -> Iterator[Running]:
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [word.replace("{port}", str(port)) for word in shlex.split(line)]
    with tempfile.TemporaryFile() as log:
        supervisor = spawn(
            "iomux.conformance.supervisor", {"words": words, "environment": dict(os.environ), "cpu": None}, log
        )
        try:
            pid = _wait_until_it_listens(supervisor, port, log)
            yield Running(
                Subject(("127.0.0.1", port), pid),
                lambda grace: _ended(supervisor, log, grace),
                lambda: read_log(log),
                lambda: written_bytes(log),
            )
        finally:
            end(supervisor)


def _wait_until_it_listens(supervisor: "subprocess.Popen[bytes]", port: int, log: IO[bytes]) -> int:
    """The command's process, once its port is open; looked up, because a test connection would be a client."""
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        if supervisor.poll() is not None:
            raise NotStarted(why_ended(cause_of_end(supervisor), text := read_log(log)), log=text)
        if pid := _listening_pid(supervisor.pid, port):
            return pid
        time.sleep(0.02)
    late = f"the command did not listen on its port within {START_SECONDS:.0f} s: does it use {{port}}?"
    raise NotStarted(late + too_much(written_bytes(log)), log=read_log(log))


def _listening_pid(supervisor: int, port: int) -> int:
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(supervisor).children()
        for process in [*children, *(low for child in children for low in child.children(recursive=True))]:
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return int(process.pid)
    return 0


def _ended(supervisor: "subprocess.Popen[bytes]", log: IO[bytes], grace: float) -> str:
    with contextlib.suppress(subprocess.TimeoutExpired):
        supervisor.wait(max(grace, _NOTICE_SECONDS))
        return why_ended(cause_of_end(supervisor), read_log(log))
    return ""
