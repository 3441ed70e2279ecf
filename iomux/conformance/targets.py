"""What `iomux.check` can be pointed at, and how each is started: afresh for every item, and gone after it.

A registered name, a function and `file.py:function` are started by `iomux.start`. A command line is run in a process
group of its own, under a small process that never outlives us; a port is chosen for it and written in place of
`{port}`. An address is a server that somebody else runs: it is not started, and its process is not known.
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
from iomux.conformance.trial.subject import Fault, NotStarted, Subject
from iomux.processes.errors import ServerError
from iomux.processes.logs import read_log, too_much, written_bytes
from iomux.processes.resolve import name_of, resolve
from iomux.processes.server import START_SECONDS, Server, start
from iomux.processes.spawn import end, spawn
from iomux.system.sockets import Address

_NOTICE_SECONDS = 0.1  # until the keeper of a command has noticed that it ended
_MOST_TOLD = 200  # characters of a line; all of it is in the detail
_URL = re.compile(r"[a-z]+://(?P<rest>[^/]*).*")
_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[\w.-]+):(?P<port>\d+)")


@dataclass(frozen=True)
class Running:
    """A server under test, and how to ask what became of it."""

    subject: Subject
    ended: Callable[[float], str]
    """Why it has ended, or does so within so many seconds, in a line; empty while it runs, or where nobody can tell."""
    log: Callable[[], str] = str
    """What it has written so far; empty where it is not ours to read."""
    written_bytes: Callable[[], int] = int
    """How many bytes that were, those left out of it included."""


@dataclass(frozen=True)
class Target:
    """Something to check: its name, its I/O model where it is known, and how to start it."""

    name: str
    run: Callable[[], AbstractContextManager[Running]]
    models: tuple[str, ...] = ()


def target_of(target: str | servers.Serve) -> Target:
    """What a user means. Raises LookupError, ValueError or TypeError, saying what can be written instead."""
    if isinstance(target, str) and "{port}" in target:
        return Target(target, lambda: _command(target))
    if isinstance(target, str) and (url := _URL.fullmatch(target)):
        raise ValueError(f"{target!r} is a URL: write host:port, as in {url['rest'] or 'localhost:8000'}")
    if isinstance(target, str) and (match := _ADDRESS.fullmatch(target)):
        address = _loopback(match["host"].strip("[]"), int(match["port"]))
        _answers(address)
        return Target(target, lambda: _elsewhere(address))
    if isinstance(target, str) and len(target.split()) > 1 and ".py:" not in target:
        raise ValueError(f"a command line has to say where its port goes: write {{port}} into {target!r}")
    serve = resolve(target)
    models = (serve, servers.get(serve).model) if isinstance(serve, str) else ()
    return Target(name_of(target), lambda: _ours(target), models)


def _loopback(host: str, port: int) -> Address:
    """Load goes to loopback only."""
    number = "127.0.0.1" if host == "localhost" else host
    try:
        inside = ipaddress.ip_address(number).is_loopback
    except ValueError:
        inside = False
    if not inside or not 0 < port < 65536:
        raise ValueError(f"{host}:{port} is no loopback address with a port: a check sends much, to this machine only")
    return number, port


def _answers(address: Address) -> None:
    try:
        socket.create_connection(address, timeout=START_SECONDS).close()
    except OSError as error:
        raise ValueError(f"nothing answers at {address[0]}:{address[1]}: start the server first") from error


@contextlib.contextmanager
def _ours(target: str | servers.Serve) -> Iterator[Running]:
    try:
        server = start(target)
    except ServerError as error:
        raise NotStarted(why_ended(error.cause, error.log), log=error.log) from error
    except (TypeError, pickle.PicklingError) as error:  # what the function holds on to can't leave this process
        raise NotStarted(f"the function can't be sent to a process of its own: {error}") from error
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


def why_ended(cause: str, log: str) -> str:
    """What a student looks for first: the last line of a traceback, or how the process ended if it said nothing."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f"the server ended: {lines[-1][:_MOST_TOLD]}" if lines else f"the server {cause}"


@contextlib.contextmanager
def _elsewhere(address: Address) -> Iterator[Running]:
    try:
        _answers(address)
    except ValueError:
        raise Fault("the server is gone: nothing listens at its address any more") from None
    yield Running(Subject(address), lambda _: "")


@contextlib.contextmanager
def _command(line: str) -> Iterator[Running]:
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [word.replace("{port}", str(port)) for word in shlex.split(line)]
    with tempfile.TemporaryFile() as log:
        keeper = spawn(
            "iomux.conformance.supervisor", {"words": words, "environment": dict(os.environ), "cpu": None}, log
        )
        try:
            pid = _wait_until_it_listens(keeper, port, log)
            yield Running(
                Subject(("127.0.0.1", port), pid),
                lambda grace: _ended(keeper, log, grace),
                lambda: read_log(log),
                lambda: written_bytes(log),
            )
        finally:
            end(keeper)


def _wait_until_it_listens(keeper: "subprocess.Popen[bytes]", port: int, log: IO[bytes]) -> int:
    """The number of the command's process, once its port is open. Looked up, not tried: a trial is a client too."""
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        if keeper.poll() is not None:
            raise NotStarted(why_ended("ended", said := read_log(log)), log=said)
        if pid := _listens(keeper.pid, port):
            return pid
        time.sleep(0.02)
    late = f"the command did not listen on its port within {START_SECONDS:.0f} s: does it use {{port}}?"
    raise NotStarted(late + too_much(written_bytes(log)), log=read_log(log))


def _listens(keeper: int, port: int) -> int:
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(keeper).children()
        for process in [*children, *(low for child in children for low in child.children(recursive=True))]:
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return int(process.pid)
    return 0


def _ended(keeper: "subprocess.Popen[bytes]", log: IO[bytes], grace: float) -> str:
    with contextlib.suppress(subprocess.TimeoutExpired):
        keeper.wait(max(grace, _NOTICE_SECONDS))
        return why_ended("ended", read_log(log))
    return ""
