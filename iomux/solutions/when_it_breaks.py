"""Solutions of 11: a check of the greedy drain, the tutorial's server fixed, and a worker pool held by silent clients.

Cost: three items of `iomux.check` on two servers; some items on the fixed tutorial; a second of a meter.
"""

import contextlib
import select
import socket
from typing import TYPE_CHECKING, NoReturn

import iomux
from iomux.course import clinic
from iomux.course.clinic.symptoms import watch
from iomux.course.coursework.starter import accept_waiting
from iomux.servers.connection import CHUNK_BYTES, HIGH_WATER_BYTES, Handler, echo
from iomux.system.sockets import RETRY_SECONDS, Address

if TYPE_CHECKING:
    import pandas as pd

    from iomux.conformance.report import Report

SILENT = 128


def exercise_1() -> dict[str, "Report"]:
    """The reports on the loop without a bound, and on the fixed one."""
    case = clinic.case("greedy_drain")
    tried = {"with the bug": case.serve, "fixed": case.cured}
    return {name: iomux.check(server, only=["echoes", "flood"], progress=False) for name, server in tried.items()}


def exercise_2() -> "Report":
    """The report on the fixed tutorial, for the three items with which the page starts."""
    return iomux.check(fixed_tutorial, only=["echoes", "reset", "leaving"], progress=False)


def fixed_tutorial(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """The tutorial's server, with owed bytes kept for each client, and errors that end one client. Never returns."""
    listener.setblocking(False)
    owed: dict[socket.socket, bytearray] = {}
    ended: set[socket.socket] = set()
    short = False
    while True:
        reading = [sock for sock in owed if sock not in ended and len(owed[sock]) < HIGH_WATER_BYTES]
        watched = reading if short else [listener, *reading]
        owing = [sock for sock in owed if owed[sock]]
        readable, writable, _ = select.select(watched, owing, [], RETRY_SECONDS if short else None)
        short = False
        for sock in {*readable, *writable}:
            if sock is listener:
                came, short = accept_waiting(listener)
                owed.update((new, bytearray()) for new in came)
                continue
            try:
                if sock in readable:
                    _read(sock, owed[sock], ended, handler)
                _send_owed(sock, owed[sock])
            except OSError:  # an error of one socket ends one client
                ended.add(sock)
                owed[sock].clear()
            if sock in ended and not owed[sock]:
                ended.remove(sock)
                del owed[sock]
                sock.close()


def _read(sock: socket.socket, owed: bytearray, ended: set[socket.socket], handler: Handler) -> None:
    try:
        data = sock.recv(CHUNK_BYTES)
    except BlockingIOError:  # it was ready, and no longer is
        return
    if data:
        owed += handler(data)
    else:
        ended.add(sock)


def _send_owed(sock: socket.socket, owed: bytearray) -> None:
    with contextlib.suppress(BlockingIOError):  # no room: select reports when there is
        del owed[: sock.send(owed)]


def exercise_3() -> tuple["pd.DataFrame", list[str]]:
    """The meter of a worker pool held by 128 silent clients, and the answers to one more client: an empty one."""
    received: list[str] = []

    def crowd(address: Address) -> None:
        silent = [socket.create_connection(address) for _ in range(SILENT)]
        with socket.create_connection(address, timeout=0.3) as active:
            active.sendall(b"is anybody there?")
            try:
                received.append(active.recv(100).decode())
            except TimeoutError:
                received.append("")
        for client in silent:
            client.close()

    return watch(clinic.case("worker_pool").serve, crowd, 0.9), received
