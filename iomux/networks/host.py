"""A host: a network of its own, in which servers, load and functions run, and whose sockets anybody may use."""

import contextlib
import dataclasses
import socket as sockets
import tempfile
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from iomux import servers
from iomux.harness.load.load import load
from iomux.harness.load.result import LoadResult
from iomux.networks.link import Link
from iomux.networks.parts import Parts
from iomux.networks.report import too_full, too_late
from iomux.processes.logs import read_log
from iomux.processes.resolve import speaking
from iomux.processes.server import Server, launch_on
from iomux.processes.spawn import end, interrupt_held_back, spawn
from iomux.processes.start import replace_earlier_run
from iomux.processes.starting import PORT_SECONDS
from iomux.processes.worker import Reports, TookTooLong
from iomux.servers.connection import Handler
from iomux.servers.protocol import Factory
from iomux.system.machine import cores
from iomux.system.sockets import BACKLOG, open_listener

T = TypeVar("T")
Socket = sockets.socket


class Host:
    """One host of `iomux.network`: `address`, `link`, and what can be done in it.

    Example:
    >>> with iomux.network(hosts=3) as (a, b, c):
    ...     print(b.run(lambda: 6 * 7), len({a.address, b.address, c.address}))
    42 3
    """

    def __init__(self, parts: Parts, number: int) -> None:
        self.address = parts.addresses[number]
        """Its IPv4 address, of 198.18.0.0/15, which no machine of the Internet has (RFC 2544)."""
        self.link = Link(parts, [number])
        """What it sends passes this."""
        self._parts, self._number = parts, number
        self._servers: weakref.WeakSet[Server] = weakref.WeakSet()

    def start(
        self,
        server: str | servers.Serve,
        handler: Handler | None = None,
        cpu: int | None = None,
        port: int | None = None,
        protocol: Factory | None = None,
    ) -> Server:
        """Do what `iomux.start` does, with the server's process and its listener inside this host.

        A command line has to listen at 0.0.0.0 or at this host's address: 127.0.0.1 is the host's own loopback, which
        no other host reaches. Raises as `iomux.start`, and RuntimeError if the network was stopped.
        """
        core = cores()[0] if cpu is None else cpu
        running = launch_on(server, speaking(handler, protocol), core, port, "main", PORT_SECONDS, self)
        self._servers.add(running)
        replace_earlier_run(running)
        return running

    def load(self, server: Server, connections: int = 1, **options: Any) -> LoadResult:
        """Do what `iomux.load` does, with its clients inside this host. server: one that a host here has started.

        options: those of `iomux.load`. What speaks against the wire is among the result's `doubts`. Connections are
        opened up to 256 at once, since each takes a round trip. Raises as `iomux.load`.
        """
        before = self._parts.read(range(len(self._parts.addresses)))
        result = load(server, connections, **options, host=self)
        wire = self._parts.read(range(len(self._parts.addresses))).since(before)
        late = list(too_late(wire, {"p50": result.p50_us / 2, "p99": result.p99_us / 2}))  # each passes it twice
        named = f"other programs, the wire with {100 * wire.share:.0f} % of a core among them, used"
        usual = [doubt.replace("other programs used", named) for doubt in result.doubts]
        doubts = (*usual, *late, *too_full(wire))
        return dataclasses.replace(result, doubts=doubts, disturbed=result.disturbed or bool(late))

    def run(self, function: Callable[..., T], *arguments: Any, seconds: float = 60.0) -> T:
        """Call `function(*arguments)` in a new process inside this host; return its result.

        function: also one of a notebook's cell; it and its arguments are sent by value, and so is its result. What it
        prints is printed here when it has ended. seconds: how long it may take. Raises RuntimeError with its traceback
        if it fails, and `iomux.processes.worker.TookTooLong`, a RuntimeError, if it takes longer; in both cases the
        error has what it had printed.
        """
        work = {"function": function, "arguments": arguments, "cpu": None}
        with tempfile.TemporaryFile() as log:
            process = spawn("iomux.networks.visit", work, log, inside=self)
            try:
                what = f"the function {getattr(function, '__name__', repr(function))}"
                with contextlib.closing(Reports(process, log, what)) as reports:
                    result: T = reports.next(seconds)
                print(read_log(log), end="")
            except TookTooLong as error:
                raise TookTooLong(f"{error}\n{read_log(log)}".rstrip()) from None
            finally:
                end(process)
        return result

    def socket(self, kind: int = sockets.SOCK_STREAM, protocol: int = 0, timeout: float | None = 10.0) -> Socket:
        """A new IPv4 socket of this host, for code that runs here: what it sends passes the link.

        timeout: seconds, as `socket.settimeout` takes them: who waits longer gets TimeoutError, so a link that was cut
        is no hang; None waits for ever, 0 never. Made inside the host by a process of the network, and handed over
        (SCM_RIGHTS, unix(7)). Raises OSError, and RuntimeError if the network was stopped.

        Example:
        >>> with iomux.network() as (a, b), b.listen() as listener, a.socket() as client:
        ...     client.connect(listener.getsockname())
        ...     print(client.getpeername()[0] == b.address)
        True
        """
        made: Socket | None = None
        try:
            with interrupt_held_back():  # until the descriptor has an owner
                _, (descriptor,) = self._parts.keeper.ask("socket", self._number, int(kind), int(protocol))
                made = Socket(fileno=descriptor)
                made.settimeout(timeout)
        except BaseException:
            if made is not None:
                made.close()
            raise
        return made

    def listen(self, port: int = 0, backlog: int = BACKLOG, timeout: float | None = None) -> Socket:
        """A listening TCP socket of this host, for code that runs here; its accepted clients are sockets of the host.

        port: 0 takes a free one. backlog: how many complete connections may wait for `accept`. timeout: as for
        `socket`; none unless it is given, as a server has. The sockets from its `accept` have none in any case: where
        the link is cut their `recv` waits for ever, so give them one by `settimeout`. Raises OSError, as if the port is
        taken, and RuntimeError if the network was stopped.
        """
        made = self.socket(timeout=timeout)
        return open_listener(made, (self.address, port), backlog)

    def namespaces(self) -> tuple[int, ...]:
        """The descriptors of the namespaces that a process inside enters, in order. Raises RuntimeError if stopped."""
        self._parts.check()
        return self._parts.namespaces[self._number]

    def reaches(self, host: str) -> bool:
        """Whether this is the address of a host of the same network."""
        return host in self._parts.addresses

    def stop_servers(self) -> None:
        """End the servers that were started in it."""
        for server in list(self._servers):
            server.stop()

    def __repr__(self) -> str:
        return f"<host {self.address}{', stopped' if self._parts.stopped else ''}>"
