r"""An inline command: words with blanks between them, as one types them into telnet.

A word may have quotes: between double ones a backslash begins an escape (\n \r \t \b \a, \x and two hexadecimal
digits), between single ones only \' is one. Sources: redis.io, "Redis serialization protocol specification", inline
commands, and for the rest what redis-server 7.0.15 answers.
"""

import re


class ProtocolError(Exception):
    """What came cannot be a command: after the error the connection ends. text: without its code; empty: none."""

    def __init__(self, text: bytes = b"") -> None:
        super().__init__(text)
        self.text = text


_ODD = re.compile(rb"""["'\v\f]""")
_UNQUOTED = re.compile(rb"""[^ \t\r\n"']+""")
_PARTS = {
    b'"': (re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL), re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)),
    b"'": (re.compile(rb"'((?:[^'\\]|\\'|\\(?!'))*)'", re.DOTALL), re.compile(rb"\\(')")),
}
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}
_BLANKS = b" \t\v\f\r\n"


def words(line: bytes) -> list[bytes]:
    """The words of a line; raises ProtocolError if a quote is not closed, or something stands right behind it.

    Example:
    >>> from iomux.protocols.resp.inline import words
    >>> words(b'SET greeting "hello \\\\x41"')
    [b'SET', b'greeting', b'hello A']
    """
    if not _ODD.search(line):
        return line.split()
    found, at = [], 0
    while at < len(line):
        if line[at : at + 1] in _BLANKS:
            at += 1
            continue
        word, at = _word(line, at)
        found.append(word)
    return found


def _word(line: bytes, at: int) -> tuple[bytes, int]:
    """The word that begins at that position, and where it ends."""
    word = b""
    while at < len(line) and line[at : at + 1] not in b" \t\r\n":
        quote = line[at : at + 1]
        if plain := _UNQUOTED.match(line, at):
            word, at = word + plain[0], plain.end()
            continue
        closed, escape = _PARTS[quote]
        inside = closed.match(line, at)
        if inside is None or line[inside.end() : inside.end() + 1] not in _BLANKS:
            raise ProtocolError(b"unbalanced quotes in request")
        return word + escape.sub(_meant, inside[1]), inside.end()
    return word, at


def _meant(escape: "re.Match[bytes]") -> bytes:
    code = escape[1]
    return bytes.fromhex(code[1:].decode()) if len(code) == 3 else _ESCAPES.get(code, code)
