"""Notebook 11: the greedy drain on trial, the tutorial cured, a worker pool in which everybody sleeps.

Cost: three items of `iomux.check` on two servers; some items on the cured tutorial; a second of a meter.
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
    """What `check` says of the loop without a bound, and of its cure."""
    patient = clinic.case("greedy_drain")
    tried = {"sick": patient.serve, "cured": patient.cured}
    return {name: iomux.check(server, only=["echoes", "flood"], progress=False) for name, server in tried.items()}


def exercise_2() -> "Report":
    """What `check` says of the cured tutorial, of the three items with which the page began."""
    return iomux.check(cured_tutorial, only=["echoes", "reset", "leaving"], progress=False)


def cured_tutorial(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """The tutorial's server: what is owed is kept for each client, and each client's end is its own. Never returns."""
    listener.setblocking(False)
    owed: dict[socket.socket, bytearray] = {}
    ended: set[socket.socket] = set()
    short = False
    while True:
        asked = [sock for sock in owed if sock not in ended and len(owed[sock]) < HIGH_WATER_BYTES]
        watched = asked if short else [listener, *asked]
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
                    _take(sock, owed[sock], ended, handler)
                _pay(sock, owed[sock])
            except OSError:  # an error of one socket: the end of one client
                ended.add(sock)
                owed[sock].clear()
            if sock in ended and not owed[sock]:
                ended.remove(sock)
                del owed[sock]
                sock.close()


def _take(sock: socket.socket, owed: bytearray, ended: set[socket.socket], handler: Handler) -> None:
    try:
        data = sock.recv(CHUNK_BYTES)
    except BlockingIOError:  # it was ready, and is no longer
        return
    if data:
        owed += handler(data)
    else:
        ended.add(sock)


def _pay(sock: socket.socket, owed: bytearray) -> None:
    with contextlib.suppress(BlockingIOError):  # no room: select will tell
        del owed[: sock.send(owed)]


def exercise_3() -> tuple["pd.DataFrame", list[str]]:
    """The meter of a worker pool that 128 silent clients hold, and what the one who asks has heard: nothing."""
    heard: list[str] = []

    def crowd(address: Address) -> None:
        silent = [socket.create_connection(address) for _ in range(SILENT)]
        with socket.create_connection(address, timeout=0.3) as asks:
            asks.sendall(b"is anybody there?")
            try:
                heard.append(asks.recv(100).decode())
            except TimeoutError:
                heard.append("")
        for client in silent:
            client.close()

    return watch(clinic.case("worker_pool").serve, crowd, 0.9), heard
