"""Whatever words a client sends, a command answers, by an error if need be: no exception leaves the protocol object."""

from hypothesis import given, settings
from hypothesis import strategies as st

from iomux.protocols import resp
from iomux.protocols.resp.table import COMMANDS
from tests.support.redis import command, joined

OPTIONS = b"nx xx gt lt ch incr get ex px exat pxat keepttl persist withscores rev match count type before after left"
KEYS = [b"k", b"l", b"h", b"s", b"z", b"none"]
NUMBERS = [b"0", b"1", b"-1", b"9223372036854775807", b"1e400", b"(1", b"*", b""]
NAMES = [b"db", b"replace", b"setname", b"auth", b"sync", b"channels", b"numsub", b"list", *OPTIONS.split()]
WORDS = st.one_of(st.sampled_from(KEYS), st.sampled_from(NUMBERS), st.sampled_from(NAMES), st.binary(max_size=8))
LINES = st.tuples(st.sampled_from(sorted(COMMANDS)), st.lists(WORDS, max_size=6))
BEFORE = [b"SET k 1", b"RPUSH l a b", b"HSET h a 1 b 2", b"SADD s a b", b"ZADD z 1 a 2 b"]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(LINES, min_size=1, max_size=20))
def test_any_words_are_answered(lines: list[tuple[bytes, list[bytes]]]) -> None:
    client = resp.store()(0.0, lambda said: None)
    for line in BEFORE:
        joined(client.feed(line + b"\r\n", 0.0))
    for number, (name, words) in enumerate(lines):
        if name in (b"setbit", b"setrange"):  # may rightly make a value of 512 MiB
            words = [word[:3] for word in words]
        assert joined(client.feed(command(name, *words), number / 10))
        assert client.over is (name == b"quit")
        if client.over:
            break
    client.gone()
