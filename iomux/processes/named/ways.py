"""How a server that a user wrote is called: `serve(listener)`, or one of the other forms that servers have.

The names of its parameters say what it takes. What takes a listener is called with one. What takes a host and a port,
or nothing, makes its own listener, which is found afterwards. A coroutine function is run by asyncio, and of a class
an object is made and its method called. Whatever fits none of these is refused, with the lines that make it fit.
"""

import asyncio
import functools
import inspect
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from iomux.system.sockets import Address

Handler = Callable[[bytes], bytes]
FOLDER_VARIABLE = "IOMUX_FOLDER"
"""The name in the environment under which a server finds the folder that it is to serve."""
_METHODS = ("serve_forever", "run_forever", "run", "serve", "start", "main", "loop", "listen")
_HOSTS = frozenset({"host", "hostname", "ip", "interface", "bind", "bind_host", "addr", "address"})
_PORTS = frozenset({"port", "portno", "port_number", "bind_port"})
_PAIRS = frozenset({"address", "addr", "server_address", "bind_address", "hostport"})
_FOLDERS = frozenset({"folder", "root", "directory", "docroot"})
_ARGV = frozenset({"argv", "args", "arguments"})
_SHOWN = {"host": '"127.0.0.1"', "address": '("127.0.0.1", port)'}


@dataclass(frozen=True)
class Way:
    """One way to call a server: with which arguments, by asyncio or not, and which method of the object it makes."""

    arguments: tuple[str, ...] = ("listener",)
    method: str = ""
    asynchronous: bool = False

    @property
    def own_listener(self) -> bool:
        """Whether it makes its own listener."""
        return "listener" not in self.arguments

    @property
    def takes_port(self) -> bool:
        """Whether it is told at which port to listen; if not, and it makes its own listener, its port is its own."""
        return not {"port", "address"}.isdisjoint(self.arguments)

    def note(self, name: str) -> str:
        """How it is called, in one line; empty for `serve(listener)`, the usual way."""
        if self in (Way(), Way(("listener", "handler"))):
            return ""
        called = f"{name}({', '.join(_SHOWN.get(one, one) for one in self.arguments)})"
        called += f".{self.method}()" if self.method else ""
        called = f"asyncio.run({called})" if self.asynchronous else called
        return f"called as {called}" + (": it makes its own listener" if self.own_listener else "")


class Called:
    """A server that is not called as `serve(listener)`, and the way to call it."""

    def __init__(self, function: Callable[..., Any], way: Way, folder: str = "") -> None:
        self.function, self.way, self.folder = function, way, folder
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def import_file(self) -> "Called":
        """Import the file that the server is in, if it is in one: then it is ready to be called."""
        if self.folder:  # before its import, at which it may look
            os.environ[FOLDER_VARIABLE] = self.folder
        load = getattr(self.function, "import_file", None)
        return Called(load(), self.way, self.folder) if load else self

    def __call__(self, listener: socket.socket, handler: Handler | None = None) -> None:
        """Call a server that takes a listener, as `serve(listener)` would be."""
        given = () if handler is None or "handler" in self.way.arguments else (handler,)
        self._call({"listener": listener, "handler": handler or bytes}, *given)

    def at(self, address: Address) -> None:
        """Call a server that makes its own listener, for this address."""
        self._call({"host": address[0], "port": address[1], "address": address})
        for thread in threading.enumerate():  # `start` may have left the work to threads
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()

    def _call(self, values: Mapping[str, Any], *more: Any) -> None:
        if self.way.asynchronous and (listener := values.get("listener")):
            listener.setblocking(False)  # asyncio's calls on sockets ask for that
        if "folder" in self.way.arguments and not self.folder:
            raise TypeError(f"{self.__name__} takes a folder: iomux.check_http gives it one, and nobody else")
        known = {**values, "folder": self.folder}
        made = self.function(*(known[name] for name in self.way.arguments), *more)
        result = getattr(made, self.way.method)() if self.way.method else made
        if inspect.isawaitable(result):
            asyncio.run(_wait_for(result))


async def _wait_for(result: Awaitable[Any]) -> None:
    await result


def way_to_call(function: Callable[..., Any]) -> Way:
    """How to call a function or class that a user wrote. Raises ValueError, with the lines that make it fit.

    Example:
    >>> from iomux.processes.named.ways import way_to_call
    >>> way_to_call(lambda host, port: None).arguments
    ('host', 'port')
    """
    name = getattr(function, "__name__", type(function).__name__)
    method = next((one for one in _METHODS if callable(getattr(function, one, None))), "")
    if not inspect.isclass(function):
        method = ""
    elif not method:
        raise ValueError(f"the class {name} has no method that runs it: write in it\n    def run(self):\n        ...")
    required, optional = _parameters(function)
    arguments = _arguments(required, optional)
    if arguments is None:
        raise ValueError(_refusal(name, required, method))
    return Way(arguments, method, _is_coroutine_function(getattr(function, method) if method else function))


def _arguments(required: list[str], optional: list[str]) -> tuple[str, ...] | None:
    """What to call a function with, by the names of its parameters; None if that can't be told."""
    if required and required[-1].lower() in _FOLDERS:
        others = _arguments(required[:-1], []) if len(required) > 1 else None
        return (*others, "folder") if others else None
    names = [*required, *optional]
    low = [name.lower() for name in names[:2]]
    if not names or (not required and low[0] in _ARGV):
        return ()
    if len(required) <= 2 and len(low) == 2 and low[0] in _HOSTS and low[1] in _PORTS:
        return ("host", "port")
    if len(required) <= 1 and low[0] in _PORTS:
        return ("port",)
    if len(required) <= 1 and low[0] in _PAIRS:
        return ("address",)
    if len(required) <= 1:
        return None if low[0] in _HOSTS else ("listener",)
    return ("listener", "handler") if len(required) == 2 and required[1] == "handler" else None


def _parameters(function: Callable[..., Any]) -> tuple[list[str], list[str]]:
    """The names of the parameters that a call must give in order, and of those that it may."""
    try:
        signature = inspect.signature(function, follow_wrapped=not isinstance(function, functools.partial))
    except (TypeError, ValueError):  # a function in C may have none
        return ["listener"], []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = [one for one in signature.parameters.values() if one.kind in kinds]
    rest = [one.name for one in signature.parameters.values() if one.kind is inspect.Parameter.VAR_POSITIONAL]
    required = [one.name for one in given if one.default is inspect.Parameter.empty]
    return required, [*(one.name for one in given if one.default is not inspect.Parameter.empty), *rest]


def _is_coroutine_function(function: Any) -> bool:
    by_class = vars(type(function)).get("__call__")  # of an object that can be called
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(by_class)


def _refusal(name: str, required: list[str], method: str) -> str:
    takes, first = ", ".join(required), "listener, ..." if len(required) > 1 else "listener"
    call = f"{name}({first})" + (f".{method}()" if method else "")
    return f"{name} takes {takes}, and a server takes a listener: write\ndef serve(listener):\n    {call}"
