"""The commands of `tests.students.store`; run as a program it listens on the port that it is given."""

import contextlib
import socket
import sys
import time

from tests.students.store import (
    CHANNELS,
    COMMANDS,
    ENDS,
    MOST_WORDS,
    OK,
    VALUES,
    Client,
    Refused,
    Words,
    array,
    bulk,
    forget,
    get,
    integer,
    serve,
)

# What follows belongs to one program with `tests.students.store`: see `tests.students.wrong_stores`.


def ping(client: Client, words: Words) -> bytes:
    return bulk(words[1]) if len(words) > 1 else b"+PONG\r\n"


def get_(client: Client, words: Words) -> bytes:
    return client.value(get(words[1]))


def set_(client: Client, words: Words) -> bytes:
    key, value, options = words[1], words[2], [word.upper() for word in words[3:]]
    end = end_of(words[3:], options)
    before = get(key)
    answer = client.value(before) if b"GET" in options else OK
    if (b"NX" in options and before is not None) or (b"XX" in options and before is None):
        return client.nil()
    VALUES[key] = value
    if b"KEEPTTL" not in options:
        ENDS.pop(key, None)
    if end is not None:
        ENDS[key] = end
    return answer


def end_of(words: Words, options: Words) -> float | None:
    given = [place for place, word in enumerate(options) if word in (b"EX", b"PX")]
    if not given:
        return None
    if len(given) > 1 or given[0] + 1 == len(words):
        raise Refused("syntax error")
    amount = integer(words[given[0] + 1])
    amount *= 1000 if options[given[0]] == b"EX" else 1
    if amount <= 0 or amount >= 2**63:
        raise Refused("invalid expire time in 'set' command")
    return time.monotonic() + amount / 1000


def expire(client: Client, words: Words) -> bytes:
    seconds = integer(words[2])
    if get(words[1]) is None:
        return b":0\r\n"
    if seconds <= 0:
        forget(words[1])
    else:
        ENDS[words[1]] = time.monotonic() + seconds
    return b":1\r\n"


def persist(client: Client, words: Words) -> bytes:
    return b":%d\r\n" % (get(words[1]) is not None and ENDS.pop(words[1], None) is not None)


def left(words: Words, unit: float) -> bytes:
    if get(words[1]) is None:
        return b":-2\r\n"
    if words[1] not in ENDS:
        return b":-1\r\n"
    return b":%d\r\n" % round((ENDS[words[1]] - time.monotonic()) * unit)


def count(key: bytes, step: int) -> bytes:
    value = integer(get(key) or b"0") if get(key) != b"" else integer(b"")
    if not -(2**63) <= value + step < 2**63:
        raise Refused("increment or decrement would overflow")
    VALUES[key] = b"%d" % (value + step)
    return b":%d\r\n" % (value + step)


def del_(client: Client, words: Words) -> bytes:
    return b":%d\r\n" % sum(get(key) is not None and forget(key) for key in words[1:])


def exists(client: Client, words: Words) -> bytes:
    return b":%d\r\n" % sum(get(key) is not None for key in words[1:])


def append(client: Client, words: Words) -> bytes:
    VALUES[words[1]] = (get(words[1]) or b"") + words[2]
    return strlen(client, words)


def strlen(client: Client, words: Words) -> bytes:
    return b":%d\r\n" % len(get(words[1]) or b"")


def mget(client: Client, words: Words) -> bytes:
    return array(*(client.value(get(key)) for key in words[1:]))


def mset(client: Client, words: Words) -> bytes:
    if len(words) % 2 == 0:
        raise Refused("wrong number of arguments for 'mset' command")
    for key, value in zip(words[1::2], words[2::2], strict=True):
        forget(key)
        VALUES[key] = value
    return OK


def hello(client: Client, words: Words) -> bytes:
    if words[1:] and words[1] not in (b"2", b"3"):
        raise Refused("unsupported protocol version")
    client.version = int(words[1]) if words[1:] else client.version
    pair = bulk(b"proto") + b":%d\r\n" % client.version
    return b"%1\r\n" + pair if client.version == 3 else b"*2\r\n" + pair


def subscribe(client: Client, words: Words) -> bytes:
    client.channels.append(words[1])
    CHANNELS.setdefault(words[1], []).append(client)
    return array(bulk(b"subscribe"), bulk(words[1]), b":%d\r\n" % len(client.channels))


def unsubscribe(client: Client, words: Words) -> bytes:
    client.channels.remove(words[1])
    CHANNELS[words[1]].remove(client)
    return array(bulk(b"unsubscribe"), bulk(words[1]), b":%d\r\n" % len(client.channels))


def publish(client: Client, words: Words) -> bytes:
    message, heard = array(bulk(b"message"), bulk(words[1]), bulk(words[2])), list(CHANNELS.get(words[1], []))
    for one in heard:
        with contextlib.suppress(OSError):  # it is gone, or does not read: then it is let go
            if one.socket.send(message, socket.MSG_DONTWAIT) < len(message):
                one.socket.shutdown(socket.SHUT_RDWR)
    return b":%d\r\n" % len(heard)


MANY = MOST_WORDS
COMMANDS |= {
    b"PING": (1, 2, ping),
    b"ECHO": (2, 2, lambda client, words: bulk(words[1])),
    b"GET": (2, 2, get_),
    b"SET": (3, MANY, set_),
    b"EXPIRE": (3, 3, expire),
    b"PERSIST": (2, 2, persist),
    b"TTL": (2, 2, lambda client, words: left(words, 1)),
    b"PTTL": (2, 2, lambda client, words: left(words, 1000)),
    b"INCR": (2, 2, lambda client, words: count(words[1], 1)),
    b"DECR": (2, 2, lambda client, words: count(words[1], -1)),
    b"INCRBY": (3, 3, lambda client, words: count(words[1], integer(words[2]))),
    b"DECRBY": (3, 3, lambda client, words: count(words[1], -integer(words[2]))),
    b"DEL": (2, MANY, del_),
    b"EXISTS": (2, MANY, exists),
    b"APPEND": (3, 3, append),
    b"STRLEN": (2, 2, strlen),
    b"MGET": (2, MANY, mget),
    b"MSET": (3, MANY, mset),
    b"HELLO": (1, 2, hello),
    b"QUIT": (1, 1, lambda client, words: OK),
    b"SUBSCRIBE": (2, 2, subscribe),
    b"UNSUBSCRIBE": (2, 2, unsubscribe),
    b"PUBLISH": (3, 3, publish),
}

if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024) as listener:
        serve(listener)
