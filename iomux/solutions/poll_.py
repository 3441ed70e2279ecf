"""Solutions of 05, poll: how the requested events change the reported ones, POLLRDHUP, and a limit for a whole line."""

import contextlib
import heapq
import os
import select
import socket
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

import iomux
from iomux.course import notebook
from iomux.servers.connection import Handler, echo
from iomux.solutions.pages.page_servers import functions, server
from iomux.system.sockets import accept_pending, reset, tcp_pair

PAGE = "05_poll.ipynb"
NAMES = ("POLLIN", "POLLHUP", "POLLERR", "POLLNVAL", "POLLRDHUP")


def reported(fd: int, requested: int) -> str:
    """The events that the page's `told` names for a descriptor, POLLRDHUP included."""
    answer: str = functions(PAGE, "told", NAMES=NAMES, select=select)["told"](fd, requested)
    return answer


def exercise_1() -> dict[str, tuple[str, str]]:
    """By how a client has left: what poll reports when POLLIN is requested, and when POLLIN | POLLHUP is."""
    after = functions(PAGE, "after", tcp_pair=tcp_pair)["after"]
    answers = {}
    for how, leave in (("in order", socket.socket.close), ("reset", reset)):
        fd = after(leave)
        answers[how] = reported(fd, select.POLLIN), reported(fd, select.POLLIN | select.POLLHUP)
        os.close(fd)
    return answers


def exercise_2() -> dict[str, str]:
    """A client sends its last words and half-closes; what poll reports at each step, until both have been read."""
    near, far = tcp_pair()
    steps: dict[str, Callable[[], object]] = {
        "last words": lambda: far.sendall(b"last words"),
        "no more": lambda: far.shutdown(socket.SHUT_WR),
        "read": lambda: near.recv(100),
        "read to the end": lambda: near.recv(100),
    }
    answers = {}
    with near, far:
        for step, happens in steps.items():
            happens()
            answers[step] = reported(near.fileno(), select.POLLIN | select.POLLRDHUP)
        return answers


def patient(seconds: float) -> dict[str, Any]:
    """The functions of the page's patient server; `serve` gives each client this limit, which each byte puts off."""
    page = server(PAGE)
    page.update(time=time, heapq=heapq, accept_pending=accept_pending)
    notebook.define(notebook.FOLDER / PAGE, "put_off", "left_ms", "overdue", "admit_all", "patient_round", within=page)

    def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
        listener.setblocking(False)
        state = SimpleNamespace(poller=select.poll(), socks={}, owed={}, ended=set(), handler=handler)
        state.seconds, state.until, state.heap = seconds, {}, []
        page["watch"](state, listener, reading=True, writing=False)
        while True:
            page["patient_round"](state, listener)

    page["serve"] = serve
    return page


def patient_by_line(seconds: float) -> dict[str, Any]:
    """The same with one limit for a whole line: only the end of a line puts it off."""
    page = patient(seconds)
    put_off, admit_all, overdue, leave = (page[name] for name in ("put_off", "admit_all", "overdue", "leave"))

    def read(state: Any, client: socket.socket) -> None:
        if data := client.recv(65536):
            state.owed[client] += state.handler(data)
            if b"\n" in data:
                put_off(state, client)
        else:
            state.ended.add(client)

    def patient_round(state: Any, listener: socket.socket) -> None:
        ready = dict(state.poller.poll(page["left_ms"](state)))
        if ready.pop(listener.fileno(), 0):
            admit_all(state, listener)
        page["serve_ready"](state, listener, ready.items())
        for client in overdue(state):
            if client in state.owed:
                leave(state, client)

    page["read"], page["patient_round"] = read, patient_round
    return page


def exercise_3(limit_s: float = 0.3, pause_s: float = 0.05) -> dict[str, float]:
    """For how long each server keeps a client that sends a byte at each pause and no newline; 3 limits at most."""
    return {
        "page": kept_s(patient(limit_s)["serve"], pause_s, 3 * limit_s),
        "by line": kept_s(patient_by_line(limit_s)["serve"], pause_s, 3 * limit_s),
    }


def kept_s(serve: Any, pause_s: float, most_s: float) -> float:
    """How many seconds a server keeps a client that sends a byte at each pause; it leaves after `most_s`."""
    with iomux.start(serve) as running, socket.create_connection(running.address, timeout=5) as client:
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < began + most_s:
                client.sendall(b"x")
                if not client.recv(1):
                    break
                time.sleep(pause_s)
        return time.monotonic() - began
