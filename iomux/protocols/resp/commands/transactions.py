"""Transactions: the commands between MULTI and EXEC are done together, unless a watched key was changed meanwhile.

Source: redis.io, "Transactions".
"""

from iomux.protocols.resp.base.refused import Refused
from iomux.protocols.resp.base.replies import OK, Reply, array, error
from iomux.protocols.resp.base.session import Arguments, Commands, Session

AT_ONCE = frozenset((b"multi", b"exec", b"discard", b"watch", b"quit", b"reset"))
"""What is done at once although a transaction is open."""


def multi(session: Session, arguments: Arguments) -> Reply:
    """Begin a transaction: what follows is queued."""
    if session.queued is not None:
        raise Refused(b"ERR MULTI calls can not be nested")
    session.queued = []
    session.settle()
    return OK


def exec_(session: Session, arguments: Arguments) -> Reply:
    """Carry out what was queued, unless a watched key has changed."""
    if session.queued is None:
        raise Refused(b"ERR EXEC without MULTI")
    queued, spoilt, outrun = session.queued, session.spoilt, _outrun(session)
    end(session)
    if spoilt:
        raise Refused(b"EXECABORT Transaction discarded because of previous errors.")
    if outrun:
        return session.no_array
    replies: list[Reply] = []
    for handler, words in queued:
        try:
            replies.append(handler(session, words))
        except Refused as refused:
            replies.append(error(refused.text))
    return array(replies)


def _outrun(session: Session) -> bool:
    """Whether a watched key was changed; one that has died since is."""
    for index, key in session.watched:
        session.data.databases[index].find(key)
    return session.outrun


def discard(session: Session, arguments: Arguments) -> Reply:
    """Forget what was queued."""
    if session.queued is None:
        raise Refused(b"ERR DISCARD without MULTI")
    end(session)
    return OK


def end(session: Session) -> None:
    """No transaction is open any more, and nothing is watched."""
    session.queued, session.spoilt = None, False
    session.unwatch()


def watch(session: Session, arguments: Arguments) -> Reply:
    """Let the next transaction fail if one of these keys changes before it."""
    if session.queued is not None:
        raise Refused(b"ERR WATCH inside MULTI is not allowed")
    for key in arguments[1:]:
        session.watched[session.index, key] = None
        session.db.watch(key, session.notice)
    session.settle()
    return OK


def unwatch(session: Session, arguments: Arguments) -> Reply:
    """Watch no key any more."""
    session.unwatch()
    return OK


COMMANDS: Commands = {
    b"multi": (multi, 1),
    b"exec": (exec_, 1),
    b"discard": (discard, 1),
    b"watch": (watch, -2),
    b"unwatch": (unwatch, 1),
}
