"""What the kernel tells of a connection's other end, and of all sockets at a port."""

import socket
import sys

import pytest

from iomux.system.sock_diag import at_port
from iomux.system.sock_diag.at_port import _TIME_WAIT, _from_proc, listening_at, sockets_at
from iomux.system.sock_diag.other_end import LISTEN, missing, other_end
from iomux.system.sockets import listen, reset, tcp_pair
from tests.support.clients import eventually

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "the kernel tells of it")


def test_bytes_that_are_not_read_and_bytes_that_are_held_back() -> None:
    near, far = tcp_pair()
    with near, far:
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        far.send(b"unread")
        near.send(b"more will follow", socket.MSG_MORE)
        end = other_end(far)
        assert end is not None
        assert (end.unread, end.unsent, end.unacked, end.written) == (6, 16, 0, 16)
        near.recv(6)
        near.send(b"!")
        end = other_end(far)
        assert end is not None
        assert (end.unread, end.unsent, end.written) == (0, 0, 17)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connection_that_is_not_accepted_has_no_inode(host: str) -> None:
    with listen(host) as listener, socket.create_connection(listener.getsockname()[:2]) as client:
        waiting = other_end(client)
        near, _ = listener.accept()
        with near:
            held = other_end(client)
        assert waiting is not None
        assert held is not None
        assert (waiting.state, waiting.inode, held.inode > 0) == (1, 0, True)


def test_a_connection_that_is_over_has_no_other_end() -> None:
    near, far = tcp_pair()
    with far:
        reset(near)
        assert eventually(lambda: other_end(far) is None)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_list_of_a_port_is_that_of_proc(host: str) -> None:
    with listen(host) as listener, socket.create_connection(listener.getsockname()[:2]) as client:
        port = listener.getsockname()[1]
        with listener.accept()[0], socket.create_connection(listener.getsockname()[:2]):  # one more waits
            client.sendall(b"unread")
            found = sockets_at(port)
            listed = {one for one in _from_proc() if port in (one.local, one.remote) and one.state != _TIME_WAIT}
            assert {one._replace(unsent=0) if one.state == LISTEN else one for one in found} == listed
            assert [one.unread for one in found if one.state == LISTEN] == [1]
            assert listening_at(port) == [one for one in found if one.state == LISTEN]
            assert [one.unread for one in found if one.state != LISTEN and one.unread] == [6]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_kernel_answers_itself_and_proc_only_where_it_may_not_be_asked(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listen(host) as listener, listen(host), socket.create_connection(listener.getsockname()[:2]):
        port = listener.getsockname()[1]
        with monkeypatch.context() as patched:
            patched.setattr(at_port, "_from_proc", None)  # who reads it in secret fails
            found, listening = sockets_at(port), listening_at(port)
        monkeypatch.setattr(at_port, "NETLINK_SOCK_DIAG", 31)  # a family that Linux does not have
        assert [(one.state, one.inode) for one in listening] == [(one.state, one.inode) for one in listening_at(port)]
        assert {(one.local, one.remote) for one in found} == {(one.local, one.remote) for one in sockets_at(port)}
        assert len(found) == 3


def test_on_another_system_it_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = tcp_pair()
    monkeypatch.setattr(sys, "platform", "darwin")
    with near, far, pytest.raises(OSError, match="only Linux tells"):
        other_end(near)
