"""Wrong web servers: for each item of `iomux.check_http` one that fails it, made from the plain one by replacement.

Each has the item, a part of what is seen, and the parts of the text that are replaced.
"""

from tests.students.faulty_web_pressed import PRESSURE, Parts

_LAST = 'last = "close" in options or version == "HTTP/1.0"'
_LIMITS = "HEAD, GOODBYE, WAIT = 65536, 2.0, 3.0"
_HEAD_LOOP = "self.more()\n        head, _, self.data"
_CONDITION = 'if version != "HTTP/1.0" and (len(hosts) != 1 or re.search("[ /@]", hosts[0])):'
_SEND = "self.sock.sendall(piece)"
_REFUSES_AT_ONCE = """if length and method == "POST":
            self.answer(405, fields=["Allow: GET"], last=True)
            return True
        self.body(length)"""


WORDS: dict[str, tuple[str, Parts]] = {
    "get": ("does not begin with a status line", ((" {REASONS[status]}", ""),)),
    "head": ("came a body", (('while method == "GET" and (piece', "while (piece"),)),
    "not-found": ("was answered by 200", (("self.answer(404", "self.answer(200"),)),
    "large-file": ("it ends before the length", ((_SEND, 'self.sock.sendall(piece.replace(b"\\r\\n", b"\\n"))'),)),
    "methods": ("the 405 to BREW has no field Allow", (("self.answer(501", "self.answer(405"),)),
    "field-names": ("in another spelling was not heard", (('", [])).lower().replace(" "', '", [])).replace(" "'),)),
    "date": ("no field Date", (('f"Date: {date}", ', ""),)),
    "decoded-path": ("GET /page.html?a=b&c=%20d was answered by 404", (('.partition("?")[0]', ""),)),
    "outside": ("not in the folder", (('if not name.startswith(self.folder + "/") or not', "if not"),)),
}
STAYING: dict[str, tuple[str, Parts]] = {
    "keep-alive": (
        "though no close was announced",
        (("while not self.one():\n                    pass", "self.one()"),),
    ),
    "close": ("was not ended", ((_LAST, 'last = version == "HTTP/1.0"'),)),
    "pipelined": (
        "only the first of fifty requests sent at once was",
        (("self.until = None\n        if not self.data:", 'self.until, self.data = None, b""\n        if True:'),),
    ),
    "empty-line": ("was answered by 400", (('while self.data.startswith(b"\\r\\n"):', "while False:"),)),
    "real-clients": ("did not get the page", ((_CONDITION, 'if hosts not in ([], ["localhost"]):'),)),
    "cut-anywhere": (
        "of two requests cut in two",
        (
            (
                'while self.data.startswith(b"\\r\\n"):',
                'if b"\\r\\n\\r\\n" not in self.data and self.until is None:\n            self.data = b""\n        '
                'while self.data.startswith(b"\\r\\n"):',
            ),
        ),
    ),
    "byte-by-byte": (
        "was answered by 400",
        (
            ("self.begin()\n        while", "self.begin()\n        reads = 0\n        while"),
            (
                _HEAD_LOOP,
                "self.more()\n            reads += 1\n            if reads > 9:\n                raise Refused(400)\n"
                "        head, _, self.data",
            ),
        ),
    ),
    "http10": ("the answer to HTTP/1.0 the connection was not ended", ((_LAST, 'last = "close" in options'),)),
    "absolute-form": ("was answered by 404", (('re.sub("^http://[^/]*", "", target)', "target"),)),
    "http10-kept": (
        "was kept, and the answer does not say so",
        (("return last\n", 'return last and "keep-alive" not in options\n'),),
    ),
}
BODIES: dict[str, tuple[str, Parts]] = {
    "body": ("where does the body end?", (("return int(lengths.pop())", "return 0"),)),
    "get-body": (
        "where does the body end?",
        (("self.body(length)\n", 'self.body(length if method == "POST" else 0)\n'),),
    ),
    "chunked-body": ("where does the body end?", (("while self.line():", "while False:"),)),
    "chunked-cut": (
        "as if it were malformed",
        (
            (
                'if self.take(2) != b"\\r\\n":',
                'end, self.data = self.data[:2], self.data[2:]\n            if end != b"\\r\\n":',
            ),
        ),
    ),
    "expect-100": ("was not answered, and the client waits", (('if expects == "100-continue" and', "if False and"),)),
    "upload-refused": (
        "was reset",
        (("self.body(length)\n", f"{_REFUSES_AT_ONCE}\n"), ("            self.goodbye()\n", "")),
    ),
}
REFUSALS: dict[str, tuple[str, Parts]] = {
    "garbage": (
        "was not answered, and the connection did not end",
        (("len(words) != 3", "len(words) != 3 and time.sleep(60)"),),
    ),
    "http2": (
        "is malformed",
        (("raise Refused(505)", 'self.sock.sendall(b"HTTP/2.0 505 No\\r\\n\\r\\n")\n            raise Gone'),),
    ),
    "host": ("no Host was answered by 200", ((_CONDITION, "if False:"),)),
    "name-blank": (
        "a blank before a colon was answered by 200",
        (("TOKEN.fullmatch(name)", "TOKEN.fullmatch(name.strip())"),),
    ),
    "folded": ("has swallowed the next request", (("in lines[1:]", "in map(str.strip, lines[1:])"),)),
    "bare-cr": (
        "has swallowed the next request",
        (('decode("latin-1").split("\\r\\n")', 'decode("latin-1").splitlines()'),),
    ),
    "bad-length": ("+5 was answered by 200", (('re.fullmatch("[0-9]+"', 're.fullmatch("[+]?[0-9]+"'),)),
    "both-lengths": ("smuggling is open", ((' or "content-length" in fields', ""),)),
    "codings": (
        "chunked, gzip the next one was answered",
        (('codings != ["chunked"]', '"chunked" not in codings[0]'),),
    ),
    "bad-chunk": (
        "longer than its size the next one was answered",
        (('if self.take(2) != b"\\r\\n":\n                raise Refused(400)', "self.line()"),),
    ),
    "endless-head": ("and asked for more", ((_LIMITS, "HEAD, GOODBYE, WAIT = 1 << 40, 2.0, 600.0"),)),
    "long-target": (
        "got the end of the connection, and no answer",
        (
            (
                "self.answer(refused.args[0], last=True)",
                "if refused.args[0] != 431:\n                    self.answer(refused.args[0], last=True)",
            ),
        ),
    ),
}
FAULTS = WORDS | STAYING | BODIES | REFUSALS | PRESSURE
