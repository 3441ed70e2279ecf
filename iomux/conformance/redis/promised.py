"""Stage D: what is only promised takes no memory."""

from contextlib import ExitStack
from functools import partial

from iomux.conformance.redis import items
from iomux.conformance.redis.items import FRAMING, suite
from iomux.conformance.redis.talk import Client, ask, client, shared_store
from iomux.conformance.redis.wire import PONG, told
from iomux.conformance.trial.clients import MIB
from iomux.conformance.trial.subject import Fault, Subject, rss_bytes, settled

item = partial(items.item, stage=FRAMING)
_PROMISING, _MOST_GROWTH = 20, 64 * MIB


@item(
    "promised",
    rule="what is only promised takes no memory: neither a count of words nor a length, before they have come",
    sent="20 clients send *1000000, 20 send $500000000 as the length of a value, and then nothing",
    hint="Anybody can promise much. Let a buffer grow with what has arrived.",
    man=suite("src/networking.c (processMultibulkBuffer)"),
    run=(
        r"for i in $(seq 20); do (printf '*1000000\r\n'; sleep 9) | nc 127.0.0.1 PORT & done",
        "sleep 1; ps -o rss= -p PID",
    ),
)
def promised(subject: Subject) -> None:
    """Check that a few bytes cost a few bytes."""
    with shared_store(subject) as other:
        before = rss_bytes(subject)
        promises = (b"*1000000\r\n", b"*3\r\n$3\r\nSET\r\n$7\r\niomux:a\r\n$500000000\r\n")
        for promise in promises:
            _promise(subject, other, promise, before)


def _promise(subject: Subject, other: Client, promise: bytes, before: int) -> None:
    with ExitStack() as stack:
        for _ in range(_PROMISING):
            stack.enter_context(client(subject)).send(promise)
        ask(other, "PING", PONG, "while others promise much, another client")
        settled(subject)
        if (grown := rss_bytes(subject) - before) > _MOST_GROWTH:
            raise Fault(f"memory grew by more than 64 MiB when 20 clients sent {told(promise[-12:])}", grown=grown)
