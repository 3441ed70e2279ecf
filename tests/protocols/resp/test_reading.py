"""Commands arrive in any pieces, and what is only promised takes no memory."""

import itertools
import random
import tracemalloc

import pytest

from iomux.protocols.resp.inline import ProtocolError
from iomux.protocols.resp.reading import LINE_BYTES, PENDING_BYTES, Reader
from tests.protocols.resp.test_side_by_side import LINES, RIGHT, WRONG
from tests.support.redis import command, our_answer

FOUR = (
    command(b"SET", b"k", b"a\r\nb*1\r\n$4")
    + b"GET k\r\n"
    + command(b"ECHO", bytes(range(256)))
    + command(b"RPUSH", b"l", b"", b"x", b"$1\r\n")
    + command(b"LRANGE", b"l", b"0", b"-1")
)
TYPED = [line.replace(b" | ", b"\r\n") + b"\r\n" for line in LINES if b"SRANDMEMBER" not in line]  # by chance


def cut(said: bytes, *places: int) -> list[bytes]:
    ends = [0, *sorted(places), len(said)]
    return [piece for begin, end in itertools.pairwise(ends) if (piece := said[begin:end])]


def test_four_commands_are_answered_alike_wherever_they_are_cut_in_two() -> None:
    whole = our_answer([FOUR])
    assert whole.startswith(b"+OK\r\n$10\r\na\r\nb*1\r\n$4\r\n$256\r\n")
    for place in range(1, len(FOUR)):
        assert our_answer(cut(FOUR, place)) == whole


@pytest.mark.parametrize("said", [*TYPED, FOUR, *RIGHT, *WRONG])
def test_everything_is_answered_alike_in_one_piece_in_many_and_byte_by_byte(said: bytes) -> None:
    whole = our_answer([said])
    if len(said) < 20_000:
        assert our_answer(cut(said, *range(len(said)))) == whole
    chance = random.Random(20)
    for _ in range(5):
        assert our_answer(cut(said, *chance.sample(range(len(said)), 3))) == whole


def test_half_a_command_is_no_command() -> None:
    reader = Reader()
    assert list(reader.commands(FOUR[:20])) == []
    assert not reader.between
    assert [words[0] for words in reader.commands(FOUR[20:])] == [b"SET", b"GET", b"ECHO", b"RPUSH", b"LRANGE"]
    assert reader.between


def test_what_is_only_promised_takes_no_memory() -> None:
    tracemalloc.start()
    try:
        readers = [Reader() for _ in range(20)]
        for reader in readers:
            assert list(reader.commands(b"*1000000\r\n$500000000\r\nabc")) == []
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_an_argument_of_many_small_pieces_takes_what_it_has() -> None:
    value = b"x" * 200_000
    said = command(b"SET", b"k", value)
    tracemalloc.start()
    try:
        reader, found = Reader(), []
        for begin in range(0, len(said), 10):
            found += list(reader.commands(said[begin : begin + 10]))
        assert found == [[b"SET", b"k", value]]
        assert tracemalloc.get_traced_memory()[1] < 6 * len(value)
    finally:
        tracemalloc.stop()


def test_a_command_that_never_ends_is_ended() -> None:
    reader = Reader()
    list(reader.commands(b"*3000\r\n$1\r\nx\r\n"))
    reader._size = PENDING_BYTES  # as if so much had come
    with pytest.raises(ProtocolError) as ended:
        list(reader.commands(b"$100\r\nabc"))
    assert ended.value.text == b""


@pytest.mark.parametrize("said", [b"x", b"*1", b"*1\r\n$1"])
def test_a_line_may_be_long_and_not_longer(said: bytes) -> None:
    line = said[said.rfind(b"\n") + 1 :]
    reader = Reader()
    assert list(reader.commands(said + b"1" * (LINE_BYTES - len(line)))) == []
    with pytest.raises(ProtocolError, match="too big"):
        list(reader.commands(b"1"))
