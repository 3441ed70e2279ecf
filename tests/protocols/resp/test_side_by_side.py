"""The same bytes as the real redis-server, of version 7.0.15, for the same commands."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iomux.protocols.resp.inline import words
from tests.support import redis
from tests.support.redis import command, our_answer, real_answer

pytestmark = pytest.mark.skipif(redis.PROGRAM is None, reason="needs redis-server (apt install redis-server)")
LINES = [
    line for line in Path(__file__).with_name("transcript.txt").read_bytes().splitlines() if not line.startswith(b"#")
]
LEAVE = b"QUIT\r\n"
WRONG = [
    b"*x\r\n",
    b"*\r\n",
    b"*2147483648\r\n",
    b"*+1\r\n",
    b"*01\r\n",
    b"*1\r\nfoo\r\n",
    b"*1\r\n\r\n",
    b"*1\r\n*1\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n$x\r\n",
    b"*1\r\n$\r\n",
    b"*1\r\n$536870913\r\n",
    b"*1\r\n$04\r\nPING\r\n",
    b"*1\n$4\r\nPING\r\n",
    b'ECHO "a\r\n',
    b"ECHO 'a\r\n",
    b'ECHO "a"b\r\n',
    b"""SET x"y"z\r\n""",
    b"PING\r\n" + b"x" * 70_000,
    b"*" + b"1" * 70_000,
    b"*1\r\n$" + b"1" * 70_000,
    b"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n*1\r\nPING\r\n",
]
RIGHT = [
    b"\r\n\r\nPING\r\n",
    b"*0\r\nPING\r\n*-1\r\nPING\r\n*-5\r\nPING\r\n",
    b"PING\nPING\r\n  PING  \r\nECHO\thi\r\n\n",
    b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
    command(b"ECHO", bytes(range(256))) + command(b"SET", b"a\r\nb", b"\r\n") + command(b"GET", b"a\r\nb"),
    command(b"SET", b"", b"") + command(b"GET", b"") + command(b"") + command(b"foo\r\nbar", b"x\ny"),
    command(b"MSET", *[b"%d" % n for n in range(200)]) + command(b"MGET", *[b"%d" % n for n in range(100)]),
    command(b"RPUSH", b"l", *[b"x" * n for n in range(500)]) + command(b"LRANGE", b"l", b"0", b"-1"),
    command(b"SET", b"big", b"\r\n" * 40_000) + command(b"GET", b"big") + command(b"STRLEN", b"big"),
]


@pytest.fixture(scope="module")
def real() -> Iterator[Path]:
    with redis.real_server() as path:
        yield path


def form(answer: bytes) -> bytes:
    """An answer without the client's number, which counts all clients so far."""
    return re.sub(rb"(\$2\r\nid\r\n):\d+", rb"\1:N", answer)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[:40].decode())
def test_typed_and_by_a_library_each_line_of_the_transcript_is_answered_the_same(real: Path, line: bytes) -> None:
    typed = line.split(b" | ")
    for said in (b"".join(part + b"\r\n" for part in typed), b"".join(command(*words(part)) for part in typed)):
        assert form(our_answer([said + LEAVE])) == form(real_answer(real, said + LEAVE))


@pytest.mark.parametrize("said", WRONG, ids=lambda said: repr(said[:24]))
def test_what_is_no_command_is_answered_the_same_and_ends_the_connection(real: Path, said: bytes) -> None:
    assert our_answer([said]) == real_answer(real, said) != b""


@pytest.mark.parametrize("said", RIGHT, ids=lambda said: repr(said[:24]))
def test_odd_commands_are_answered_the_same(real: Path, said: bytes) -> None:
    assert our_answer([said + LEAVE]) == real_answer(real, said + LEAVE)


KEYS = st.sampled_from([b"a", b"b", b""])
NUMBERS = st.sampled_from([b"0", b"1", b"-1", b"2", b"-3", b"10", b"x", b"", b"9223372036854775807", b"1.5"])
VALUES = st.one_of(NUMBERS, st.binary(max_size=6))
WORDS = {
    b"SET": (KEYS, VALUES),
    b"GET": (KEYS,),
    b"APPEND": (KEYS, VALUES),
    b"INCRBY": (KEYS, NUMBERS),
    b"INCRBYFLOAT": (KEYS, NUMBERS),
    b"GETRANGE": (KEYS, NUMBERS, NUMBERS),
    b"SETRANGE": (KEYS, st.sampled_from([b"0", b"5", b"-1"]), VALUES),
    b"DEL": (KEYS, KEYS),
    b"RENAME": (KEYS, KEYS),
    b"COPY": (KEYS, KEYS),
    b"EXPIRE": (KEYS, st.sampled_from([b"100", b"-1", b"x"])),
    b"TTL": (KEYS,),
    b"TYPE": (KEYS,),
    b"LPUSH": (KEYS, VALUES, VALUES),
    b"RPOP": (KEYS,),
    b"LRANGE": (KEYS, NUMBERS, NUMBERS),
    b"LREM": (KEYS, NUMBERS, VALUES),
    b"LTRIM": (KEYS, NUMBERS, NUMBERS),
    b"LMOVE": (KEYS, KEYS, st.just(b"LEFT"), st.just(b"RIGHT")),
    b"HSET": (KEYS, VALUES, VALUES),
    b"HINCRBY": (KEYS, VALUES, NUMBERS),
    b"HGETALL": (KEYS,),
    b"SADD": (KEYS, VALUES),
    b"SISMEMBER": (KEYS, VALUES),
    b"ZADD": (KEYS, NUMBERS, VALUES),
    b"ZRANGE": (KEYS, NUMBERS, NUMBERS, st.just(b"WITHSCORES")),
    b"ZPOPMAX": (KEYS,),
    b"ZINCRBY": (KEYS, NUMBERS, VALUES),
    b"ZRANGEBYSCORE": (KEYS, NUMBERS, NUMBERS),
    b"ZCOUNT": (KEYS, st.sampled_from([b"(1", b"-inf", b"x"]), NUMBERS),
    b"ZREM": (KEYS, VALUES),
    b"ZREVRANK": (KEYS, VALUES),
    b"LSET": (KEYS, NUMBERS, VALUES),
    b"LINDEX": (KEYS, NUMBERS),
    b"LPOP": (KEYS, NUMBERS),
    b"LINSERT": (KEYS, st.sampled_from([b"before", b"AFTER", b""]), VALUES, VALUES),
    b"HSETNX": (KEYS, VALUES, VALUES),
    b"HDEL": (KEYS, VALUES, VALUES),
    b"HINCRBYFLOAT": (KEYS, VALUES, NUMBERS),
    b"SMOVE": (KEYS, KEYS, VALUES),
    b"SREM": (KEYS, VALUES, VALUES),
    b"SPOP": (KEYS, st.just(b"0")),
    b"SETBIT": (KEYS, NUMBERS, NUMBERS),
    b"GETBIT": (KEYS, NUMBERS),
    b"MSETNX": (KEYS, VALUES, KEYS, VALUES),
    b"GETEX": (KEYS, st.sampled_from([b"persist", b"ex", b"EX"]), NUMBERS),
    b"MOVE": (KEYS, NUMBERS),
    b"SELECT": (NUMBERS,),
    b"SUBSCRIBE": (KEYS, KEYS),
    b"PUNSUBSCRIBE": (KEYS,),
    b"UNSUBSCRIBE": (KEYS,),
    b"PUBLISH": (KEYS, VALUES),
    b"MULTI": (),
    b"EXEC": (),
    b"WATCH": (KEYS,),
    b"HELLO": (st.sampled_from([b"2", b"3"]),),
}
COMMANDS = st.one_of([st.tuples(st.just(name), *values) for name, values in WORDS.items()])


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(COMMANDS, min_size=1, max_size=30), st.integers(0, 2**32))
def test_any_commands_in_any_pieces_are_answered_the_same(
    real: Path, commands: list[tuple[bytes, ...]], seed: int
) -> None:
    said = b"".join(command(*words) for words in commands) + LEAVE
    cuts = sorted(random.Random(seed).choices(range(len(said)), k=5))
    pieces = [said[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    assert form(our_answer([piece for piece in pieces if piece])) == form(real_answer(real, said))


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("\"'\\x4ng \t\v\r", max_size=8), max_size=6))
def test_any_words_are_divided_the_same(real: Path, lines: list[str]) -> None:
    said = b"".join(b"ECHO " + line.encode() + b"\r\n" for line in lines) + LEAVE
    assert our_answer([said]) == real_answer(real, said)
