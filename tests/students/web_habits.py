"""Right web servers with strange habits, made of the plain one: see `web_again`."""

from tests.students.faulty_web_pressed import Parts

_LAST = 'last = "close" in options or version == "HTTP/1.0"'
_KEEPS_OLD = 'last = "close" in options or (version == "HTTP/1.0" and "keep-alive" not in options)'
_NUL = '        if b"\\0" in name:\n            return None\n'
_TOLD = '\n        self.told = version != "HTTP/1.0"'
_CLOSE = 'lines.append("Connection: close")'
_NO_END = 'if self.take(2) != b"\\r\\n":\n                raise Refused(400)'
_IDLE = "self.idle, self.until = False, None\n"
_SHUTS = "        self.sock.shutdown(socket.SHUT_WR)\n        until"
_RESETS = """        time.sleep(0.05)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
        return
        until"""
_TOO_LONG = 'while b"\\r\\n\\r\\n" not in self.data:\n            if len(self.data) > HEAD:\n'
_HINTS = "HTTP/1.1 103 Early Hints\\r\\nLink: </a.css>; rel=preload\\r\\n\\r\\n"
RIGHT: dict[str, tuple[tuple[str, ...], Parts]] = {
    "hints before each answer": (
        ("get", "head", "expect-100", "real-clients", "http10", "pipelined"),
        (
            (
                "method, target, version, fields = self.head()\n",
                "method, target, version, fields = self.head()\n        if version != 'HTTP/1.0':\n"
                f'            self.sock.sendall(b"{_HINTS}")\n',
            ),
        ),
    ),
    "the index page for what has a NUL": (
        ("outside",),
        ((_NUL, _NUL.replace("None", "open(self.folder + '/index.html', 'rb')")),),
    ),
    "ends by a reset": (("close", "field-names"), ((_SHUTS, _RESETS),)),
    "a clock that is a minute slow": (("date",), (("formatdate(usegmt", "formatdate(time.time() - 60, usegmt"),)),
    "ends behind every third answer": (
        ("keep-alive", "pipelined"),
        (
            (_LAST, f"self.asked = self.asked + 1\n        {_LAST} or self.asked % 3 == 0"),
            (_IDLE, f"{_IDLE}        self.asked = 0\n"),
        ),
    ),
    "ends an old client without a word": (
        ("http10", "http10-kept"),
        (
            ("        if last:\n            lines", "        if last and self.told:\n            lines"),
            (_LAST, f"{_LAST}{_TOLD}"),
        ),
    ),
    "keeps an old client, and says so": (
        ("http10", "http10-kept"),
        (
            (_LAST, f"{_KEEPS_OLD}{_TOLD}"),
            (_CLOSE, f"{_CLOSE}\n        elif not self.told:\n            lines.append('Connection: Keep-Alive')"),
        ),
    ),
    "refuses the body of a GET": (
        ("get-body", "body"),
        (
            (
                "self.body(length)\n",
                "if length and method == 'GET':\n            raise Refused(400)\n        self.body(length)\n",
            ),
        ),
    ),
    "strange fields": (
        ("head", "get", "close"),
        (
            (
                'f"Content-Length: {size}"',
                '"server:", "X-a#!~:\\t; ,\\t", "vary: a", "VARY:,b", f"content-length:{size:09d}"',
            ),
            ("{REASONS[status]}", ""),
            ('"Connection: close"', '"connection:x-other,\\tCLOSE "'),
        ),
    ),
    "ends at a bad chunk without a word": (
        ("bad-chunk",),
        (
            (
                "            if not re.fullmatch(b",
                "            if size == b'zz':\n                raise Gone\n            if not re.fullmatch(b",
            ),
            (_NO_END, _NO_END.replace("Refused(400)", "Gone")),
        ),
    ),
    "waits for an immense chunk": (
        ("bad-chunk",),
        (('b"[0-9a-fA-F]{1,8}"', 'b"[0-9a-fA-F]+"'), ("WAIT = 65536, 2.0, 3.0", "WAIT = 65536, 2.0, 30.0")),
    ),
    "stops to read, and refuses later": (
        ("endless-head",),
        ((_TOO_LONG, f"{_TOO_LONG}                time.sleep(30)\n"),),
    ),
}
"""By habit: the items that might accuse it."""
