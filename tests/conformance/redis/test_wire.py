"""Where a reply ends, in every kind and cut at any byte, and how bytes are told in a sentence."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iomux.conformance.redis.wire import NIL, NotAReply, array, bulk, command, end_of_reply, integer, told

REPLIES = st.recursive(
    st.one_of(
        st.binary(max_size=20).map(bulk),
        st.integers().map(integer),
        st.sampled_from([NIL, b"+OK\r\n", b"-ERR no\r\n", b"_\r\n", b"#t\r\n", b"*0\r\n", b"*-1\r\n", b"$0\r\n\r\n"]),
    ),
    lambda inner: st.lists(inner, max_size=4).map(lambda several: array(*several)),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(REPLIES, st.binary(max_size=8))
def test_a_reply_ends_where_it_ends_and_not_before(reply: bytes, behind: bytes) -> None:
    assert end_of_reply(reply + behind) == len(reply)
    assert [end_of_reply(reply[:place]) for place in range(len(reply))] == [0] * len(reply)


def test_a_map_has_two_replies_for_each_of_its_elements() -> None:
    assert end_of_reply(b"%1\r\n+a\r\n:1\r\n:2\r\n") == 12


@pytest.mark.parametrize("data", [b"PONG\r\n", b"$x\r\n", b"$2\r\nabc\r\n", b"*1\r\nx", b"\r\n"])
def test_other_bytes_are_no_reply(data: bytes) -> None:
    with pytest.raises(NotAReply):
        end_of_reply(data)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.binary(max_size=60))
def test_any_bytes_can_be_told(data: bytes) -> None:
    for text in (data, b"*" + data, b"*2\r\n$" + data + b"\r\n", command(data, data)):
        assert len(told(text)) <= 49
        assert told(text).isprintable()
