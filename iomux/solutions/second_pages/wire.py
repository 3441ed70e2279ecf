"""Solutions of 16: six files in three ways, a connection after a silence, senders under loss, and one deadline for all.

The functions that they call are the page's. Cost: three networks, some fifteen seconds in all; it needs what
`iomux.network` needs.
"""

import socket
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import iomux
from iomux.solutions.pages.page_servers import functions

PAGE = "16_a_wire_between_them.ipynb"
FILES = 6
two_hosts = partial(iomux.network, delay_ms=20)


def page() -> dict[str, Any]:
    """The page's functions that connect, ask and pour."""
    needed: dict[str, Any] = {"socket": socket, "struct": struct, "time": time, "two_hosts": two_hosts}
    names = ("milliseconds", "request", "connected", "on_a_new_one", "window", "pair", "pour")
    return functions(PAGE, *names, ThreadPoolExecutor=ThreadPoolExecutor, **needed)


def exercise_1() -> dict[str, float]:
    """How many milliseconds six small files take: on new connections, on one connection, on six at once."""
    its = page()
    milliseconds: Callable[..., float] = its["milliseconds"]
    with two_hosts() as (a, b), b.start("epoll") as server:
        new = partial(its["on_a_new_one"], a, server)
        return {
            "new connections": sum(milliseconds(new) for _ in range(FILES)),
            "one connection": milliseconds(_on_one, its, a, server),
            "six at once": milliseconds(_at_once, new),
        }


def _on_one(its: dict[str, Any], host: Any, server: Any) -> None:
    with its["connected"](host, server) as sock:
        for _ in range(FILES):
            its["request"](sock)


def _at_once(new: Callable[[], None]) -> None:
    with ThreadPoolExecutor(FILES) as pool:
        for done in [pool.submit(new) for _ in range(FILES)]:
            done.result()


def exercise_2(silence_s: float = 3.0) -> list[float]:
    """How many milliseconds a mebibyte takes on a new connection, at once again, and after a silence."""
    its = page()
    with two_hosts() as (a, b):
        near, far = its["pair"](a, b)
        with near, far:
            took = [its["pour"](far, near)[-1][0] for _ in range(2)]
            time.sleep(silence_s)
            return [*took, its["pour"](far, near)[-1][0]]


def exercise_3(rounds: int = 3) -> dict[str, list[float]]:
    """By sender: how many milliseconds a mebibyte takes where 1 % of the packets are lost, for each round."""
    its = page()
    found: dict[str, list[float]] = {}
    for seed in range(1, rounds + 1):
        for sender in filter(offered, ("reno", "cubic", "bbr")):
            with two_hosts(loss=0.01, seed=seed) as (a, b):
                near, far = its["pair"](a, b)
                far.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, sender.encode())
                with near, far:
                    found.setdefault(sender, []).append(its["pour"](far, near)[-1][0])
    return found


def offered(sender: str) -> bool:
    """Whether this kernel lets us choose this sender (tcp(7), TCP_CONGESTION)."""
    with socket.socket() as sock:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, sender.encode())
        except OSError:
            return False
    return True


def answer(sock: socket.socket, size: int, seconds: float) -> bytes:
    """What has come of `size` bytes when all are there, when the time is over, or when the peer has ended."""
    until, got = time.monotonic() + seconds, b""
    while len(got) < size and (left := until - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            data = sock.recv(size - len(got))
        except TimeoutError:
            break
        if not data:
            break
        got += data
    return got


def exercise_4(size: int = 100, pause_s: float = 0.02, seconds: float = 0.5) -> tuple[bytes, bytes]:
    """What comes within the time of a peer that drips its bytes, and of one that sends them at once."""
    got = []
    for pause in (pause_s, 0.0):
        near, far = socket.socketpair()
        with near, far:
            dripping = threading.Thread(target=_drip, args=(far, size, pause))
            dripping.start()
            got.append(answer(near, size, seconds))
            near.shutdown(socket.SHUT_RDWR)
            dripping.join()
    return got[0], got[1]


def _drip(sock: socket.socket, size: int, pause_s: float) -> None:
    try:
        for _ in range(size):
            sock.sendall(b".")
            time.sleep(pause_s)
    except OSError:  # nobody reads it any more
        return
