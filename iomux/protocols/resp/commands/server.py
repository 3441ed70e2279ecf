"""What a client asks about the whole store. Source: redis.io, commands, server.

CONFIG tells what clients look for before they measure or connect; nothing can be set. Nothing is ever written to a
disk: SAVE and its like are unknown commands.
"""

import os
import resource

from iomux.protocols.resp.base.data import DATABASES
from iomux.protocols.resp.base.patterns import pattern
from iomux.protocols.resp.base.refused import SYNTAX, Refused
from iomux.protocols.resp.base.replies import OK, Reply, bulks, integer, pairs, text
from iomux.protocols.resp.base.session import Arguments, Commands, Session
from iomux.protocols.resp.base.subcommands import subcommands
from iomux.protocols.resp.commands.connection import VERSION

CONFIGURATION = {
    b"save": b"",
    b"appendonly": b"no",
    b"maxmemory": b"0",
    b"maxmemory-policy": b"noeviction",
    b"databases": b"%d" % DATABASES,
    b"timeout": b"0",
    b"proto-max-bulk-len": b"%d" % (512 << 20),
    b"notify-keyspace-events": b"",
}


def dbsize(session: Session, arguments: Arguments) -> Reply:
    """How many keys this database has."""
    return integer(len(session.db.values))


def flushdb(session: Session, arguments: Arguments) -> Reply:
    """Forget all keys of this database."""
    _check_flush(arguments)
    session.db.clear()
    return OK


def flushall(session: Session, arguments: Arguments) -> Reply:
    """Forget all keys of all databases."""
    _check_flush(arguments)
    for db in session.data.databases:
        db.clear()
    return OK


def _check_flush(arguments: Arguments) -> None:
    if [word.lower() for word in arguments[1:]] not in ([], [b"sync"], [b"async"]):
        raise Refused(SYNTAX)


def time(session: Session, arguments: Arguments) -> Reply:
    """The time of day: seconds of the epoch, and microseconds."""
    microseconds = int((session.data.now + session.data.unix) * 1e6)
    return bulks([b"%d" % part for part in divmod(microseconds, 1_000_000)], session.version)


def info(session: Session, arguments: Arguments) -> Reply:
    """What this server is and does, in sections of lines, as clients parse them."""
    wanted = {word.lower() for word in arguments[1:]} - {b"all", b"default", b"everything"}
    sections = [(name, lines(session)) for name, lines in _SECTIONS.items() if not wanted or name.lower() in wanted]
    shown = [b"# %b\r\n%b" % (name, b"".join(b"%b\r\n" % line for line in lines)) for name, lines in sections]
    return text(b"\r\n".join(shown), session.version)


def _server(session: Session) -> list[bytes]:
    up = session.data.now - session.data.since
    return [
        b"redis_version:" + VERSION,
        b"redis_mode:standalone",
        b"process_id:%d" % os.getpid(),
        b"uptime_in_seconds:%d" % up,
        b"server_name:iomux, for learning: nothing is kept when it ends",
    ]


def _clients(session: Session) -> list[bytes]:
    return [b"connected_clients:%d" % len(session.data.sessions), b"blocked_clients:0"]


def _memory(session: Session) -> list[bytes]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # getrusage(2): kilobytes
    return [b"used_memory:%d" % peak, b"used_memory_human:%.2fM" % (peak / 2**20), b"used_memory_peak:%d" % peak]


def _persistence(session: Session) -> list[bytes]:
    return [b"loading:0", b"rdb_bgsave_in_progress:0", b"aof_enabled:0", b"aof_rewrite_in_progress:0"]


def _stats(session: Session) -> list[bytes]:
    data = session.data
    return [
        b"total_connections_received:%d" % data.clients,
        b"total_commands_processed:%d" % data.commands,
        b"pubsub_channels:%d" % len(data.channels.names),
        b"pubsub_patterns:%d" % len(data.channels.patterns),
    ]


def _replication(session: Session) -> list[bytes]:
    return [b"role:master", b"connected_slaves:0"]


def _cluster(session: Session) -> list[bytes]:
    return [b"cluster_enabled:0"]


def _keyspace(session: Session) -> list[bytes]:
    return [
        b"db%d:keys=%d,expires=%d,avg_ttl=0" % (index, len(db.values), len(db.deadlines))
        for index, db in enumerate(session.data.databases)
        if db.values
    ]


_SECTIONS = {
    b"Server": _server,
    b"Clients": _clients,
    b"Memory": _memory,
    b"Persistence": _persistence,
    b"Stats": _stats,
    b"Replication": _replication,
    b"Cluster": _cluster,
    b"Keyspace": _keyspace,
}


def _config_get(session: Session, arguments: Arguments) -> Reply:
    wanted = [pattern(glob.lower()).match for glob in arguments[2:]]
    chosen = [item for item in CONFIGURATION.items() if any(matches(item[0]) for matches in wanted)]
    return pairs([part for item in chosen for part in item], session.version)


def _config_set(session: Session, arguments: Arguments) -> Reply:
    names = [name.lower() for name in arguments[2::2]]
    for name in names:
        if name not in CONFIGURATION:
            raise Refused(b"ERR Unknown option or number of arguments for CONFIG SET - '%b'" % name)
    raise Refused(b"ERR CONFIG SET failed (possibly related to argument '%b') - can't set immutable config" % names[0])


def _done(session: Session, arguments: Arguments) -> Reply:
    return OK


COMMANDS: Commands = {
    b"dbsize": (dbsize, 1),
    b"flushdb": (flushdb, -1),
    b"flushall": (flushall, -1),
    b"time": (time, 1),
    b"info": (info, -1),
    b"config": (
        subcommands(b"config", {b"get": (_config_get, -3), b"set": (_config_set, -4), b"resetstat": (_done, 2)}),
        -2,
    ),
    # there are no functions to forget; clients that tidy up before a test send it
    b"function": (subcommands(b"function", {b"flush": (_done, -2)}), -2),
}
