"""`iomux.soak` of a web server and of a Redis: ours lose nothing, and what is wrong around the content is named."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

import iomux
from iomux.harness.soak import client as soak_client
from iomux.harness.soak.dialogue import DIALOGUES, Dialogue, http, redis
from iomux.harness.soak.scenario import FAULTS, MOST_BYTES, Scenario, pool_of, scenario
from iomux.protocols.resp import store
from iomux.servers.poll_ import serve as serve_by_poll
from iomux.servers.protocol import Speaks
from tests.harness.test_soak import short

POOL = pool_of(5)
TALK: Scenario = next(one for one in (scenario(5, number, 9) for number in range(99)) if one.total < 16_000)
RIGHT = {
    "http": lambda start, stop: (
        b"HTTP/1.1 206 Partial Content\r\nDate: today\r\nContent-Length: %d\r\nContent-Range: bytes %d-%d/%d\r\n\r\n%b"
        % (stop - start, start, stop - 1, len(POOL), POOL[start:stop])
    ),
    "redis": lambda start, stop: (
        b"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n$%d\r\n%b\r\n:1\r\n" % (stop - start, POOL[start:stop])
    ),
}


def answers(protocol: str) -> Iterator[bytes]:
    """What a right server says to all of the scenario."""
    for start, stop in zip((0, *TALK.ends), TALK.ends, strict=False):
        yield RIGHT[protocol](TALK.offset + start, TALK.offset + stop)


def content_of(dialogue: Dialogue, said: bytes, piece: int) -> bytes:
    """The content, if what was said comes in pieces of this size."""
    return b"".join(dialogue.content(said[at : at + piece]) for at in range(0, len(said), piece))


@pytest.mark.parametrize("protocol", RIGHT)
@pytest.mark.parametrize("piece", [1, 2, 7, 1000, MOST_BYTES * 2])
def test_the_content_is_found_however_the_answers_are_cut(protocol: str, piece: int) -> None:
    said = b"".join(answers(protocol))
    assert content_of(DIALOGUES[protocol](TALK, POOL), said, piece) == POOL[TALK.offset :][: TALK.total]


@pytest.mark.parametrize("protocol", RIGHT)
def test_of_an_answer_the_last_byte_counts_when_its_end_has_come(protocol: str) -> None:
    dialogue, first = DIALOGUES[protocol](TALK, POOL), next(answers(protocol))
    assert len(dialogue.content(first[:-1])) == TALK.ends[0] - 1
    assert len(dialogue.content(first[-1:])) == 1


@pytest.mark.parametrize("protocol", RIGHT)
def test_the_server_owes_the_messages_that_were_asked_for_completely(protocol: str) -> None:
    dialogue = DIALOGUES[protocol](TALK, POOL)
    assert [dialogue.owed(sent) for sent in (0, dialogue.asked[0] - 1)] == [0, 0]
    assert [dialogue.owed(sent) for sent in dialogue.asked] == list(TALK.ends)
    assert dialogue.asked[-1] == len(dialogue.question)


@pytest.mark.parametrize(
    ("speak", "protocol", "right", "wrong"),
    [
        (http, "http", b"206 Partial", b"200 Partial"),
        (http, "http", b"Range: bytes ", b"Range: bytes 1"),
        (http, "http", b"Length: ", b"Length: 1"),
        (redis, "redis", b"+QUEUED", b"+OK"),
        (redis, "redis", b":1\r\n", b":0\r\n"),
        (redis, "redis", b"$", b"$1"),
    ],
)
def test_what_is_wrong_around_the_content_is_named(speak: Any, protocol: str, right: bytes, wrong: bytes) -> None:
    first = next(answers(protocol))
    with pytest.raises(ValueError, match="was due"):
        speak(TALK, POOL).content(first.replace(right, wrong, 1))


@pytest.mark.parametrize("protocol", RIGHT)
def test_what_comes_after_the_last_answer_is_named(protocol: str) -> None:
    dialogue = DIALOGUES[protocol](TALK, POOL)
    dialogue.content(b"".join(answers(protocol)))
    with pytest.raises(ValueError, match="b'x' came after the last answer"):
        dialogue.content(b"x")


def test_a_head_without_an_end_is_not_waited_for() -> None:
    with pytest.raises(ValueError, match="a head had not ended after"):
        http(TALK, POOL).content(b"HTTP/1.1 206 OK\r\n" + b"A: b\r\n" * 9000)


@pytest.mark.parametrize("protocol", RIGHT)
@pytest.mark.parametrize("name", ["threaded", "epoll", "asyncio"])
def test_ours_lose_nothing(name: str, protocol: str) -> None:
    if name not in iomux.names():
        pytest.skip(f"{name} is not available here")
    report = short(name, protocol=protocol, seed=125)
    assert report.failures == ()
    assert f"{name}, {protocol}: 50 clients at once" in repr(report)
    assert report.requests > report.clients
    assert report.compared_bytes > 100_000
    assert report.descriptors_before == report.descriptors_after
    assert min(report.faults[fault] for fault in FAULTS) >= 1, "a kind of fault was never injected"


class SpoiledClient:
    """A client of a store that is told something else."""

    def __init__(self, client: Any, spoil: Callable[[bytes], bytes]) -> None:
        self._client, self._spoil = client, spoil

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def feed(self, data: bytes, now: float) -> bytes:
        said = self._client.feed(data, now)
        return self._spoil(said if isinstance(said, bytes) else b"".join(said))


class Spoiled:
    """A store with a fault: what it says is changed by a function."""

    def __init__(self, spoil: Callable[[bytes], bytes]) -> None:
        self._store, self._spoil, self.due = store(), spoil, float("inf")

    def late(self, now: float) -> None:
        self._store.late(now)

    def __call__(self, now: float, say: Callable[[bytes], None]) -> Any:
        return SpoiledClient(self._store(now, say), self._spoil)


def serve_spoiled(listener: Any, spoil: Callable[[bytes], bytes]) -> None:
    serve_by_poll(listener, Speaks(Spoiled(spoil)))


def keeps_the_key(said: bytes) -> bytes:
    return said.replace(b"\r\n:1\r\n", b"\r\n:0\r\n")


def flips_a_bit(said: bytes) -> bytes:
    return said[:-9] + bytes([said[-9] ^ 1]) + said[-8:] if len(said) > 200 else said


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (keeps_the_key, r"b'\\r\\n:0\\r\\n' came where b'\\r\\n:1\\r\\n' was due"),
        (flips_a_bit, r"came back as|was due"),
    ],
)
def test_a_redis_with_a_fault_loses(spoil: Any, words: str) -> None:
    report = short(partial(serve_spoiled, spoil=spoil), protocol="redis")
    assert set(report.lost_kinds) == {soak_client.WRONG}
    assert re.search(words, report.failures[0])


def test_a_protocol_that_is_unknown_or_cannot_be_soaked_is_a_clear_error() -> None:
    with pytest.raises(ValueError, match="protocol is 'smtp': choose 'http' or 'redis', or None for an echo"):
        short("poll", protocol="smtp")
    with pytest.raises(ValueError, match=r"serves files of its own: .* give the name of a registered server"):
        short(serve_by_poll, protocol="http")
