"""All commands by name, and what becomes of one that is not simply done: it is unknown, wrong, forbidden, or queued."""

from iomux.protocols.resp.base.refused import Refused
from iomux.protocols.resp.base.replies import Reply, array, bulk, integer, pairs
from iomux.protocols.resp.base.session import Arguments, Commands, Handler, Session
from iomux.protocols.resp.base.subcommands import fits, subcommands
from iomux.protocols.resp.commands import (
    connection,
    counters,
    expiry,
    hashes,
    keys,
    lists,
    pubsub,
    ranges,
    scans,
    server,
    sets,
    sorted_sets,
    strings,
    transactions,
)

COMMANDS: Commands = {
    **connection.COMMANDS,
    **strings.COMMANDS,
    **ranges.COMMANDS,
    **counters.COMMANDS,
    **keys.COMMANDS,
    **expiry.COMMANDS,
    **scans.COMMANDS,
    **lists.COMMANDS,
    **hashes.COMMANDS,
    **sets.COMMANDS,
    **sorted_sets.COMMANDS,
    **pubsub.COMMANDS,
    **transactions.COMMANDS,
    **server.COMMANDS,
}
_WHILE_LISTENING = frozenset((b"subscribe", b"psubscribe", b"unsubscribe", b"punsubscribe", b"ping", b"quit", b"reset"))
_SHOWN_BYTES = 128


def otherwise(session: Session, arguments: Arguments) -> Reply:
    """Do a command whose name is in other letters, or while a transaction is open or channels are listened to."""
    name = arguments[0].lower()
    found = COMMANDS.get(name)
    try:
        handler = _allowed(session, name, arguments, found)
    except Refused as refused:
        session.spoilt = session.queued is not None
        if name != b"exec":
            raise
        transactions.end(session)
        text = b"EXECABORT Transaction discarded because of: " + refused.text.removeprefix(b"ERR ")
        raise Refused(text) from None
    if session.queued is None or name in transactions.AT_ONCE:
        return handler(session, arguments)
    session.queued.append((handler, arguments))
    return b"+QUEUED\r\n"


def _allowed(session: Session, name: bytes, arguments: Arguments, found: tuple[Handler, int] | None) -> Handler:
    if found is None:
        raise Refused(_unknown(arguments))
    if not fits(len(arguments), found[1]):
        raise Refused(b"ERR wrong number of arguments for '%b' command" % name)
    if session.listening and name not in _WHILE_LISTENING:
        only = b"(P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
        raise Refused(b"ERR Can't execute '%b': only %b" % (name, only))
    return found[0]


def _unknown(arguments: Arguments) -> bytes:
    """The error for a command that does not exist, with the beginning of its arguments."""
    shown = b""
    for argument in arguments[1:]:
        if len(shown) >= _SHOWN_BYTES:
            break
        shown += b"'%b' " % argument[: _SHOWN_BYTES - len(shown)]
    return b"ERR unknown command '%b', with args beginning with: %b" % (arguments[0][:_SHOWN_BYTES], shown)


def _command(session: Session, arguments: Arguments) -> Reply:
    if len(arguments) > 1:
        return _COMMAND(session, arguments)
    return array([_described(name) for name in COMMANDS])


def _described(name: bytes) -> bytes:
    """A command's name and number of arguments; its flags and the places of its keys are left out."""
    parts: list[Reply] = [bulk(name), integer(COMMANDS[name][1]), b"*0\r\n", *[integer(0)] * 3, *[b"*0\r\n"] * 4]
    shown = array(parts)
    assert type(shown) is bytes
    return shown


def _count(session: Session, arguments: Arguments) -> Reply:
    return integer(len(COMMANDS))


def _info(session: Session, arguments: Arguments) -> Reply:
    names = [name.lower() for name in arguments[2:]] or list(COMMANDS)
    return array([_described(name) if name in COMMANDS else session.no_array for name in names])


def _list(session: Session, arguments: Arguments) -> Reply:
    return array([bulk(name) for name in COMMANDS])


def _docs(session: Session, arguments: Arguments) -> Reply:
    return pairs([], session.version)  # redis-cli has its own


_COMMAND = subcommands(
    b"command", {b"count": (_count, 2), b"info": (_info, -2), b"list": (_list, -2), b"docs": (_docs, -2)}
)
COMMANDS[b"command"] = (_command, -1)

_MANY = 1 << 31
TABLE = {
    spelling: (handler, abs(wanted), wanted if wanted > 0 else _MANY)
    for name, (handler, wanted) in COMMANDS.items()
    for spelling in (name, name.upper())
}
"""Commands in small and in capital letters: what does them, and the least and the greatest number of arguments."""
