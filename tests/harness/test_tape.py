"""`iomux.tape`: each arrival is notified, read and answered, in this order; late or missing events are visible."""

import select
import socket
from typing import Any

import pytest

import iomux
from iomux.figures.tape import unread
from iomux.servers import get

# Two lines are far enough apart for a server on a busy machine, which would otherwise be notified once for both.
TALK = [(0.0, "A", b"one"), (0.1, "B", b"two"), (0.2, "A", b"three"), (0.3, "B", b""), (0.4, "A", b"")]
POLLING = ["select", "poll", "epoll", "generators", "asyncio"]
TOLD = ["notification", "read"]
ONCE = ["arrival", *TOLD, "write"]


def marks(frame: Any, client: str, *without: str) -> list[str]:
    rows = frame[(frame["client"] == client) & ~frame["mark"].isin(["connect", "accept", *without])]
    return list(rows["mark"])


@pytest.mark.parametrize("name", POLLING)
def test_every_arrival_is_notified_read_and_answered(name: str) -> None:
    if reason := get(name).why_not():
        pytest.skip(reason)
    frame = iomux.tape(name, TALK)
    assert marks(frame, "A") == [*ONCE, *ONCE, "hang-up", *TOLD, "close"]
    assert marks(frame, "B") == [*ONCE, "hang-up", *TOLD, "close"]
    assert set(frame["server"]) == {name}
    assert frame["at_us"].is_monotonic_increasing
    assert (frame["end_us"] >= frame["begin_us"]).all()
    sizes = frame[frame["client"] == "A"].groupby("mark")["size_bytes"].sum()
    assert sizes["arrival"] == sizes["read"] == sizes["write"] == 8


def test_edge_triggered_reads_until_eagain() -> None:
    if reason := get("epoll-et").why_not():
        pytest.skip(reason)
    frame = iomux.tape("epoll-et", TALK)
    seen = marks(frame, "A", "room")
    read = seen.index("read")
    assert seen[read : read + 3] == ["read", "write", "EAGAIN"]
    # A client that is accepted before it has sent anything is reported as writable at once, which makes an empty read.
    assert [mark for mark in seen[:read] if mark != "EAGAIN"] == ["arrival", "notification"]


def test_a_busy_waiting_server_has_empty_reads() -> None:
    frame = iomux.tape("nonblocking", TALK)
    assert "notification" not in set(frame["mark"])
    vain = frame[frame["mark"] == "EAGAIN"]
    assert vain["times"].sum() > 100
    assert set(frame[frame["mark"] != "EAGAIN"]["times"]) == {1}


def test_a_blocking_server_reads_the_second_client_when_the_first_has_hung_up() -> None:
    frame = iomux.tape("blocking", [TALK[0], TALK[1], (0.2, "A", b""), (0.3, "B", b"")])
    order = list(zip(frame["client"], frame["mark"], strict=True))
    assert order.index(("B", "connect")) < order.index(("B", "arrival")) < order.index(("A", "hang-up"))
    assert order.index(("A", "hang-up")) < order.index(("B", "read"))


def by_select(listener: socket.socket, handler: Any = None) -> None:
    """A server that calls select itself, with sockets instead of numbers, and that sends with flags."""
    socks = [listener]
    while True:
        for sock in select.select(socks, [], [])[0]:
            if sock is listener:
                socks.append(listener.accept()[0])
            elif data := sock.recv(100):
                sock.sendall(data, socket.MSG_DONTWAIT)
            else:
                socks.remove(sock)
                sock.close()


def by_poll(listener: socket.socket, handler: Any = None) -> None:
    """The same with poll; it never closes a client."""
    poller, socks = select.poll(), {listener.fileno(): listener}
    poller.register(listener, select.POLLIN)
    while True:
        for fd, _ in poller.poll():
            if fd == listener.fileno():
                client, _ = listener.accept()
                socks[client.fileno()] = client
                poller.register(client, select.POLLIN)
            else:
                socks[fd].send(socks[fd].recv(100), socket.MSG_DONTWAIT)


def test_a_function_is_recorded_where_it_calls_select_itself() -> None:
    frame = iomux.tape(by_select, TALK)
    assert marks(frame, "A") == [*ONCE, *ONCE, "hang-up", *TOLD, "close"]


def test_a_client_that_is_never_closed_is_reported_again_and_again() -> None:
    frame = iomux.tape([by_poll], TALK[:1] + TALK[-1:])
    assert "close" not in set(frame["mark"])
    after = frame[(frame["mark"] == "read") & (frame["size_bytes"] == 0)]
    assert len(after) > 10


def ends(listener: socket.socket, handler: Any = None) -> None:
    """A server that ends at its first client."""
    listener.accept()
    raise RuntimeError("the end")


def test_a_server_that_ends_is_an_error_with_its_traceback() -> None:
    with pytest.raises(iomux.ServerError, match="the end"):
        iomux.tape(ends, TALK)


def test_what_can_not_be_played_or_recorded_is_refused() -> None:
    with pytest.raises(ValueError, match="the script is empty"):
        iomux.tape("poll", [])
    with pytest.raises(ValueError, match="client A: its last line"):
        iomux.tape("poll", TALK[:1])
    with pytest.raises(LookupError, match="no server is called 'nope'"):
        iomux.tape("nope", TALK)
    if not get("io_uring").why_not():
        with pytest.raises(ValueError, match="io_uring can't be recorded"):
            iomux.tape("io_uring", TALK)


def test_bytes_lie_in_the_kernel_from_their_arrival_to_the_read_that_takes_the_last_of_them() -> None:
    def row(mark: str, at_us: float, size: int) -> dict[str, Any]:
        return {"mark": mark, "at_us": at_us, "size_bytes": size}

    rows = [row("arrival", 0, 4), row("read", 1000, 2), row("arrival", 2000, 4), row("read", 3000, 6)]
    assert list(unread(rows)) == [(0, 3)]
    assert list(unread([*rows, row("arrival", 4000, 1), row("close", 5000, 0)])) == [(0, 3), (4, 5)]


def test_the_figure_has_a_lane_a_connection_and_names_what_it_shows() -> None:
    frame = iomux.tape(["select", "nonblocking"], TALK)
    ax = iomux.plot.tape(frame)
    lanes = [label.get_text() for label in ax.get_yticklabels()]
    assert lanes == ["select: A", "select: B", "nonblocking: A", "nonblocking: B"]
    legend = ax.get_legend()
    assert legend is not None
    words = {text.get_text() for text in legend.get_texts()}
    assert {"arrival of bytes", "notification: readable", "empty read: EAGAIN", "unread bytes in the kernel"} <= words
    with pytest.raises(ValueError, match="the tape is empty"):
        iomux.plot.tape(frame[:0])
