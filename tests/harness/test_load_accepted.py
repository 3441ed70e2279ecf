"""The load generator and those who are not accepted, or late: it counts them, waits for them, and never hangs."""

import contextlib
import select
import socket
import sys
import threading
import time
from collections import Counter
from typing import Any, NoReturn

import pytest

import iomux
from iomux.harness.load import clients as harness_clients
from iomux.harness.load.clients import connect, wait_until_accepted
from iomux.system.procfs import backlog
from tests.harness.test_load import poll as poll
from tests.support.clients import DEADLINE, eventually


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"connections": 0}, "connections is 0"),
        ({"connections": 2, "active": 3}, "active is 3: choose from 1 to connections"),
        ({"active": 0}, "active is 0"),
        ({"size": 0}, "size is 0"),
        ({"duration": 0}, "duration is 0"),
        ({"duration": 1e9}, "at most 600 s"),
        ({"warmup": -1}, "warmup is -1"),
        ({"rate": 0}, "rate is 0"),
        ({"rate": 1_000_000, "duration": 60}, "too many to plan"),
        ({"deadline": 0}, "deadline is 0"),
        ({"connections": 10.0}, "connections is 10.0: give a whole number"),
        ({"connections": True}, "connections is True: give a whole number"),
        ({"size": "64"}, "size is '64': give a whole number"),
        ({"rate": "9"}, "rate is '9': give a number"),
        ({"duration": None}, "duration is None: give a number"),
        ({"connections": 10_000_000}, "more descriptors than a process may open"),
    ],
)
def test_impossible_arguments_are_a_clear_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        iomux.load(("127.0.0.1", 1), **options)


@pytest.mark.parametrize(
    "address",
    ["192.0.2.1:80", ("198.51.100.7", 80), ("2001:db8::1", 80), ("here", 80), "127.0.0.1:x", ("127.0.0.1", 0)],
)
def test_load_goes_to_loopback_only(address: Any) -> None:
    with pytest.raises(ValueError, match=r"not a loopback address|not an IP address|is no address|port is 0"):
        iomux.load(address)


def test_no_listener_is_a_clear_error() -> None:
    with iomux.listen() as listener:
        address = listener.getsockname()
    with pytest.raises(ConnectionRefusedError, match=rf"nobody listens at 127.0.0.1:{address[1]}: start the server"):
        iomux.load(address, connections=3, duration=0.1)


def test_clients_refused_by_a_started_server_are_counted() -> None:
    def closes_its_listener(listener: socket.socket) -> None:
        listener.close()
        time.sleep(600)

    with iomux.start(closes_its_listener) as server:
        result = iomux.load(server, connections=3, duration=0.1)
    assert result.errors == {"connect: Connection refused": 3}
    assert result.unserved == 3


def test_ten_thousand_connections_are_opened_and_served() -> None:
    name = "epoll" if "epoll" in iomux.names() else "poll"
    with iomux.start(name) as server:
        result = iomux.load(server, connections=10_000, duration=1.0, deadline=20)
    assert result.errors == {}
    assert result.unserved == 0
    assert result.requests >= 10_000
    assert result.connect_s > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists its sockets")
def test_it_waits_until_all_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness_clients, "_NO_PROGRESS_SECONDS", DEADLINE)  # the accepting server may be delayed
    errors = Counter[str]()
    with iomux.listen() as listener, contextlib.ExitStack() as stack:
        address = listener.getsockname()
        for client in connect(address, 30, 1.0, errors):
            stack.enter_context(client.sock)
        assert eventually(lambda: backlog(address) == 30)

        def accept_slowly() -> None:
            for _ in range(30):
                time.sleep(0.01)
                listener.accept()[0].close()

        accepting = threading.Thread(target=accept_slowly)
        accepting.start()
        wait_until_accepted(address)
        assert backlog(address) == 0
        accepting.join()


def accepts_one_at_a_time(listener: socket.socket) -> NoReturn:
    """Pauses before each client it accepts, and answers the first request with the number of its clients."""
    clients: list[socket.socket] = []
    asked = False
    listener.setblocking(False)
    while True:
        time.sleep(0.01)
        with contextlib.suppress(BlockingIOError):
            clients.append(listener.accept()[0])
        for client in select.select(clients, [], [], 0)[0]:
            if not asked:
                print(f"asked with {len(clients)} accepted", flush=True)
            asked = True
            client.sendall(data) if (data := client.recv(4096)) else clients.remove(client)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists its sockets")
def test_no_request_is_sent_before_all_clients_are_accepted() -> None:
    with iomux.start(accepts_one_at_a_time) as server:
        iomux.load(server, connections=40, active=1, duration=0.1, warmup=0)
        assert "asked with 40 accepted" in server.log


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists its sockets")
def test_it_does_not_wait_for_a_server_that_stopped_accepting() -> None:
    with iomux.listen() as listener, socket.create_connection(listener.getsockname()):
        wait_until_accepted(listener.getsockname())
        assert backlog(listener.getsockname()) == 1


def test_without_a_list_of_sockets_it_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "queues")
    with iomux.listen() as listener, socket.create_connection(listener.getsockname()):
        assert backlog(listener.getsockname()) == 0
        wait_until_accepted(listener.getsockname())
