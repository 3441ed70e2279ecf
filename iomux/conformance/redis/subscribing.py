"""Stage E: bytes that a client did not ask for, from another client's turn."""

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

from iomux.conformance.redis import items
from iomux.conformance.redis.client import Client
from iomux.conformance.redis.items import PRESSURE, page
from iomux.conformance.redis.talk import ERROR, ask, client, expect, shared_store, wrong
from iomux.conformance.redis.wire import NIL, array, bulk, command, integer, said, told
from iomux.conformance.trial.clients import MIB, eventually
from iomux.conformance.trial.items import ONE_AT_A_TIME, warm_up
from iomux.conformance.trial.patience import grown_with_all
from iomux.conformance.trial.subject import Fault, Subject
from iomux.system.sockets import reset

item = partial(items.item, stage=PRESSURE)
_NEWS = b"it is\r\nnews"
_CHANNEL, _LEFT_CHANNEL, _SLOW_CHANNEL = "iomux:news", "iomux:left", "iomux:slow"
"""One for each item: who is not forgotten in one of them is not counted in another."""
_MESSAGE = bytes(256 * 1024)
_SURE_OF_ONE_THREAD = 96 * MIB  # redis keeps 32 MiB before it lets a subscriber go
_NEVER_READS = "never reads"


def _told(event: str, count: int, channel: str = _CHANNEL) -> bytes:
    """The answer to SUBSCRIBE or UNSUBSCRIBE of a channel."""
    return array(bulk(event), bulk(channel), integer(count))


def _message(text: bytes, channel: str = _CHANNEL) -> bytes:
    return array(bulk("message"), bulk(channel), bulk(text))


def _publish(speaker: Client, text: bytes, heard_by: int, channel: str = _CHANNEL) -> None:
    ask(speaker, command("PUBLISH", channel, text), integer(heard_by))


@contextlib.contextmanager
def _subscriber(subject: Subject, channel: str = _CHANNEL, narrow: bool = False) -> Iterator[Client]:
    with client(subject, narrow) as one:
        ask(one, f"SUBSCRIBE {channel}", _told("subscribe", 1, channel))
        yield one


def _heard(subject: Subject, stack: ExitStack, channel: str, *who: str) -> list[Client]:
    """So many subscribers that have heard a first message. Raises NotSeen if they have not: see the item publish."""
    with warm_up("publish"), client(subject) as speaker:
        several = [stack.enter_context(_subscriber(subject, channel, one == _NEVER_READS)) for one in who]
        _publish(speaker, _NEWS, len(who), channel)
        for one in several:
            expect(one, said("PUBLISH"), _message(_NEWS, channel), "a subscriber")
    return several


@item(
    "publish",
    rule="what is published reaches every subscriber of the channel, and PUBLISH returns how many they are; who has "
    "subscribed may send few commands else until it has unsubscribed",
    sent="one client publishes to nobody, then to two subscribers; one of these sends GET, UNSUBSCRIBE and GET again",
    hint="A message is sent on another client's connection than the one that has asked. What does a connection need to "
    "know about its subscriptions?",
    man=f"redis.io, Redis Pub/Sub; {page('publish', 'subscribe', 'unsubscribe')}",
    run=("timeout 5 redis-cli -p PORT SUBSCRIBE iomux:news & sleep 1; redis-cli -p PORT PUBLISH iomux:news hello",),
    exempt=ONE_AT_A_TIME,
)
def publish(subject: Subject) -> None:
    """Test who hears what."""
    with shared_store(subject) as speaker:
        _publish(speaker, _NEWS, 0)
        with _subscriber(subject) as first, _subscriber(subject) as second:
            _publish(speaker, _NEWS, 2)
            for one in (first, second):
                expect(one, command("PUBLISH", _CHANNEL, _NEWS), _message(_NEWS), "a subscriber")
            ask(first, "GET iomux:gone", ERROR, "a subscriber")
            ask(first, f"UNSUBSCRIBE {_CHANNEL}", _told("unsubscribe", 0))
            ask(first, "GET iomux:gone", NIL, "one who has unsubscribed")
            _publish(speaker, b"more", 1)
            expect(second, command("PUBLISH", _CHANNEL, "more"), _message(b"more"), "a subscriber")


@item(
    "subscribers-gone",
    rule="subscribers that have closed or reset their connection are not counted any more",
    sent="of three subscribers one closes and one resets its connection; then a client publishes until one is counted",
    hint="However a client goes, by an end, by an error of recv, or by one of send: what knows it has to forget it.",
    man=page("publish"),
    run=(
        "timeout 1 redis-cli -p PORT SUBSCRIBE iomux:news; redis-cli -p PORT PUBLISH iomux:news hello",
        "redis-cli -p PORT CLIENT LIST",
    ),
    exempt=ONE_AT_A_TIME,
)
def subscribers_gone(subject: Subject) -> None:
    """Check that who is gone is forgotten."""
    with client(subject) as speaker, ExitStack() as stack:
        _, closes, resets = _heard(subject, stack, _LEFT_CHANNEL, "stays", "closes", "resets")
        closes.socket.close()
        reset(resets.socket)
        counts = set[bytes]()

        def one_is_counted() -> bool:
            speaker.send(command("PUBLISH", _LEFT_CHANNEL, _NEWS))
            counts.add(got := speaker.reply())
            return got == integer(1) or not got

        if not eventually(one_is_counted):
            raise Fault(
                "two of three subscribers have left, and PUBLISH still counts more than one",
                counts=sorted(map(told, counts)),
            )
        if b"" in counts:
            raise wrong(speaker, said("PUBLISH"), b"", integer(1), "after two subscribers have left")


@item(
    "slow-subscriber",
    rule="a subscriber that does not read delays nobody, and costs bounded memory: the others hear all",
    sent="one client publishes messages of 256 KiB, 16 MiB, and up to 384 MiB as long as that costs nearly as much "
    "memory; one subscriber reads each at once, another one nothing",
    hint="What is published to a client that does not read has to be kept, or dropped, or the client is. Redis lets it "
    "go at 32 MiB.",
    man="redis.io, Redis client handling (Output buffer limits)",
    run=(
        "redis-cli -p PORT SUBSCRIBE iomux:news | sleep 60 &",
        "head -c 262144 /dev/zero | tr '\\0' x > news",
        "for i in $(seq 400); do redis-cli -p PORT -x PUBLISH iomux:news < news; done; ps -o rss= -p PID",
    ),
    long=True,
    exempt=ONE_AT_A_TIME,
)
def slow_subscriber(subject: Subject) -> None:
    """Bound the slope of memory, as for a chat room: who keeps all grows by what is said, from the beginning."""
    with ExitStack() as stack:
        speaker, (listens, _) = (
            stack.enter_context(client(subject)),
            _heard(subject, stack, _SLOW_CHANNEL, "listens", _NEVER_READS),
        )
        if shares := grown_with_all(subject, lambda _: _say(speaker, listens), _SURE_OF_ONE_THREAD):
            raise Fault("a subscriber did not read, and memory grew with all that was published", shares=shares)


def _say(speaker: Client, listens: Client) -> int:
    """Publish one message that the listener hears; return its size. The slow one may be let go, and not counted."""
    speaker.send(command("PUBLISH", _SLOW_CHANNEL, _MESSAGE))
    if (got := speaker.reply()) not in (integer(1), integer(2)):
        raise wrong(speaker, said("PUBLISH"), got, integer(1), "next to a subscriber that does not read")
    if listens.reply() != _message(_MESSAGE, _SLOW_CHANNEL):
        raise Fault("next to a subscriber that does not read another one did not hear all", how=listens.how)
    return len(_MESSAGE)
