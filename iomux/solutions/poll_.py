"""Solutions of 05, poll: what the question changes in the answers, POLLRDHUP, and which calls a request makes."""

import os
import select
import socket
from collections.abc import Callable

from iomux.servers import pollers
from iomux.solutions.page_servers import calls_a_request, functions, server
from iomux.system.sockets import reset, tcp_pair

PAGE = "05_poll.ipynb"
NAMES = ("POLLIN", "POLLHUP", "POLLERR", "POLLNVAL", "POLLRDHUP")


def told(fd: int, asked: int) -> str:
    """What the page's `told` says of a descriptor, POLLRDHUP being among its names."""
    answer: str = functions(PAGE, "told", NAMES=NAMES, select=select)["told"](fd, asked)
    return answer


def exercise_1() -> dict[str, tuple[str, str]]:
    """By how a client has left: what poll tells of it if asked for POLLIN, and if asked for POLLIN | POLLHUP."""
    after = functions(PAGE, "after", tcp_pair=tcp_pair)["after"]
    answers = {}
    for how, leave in (("in order", socket.socket.close), ("reset", reset)):
        fd = after(leave)
        answers[how] = told(fd, select.POLLIN), told(fd, select.POLLIN | select.POLLHUP)
        os.close(fd)
    return answers


def exercise_2() -> dict[str, str]:
    """A client says its last words, and that these were the last; what is told, until both have been read."""
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
            answers[step] = told(near.fileno(), select.POLLIN | select.POLLRDHUP)
        return answers


def exercise_3() -> dict[str, float]:
    """By name, the calls of its poll object that the page's server makes for a request."""
    return calls_a_request(server(PAGE), lambda: pollers.make("poll")[0])
