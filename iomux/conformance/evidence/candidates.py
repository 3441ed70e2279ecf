"""The short conversations to try for a failed item, the shortest to tell first.

They grow instead of shrinking: a conversation that a server passes is over in a millisecond, one that it fails takes a
wait, and has to be tried again on a fresh server. So the first that fails is the shortest of its kind, each time.
"""

from collections.abc import Callable, Iterator, Sequence

from iomux.conformance.evidence.conversation import Conversation, Line, alone, ask, in_pieces, numbers, without_waiting
from iomux.conformance.trial.recording import Step

MIB = 1 << 20
SIZES = tuple(
    sorted({n + d for n in (10, 100, 256, 512, 1000, 1024, 2048, 4096, 8192, 10_000, 65_536) for d in (-1, 0, 1)})
)
"""Sizes around those that buffers commonly have."""
_ALL_BYTES = bytes(range(256))
_FIRST, _SECOND = b"a", b"b"
_LARGE = (MIB, 16 * MIB)
"""Up to more than the kernel's buffers hold at both ends together."""
_NUMBERS = (200_000, 3_000_000)
"""Some 1 MiB and 22 MiB."""
_MOST_MESSAGES = 6

Family = Callable[[Sequence[bytes]], Iterator[Conversation]]
"""From the messages of the item's failed client to conversations."""


def one_byte(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """One client with one byte: any, another one after it, then each value in turn."""
    yield (*alone(_FIRST), Line(1, "no more"))
    yield alone(_FIRST, _SECOND)
    yield alone(*(bytes([value]) for value in range(256)))


def one_message(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """One client with one message: of one letter, then of all values."""
    for size in SIZES:
        yield alone(_FIRST * size)
    for size in SIZES:
        yield alone(every_byte(size))
    for data in dict.fromkeys(data for data in messages[-3:] if data):
        yield alone(data)


def several_messages(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """One client with several messages: none waited for, one that arrives in pieces, each answered."""
    yield without_waiting(_FIRST, _SECOND)
    yield in_pieces(_FIRST, _SECOND)
    yield in_pieces(_FIRST * 1000, _SECOND * 1000)
    yield alone(_FIRST, _SECOND * 2, b"c")
    for count in (10, 100):
        yield alone(*[_FIRST] * count)
        yield without_waiting(*[_FIRST + _SECOND] * count)
    if 1 < len(messages) <= _MOST_MESSAGES:
        yield alone(*messages)


def read_late(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """One client that sends much and reads only afterwards: what is lost, doubled or in another order is seen."""
    for last in _NUMBERS:
        yield (Line(1, "connect"), Line(1, "send", numbers(last)), Line(1, "pause"), Line(1, "expect"))


def half_closed(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """One client that half-closes: owed nothing, one byte, or much."""
    shut = (Line(1, "shutdown"), Line(1, "end"))
    yield (Line(1, "connect"), *shut)
    for data in (_FIRST, _FIRST * 65_536):
        yield (*alone(data), *shut)
        yield (Line(1, "connect"), Line(1, "send", data), *shut)
    for size in _LARGE:
        yield (Line(1, "connect"), Line(1, "send", _FIRST * size), Line(1, "shutdown"), Line(1, "pause"), shut[1])


def leaving(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """One client that leaves, in one way or another, and one that comes after it."""
    after = (Line(2, "connect"), *ask(2, _FIRST))
    for last in (Line(1, "reset"), Line(1, "close")):
        gone = (last, Line(1, "pause"), *after)
        yield (Line(1, "connect"), *gone)
        yield (Line(1, "connect"), Line(1, "send", _FIRST), *gone)
        yield (*alone(_FIRST), *gone)


def gone_while_owed(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """One client that leaves while the server owes it much, and one that comes after it."""
    for last in (Line(1, "reset"), Line(1, "close")):
        sent = (Line(1, "connect"), Line(1, "send", _FIRST * _LARGE[1]), last, Line(1, "pause"))
        yield (*sent, Line(2, "connect"), *ask(2, _FIRST))


def two_at_once(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """One client while another is silent; two that both have sent; one next to another that does not read."""
    both = (Line(1, "connect"), Line(2, "connect"))
    yield (*both, *ask(2, _FIRST))
    yield (*both, Line(1, "send", _FIRST), Line(2, "send", _SECOND), Line(1, "expect"), Line(2, "expect"))
    yield (*both, *ask(1, _FIRST), *ask(2, _SECOND), *ask(1, b"c"), *ask(2, b"d"))
    yield (*both, *ask(2, _FIRST), Line(1, "send", _FIRST * _LARGE[1]), *ask(2, _SECOND))


def urgent(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """One client with an urgent byte, alone and between others."""
    yield (Line(1, "connect"), Line(1, "urgent"), Line(1, "pause"), *ask(1, _FIRST))
    yield (*alone(_FIRST), Line(1, "urgent"), Line(1, "pause"), *ask(1, _SECOND))


_BYTES = (one_byte, one_message, several_messages)
ECHO: dict[str, tuple[Family, ...]] = {
    "echoes": _BYTES,
    "sizes": _BYTES,
    "pieces": _BYTES,
    "together": _BYTES,
    "bulk": (read_late, *_BYTES),
    "slow-reader": (read_late, *_BYTES),
    "half-close": (half_closed, *_BYTES),
    "end": (one_byte, half_closed),
    "reset": (leaving,),
    "mid-reset": (leaving, gone_while_owed),
    "urgent": (one_byte, urgent),
    "hundred": (*_BYTES, two_at_once),
    "idle": (two_at_once,),
    "neighbours": (two_at_once,),
}
"""What to try for an item of an echo server, by its name, where a conversation of one or two clients can show it."""


def candidates(families: Sequence[Family], steps: Sequence[Step]) -> Iterator[Conversation]:
    """Conversations that may fail like an item whose clients did these steps, family by family."""
    messages = _messages(steps)
    for family in families:
        yield from family(messages)


def _messages(steps: Sequence[Step]) -> list[bytes]:
    """What the client of the last step has sent: it is the one that found the fault."""
    last = steps[-1].client if steps else 0
    return [step.data for step in steps if step.client == last and step.act == "send" and len(step.data) == step.size]


def every_byte(size: int) -> bytes:
    """A message in which every value comes up, again and again."""
    return (_ALL_BYTES * (size // 256 + 1))[:size]
