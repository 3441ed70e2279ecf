"""Find the server that a user names: a registered name, a function, `file.py:function`, a command line or an address.

`find` takes all of them, `resolve` only those that serve a listener in a Python process of ours.
"""

import functools
import inspect
import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path

from iomux import servers
from iomux.processes.import_once import CURE, import_once
from iomux.processes.named.command import Command, is_command, parse
from iomux.processes.named.file_server import FileServer
from iomux.processes.named.place import written
from iomux.processes.named.ways import Called, way_to_call
from iomux.servers.connection import Handler
from iomux.servers.protocol import Factory, Speaks
from iomux.system.machine import cores
from iomux.system.sockets import Address

Found = str | servers.Serve | Command | Address
"""A registered name, a function or `Called`, a command line, or the address of a server that runs already."""

_NO_FILE = "there is no file {}: give the path of a Python file, as in my_server.py:serve"
_URL = re.compile(r"[a-z]+://(?P<rest>[^/]*).*")
_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[\w.-]+):(?P<port>\d+)")
_FILE = re.compile(r".*\.py:(?P<function>[^/]*)", re.DOTALL)


def name_of(server: Found) -> str:
    """The short name of a server for tables and figures; for `file.py:function` and functions the function's name."""
    if isinstance(server, tuple):
        return written(*server)
    if isinstance(server, Command):
        return server.line
    if isinstance(server, str):
        match = _FILE.fullmatch(server)
        return match["function"] if match and not is_command(server) else server
    inner = server.func if isinstance(server, functools.partial) else server
    named = [str(name) for one in (server, inner, type(server)) if (name := getattr(one, "__name__", ""))]
    return named[0]  # repr has an address, which changes from run to run


def labels(chosen: Sequence[Found]) -> list[str]:
    """The servers' short names, made distinct where two are the same."""
    short = [name_of(server) for server in chosen]
    labels: list[str] = []
    for server, name in zip(chosen, short, strict=True):
        label = server if short.count(name) > 1 and isinstance(server, str) else name
        seen = labels.count(label) or sum(other.startswith(f"{label} (") for other in labels)
        labels.append(f"{label} ({seen + 1})" if seen else label)
    return labels


def notes_of(found: Found) -> tuple[str, ...]:
    """What a report says of how a server is run; empty in the usual case."""
    if isinstance(found, Command):
        return found.notes
    note = found.way.note(found.__name__) if isinstance(found, Called) else ""
    return (note,) if note else ()


def own_listener(found: Found) -> bool:
    """Whether it makes its own listener, and can be started again on the same port."""
    return isinstance(found, Command) or (isinstance(found, Called) and found.way.own_listener)


def own_port(found: Found) -> bool:
    """Whether it makes its own listener at a port of its own choice, so that two can't run at the same time."""
    return (isinstance(found, Command) and not found.takes_port) or (
        isinstance(found, Called) and found.way.own_listener and not found.way.takes_port
    )


def check_handler_and_core(handler: object, core: int | None) -> None:
    """Raise TypeError for a handler that can't be called, ValueError for a core that this process may not use."""
    if handler is not None and not callable(handler):
        raise TypeError(f"handler is {handler!r}: give a function that takes the bytes that came and returns an answer")
    if core is not None and core not in cores():
        raise ValueError(f"cpu {core} is not among the cores this process may use: {cores()}")


def speaking(handler: Handler | None, protocol: Factory | None) -> Handler | None:
    """The handler, or what stands in its place for a protocol. Raises TypeError for both, or for what is no factory."""
    if protocol is None:
        return handler
    if handler is not None:
        raise TypeError("handler and protocol are both given: a server answers by the one or by the other")
    if isinstance(protocol, type) or not (
        callable(protocol) and hasattr(protocol, "due") and hasattr(protocol, "late")
    ):
        raise TypeError(
            f"protocol is {protocol!r}: give a factory, an object with due, late(now) and a call (now, say) that makes "
            "a protocol object for each client, as iomux.protocols.http.site(folder) does"
        )
    return Speaks(protocol)


def check_startable(found: Found, handler: Handler | None, port: int | None) -> None:
    """Raise ValueError if a server can't be started, or not with a handler or a protocol, or not with this port."""
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"port is {port}: choose 1 to 65535")
    what = "protocol" if isinstance(handler, Speaks) else "handler"
    for wrong, said in (
        (isinstance(found, tuple), "is an address: a server runs there, or nobody does; there is nothing to start"),
        (
            own_listener(found) and handler is not None,
            f"makes its own listener and has its own {what}: leave {what} out",
        ),
        (
            what == "protocol" and inspect.isfunction(found) and len(inspect.signature(found).parameters) < 2,
            "takes a listener only: write serve(listener, handler), and what a protocol needs comes as the handler",
        ),
        (not own_listener(found) and port is not None, "takes the listener that it is given: leave port out"),
    ):
        if wrong:
            raise ValueError(f"{name_of(found)} {said}")


def find(server: Found) -> Found:
    """What a user's name stands for, tried as far as that goes without serving.

    Raises LookupError if there is no such server, program or file, ImportError with Python's message for a file that
    can't be imported, ValueError for a function that no way of calling fits, for a line that only a shell can run, and
    for an address outside loopback, and TypeError for what is none of these.
    """
    if isinstance(server, Command | Called | FileServer) or _is_address(server):
        return server
    if not isinstance(server, str):
        if not callable(server):
            raise TypeError(f"a server is a name or a function serve(listener, handler=echo), not {server!r}")
        way = way_to_call(server)
        return Called(server, way) if way.note("it") or "handler" in way.arguments else server
    if url := _URL.fullmatch(server):
        raise ValueError(f"{server!r} is a URL: write host:port, as in {url['rest'] or 'localhost:8000'}")
    if address := address_in(server):
        return address
    return parse(server) if is_command(server) else _registered_or_file(server)


def resolve(server: str | servers.Serve) -> str | servers.Serve:
    """A registered name that can be run here, or the function that `file.py:function` names, which serves a listener.

    Raises as `find`, and ValueError for a command line, an address, and a function that makes its own listener.
    """
    found = find(server)
    if isinstance(found, Command) and isinstance(server, str) and not is_command(server):
        raise ImportError(f"{server} can't be imported: its import does not end; {CURE}")
    if isinstance(found, tuple | Command) or own_listener(found):
        what = "makes its own listener" if isinstance(found, Called) else "is no Python function"
        raise ValueError(
            f"{name_of(found)} {what}, and here a function is needed that takes one: give serve(listener, "
            "handler=echo), its file.py:function, or a registered name"
        )
    return found


def address_in(text: str) -> Address | None:
    """The loopback address that a text is, as in "localhost:8000"; None if it is none. Raises ValueError for others."""
    match = _ADDRESS.fullmatch(text)
    if match is None or _FILE.fullmatch(text):
        return None
    host, port = match["host"].strip("[]"), int(match["port"])
    number = "127.0.0.1" if host == "localhost" else host
    try:
        inside = ipaddress.ip_address(number).is_loopback
    except ValueError:
        inside = False
    if not inside or not 0 < port < 65536:
        raise ValueError(f"{text} is not a loopback address with a port: load is sent to this machine only")
    return number, port


def _is_address(server: object) -> bool:
    return isinstance(server, tuple) and len(server) == 2 and isinstance(server[0], str)


def _registered_or_file(server: str) -> Found:
    path, _, function = server.rstrip(":").rpartition(":")
    if function.endswith(".py"):  # a function's name can't
        raise LookupError(_without_function(Path(server.rstrip(":"))))
    if not path.endswith(".py"):
        servers.get(server).load()
        return server
    if not Path(path).is_file():
        raise LookupError(_NO_FILE.format(path))
    return import_once(Path(path), function)


def _without_function(path: Path) -> str:
    if not path.is_file():
        return _NO_FILE.format(path)
    return f'{path} is a file: write {path}:serve, with the function\'s name, or the command "python {path}"'
