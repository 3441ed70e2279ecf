"""Solutions of 04, select: needless interest in writing, clients beyond FD_SETSIZE, a chat, messages in a stream."""

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterable
from typing import Any

import iomux
from iomux.harness.load.clients import wait_until_accepted
from iomux.solutions.pages.page_servers import functions, server

PAGE = "04_select.ipynb"
FD_SETSIZE = 1024
"""The C library's constant: how many bits the mask of select(2) has."""
MOST_OWED_BYTES = 1 << 20
"""What a chat keeps for one member; the room of notebook 12 has the same limit."""
MOST_MESSAGE_BYTES = 1 << 16
LENGTH = struct.Struct("!I")
"""What stands before a packet: its length."""


def busy_share(serve: Any, clients: int = 100, seconds: float = 0.3) -> float:
    """The share of a core that a server uses while `clients` clients are silent."""
    with iomux.start(serve) as running, contextlib.ExitStack() as silent:
        for _ in range(clients):
            silent.enter_context(socket.create_connection(running.address))
        time.sleep(0.2)
        began = running.cpu()
        time.sleep(seconds)
        return running.cpu().since(began).total / seconds


def always_writing() -> dict[str, Any]:
    """The page's server, with every client always watched for writing."""
    page = server(PAGE)
    watch = page["watch"]

    def watch_both(state: Any, sock: socket.socket, reading: bool, writing: bool) -> None:
        is_open_client = sock in state.owed and (reading or writing)
        watch(state, sock, reading, writing or is_open_client)

    page["watch"] = watch_both
    return page


def exercise_1() -> dict[str, float]:
    """Shares of a core with silent clients: the page's server, and the one that always watches for writing."""
    return {"page": busy_share(server(PAGE)["serve"]), "always writing": busy_share(always_writing()["serve"])}


def turning_away() -> dict[str, Any]:
    """The page's server; the connection of a client whose number exceeds the mask is closed at once."""
    page = server(PAGE)
    watch = page["watch"]

    def admit(state: Any, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        if client.fileno() >= FD_SETSIZE:
            client.close()
            return
        client.setblocking(False)
        state.owed[client] = bytearray()
        watch(state, client, reading=True, writing=False)

    page["admit"] = admit
    return page


def exercise_2() -> str:
    """The fate of 1,100 clients of that server, in the words of the page's `met_by_1100`."""
    names = functions(PAGE, "met_by_1100", contextlib=contextlib, iomux=iomux)
    fate: str = names["met_by_1100"](turning_away()["serve"])
    return fate


def chatting(most_owed: float = MOST_OWED_BYTES) -> dict[str, Any]:
    """The page's server as a chat: what one client says is owed to all others; one that is owed too much is let go."""
    page = server(PAGE)
    settle, leave = page["settle"], page["leave"]

    def read(state: Any, client: socket.socket) -> None:
        data = client.recv(65536)
        if not data:
            state.ended.add(client)
        for other in list(state.owed) if data else ():
            if other is not client:
                state.owed[other] += data
                settle(state, other)
                if len(state.owed[other]) > most_owed:
                    leave(state, other)

    page["read"] = read
    return page


def exercise_3() -> dict[str, bytes]:
    """What each of three clients receives when the first of them has sent something."""
    with iomux.start(chatting()["serve"]) as running, contextlib.ExitStack() as all_three:
        names = "ann", "bob", "eve"
        clients = {name: all_three.enter_context(socket.create_connection(running.address, 5)) for name in names}
        wait_until_accepted(running.address)
        clients["ann"].sendall(b"hello")
        received = {name: clients[name].recv(100) for name in ("bob", "eve")}
        clients["ann"].settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            received["ann"] = clients["ann"].recv(100)
        return {name: received.get(name, b"") for name in names}


def exercise_3_memory(most_owed: float, mib: int = 24) -> float:
    """By how many MiB a chat grows while one member speaks this much, another never reads, and a third one does."""
    with iomux.start(chatting(most_owed)["serve"]) as running, contextlib.ExitStack() as all_three:
        clients = [all_three.enter_context(socket.create_connection(running.address, 10)) for _ in range(3)]
        speaker, reader, _ = clients
        wait_until_accepted(running.address)
        before, heard = running.rss_bytes, 0
        for said in range(1, mib + 1):
            speaker.sendall(bytes(1 << 20))
            while heard < said << 20:
                heard += len(reader.recv(1 << 20))
        return (running.rss_bytes - before) / (1 << 20)


def lines(buffer: bytearray, most: int = MOST_MESSAGE_BYTES) -> list[bytes]:
    """Take all complete lines out of a buffer, without their newlines; ValueError if a line is longer than `most`."""
    *complete, rest = bytes(buffer).split(b"\n")
    if any(len(line) > most for line in (*complete, rest)):
        raise ValueError(f"a line of more than {most} bytes")
    buffer[:] = rest
    return complete


def packets(buffer: bytearray, most: int = MOST_MESSAGE_BYTES) -> list[bytes]:
    """Take all complete packets out of a buffer, each after its length; ValueError if that is more than `most`."""
    complete = []
    while len(buffer) >= LENGTH.size:
        (size,) = LENGTH.unpack_from(buffer)
        if size > most:
            raise ValueError(f"a packet of {size} bytes is announced")
        if len(buffer) < LENGTH.size + size:
            break
        complete.append(bytes(buffer[LENGTH.size : LENGTH.size + size]))
        del buffer[: LENGTH.size + size]
    return complete


def exercise_4(pieces: Iterable[bytes], take: Callable[[bytearray], list[bytes]]) -> list[list[bytes]]:
    """The messages that `take` (`lines` or `packets`) finds after each piece has arrived."""
    buffer, found = bytearray(), []
    for piece in pieces:
        buffer += piece
        found.append(take(buffer))
    return found
