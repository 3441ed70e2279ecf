"""What a client says about its own connection. Source: redis.io, commands, connection."""

from iomux.protocols.resp.base.data import DATABASES
from iomux.protocols.resp.base.numbers import index as database_number
from iomux.protocols.resp.base.numbers import integer as number
from iomux.protocols.resp.base.refused import Refused
from iomux.protocols.resp.base.replies import EMPTY, OK, Reply, array, bulk, integer, text
from iomux.protocols.resp.base.session import Arguments, Commands, Leaving, Session
from iomux.protocols.resp.base.subcommands import subcommands
from iomux.protocols.resp.commands.transactions import end

VERSION = b"7.0.15"
"""The release of redis-server whose answers are ours."""
_NO_PASSWORD = (
    b"ERR AUTH <password> called without any password configured for the default user. "
    b"Are you sure your configuration is correct?"
)
_WRONG_PASSWORD = b"WRONGPASS invalid username-password pair or user is disabled."
_BAD_NAME = b"ERR Client names cannot contain spaces, newlines or special characters."


def ping(session: Session, arguments: Arguments) -> Reply:
    """PONG, or the message that was sent; as a push message to a subscriber of RESP2."""
    if len(arguments) > 2:
        raise Refused(b"ERR wrong number of arguments for 'ping' command")
    if session.listening:
        return array([bulk(b"pong"), bulk(arguments[1] if len(arguments) > 1 else b"")])
    return bulk(arguments[1]) if len(arguments) > 1 else b"+PONG\r\n"


def echo(session: Session, arguments: Arguments) -> Reply:
    """The message itself."""
    return bulk(arguments[1])


def select(session: Session, arguments: Arguments) -> Reply:
    """Use the database of this number from now on."""
    index = database_number(arguments[1])
    if not 0 <= index < DATABASES:
        raise Refused(b"ERR DB index is out of range")
    session.choose(index)
    return OK


def quit_(session: Session, arguments: Arguments) -> Reply:
    """OK, and then the end of the connection."""
    raise Leaving(OK)


def reset(session: Session, arguments: Arguments) -> Reply:
    """Back to a new client's state: no transaction, no subscription, RESP2."""
    end(session)
    session.silence()
    session.name = b""
    session.reset()
    return b"+RESET\r\n"


def auth(session: Session, arguments: Arguments) -> Reply:
    """Refused: this store has no password."""
    if len(arguments) > 3:
        raise Refused(b"ERR syntax error")
    if len(arguments) == 2:
        raise Refused(_NO_PASSWORD)
    if arguments[1] != b"default":
        raise Refused(_WRONG_PASSWORD)
    return OK  # the default user has no password: any will do


def hello(session: Session, arguments: Arguments) -> Reply:
    """Choose the version of the protocol, and tell what this server is."""
    version, name = session.version, session.name
    if len(arguments) > 1:
        version = number(arguments[1], b"ERR Protocol version is not an integer or out of range")
        if version not in (2, 3):
            raise Refused(b"NOPROTO unsupported protocol version")
    rest = iter(arguments[2:])
    for word in rest:
        following = next(rest, None)
        if word.lower() == b"auth" and following is not None and (password := next(rest, None)) is not None:
            auth(session, [b"auth", following, password])
        elif word.lower() == b"setname" and following is not None:
            name = _name(following)
        else:
            raise Refused(b"ERR Syntax error in HELLO option '%b'" % word)
    session.name = name
    session.speak(version)
    return _introduction(session)


def _introduction(session: Session) -> Reply:
    facts: list[tuple[bytes, Reply]] = [
        (b"server", bulk(b"redis")),
        (b"version", bulk(VERSION)),
        (b"proto", integer(session.version)),
        (b"id", integer(session.number)),
        (b"mode", bulk(b"standalone")),
        (b"role", bulk(b"master")),
        (b"modules", EMPTY),
    ]
    flat = array([part for name, value in facts for part in (bulk(name), value)])
    assert type(flat) is bytes
    return b"%%%d\r\n" % len(facts) + flat.partition(b"\r\n")[2] if session.version == 3 else flat


def _name(name: bytes) -> bytes:
    if any(not 33 <= byte <= 126 for byte in name):
        raise Refused(_BAD_NAME)
    return name


def _setname(session: Session, arguments: Arguments) -> Reply:
    session.name = _name(arguments[2])
    return OK


def _getname(session: Session, arguments: Arguments) -> Reply:
    return bulk(session.name) if session.name else session.nil


def _id(session: Session, arguments: Arguments) -> Reply:
    return integer(session.number)


def _info(session: Session, arguments: Arguments) -> Reply:
    return text(_line(session), session.version)


def _list(session: Session, arguments: Arguments) -> Reply:
    lines = [_line(other) for other in session.data.sessions.values()]
    return text(b"".join(lines), session.version)


def _line(session: Session) -> bytes:
    """One client, as CLIENT LIST shows it; its address only the carrier knows."""
    age = session.data.now - session.since
    subscriptions = (len(session.channels), len(session.patterns))
    queued = -1 if session.queued is None else len(session.queued)
    shown = (session.number, session.name, age, session.index, *subscriptions, queued, session.version)
    return b"id=%d addr=? name=%b age=%d db=%d sub=%d psub=%d multi=%d user=default resp=%d\n" % shown


def _no_evict(session: Session, arguments: Arguments) -> Reply:
    if arguments[2].lower() not in (b"on", b"off"):
        raise Refused(b"ERR syntax error")
    return OK


def _getredir(session: Session, arguments: Arguments) -> Reply:
    return integer(-1)


_CLIENT: Commands = {
    b"setname": (_setname, 3),
    b"getname": (_getname, 2),
    b"id": (_id, 2),
    b"info": (_info, 2),
    b"list": (_list, -2),
    b"no-evict": (_no_evict, 3),
    b"getredir": (_getredir, 2),
}
COMMANDS: Commands = {
    b"ping": (ping, -1),
    b"echo": (echo, 2),
    b"select": (select, 2),
    b"quit": (quit_, -1),
    b"reset": (reset, 1),
    b"auth": (auth, -2),
    b"hello": (hello, -1),
    b"client": (subcommands(b"client", _CLIENT), -2),
}
