"""Solutions of 06, epoll: an edge-triggered listener, thundering herds of any size, and calls that change nothing."""

import contextlib
import select
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import iomux
from iomux.harness.thundering_herd import thundering_herd
from iomux.servers import pollers
from iomux.solutions.pages.page_servers import calls_per_request, server
from iomux.system.sockets import accept_pending

if TYPE_CHECKING:
    import pandas as pd

PAGE = "06_epoll.ipynb"


def accept_one(listener: socket.socket) -> Iterable[socket.socket]:
    """Accept one client for each notification."""
    return [listener.accept()[0]]


def accepted_after_each(accept: Callable[[socket.socket], Iterable[socket.socket]]) -> list[int]:
    """Three clients connect, then a fourth; return how many have been accepted after each of the two moments."""
    totals: list[int] = []
    with iomux.listen() as listener, contextlib.closing(select.epoll()) as epoll, contextlib.ExitStack() as all_ends:
        listener.setblocking(False)
        epoll.register(listener, select.EPOLLIN | select.EPOLLET)
        accepted = 0
        for newcomers in (3, 1):
            for _ in range(newcomers):
                all_ends.enter_context(socket.create_connection(listener.getsockname()))
            while epoll.poll(0.1):
                accepted += len([all_ends.enter_context(client) for client in accept(listener)])
            totals.append(accepted)
    return totals


def exercise_1() -> dict[str, list[int]]:
    """The totals with one `accept` for each edge, and with `accept_pending`, which goes on until EAGAIN."""
    return {"accept": accepted_after_each(accept_one), "accept_pending": accepted_after_each(accept_pending)}


def exercise_2(processes: Sequence[int] = (1, 6), clients: int = 20) -> "pd.DataFrame":
    """By the number of processes at one listener: how often all of them woke, were notified, and found no client."""
    import pandas as pd

    sums = {count: thundering_herd(count, clients, ways=["one listener"]).sum(numeric_only=True) for count in processes}
    return pd.DataFrame(sums).T[["woken", "returned", "accepted", "failed_accepts"]]


def write_at_once(page: dict[str, Any]) -> None:
    """Make the page's `read` try to send the answer at once, before the socket is reported writable."""

    def read(state: Any, client: socket.socket) -> None:
        if data := client.recv(65536):
            state.owed[client] += state.handler(data)
            with contextlib.suppress(BlockingIOError):  # or `turn` skips `settle`, which watches for writing
                page["write"](state, client)
        else:
            state.ended.add(client)

    page["read"] = read


def remember(page: dict[str, Any]) -> None:
    """Make the page's `watch` skip calls that would register the same interest again."""
    watch = page["watch"]
    registered: dict[int, tuple[bool, bool]] = {}

    def watch_if_changed(state: Any, sock: socket.socket, reading: bool, writing: bool) -> None:
        number = sock.fileno()
        if registered.get(number) != (reading, writing):
            watch(state, sock, reading, writing)
            registered[number] = reading, writing
        if not (reading or writing):
            del registered[number]  # the next client with this number starts anew

    page["watch"] = watch_if_changed


def improved() -> dict[str, Any]:
    """The page's server with both changes."""
    page = server(PAGE)
    write_at_once(page)
    remember(page)
    return page


def exercise_3() -> "pd.DataFrame":
    """Calls per request: of the page's server, of one that writes at once, and of one that also remembers."""
    import pandas as pd

    at_once = server(PAGE)
    write_at_once(at_once)
    servers = {"page": server(PAGE), "writes at once": at_once, "and remembers": improved()}
    calls = {name: calls_per_request(page, lambda: pollers.make("epoll")[0]) for name, page in servers.items()}
    return pd.DataFrame(calls).T.fillna(0.0)
