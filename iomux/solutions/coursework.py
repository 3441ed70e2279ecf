"""Solutions of 12: how much a silent member is owed, a fault that an item finds, one that none does, a chat of lines.

Cost: a chat room and some MiB; two items of `iomux.check` on two servers; one conversation in lines.
"""

import inspect
import os
import socket
import time
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, cast

import iomux
from iomux.course.coursework import chat, solutions
from iomux.course.coursework.starter import accept_waiting
from iomux.harness.load.clients import wait_until_accepted
from iomux.servers import Serve
from iomux.servers.connection import CHUNK_BYTES, READ, WRITE, Handler, echo
from iomux.system.sockets import RETRY_SECONDS

if TYPE_CHECKING:
    from iomux.conformance.report import Report

LONGEST_LINE_BYTES = 4096
HANG_UP = b"+++ATH0"
"""These characters made a modem of the nineties hang up."""


def exercise_1() -> float:
    """How many MiB one member can send before the chat room drops another member that never reads."""
    sent, piece = 0, bytes(1 << 16)
    with iomux.start(chat.serve_chat) as server:
        alone = _descriptors(server)
        with _member(server) as speaker, _member(server):
            while _descriptors(server) < alone + 2:
                time.sleep(0.01)
            while _descriptors(server) == alone + 2:
                speaker.sendall(piece)
                sent += len(piece)
    return sent / (1 << 20)


def _descriptors(server: iomux.Server) -> int:
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def _member(server: iomux.Server) -> socket.socket:
    return socket.create_connection(server.address, timeout=10)


def exercise_2() -> tuple["Report", "Report"]:
    """Check the solution of (a) without an `unregister`, and the one of (c) without a limit on owed bytes."""
    forgets = _planted(solutions, "serve_poll", "poller.unregister(fd)  #", "pass  #")
    keeps = _planted(chat, "serve_chat", "or len(owed) > MOST_OWED_BYTES", "")
    found = iomux.check(forgets, only="leaving", progress=False)
    return found, iomux.check_chat(keeps, only=["passes-on", "memory"], progress=False)


def _planted(module: ModuleType, name: str, right: str, wrong: str) -> Serve:
    """A server of a module with one line of its source changed."""
    source = inspect.getsource(module)
    if source.count(right) != 1:
        raise LookupError(f"{right!r} is not once in {module.__name__}")
    names: dict[str, Any] = {"__name__": "__main__"}  # so that the server's process gets the code, not its name
    exec(compile(source.replace(right, wrong), name, "exec"), names)
    return cast(Serve, names[name])


def exercise_3() -> tuple["Report", bytes]:
    """A server with a fault that no item finds: its report, and the answer to the one message that shows the fault."""
    report = iomux.check(hangs_up, only=["echoes", "pieces", "hundred"], progress=False)
    with iomux.start(hangs_up) as server, _member(server) as client:
        client.sendall(b"a modem hangs up at " + HANG_UP)
        client.shutdown(socket.SHUT_WR)
        return report, client.recv(100)


def hangs_up(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """The solution of (a), which does not answer the magic word. Never returns."""
    solutions.serve_poll(listener, lambda data: b"" if HANG_UP in data else handler(data))


def exercise_4() -> tuple["Report", list[bytes]]:
    """The report on a chat of whole lines, and what a third member receives when two send in pieces."""
    with iomux.start(serve_lines) as server, _member(server) as ada, _member(server) as bob, _member(server) as eve:
        wait_until_accepted(server.address)
        for speaker, piece in ((ada, b"good "), (bob, b"how "), (ada, b"day\n"), (bob, b"are you?\n")):
            time.sleep(0.1)
            speaker.sendall(piece)
        with eve.makefile("rb") as lines:
            heard = [lines.readline() for _ in range(2)]
    return iomux.check_chat(serve_lines, only="passes-on", progress=False), heard


def serve_lines(listener: socket.socket) -> NoReturn:
    """The room of (c) for whole lines: incomplete lines are kept, and a member with too long a line is removed."""
    listener.setblocking(False)
    room, door, short = chat.Room(), listener.fileno(), False
    kept: dict[int, bytes] = {}
    while True:
        room.poller.register(door, 0 if short else READ)
        ready = room.poller.poll(RETRY_SECONDS * 1000 if short else None)
        short = False
        for fd, event in ready:
            if fd == door:
                came, short = accept_waiting(listener)
                for member in came:
                    room.enter(member)
                    kept[member.fileno()] = b""  # another member may have had this number, and left in mid-line
                continue
            if event & WRITE and fd in room.members:  # not one who was let go in this round: it is still in the list
                room.send_owed(fd)
            if event & ~WRITE and fd in room.members:
                _receive(room, kept, fd)


def _receive(room: chat.Room, kept: dict[int, bytes], fd: int) -> None:
    try:
        data = room.members[fd].recv(CHUNK_BYTES)
    except BlockingIOError:
        return
    except OSError:
        data = b""
    *lines, kept[fd] = (kept[fd] + data).split(b"\n")
    for other in [other for other in room.members if other != fd and lines]:
        room.owed[other] += b"".join(line + b"\n" for line in lines)
        room.send_owed(other)
    if not data or len(kept[fd]) > LONGEST_LINE_BYTES:
        room.leave(fd)
