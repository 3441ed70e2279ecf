"""RESP, the protocol of Redis, in its second and third version, as a protocol object for each client.

`store()` makes a small Redis: strings, counters, lists, hashes, sets, sorted sets, keys that expire, transactions,
publish and subscribe, in 16 databases. It answers as redis-server 7.0.15 does, errors and limits included. It is for
learning: everything is kept in memory and gone when the server ends. There is no persistence, replication, script,
stream, blocking command or password.

    reading, inline    bytes to commands
    table, client      commands to replies, one client's, in pieces
    commands           what each command does, a file for each family
    base               databases, deadlines, channels, and replies as bytes

Cost: a GET is some microsecond of Python, half of it for reading the command.
Sources: redis.io, "Redis serialization protocol specification", and the page of each command.
"""

from iomux.protocols.resp.store import Store, store

__all__ = ["Store", "store"]
