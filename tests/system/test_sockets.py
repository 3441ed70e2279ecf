"""The two ends of a connection within one process, its end by a reset, and a listener that knows what it is."""

import socket

import pytest

import iomux
from iomux.processes.sharing.accepted import CountingListener
from iomux.system.accepting import Listener
from iomux.system.sockets import reset, tcp_pair


def test_a_pair_is_connected_both_ways() -> None:
    near, far = tcp_pair()
    with near, far:
        near.sendall(b"there")
        far.sendall(b"back")
        assert (far.recv(10), near.recv(10)) == (b"there", b"back")


def test_a_reset_is_an_error_for_the_other_end() -> None:
    near, far = tcp_pair()
    with near:
        reset(far)
        with pytest.raises(ConnectionResetError):
            near.recv(10)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_listener_that_knows_what_it_is_accepts_as_any_other(host: str) -> None:
    with iomux.listen(host) as plain, Listener(fileno=socket.dup(plain.fileno())) as knowing:
        seen = []
        for listener in (plain, knowing):
            with socket.create_connection(listener.getsockname()[:2]) as far, listener.accept()[0] as near:
                far.sendall(b"hello")
                seen.append((type(near), near.family, near.type, near.gettimeout(), near.recv(10)))
        assert seen[0] == seen[1]
        assert (knowing.family, knowing.type) == (plain.family, plain.type)
        with knowing.dup() as copy:
            assert copy.getsockname() == plain.getsockname()


@pytest.mark.parametrize("kind", [Listener, CountingListener])
def test_it_looks_up_what_it_is_once(kind: type[Listener], monkeypatch: pytest.MonkeyPatch) -> None:
    with iomux.listen() as plain, kind(fileno=socket.dup(plain.fileno())) as listener:
        listener._count = memoryview(bytearray(8)).cast("Q")  # type: ignore[attr-defined]
        for number in range(3):
            with socket.create_connection(listener.getsockname()), listener.accept()[0]:
                pass
            if not number:  # from now on nobody may ask the socket itself
                monkeypatch.setattr(socket.socket, "family", property(_asked))
                monkeypatch.setattr(socket.socket, "type", property(_asked))


def _asked(_: socket.socket) -> int:
    raise AssertionError("the socket was asked again")


def test_the_server_of_a_process_is_given_one() -> None:
    def says(listener: socket.socket) -> None:
        while True:
            with listener.accept()[0] as client:
                client.sendall(type(listener).__name__.encode())

    with iomux.start(says) as server, socket.create_connection(server.address) as client:
        assert client.recv(100) == b"Listener"
