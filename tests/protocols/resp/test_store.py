"""A store is shared by its clients, forgets its dead keys, and tells each client what concerns it."""

import pytest

from iomux.protocols import resp
from iomux.protocols.resp.client import Client
from iomux.protocols.resp.store import Store
from iomux.servers.protocol import NEVER
from tests.support.redis import command, joined


class Room:
    """A store with Unix time 0 at the beginning, and clients of which each has an ear."""

    def __init__(self) -> None:
        self.store, self.now = Store(unix=0.0), 0.0

    def enter(self) -> tuple[Client, list[bytes]]:
        heard: list[bytes] = []
        return self.store(self.now, heard.append), heard

    def ask(self, client: Client, line: str) -> str:
        return joined(client.feed(line.encode() + b"\r\n", self.now)).decode()


@pytest.fixture
def room() -> Room:
    return Room()


def test_clients_of_a_store_share_it_and_those_of_two_do_not(room: Room) -> None:
    (ada, _), (bob, _) = room.enter(), room.enter()
    room.ask(ada, "SET k v")
    assert room.ask(bob, "GET k") == "$1\r\nv\r\n"
    assert resp.store()(0.0, lambda said: None).feed(b"GET k\r\n", 0.0) == b"$-1\r\n"


def test_a_key_ends_at_its_time_for_every_command(room: Room) -> None:
    ada, _ = room.enter()
    room.ask(ada, "SET k v PX 1500")
    room.ask(ada, "SET other v")
    for now, left in ((0.4, ":1\r\n"), (0.6, ":1\r\n"), (1.2, ":0\r\n"), (1.499, ":0\r\n"), (1.5, ":-2\r\n")):
        room.now = now
        assert room.ask(ada, "TTL k") == left
    for line in ("EXISTS k", "DEL k", "SET k w XX", "PERSIST k", "EXPIRE k 1"):
        assert room.ask(ada, line) in (":0\r\n", "$-1\r\n")
    assert room.ask(ada, "KEYS *") == "*1\r\n$5\r\nother\r\n"
    assert room.ask(ada, "RANDOMKEY") == "$5\r\nother\r\n"


def test_dead_keys_are_forgotten_though_nobody_asks(room: Room) -> None:
    ada, _ = room.enter()
    assert room.store.due == NEVER
    for number in range(1000):
        room.ask(ada, f"SET k{number} v PX {1000 + number}")
    room.ask(ada, "SET kept v")
    assert room.store.due == pytest.approx(1.0, abs=0.01)
    calls = 0
    while room.store.due != NEVER:
        room.store.late(max(room.store.due, 1.5))
        calls += 1
    assert len(room.store._data.databases[0].values) == 1
    assert 1000 / 128 < calls < 1000  # some in one go, but not all: others are served between
    assert room.ask(ada, "DBSIZE") == ":1\r\n"


def test_a_deadline_that_moves_a_thousand_times_takes_no_memory(room: Room) -> None:
    ada, _ = room.enter()
    room.ask(ada, "SET k v")
    for number in range(1000):
        room.ask(ada, f"EXPIRE k {100 + number}")
    database = room.store._data.databases[0]
    assert len(database._heap) < 100
    room.store.late(500.0)
    assert database.find(b"k") == b"v"
    assert 500 < room.store.due < 1100


def test_a_message_is_heard_by_those_who_listen(room: Room) -> None:
    (ada, heard), (bob, _), (eve, patterns) = room.enter(), room.enter(), room.enter()
    room.ask(ada, "SUBSCRIBE news")
    room.ask(eve, "HELLO 3")
    room.ask(eve, "PSUBSCRIBE n*")
    assert room.ask(bob, "PUBLISH news hi") == ":2\r\n"
    assert heard == [b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n"]
    assert patterns == [b">4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n"]
    room.ask(ada, "UNSUBSCRIBE")
    assert room.ask(bob, "PUBLISH news ho") == ":1\r\n"


def test_who_is_gone_is_not_counted_and_leaves_nothing(room: Room) -> None:
    (bob, _), data = room.enter(), room.store._data
    for _ in range(50):
        ada, heard = room.enter()
        room.ask(ada, "WATCH a b")
        room.ask(ada, "SUBSCRIBE news other")
        room.ask(ada, "PSUBSCRIBE n*")
        ada.gone()
        assert room.ask(bob, "PUBLISH news hi") == ":0\r\n"
        assert heard == []
    assert (data.channels.names, data.channels.patterns, data.databases[0].watchers) == ({}, {}, {})
    assert list(data.sessions) == [1]


def test_a_transaction_sees_what_others_have_changed(room: Room) -> None:
    (ada, _), (bob, _) = room.enter(), room.enter()
    for line in ("SET k x", "LPUSH l 1", "EXPIRE k 1", "FLUSHALL"):
        room.ask(ada, "SET k v")
        room.ask(ada, "WATCH k l")
        room.ask(ada, "MULTI")
        room.ask(bob, line)
        room.ask(ada, "SET done 1")
        assert room.ask(ada, "EXEC") == "*-1\r\n", line
    room.ask(ada, "SET k v PX 100")
    room.ask(ada, "WATCH k")
    room.now = 1.0
    room.ask(ada, "MULTI")
    assert room.ask(ada, "EXEC") == "*-1\r\n"


def test_a_client_may_be_let_go_between_commands_only(room: Room) -> None:
    ada, _ = room.enter()
    assert ada.idle
    for begin, end in (
        ("MULTI", "DISCARD"),
        ("SUBSCRIBE c", "UNSUBSCRIBE"),
        ("WATCH k", "UNWATCH"),
        ("*1", "$4\r\nPING"),
    ):
        room.ask(ada, begin)
        assert not ada.idle
        room.ask(ada, end)
        assert ada.idle


def test_fifty_clients_count_together(room: Room) -> None:
    clients = [room.enter()[0] for _ in range(50)]
    for _ in range(100):
        for client in clients:
            room.ask(client, "INCR n")
    assert room.ask(clients[0], "GET n") == "$4\r\n5000\r\n"


def test_a_scan_returns_what_is_there_all_the_time(room: Room) -> None:
    ada, _ = room.enter()
    ada.feed(command(b"MSET", *[b"%d" % (number // 2) for number in range(400)]), 0.0)
    cursor, found, calls = "0", set[str](), 0
    while cursor != "0" or not calls:
        lines = room.ask(ada, f"SCAN {cursor} COUNT 7").split("\r\n")
        cursor, calls = lines[2], calls + 1
        found |= set(lines[5::2])
        room.ask(ada, f"DEL {calls}")
        room.ask(ada, f"SET new{calls} v")
    assert {str(number) for number in range(100, 200)} <= found
    assert calls > 20


def test_the_end_of_the_stream_is_no_command(room: Room) -> None:
    ada, _ = room.enter()
    assert ada.feed(b"*2\r\n$3\r\nGE", 0.0) == b""
    assert ada.feed(b"", 0.0) == b""
