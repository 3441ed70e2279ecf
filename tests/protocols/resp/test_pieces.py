"""Replies are made when they are taken, in pieces: a client that asks for much and reads nothing costs a piece."""

import tracemalloc
from collections.abc import Iterator

import pytest

from iomux.protocols import resp
from iomux.protocols.resp.base.replies import PIECE_BYTES
from iomux.protocols.resp.client import PIECE_COMMANDS, Client
from iomux.servers.protocol import Replies
from tests.support.redis import command, joined

BIG = b"x" * 1_000_000


def new_client() -> Client:
    return resp.store()(0.0, lambda said: None)


def lazily(replies: Replies) -> Iterator[bytes]:
    assert not isinstance(replies, bytes)
    return replies


def test_many_small_replies_are_one_piece() -> None:
    said = b"PING\r\n" * PIECE_COMMANDS
    assert new_client().feed(said, 0.0) == b"+PONG\r\n" * PIECE_COMMANDS


def test_a_flood_of_commands_is_done_piece_by_piece() -> None:
    client = new_client()
    replies = lazily(client.feed(b"INCR n\r\n" * 10_000, 0.0))
    first = next(replies)
    assert first.count(b"\r\n") == PIECE_COMMANDS + 1
    other = client.__class__(client._session)  # another client of the same store
    assert other.feed(b"GET n\r\n", 0.0) == b"$2\r\n65\r\n"
    assert (first + b"".join(replies)).splitlines()[-1] == b":10000"


@pytest.mark.parametrize(
    ("before", "asked"),
    [
        ([command(b"SET", b"k", BIG)], command(b"GET", b"k") * 1000),
        ([command(b"SET", b"k", BIG)], command(b"MGET", *[b"k"] * 1000)),
        ([command(b"RPUSH", b"k", *[BIG] * 10)] * 2, command(b"LRANGE", b"k", b"0", b"-1") * 50),
        ([command(b"SET", b"k", BIG)], b"MULTI\r\n" + command(b"GET", b"k") * 1000 + b"EXEC\r\n"),
        ([command(b"RPUSH", b"k", *[b"y" * 500] * 1000)], command(b"LRANGE", b"k", b"0", b"-1") * 10_000),
    ],
    ids=["a thousand GET", "one MGET", "LRANGE", "EXEC", "many small"],
)
def test_a_gigabyte_that_is_asked_for_and_not_read_takes_a_piece(before: list[bytes], asked: bytes) -> None:
    client = new_client()
    for said in before:
        joined(client.feed(said, 0.0))
    tracemalloc.start()
    try:
        replies = lazily(client.feed(asked, 0.0))
        pieces = [next(replies) for _ in range(100)]
        del pieces[:-1]
        assert len(pieces[0]) <= 3 * PIECE_BYTES
        base = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(50):
            next(replies)
        assert tracemalloc.get_traced_memory()[1] - base < 1 << 20
    finally:
        tracemalloc.stop()
    replies.close()  # type: ignore[attr-defined]  # as a carrier does whose client has left


def test_replies_in_pieces_are_the_same_bytes() -> None:
    client = new_client()
    joined(client.feed(command(b"SET", b"k", BIG) + command(b"RPUSH", b"l", b"a", BIG, b"b"), 0.0))
    value = b"$1000000\r\n" + BIG + b"\r\n"
    assert joined(client.feed(command(b"GET", b"k") + b"PING\r\n", 0.0)) == value + b"+PONG\r\n"
    assert joined(client.feed(command(b"MGET", b"k", b"none", b"k"), 0.0)) == b"*3\r\n" + value + b"$-1\r\n" + value
    assert joined(client.feed(b"LRANGE l 0 -1\r\n", 0.0)) == b"*3\r\n$1\r\na\r\n" + value + b"$1\r\nb\r\n"
    transaction = joined(client.feed(b"MULTI\r\nGET k\r\nDEL k\r\nGET k\r\nEXEC\r\n", 0.0))
    assert transaction == b"+OK\r\n" + b"+QUEUED\r\n" * 3 + b"*3\r\n" + value + b":1\r\n$-1\r\n"


def test_a_reply_in_pieces_is_what_it_was_when_the_command_was_done() -> None:
    client = new_client()
    other = client.__class__(client._session)
    joined(client.feed(command(b"RPUSH", b"l", *[BIG] * 3), 0.0))
    replies = lazily(client.feed(b"LRANGE l 0 -1\r\n", 0.0))
    assert next(replies) == b""
    other.feed(b"DEL l\r\n", 0.0)
    assert b"".join(replies).count(BIG) == 3


def test_what_a_client_says_behind_its_quit_is_not_done() -> None:
    client = new_client()
    assert client.feed(b"PING\r\nQUIT\r\nPING\r\n", 0.0) == b"+PONG\r\n+OK\r\n"
    assert client.over
