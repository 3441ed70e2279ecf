"""Publish and subscribe. Source: redis.io, "Pub/Sub", and commands, pubsub."""

from collections.abc import Callable
from typing import TypeAlias

from iomux.protocols.resp.base.channels import Hear
from iomux.protocols.resp.base.patterns import pattern
from iomux.protocols.resp.base.replies import Reply, array, bulk, bulks, integer
from iomux.protocols.resp.base.session import Arguments, Commands, Handler, Session
from iomux.protocols.resp.base.subcommands import subcommands

_Listeners: TypeAlias = dict[bytes, dict[Hear, None]]


def _names(session: Session) -> tuple[dict[bytes, None], _Listeners]:
    """The channels by name: those of this client, and who listens to each."""
    return session.channels, session.data.channels.names


def _patterns(session: Session) -> tuple[dict[bytes, None], _Listeners]:
    return session.patterns, session.data.channels.patterns


def _beginning(what: bytes, kind: Callable[[Session], tuple[dict[bytes, None], _Listeners]]) -> Handler:
    """SUBSCRIBE, PSUBSCRIBE."""

    def begin(session: Session, arguments: Arguments) -> Reply:
        own, all_ = kind(session)
        told = []
        for name in arguments[1:]:
            own[name] = None
            session.data.channels.listen(all_, name, session.hear)
            told.append(_told(session, what, name))
        session.settle()
        return b"".join(told)

    return begin


def _ending(what: bytes, kind: Callable[[Session], tuple[dict[bytes, None], _Listeners]]) -> Handler:
    """UNSUBSCRIBE, PUNSUBSCRIBE: without a name from all."""

    def end(session: Session, arguments: Arguments) -> Reply:
        own, all_ = kind(session)
        told = []
        for name in arguments[1:] or list(own):
            own.pop(name, None)
            session.data.channels.leave(all_, name, session.hear)
            told.append(_told(session, what, name))
        session.settle()
        return b"".join(told) or _told(session, what, None)

    return end


def _told(session: Session, what: bytes, name: bytes | None) -> bytes:
    """That a subscription was made or ended, and how many there are now."""
    shown = session.nil if name is None else bulk(name)
    return session.push([bulk(what), shown, integer(len(session.channels) + len(session.patterns))])


def publish(session: Session, arguments: Arguments) -> Reply:
    """Send a message to the subscribers of a channel; tell how many there were."""
    heard, told = session.publish(arguments[1], arguments[2])
    return heard + integer(told)


def _channels(session: Session, arguments: Arguments) -> Reply:
    names = list(session.data.channels.names)
    matches = pattern(arguments[2]).match if len(arguments) > 2 else None
    return bulks([name for name in names if matches is None or matches(name)], session.version)


def _numsub(session: Session, arguments: Arguments) -> Reply:
    names = session.data.channels.names
    return array([part for name in arguments[2:] for part in (bulk(name), integer(len(names.get(name, ()))))])


def _numpat(session: Session, arguments: Arguments) -> Reply:
    return integer(len(session.data.channels.patterns))


COMMANDS: Commands = {
    b"subscribe": (_beginning(b"subscribe", _names), -2),
    b"psubscribe": (_beginning(b"psubscribe", _patterns), -2),
    b"unsubscribe": (_ending(b"unsubscribe", _names), -1),
    b"punsubscribe": (_ending(b"punsubscribe", _patterns), -1),
    b"publish": (publish, 3),
    b"pubsub": (
        subcommands(b"pubsub", {b"channels": (_channels, -2), b"numsub": (_numsub, -2), b"numpat": (_numpat, 2)}),
        -2,
    ),
}
