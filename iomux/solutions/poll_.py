"""Solutions of 05, poll: how the requested events change the reported ones, POLLRDHUP, and the calls per request."""

import os
import select
import socket
from collections.abc import Callable

from iomux.servers import pollers
from iomux.solutions.pages.page_servers import calls_per_request, functions, server
from iomux.system.sockets import reset, tcp_pair

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


def exercise_3() -> dict[str, float]:
    """The calls per request that the page's server makes of its poll object, by name."""
    return calls_per_request(server(PAGE), lambda: pollers.make("poll")[0])
