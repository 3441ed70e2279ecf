"""How clients connect to a server under test, one or many, and what a full backlog means for them.

A backlog that is full is the kernel's affair: it drops the handshake, and the client tries again after a second, and
again (listen(2), tcp(7): tcp_syn_retries; since Linux 6.5 every second at first, tcp_syn_linear_timeouts). Only a queue
of complete connections from which nobody is accepted for `PATIENCE` seconds is the server's fault.
"""

import contextlib
import random
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil

from iomux.conformance.trial import rest
from iomux.conformance.trial.patience import out_of_patience, ready
from iomux.conformance.trial.recording import RECORDING
from iomux.conformance.trial.subject import (
    PATIENCE,
    RAISE_THE_LIMIT,
    SHORT_HERE,
    Fault,
    NotSeen,
    NotSeenHere,
    Subject,
    is_held,
)
from iomux.system.network.connecting import lend_port
from iomux.system.sockets import raise_descriptor_limit

_SPARE_DESCRIPTORS = 24
_DROPPED_SECONDS = 0.5  # a connect that takes longer met a full backlog
_RETRIES_SECONDS = 20.0
_NARROW_BYTES = 64 * 1024
_SMALL_SEGMENT = 1400
AT_HOME_ONLY: set[Subject] = set()  # they send away who does not come from 127.0.0.1 (hosts_access(5))


def connect(subject: Subject) -> socket.socket:
    """A connected client. Raises Fault if the server does not accept it, NotSeenHere if the kernel never lets it in."""
    client = connected(subject, _unconnected(subject))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def accepted_client(subject: Subject) -> socket.socket:
    """A connected client that has said nothing yet, as soon as the server has accepted it, unless it is held still."""
    client = connect(subject)
    if not is_held(subject):
        rest.accepted(subject.address[1], PATIENCE)
    return client


def connect_narrow(subject: Subject) -> socket.socket:
    """A connected client through which little fits: so the server's sends fall short after a few hundred KiB.

    A client that reads all the time would take all that a careless server sends, and no send would ever be short. Its
    own buffers do not grow (SO_RCVBUF, SO_SNDBUF, socket(7)), and its segments are small (TCP_MAXSEG, tcp(7)), which
    keeps the server's send buffer small too: the kernel makes it some 20 segments (net/ipv4/tcp_input.c,
    tcp_sndbuf_expand).
    """
    client = _narrow(subject)
    if subject not in AT_HOME_ONLY:
        from_a_fresh_address(client)
    return connected(subject, client)


def connect_narrow_from_home(subject: Subject) -> socket.socket:
    """A client as narrow, from 127.0.0.1: redis-server sends away who comes from elsewhere (its protected mode)."""
    return connected(subject, _narrow(subject))


def _narrow(subject: Subject) -> socket.socket:
    client = _unconnected(subject)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _NARROW_BYTES)  # before the window is first announced
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _NARROW_BYTES)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SMALL_SEGMENT)
    return client


def from_a_fresh_address(client: socket.socket) -> None:
    """Let an IPv4 client have a loopback address of its own, for which the kernel remembers nothing.

    It keeps a window and a reordering for each address (ip-tcp_metrics(8)), and makes a send buffer as large as those
    ask for: a client at 127.0.0.1 would have more room in one run than in another.
    """
    if client.family == socket.AF_INET:
        host = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
        with contextlib.suppress(OSError):  # elsewhere than on Linux only 127.0.0.1 is there
            client.bind((host, 0))


def _unconnected(subject: Subject) -> socket.socket:
    client = socket.socket(socket.AF_INET6 if ":" in subject.address[0] else socket.AF_INET, socket.SOCK_STREAM)
    lend_port(client)
    return client


def connected(subject: Subject, client: socket.socket) -> socket.socket:
    """Connect a socket. Raises Fault if the server does not accept it, NotSeenHere if the kernel never lets it in."""
    client.settimeout(_DROPPED_SECONDS)
    try:
        try:
            client.connect(subject.address)
        except TimeoutError:
            _wait_for_a_place(subject, client)
    except ConnectionRefusedError:
        client.close()
        raise Fault("a new client was refused: nothing listens on the port any more") from None
    except OSError as error:
        client.close()
        if error.errno in SHORT_HERE:  # no port is left to connect from, say: the machine's affair
            raise
        raise Fault("a new client could not connect", error=str(error)) from None
    client.settimeout(PATIENCE)
    return RECORDING.client(client)


def _wait_for_a_place(subject: Subject, client: socket.socket) -> None:
    """Wait while the kernel repeats the handshake. Raises Fault if nobody is accepted, else NotSeenHere in the end.

    Raises NotSeen at once while the server is held still: it is we who keep it from accepting.
    """
    if is_held(subject):
        raise NotSeen("its backlog has no place for those who come while it is held still: listen(2)")
    began = since = time.monotonic()
    last = 0
    while time.monotonic() < began + _RETRIES_SECONDS:
        if ready([], [client], 0.25)[1]:
            if error := client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, "connect")
            return
        waiting = rest.waiting(subject.address[1])
        if not waiting or waiting != last:
            last, since = waiting, time.monotonic()
        elif out_of_patience(since):
            raise Fault("a new client could not connect: others wait to be accepted, and no one is", waiting=waiting)
    raise NotSeenHere("the kernel did not let a client connect, and its backlog was not full: listen(2)")


@contextmanager
def crowd(subject: Subject, count: int) -> Iterator[list[socket.socket]]:
    """`count` connected clients at once; all are closed at the end. Raises NotSeenHere if they are too many."""
    check_room_for(count)
    try:
        with ExitStack() as stack:
            yield [stack.enter_context(client) for client in connect_one_by_one(subject, count)]
    except Fault:
        _check_the_servers_room(subject, count)
        raise


def _check_the_servers_room(subject: Subject, count: int) -> None:
    """Raise NotSeenHere if the server may not open `count` clients: a shell's limit is no fault of its own."""
    if subject.pid is None:
        return
    with contextlib.suppress(psutil.Error, AttributeError):  # only Linux tells another process's limits
        most = psutil.Process(subject.pid).rlimit(resource.RLIMIT_NOFILE)[0]
        if most != resource.RLIM_INFINITY and most < count:
            few = f"the server may open {most:,} descriptors only, and there were {count:,} clients"
            raise NotSeenHere(f"{few}: {RAISE_THE_LIMIT}")


@contextmanager
def pressing(subject: Subject, count: int) -> Iterator[list[socket.socket]]:
    """`count` clients that try to connect, whether they get in or not; all are closed at the end."""
    check_room_for(count)
    with ExitStack() as stack:
        clients = [stack.enter_context(_unconnected(subject)) for _ in range(count)]
        for client in clients:
            client.setblocking(False)
            with contextlib.suppress(OSError):  # in progress, or no place for it
                client.connect(subject.address)
        yield clients


def check_room_for(count: int) -> None:
    """Raise NotSeenHere if this process may not open `count` clients."""
    most = raise_descriptor_limit()
    if count + _SPARE_DESCRIPTORS > most:
        raise NotSeenHere(f"{count:,} clients take more descriptors than a process may open here: {RAISE_THE_LIMIT}")


def connect_one_by_one(subject: Subject, count: int) -> Iterator[socket.socket]:
    """Connect one client after the other, as quickly as the server accepts them.

    If the backlog is full, a client connects a second or more late: after that we give the server time to accept.
    """
    pause = 0.0
    for _ in range(count):
        began = time.monotonic()
        client = connect(subject)
        if time.monotonic() - began > _DROPPED_SECONDS:  # before the yield: the caller's time does not count
            pause = max(2 * pause, 0.004)
        yield client
        time.sleep(pause)
