"""What every server that carries a protocol promises (`iomux.servers.protocol`), by one small protocol over all."""

import json
import signal
import socket
from collections.abc import Iterator

import psutil
import pytest

import iomux
from iomux.servers import get
from tests.support.clients import ask, connect, eventually, receive, receive_all, reset, send_in_background
from tests.support.talk import Seen, Talk

NAMES = [mechanism.name for mechanism in iomux.mechanisms()]
ONE_AT_A_TIME = {"blocking"}
"""Which serve a second client only when the first has left."""
PIECE = 64 * 1024
TEN_GB = b"many 160000 65536\n"
MORE_THAN_FITS = 16 << 20
"""More than the kernel's buffers of a client that does not read take."""
READ_AHEAD = 64 << 20
"""More than the kernel's buffers of both ends hold, and much less than ten gigabytes."""


@pytest.fixture(scope="module", params=NAMES)
def server(request: pytest.FixtureRequest) -> Iterator[iomux.Server]:
    if why := get(request.param).why_not():
        pytest.skip(why)
    with iomux.start(request.param, protocol=Talk()) as running:
        yield running


@pytest.fixture
def together(server: iomux.Server) -> iomux.Server:
    """A server of several clients at once."""
    if server.name in ONE_AT_A_TIME:
        pytest.skip(f"{server.name} serves one client at a time")
    return server


def seen(server: iomux.Server) -> Seen:
    with connect(server.address) as client, client.makefile("rb") as lines:
        client.sendall(b"seen\n")
        return Seen(**json.loads(lines.readline()))


def all_gone(server: iomux.Server) -> bool:
    """Whether all clients but the one that asks are gone, and every reply is used up or closed."""
    now = seen(server)
    return (now.made - now.gone, now.open, now.gone_again) == (1, 0, 0)


def test_requests_are_answered_however_they_are_cut(server: iomux.Server) -> None:
    with connect(server.address) as client:
        for byte in b"many 2 3\nbye\n":
            client.sendall(bytes([byte]))
        assert receive_all(client) == bytes(6) + b"bye\n"


def test_a_reply_of_ten_gigabytes_is_taken_as_it_is_read(together: iomux.Server) -> None:
    before, memory = seen(together).taken, together.rss_bytes
    with connect(together.address) as client:
        client.sendall(TEN_GB)
        assert eventually(lambda: seen(together).taken > before)
        taken = -1
        while (now := seen(together).taken) != taken:  # each asks in a turn of its own
            taken = now
        assert (taken - before) * PIECE < READ_AHEAD
        assert together.rss_bytes - memory < READ_AHEAD
        assert receive(client, 99 * PIECE) == bytes(99 * PIECE)
        assert seen(together).open == 1


@pytest.mark.parametrize("how", ["leaves", "is reset"])
def test_a_reply_is_closed_when_its_client_goes(server: iomux.Server, how: str) -> None:
    client = connect(server.address)
    client.sendall(TEN_GB)
    assert receive(client, PIECE) == bytes(PIECE)
    client.close() if how == "leaves" else reset(client)
    assert eventually(lambda: all_gone(server))


@pytest.mark.parametrize("words", [b"", b"n\n", b"bye\n", b"fail\n", b"wait 0\n", b"wait 60\n", b"many 9 9\nfail\nn\n"])
def test_a_protocol_is_told_once_that_its_client_is_gone(server: iomux.Server, words: bytes) -> None:
    with connect(server.address) as client:
        client.sendall(words)
        client.shutdown(socket.SHUT_WR)
        receive_all(client)
    assert eventually(lambda: all_gone(server))


def test_a_last_word_is_heard_by_a_client_that_still_sends(server: iomux.Server) -> None:
    for _ in range(5):
        with connect(server.address) as client:
            sending = send_in_background(client, b"bye\n" + bytes(8 << 20))
            assert receive_all(client) == b"bye\n"
            sending.join()
    assert eventually(lambda: all_gone(server))


def test_those_who_part_in_agreement_get_all_and_are_not_waited_for(server: iomux.Server) -> None:
    with connect(server.address) as client:
        client.sendall(b"part 16000000\n")
        assert receive_all(client) == bytes(16_000_000)
        client.send(b"a word behind the end")  # is answered by a reset: nobody is there to read it (RFC 9293, 3.5.2)
        with pytest.raises(BrokenPipeError):
            client.send(b"another one")
    assert eventually(lambda: all_gone(server))


def test_replies_are_owed_after_the_clients_half_close(server: iomux.Server) -> None:
    with connect(server.address) as client:
        client.sendall(b"many 10 65536\n" * 20)
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == bytes(20 * 10 * PIECE) + b"end\n"


def test_a_client_that_waits_is_told_when_it_is_late(server: iomux.Server) -> None:
    with connect(server.address) as client:
        client.sendall(b"wait 60\nwait 0.1\n")
        assert receive_all(client) == b"waiting\nwaiting\nlate\n"


def test_deadlines_come_in_their_order(together: iomux.Server) -> None:
    with connect(together.address) as later, connect(together.address) as sooner:
        assert ask(later, b"wait 60\n") == b"waiting\n"
        assert ask(sooner, b"wait .1\n") == b"waiting\n"
        assert receive_all(sooner) == b"late\n"
        assert ask(later, b"wait .1\n") == b"waiting\n"
        assert receive_all(later) == b"late\n"


def test_a_client_that_takes_its_replies_is_not_late_before_it_has_them(server: iomux.Server) -> None:
    with connect(server.address) as client:
        client.sendall(b"wait 0.05\nmany 200 65536\n")
        assert receive(client, 8) == b"waiting\n"
        assert len(receive_all(client)) == 200 * PIECE + len(b"late\n")


def test_what_belongs_to_no_client_is_done_when_it_is_due(server: iomux.Server) -> None:
    with connect(server.address) as client:
        assert ask(client, b"tick .1\n") == b"ticking\n"
        assert receive(client, 5) == b"tick\n"


def asked(client: socket.socket, line: bytes, reply: bytes) -> bool:
    client.sendall(line)
    return receive(client, len(reply)) == reply


def test_a_client_hears_what_another_ones_turn_says(together: iomux.Server) -> None:
    with connect(together.address) as hears, connect(together.address) as tells:
        assert asked(hears, b"join\n", b"joined\n")
        assert asked(tells, b"tell 7\n", b"told\n")
        assert receive(hears, 7) == bytes(7)
        hears.sendall(b"many 2 5\n")
        assert receive(hears, 10) == bytes(10)


def test_what_is_said_at_length_arrives_whole_and_the_conversation_goes_on(together: iomux.Server) -> None:
    with connect(together.address) as hears, connect(together.address) as tells:
        assert asked(hears, b"join\n", b"joined\n")
        assert asked(tells, b"tell %d\n" % MORE_THAN_FITS, b"told\n")
        assert receive(hears, MORE_THAN_FITS) == bytes(MORE_THAN_FITS)
        assert asked(hears, b"many 2 5\n", bytes(10))
        assert asked(tells, b"tell 7\n", b"told\n")
        assert receive(hears, 7) == bytes(7)


def test_who_does_not_read_what_is_said_is_dropped_and_the_others_hear_it(together: iomux.Server) -> None:
    with connect(together.address) as hears, connect(together.address) as deaf, connect(together.address) as tells:
        assert asked(hears, b"join\n", b"joined\n")
        assert asked(deaf, b"join\n", b"joined\n")
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)
        for _ in range(200):  # more than a sender's buffer holds (tcp_wmem), and what may be said
            assert asked(tells, b"tell 65536\n", b"told\n")
            assert receive(hears, PIECE) == bytes(PIECE)
        assert seen(together).joined == 1
        assert together.rss_bytes < 200 << 20


def test_a_flood_of_requests_delays_nobody(together: iomux.Server) -> None:
    with connect(together.address) as flood, connect(together.address) as other:
        assert all(asked(client, b"join\n", b"joined\n") for client in (flood, other)), "both are accepted"
        before = seen(together).answered
        psutil.Process(together.pid).send_signal(signal.SIGSTOP)
        flood.sendall(b"n\n" * 32_000)
        other.sendall(b"n\n")
        psutil.Process(together.pid).send_signal(signal.SIGCONT)
        with other.makefile("rb") as lines:
            assert int(lines.readline()) - before < 1000
        with flood.makefile("rb") as lines:
            assert sum(1 for _ in zip(range(32_000), lines, strict=False)) == 32_000
