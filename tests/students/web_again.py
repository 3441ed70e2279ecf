"""More web servers made of the plain one: wrong in what an item tries beside its first fault."""

from tests.students.faulty_web_pressed import Parts

_MISSING = "            self.answer(404, last=last)\n"
_NOT_FOUND = "b'HTTP/1.1 404 Not Found\\r\\n\\r\\n'"
_DECODE = "        name = unquote_to_bytes(path)\n"
_LAST = 'last = "close" in options or version == "HTTP/1.0"'
_KEEPS_OLD = 'last = "close" in options or (version == "HTTP/1.0" and "keep-alive" not in options)'
_DOTS = "        if '..' in path or '%2e%2e' in path.lower():\n            return None\n"
_NUL = '        if b"\\0" in name:\n            return None\n'
_INSIDE = 'if not name.startswith(self.folder + "/") or not'
_BODY = "    def body(self, length):\n"
_READ = "        self.body(length)\n"
_EXPECTED = "        self.body(length if expects != '100-continue' else 0)\n"
_GETS = "self.get(method, target, last)"
_THREAD = "threading.Thread(target=self.get, args=(method, target, last), daemon=True).start()"
_IDLE = "self.idle, self.until = False, None\n"
_READS = "self.more()\n            self.until = time.monotonic() + "
_LATER: Parts = ((_IDLE, f"{_IDLE}        self.later = False\n"), (_READ, f"{_READ}        self.later = True\n"))
NO_LENGTH: Parts = ((', f"Content-Length: {size}", *fields]', ", *fields]"),)
"""It neither tells where an answer ends nor ends the connection."""
WRONG: dict[str, tuple[str, str, Parts]] = {
    "a neighbour is inside": (
        "outside",
        "GET /../site-secret.txt returned a file",
        ((_INSIDE, _INSIDE.replace(' + "/"', "")),),
    ),
    "decodes twice": (
        "outside",
        "GET /%252e%252e/secret.txt returned a file",
        (
            (
                _DECODE,
                f"{_DECODE}        if b'..' in name:\n            return None\n        name = unquote_to_bytes(name)\n",
            ),
            (_INSIDE, "if not"),
        ),
    ),
    "takes dots out once": (
        "outside",
        "GET /....//secret.txt returned a file",
        ((_DECODE, f"{_DECODE}        name = name.replace(b'../', b'')\n"), (_INSIDE, "if not")),
    ),
    "looks for dots before it decodes": (
        "outside",
        "GET /.%2e/secret.txt returned a file",
        ((_DECODE, f"{_DOTS}{_DECODE}"), (_INSIDE, "if not")),
    ),
    "a name ends at a NUL": (
        "outside",
        "returned the file whose name ends before the NUL",
        ((_NUL, f"        name = name.partition(b'\\0')[0]\n{_NUL}"),),
    ),
    "a length in letters": (
        "not-found",
        "behind the answer to GET /there-is-no-such-file.html came more",
        (
            (
                _MISSING,
                "            text = 'größer'\n            self.answer(404, len(text), last=last)\n"
                "            self.sock.sendall(text.encode() if method == 'GET' else b'')\n",
            ),
        ),
    ),
    "HEAD of nothing has a body": (
        "not-found",
        "behind the answer to HEAD /there-is-no-such-file.html came more",
        ((_MISSING, f"{_MISSING.replace('404,', '404, 4,')}            self.sock.sendall(b'none')\n"),),
    ),
    "opens a folder": (
        "not-found",
        "GET /pictures was not answered",
        (("os.path.isfile(name)", "os.path.exists(name)"),),
    ),
    "chunks in decimals": (
        "chunked-body",
        "a request with a chunked body was",
        (("            if not int(size, 16):", "            if not int(size):"),),
    ),
    "a body is one recv": (
        "body",
        "in two pieces",
        (
            (
                _BODY,
                f"{_BODY}        if length != 'chunked' and length:\n            self.data or self.more()\n"
                "            self.data = self.data[length:]\n            return\n",
            ),
        ),
    ),
    "one place in a large file for all": (
        "slow-reader",
        "did not get its file when another one had got the same",
        (
            (
                'return open(name, "rb")',
                'return OPEN.setdefault("big" in name or object(), open(name, "rb", buffering=0))',
            ),
            ("        with file:\n", "        if file.seek(0) == 0:\n"),
            ("clients, LOCK = [],", "OPEN, clients, LOCK = {}, [],"),
        ),
    ),
    "keeps an old client untold": (
        "http10-kept",
        "was kept, and the answer does not say so",
        ((_LAST, _KEEPS_OLD),),
    ),
    "no length for a HEAD": (
        "head",
        "the answer to HEAD /page.html is malformed: its Content-Length is no number of bytes",
        (("file.fileno()).st_size", "file.fileno()).st_size if method == 'GET' else None"),),
    ),
    "no length, and no end": ("get", "GET /page.html has no Content-Length, and the connection did not end", NO_LENGTH),
    "no length and no end of a 404": (
        "not-found",
        "GET /there-is-no-such-file.html has no Content-Length, and the connection did not end",
        ((_MISSING, f"            self.sock.sendall({_NOT_FOUND} + (b'no' if method == 'GET' else b''))\n"),),
    ),
    "a date of old": (
        "date",
        "the Date is not that of now",
        (("email.utils.formatdate(usegmt=True)", "'Sun, 06 Nov 1994 08:49:37 GMT'"),),
    ),
    "the time of elsewhere": (
        "date",
        "the Date is not that of now",
        (("formatdate(usegmt", "formatdate(time.time() + 7200, usegmt"),),
    ),
    "a body behind Expect is a request": (
        "expect-100",
        "its body got 501: where does the body end?",
        ((_READ, _EXPECTED),),
    ),
    "the body of a PUT is a request": (
        "body",
        "a GET behind a body (PUT)",
        ((_READ, _READ.replace("length", "length if method != 'PUT' else 0")),),
    ),
    "the chunks of a GET are requests": (
        "get-body",
        "a GET behind a chunked body (GET) got",
        ((_READ, _READ.replace("length", "length if (method, length) != ('GET', 'chunked') else 0")),),
    ),
    "a thread for each request": (
        "pipelined",
        "one of four requests sent at once",
        ((_GETS, f"if target != '/big.bin':\n                {_GETS}\n            else:\n                {_THREAD}"),),
    ),
    "no limit for a second head": (
        "half-head",
        "a client that has had a page and sends half of a head and is silent is still waited for",
        (
            ("self.more()\n            self.until = time.monotonic() + WAIT", f"{_READS}(600 if self.later else WAIT)"),
            *_LATER,
        ),
    ),
    "a limit for each byte of a second head": (
        "drip",
        "a client that has had a page and sends its head a byte a second is still waited for",
        (("        if self.until is None:\n", "        if self.until is None or self.later:\n"), *_LATER),
    ),
    "one option only": (
        "field-names",
        "behind another option was not heard",
        (('"close" in options or', 'options == ["close"] or'),),
    ),
}
"""By fault: the item that fails, and a part of what is seen."""
