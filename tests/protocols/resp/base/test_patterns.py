"""Patterns match what their simplest definition says, and none takes exponential time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iomux.protocols.resp.base.patterns import pattern
from iomux.protocols.resp.base.refused import Refused


def matches(glob: bytes, key: bytes) -> bool:
    """Stars, question marks, and bytes that stand for themselves; by trying everything."""
    if not glob:
        return not key
    if glob[:1] == b"*":
        return any(matches(glob[1:], key[at:]) for at in range(len(key) + 1))
    return bool(key) and glob[:1] in (b"?", key[:1]) and matches(glob[1:], key[1:])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text("ab*?", max_size=7), st.text("ab\n", max_size=8))
def test_stars_and_question_marks(glob: str, key: str) -> None:
    assert bool(pattern(glob.encode()).match(key.encode())) is matches(glob.encode(), key.encode())


def test_sets_of_bytes_and_what_is_meant_literally() -> None:
    keys = [b"a", b"b", b"c", b"]", b"^", b"*", b"\\", b"-", b"\xff"]
    for glob, found in {
        b"[ab]": b"ab",
        b"[^ab]": b"c]^*\\-\xff",
        b"[c-a]": b"abc",
        b"[\\]^]": b"]^",
        b"[a-]": b"a]^",  # the bracket is the end of a range, as in redis-server
        b"\\*": b"*",
        b"\\": b"\\",
        b"[\xf0-\xff]": b"\xff",
        b"[]": b"",
    }.items():
        assert {key for key in keys if pattern(glob).match(key)} == {bytes([byte]) for byte in found}


def test_many_stars_take_no_exponential_time() -> None:
    assert not pattern(b"*a" * 40 + b"c").match(b"a" * 5000 + b"b")
    assert pattern(b"*a" * 40 + b"*").match(b"a" * 5000)


def test_a_pattern_that_would_take_long_to_understand_is_refused() -> None:
    assert pattern(b"?" * 4096).match(b"x" * 4096)
    with pytest.raises(Refused, match="longer"):
        pattern(b"?" * 4097)
