"""More stores made of the right one: wrong in what an item tries beside its first fault, and right with strange habits.

As in `wrong_stores`, by replacing pieces of its text.
"""

from tests.students.wrong_stores import right, run_all

Parts = tuple[tuple[str, str], ...]
_SWEEPS = "        time.sleep(0.05)\n        with LOCK"
_VERSIONS, _ERR = 'words[1] not in (b"2", b"3")', 'return f"-ERR {refused}\\r\\n".encode()'
_NOPROTO = 'return b"-NOPROTO only RESP2 is spoken here\\r\\n"'
_NUMBER = "    if not NUMBER.fullmatch(text) or int(text) > most:\n"
_INT = "    if not re.fullmatch(rb'[-+]?[0-9_]+', text) or int(text) > most:\n"
_OLD_NULL = 'self.version == 3 else b"$-1\\r\\n"'
_SENDS = "                client.socket.sendall(answer(client, words))\n"
_CUT_OFF = """                client.socket.sendall(whole[: 4 << 20])
                if len(whole) > 4 << 20:
                    break
"""
_OVER = "    if seconds <= 0:\n"
_UNKNOWN = '"-ERR unknown command\\r\\n"'
_LINE = '    if line[:1] != b"*":\n        return split(line)\n'
WRONG: dict[str, tuple[str, str, Parts]] = {
    "repeats the name": (
        "unknown",
        "PING was answered SUCH'",
        ((_UNKNOWN, "\"-ERR unknown command '%b'\\r\\n\" % words[0]"),),
    ),
    "forgets what came with an error": (
        "unknown",
        "PING got no answer",
        (("    if name not in COMMANDS:\n", "    if name not in COMMANDS:\n        client.came.clear()\n"),),
    ),
    "error for a missing key": (
        "set-get",
        "answered -ERR unknown key",
        (("self.nil() if data is None", "b'-ERR unknown key\\r\\n' if data is None"),),
    ),
    "DEL keeps the time": ("incr-ttl", "after DEL and INCR", (("    ENDS.pop(key, None)\n    return", "    return"),)),
    "NX finds the dead": (
        "expires",
        "there for SET NX",
        (("    before = get(key)\n", "    before = VALUES.get(key)\n"), (_SWEEPS, _SWEEPS.replace("0.05", "50"))),
    ),
    "refuses a time that is over": (
        "past",
        "EXPIRE iomux:a -1 was answered -ERR a negative time is not supported",
        ((_OVER, f"{_OVER}        raise Refused('a negative time is not supported')\n"),),
    ),
    "refuses conditions": (
        "conditions",
        "SET iomux:a x XX was answered -ERR NX and XX are not supported",
        (
            (
                "    before = get(key)\n",
                "    if {b'NX', b'XX'} & {*options}:\n        raise Refused('NX and XX are not supported')\n"
                "    before = get(key)\n",
            ),
        ),
    ),
    "one version for all": (
        "hello",
        "one that has said no HELLO, beside one that speaks RESP3: GET iomux:gone was answered _",
        (
            ("bytearray(), 2, list", "bytearray(), list"),
            ("self.came, self.version,", "self.came,"),
            ("    client.version = int(words[1]) if", "    Client.version = int(words[1]) if"),
            ("    def more(self)", "    version = 2\n\n    def more(self)"),
        ),
    ),
    "an old null in an array": (
        "hello",
        "MGET iomux:gone was answered *1\\r\\n$-1; due is *1\\r\\n_",
        (("array(*(client.value(get(key)) for", "array(*(b'$-1\\r\\n' if get(key) is None else bulk(get(key)) for"),),
    ),
    "any number is a count": ("bad-count", "*+1 got no answer", ((_NUMBER, _INT),)),
    "any number is a length": (
        "bad-length",
        "*1\\r\\n$+4 got no answer",
        ((_NUMBER, f"    if text[:1] == b'+' and what == 'bulk length':\n        return int(text)\n{_NUMBER}"),),
    ),
    "whole seconds": (
        "expires",
        "long before a key's time is over: ",
        (("time.monotonic() + amount / 1000", "time.monotonic() + amount // 1000"),),
    ),
    "ends too early": (
        "expires",
        "long before a key's time is over: ",
        (("time.monotonic() + amount / 1000", "time.monotonic() + amount / 1000 / (9 if amount == 900 else 1)"),),
    ),
    "EX has no end": (
        "expires",
        "a key that was set with EX 1 was still there",
        (("        ENDS[key] = end\n", "        ENDS[key] = end + 1000 * (b'EX' in options)\n"),),
    ),
    "EXPIRE has no end": (
        "expires",
        "a key that was given a time by EXPIRE 1 was still there",
        (("ENDS[words[1]] = time.monotonic() + seconds", "ENDS[words[1]] = time.monotonic() + 1000 * seconds"),),
    ),
    "an empty line behind each null": (
        "set-get",
        "got no answer: behind the answer to the command before, more bytes came",
        ((_OLD_NULL, _OLD_NULL.replace('n"', 'n\\r\\n"')),),
    ),
    "lines behind the nulls": (
        "expires",
        "got no answer: behind the answer to the command before, more bytes came",
        ((_OLD_NULL, _OLD_NULL.replace('n"', 'n\\r\\n"')),),
    ),
    "ends within a large value": (
        "large",
        "or not all of them: the server ended the connection",
        ((_SENDS, f"                whole = answer(client, words)\n{_CUT_OFF}"),),
    ),
}
"""By fault: the item that fails, and a part of what is seen."""
RIGHT: dict[str, tuple[str, Parts]] = {
    "simple strings in HELLO": ("hello", (('bulk(b"proto")', 'b"+proto\\r\\n"'),)),
    "speaks RESP2 only": ("hello", ((_VERSIONS, 'words[1] != b"2"'), (_ERR, _NOPROTO))),
    "no lines": ("empty-lines", ((_LINE, _LINE.replace("return split(line)", "return [b'NO-INLINE']")),)),
    "no lines, in quotes": ("unbalanced", ((_LINE, _LINE.replace("return split(line)", "return [b'NO-INLINE']")),)),
}
"""By habit: the item that might accuse it."""


def _text(parts: Parts) -> str:
    text = right()
    for old, new in parts:
        assert text.count(old) == 1, (text.count(old), old)
        text = text.replace(old, new)
    return text


if __name__ == "__main__":
    wrong_ones = {name: _text(parts) for name, (_, _, parts) in WRONG.items()}
    run_all(wrong_ones | {name: _text(parts) for name, (_, parts) in RIGHT.items()})
