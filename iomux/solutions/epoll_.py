"""Solutions of 06, epoll: an edge-triggered listener, a herd of any size, and the calls that change nothing."""

import contextlib
import select
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import iomux
from iomux.harness.thundering_herd import thundering_herd
from iomux.servers import pollers
from iomux.solutions.page_servers import calls_a_request, server
from iomux.system.sockets import accept_pending

if TYPE_CHECKING:
    import pandas as pd

PAGE = "06_epoll.ipynb"


def accept_one(listener: socket.socket) -> Iterable[socket.socket]:
    """One `accept` for one notification."""
    return [listener.accept()[0]]


def let_in(accept: Callable[[socket.socket], Iterable[socket.socket]]) -> list[int]:
    """Three clients come, then a fourth; after each of the two moments, how many have been let in."""
    inside: list[int] = []
    with iomux.listen() as listener, contextlib.closing(select.epoll()) as epoll, contextlib.ExitStack() as all_ends:
        listener.setblocking(False)
        epoll.register(listener, select.EPOLLIN | select.EPOLLET)
        served = 0
        for newcomers in (3, 1):
            for _ in range(newcomers):
                all_ends.enter_context(socket.create_connection(listener.getsockname()))
            while epoll.poll(0.1):
                served += len([all_ends.enter_context(client) for client in accept(listener)])
            inside.append(served)
    return inside


def exercise_1() -> dict[str, list[int]]:
    """With one `accept` for each edge, and with `accept_pending`, which goes on until EAGAIN."""
    return {"accept": let_in(accept_one), "accept_pending": let_in(accept_pending)}


def exercise_2(processes: Sequence[int] = (1, 6), clients: int = 20) -> "pd.DataFrame":
    """By the number of processes, how often all together woke, were told, and came in vain to their one listener."""
    import pandas as pd

    sums = {count: thundering_herd(count, clients, ways=["one listener"]).sum(numeric_only=True) for count in processes}
    return pd.DataFrame(sums).T[["woken", "returned", "accepted", "failed_accepts"]]


def write_at_once(page: dict[str, Any]) -> None:
    """Let the page's `read` try to send the answer before anybody asks whether it may."""

    def read(state: Any, client: socket.socket) -> None:
        if data := client.recv(65536):
            state.owed[client] += state.handler(data)
            with contextlib.suppress(BlockingIOError):  # or `turn` passes over `settle`, and nobody asks about writing
                page["write"](state, client)
        else:
            state.ended.add(client)

    page["read"] = read


def remember(page: dict[str, Any]) -> None:
    """Let the page's `watch` say nothing to the kernel that it has said already."""
    watch = page["watch"]
    said: dict[int, tuple[bool, bool]] = {}

    def watch_if_changed(state: Any, sock: socket.socket, reading: bool, writing: bool) -> None:
        number = sock.fileno()
        if said.get(number) != (reading, writing):
            watch(state, sock, reading, writing)
            said[number] = reading, writing
        if not (reading or writing):
            del said[number]  # the next who gets this number starts anew

    page["watch"] = watch_if_changed


def improved() -> dict[str, Any]:
    """The page's server with both."""
    page = server(PAGE)
    write_at_once(page)
    remember(page)
    return page


def exercise_3() -> "pd.DataFrame":
    """The calls for a request: of the page's server, of one that writes at once, and of one that also remembers."""
    import pandas as pd

    at_once = server(PAGE)
    write_at_once(at_once)
    servers = {"page": server(PAGE), "writes at once": at_once, "and remembers": improved()}
    calls = {name: calls_a_request(page, lambda: pollers.make("epoll")[0]) for name, page in servers.items()}
    return pd.DataFrame(calls).T.fillna(0.0)
