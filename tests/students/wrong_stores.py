"""Wrong stores, each made of the right one (`store`, `store_commands`) by replacing one piece of its text.

In their order: the item of `iomux.check_redis` that is made for the fault, what is replaced, and by what.
"""

import json
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MARK = "# What follows belongs to one program"
_PEEK = "_PEEK = socket.MSG_PEEK | socket.MSG_DONTWAIT"
_NEXT = '            while words := command(client) or [b""]:\n'
_SEND = "                client.socket.sendall(answer(client, words))\n"


def right() -> str:
    """The right store as one program, which listens on the port that it is given."""
    folder = Path(__file__).parent
    imports, _, commands = (folder / "store_commands.py").read_text().partition(_MARK)
    lines = (line for line in imports.splitlines() if line.startswith("import "))
    return "\n".join([*lines, "import select", _PEEK, (folder / "store.py").read_text(), "#" + commands])


def wrong(old: str, new: str) -> str:
    """The right store with one piece replaced."""
    text = right()
    assert text.count(old) == 1, (text.count(old), old)
    return text.replace(old, new)


QUICK = [
    ("ping-text", "return bulk(words[1]) if len(words) > 1", "return bulk(words[1].upper()) if len(words) > 1"),
    (
        "set-get",
        "self.nil() if data is None else bulk(data)",
        "self.nil() if data is None else b'+' + data + b'\\r\\n'",
    ),
    ("stays", _NEXT, "            for _ in range(150):\n                words = command(client)\n"),
    ("echo", "lambda client, words: bulk(words[1])", "lambda client, words: bulk(words[1].strip())"),
    ("any-case", "    name = words[0].upper()", "    name = words[0].upper() if words[0].islower() else words[0]"),
    ("unknown", '        return b"-ERR unknown command\\r\\n"', '        raise Broken("unknown command")'),
    ("arity", 'b"GET": (2, 2, get_)', 'b"GET": (2, MANY, get_)'),
    (
        "inline",
        "    words, rest = Words(), line.strip()\n",
        "    words, rest = Words(), line\n    if b'  ' in rest: raise Broken('')\n",
    ),
    ("expires", '1000 if options[given[0]] == b"EX" else 1\n', "1000\n"),
    ("ttl", 'return b":-2\\r\\n"', 'return b":-1\\r\\n"'),
    ("set-ends-ttl", '    if b"KEEPTTL" not in options:\n        ENDS', "    if False:\n        ENDS"),
    ("conditions", "        return client.nil()\n    VALUES", "        return OK\n    VALUES"),
    (
        "past",
        "    if seconds <= 0:\n",
        "    if seconds < 0:\n        raise Refused('invalid expire time')\n    if seconds == 0:\n",
    ),
    ("bad-expiry", "if amount <= 0 or amount", "if amount"),
    ("incr", "NUMBER.fullmatch(text) or not -(2**63)", "NUMBER.fullmatch(text.strip()) or not -(2**63)"),
    ("overflow", "    if not -(2**63) <= value + step < 2**63:\n", "    if False:\n"),
    (
        "incr-ttl",
        '    VALUES[key] = b"%d" % (value + step)\n',
        '    forget(key)\n    VALUES[key] = b"%d" % (value + step)\n',
    ),
    (
        "del-exists",
        "sum(get(key) is not None for key in words[1:])",
        "sum(get(key) is not None for key in set(words[1:]))",
    ),
    ("append", 'len(get(words[1]) or b"")', 'len((get(words[1]) or b"").decode(errors="ignore"))'),
    ("empty", "return self.nil() if data is None", "return self.nil() if not data"),
    ("large", "    VALUES[key] = value\n    if b", "    VALUES[key] = value[: 4 << 20]\n    if b"),
    ("mget", "client.value(get(key)) for key in words[1:]", "bulk(value) for key in words[1:] if (value := get(key))"),
    ("pipeline", _SEND, _SEND + "                del client.came[8192:]\n"),
    (
        "every-cut",
        "        self.came += data\n",
        "        self.came += data.rstrip(b'\\r') if len(data) > 1 else data\n",
    ),
    (
        "byte-by-byte",
        "    def more(self) -> None:\n",
        "    def more(self) -> None:\n        if len(self.came) > 9 and not self.came[10:]: raise EOFError\n",
    ),
    ("empty-lines", '    if not name:\n        return b""\n', "    if not name:\n        return b'-ERR empty\\r\\n'\n"),
    ("quotes", "ESCAPE.sub(unescape, double)", "double"),
    ("unbalanced", '            raise Broken("unbalanced quotes in request")\n', "            return [*words, rest]\n"),
    ("bad-count", "MOST_LINE = 1 << 20,", "MOST_LINE = 1 << 40,"),
    ("no-dollar", "            raise Broken(\"expected '$'\")\n", "            return [b'PING']\n"),
    ("bad-length", '            raise Broken("invalid bulk length")\n', "            words.append(b''); continue\n"),
    ("endless-line", "            if len(self.came) > MOST_LINE:\n", "            if False:\n"),
    ("hello", "    client.version = int(words[1]) if", "    client.version = 2 if"),
    ("quit", '                if words[0].upper() == b"QUIT":\n', "                if False:\n"),
    (
        "counted",
        '        raise Refused("increment or decrement would overflow")\n',
        "        raise Refused('overflow')\n    LOCK.release()\n    time.sleep(0.001)\n    LOCK.acquire()\n",
    ),
    (
        "half-command",
        "            self.more()\n        data = bytes",
        "            try: self.more()\n            except EOFError: break\n        data = bytes",
    ),
    ("publish", '    return b":%d\\r\\n" % len(heard)\n', "    return OK\n"),
    ("subscribers-gone", "                    CHANNELS[channel].remove(client)\n", "                    pass\n"),
    (
        "half-close",
        _SEND,
        "                if client.came and not client.socket.recv(1, _PEEK): break\n" + _SEND,
    ),
    (
        "two-clients",
        "            threading.Thread(target=converse, args=(Client(connected),), daemon=True).start()\n",
        "            converse(Client(connected))\n",
    ),
]
"""These are seen in some ten milliseconds, without a look into the store's process."""
SLOW = [
    ("dead-keys", "key for key, end in ENDS.items() if end <= time.monotonic()", "key for key in ()"),
    (
        "promised",
        '    for _ in range(number(line[1:], MOST_WORDS, "multibulk length")):\n',
        "    count = number(line[1:], MOST_WORDS, '')\n    room = [0] * count\n    for _ in range(count):\n",
    ),
    ("slow-subscriber", "message, socket.MSG_DONTWAIT", "message"),
    (
        "unread",
        _SEND,
        "                threading.Thread(target=client.socket.sendall, args=(answer(client, words),)).start()\n",
    ),
    (
        "resets",
        "    with client.socket, contextlib.suppress(EOFError, OSError):\n",
        "    CHANNELS.setdefault(b'', []).append(client)\n    with contextlib.suppress(EOFError, OSError):\n",
    ),
    (
        "thousand",
        "            threading.Thread(target=converse,",
        "            if threading.active_count() > 300: continue\n            threading.Thread(target=converse,",
    ),
    (
        "flood",
        _SEND,
        "                LOCK.acquire()\n"
        + _SEND
        + "                more = client.came or select.select([client.socket], [], [], 0)[0]\n"
        "                while not more and LOCK._is_owned():\n"
        "                    LOCK.release()\n",
    ),
]
"""These need a look into the store's process, or many clients."""


def run_all(stores: Mapping[str, str]) -> None:
    """Run all of them in this process, and say at which ports, in one line of JSON; until the input ends."""
    ports = {}
    for name, text in stores.items():
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        ports[name] = listener.getsockname()[1]
        program: dict[str, Any] = {"__name__": name}
        exec(compile(text, name, "exec"), program)
        threading.Thread(target=program["serve"], args=(listener,), daemon=True).start()
    print(json.dumps(ports), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    run_all({"right": right(), **{item: wrong(old, new) for item, old, new in QUICK}})
