"""How long a connection stays, and what is said in between (RFC 9112, section 9; RFC 9110, sections 7.8 and 10.1.1)."""

from tests.protocols.http.suite.case import SMUGGLED, Case, get, post, refused, taken

OK = "200 200"
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
NO_SWITCH = r"(2\d\d|400|404|405|426|501)( 200)?"
CASES: tuple[Case, ...] = (
    taken("Connection: close", "9112 9.6", get("Connection: close"), "200"),
    taken("Connection: Close in capitals", "9110 7.6.1", get("Connection: CLOSE"), "200"),
    taken("close in a list", "9110 7.6.1", get("Connection: x, close"), "200"),
    taken("close in the second field", "9110 7.6.1", get("Connection: x", "Connection: close"), "200"),
    taken("Connection: keep-alive", "9112 9.3", get("Connection: keep-alive"), OK),
    taken("a Connection option that nobody knows", "9110 7.6.1", get("Connection: x-unknown"), OK),
    taken("HTTP/1.0 closes", "9112 9.3", get(line="GET / HTTP/1.0"), "200"),
    taken("HTTP/1.0 with keep-alive", "9112 9.3", get("Connection: keep-alive", line="GET / HTTP/1.0"), "200 200|200"),
    taken(
        "HTTP/1.0 with Keep-Alive and close",
        "9112 9.3",
        get("Connection: keep-alive, close", line="GET / HTTP/1.0"),
        "200",
    ),
    taken("two requests at once", "9112 9.3.2", get() + get(), "200 200 200"),
    taken("ten requests at once", "9112 9.3.2", get() * 10, "(200 ){10}200"),
    taken("nothing behind close", "9112 9.6", get("Connection: close") + SMUGGLED, "200"),
    taken("three requests, the second closes", "9112 9.6", get() + get("Connection: close") + SMUGGLED, "200 200"),
    taken(
        "a body, then a request",
        "9112 9.3.2",
        post("Content-Length: 5", body=b"hello") + get(),
        r"2\d\d 200 200|(404|405|501)( 200 200)?",
    ),
    taken(
        "chunks, then a request",
        "9112 9.3.2",
        post("Transfer-Encoding: chunked", body=b"1\r\nx\r\n0\r\n\r\n") + get(),
        r"2\d\d 200 200|(404|405|501)( 200 200)?",
    ),
    taken(
        "CRLF behind a body",
        "9112 2.2",
        post("Content-Length: 5", body=b"hello\r\n") + get(),
        r"2\d\d 200 200|(404|405|501)( 200 200)?",
        r"(2\d\d|404|405|501) 400",
    ),
    taken(
        "bytes behind Content-Length: 0",
        "9112 11.2",
        post("Content-Length: 0") + b"X" + get(),
        r"(2\d\d|404|405|501) (4\d\d|501)( 200)?|(404|405|501)",
        "400",
    ),
    refused("a refused request, then another", "9112 11.2", get("Accept : x") + SMUGGLED, "400", r"4\d\d|"),
    refused("no Host, then a request", "9112 11.2", get(host="") + SMUGGLED, "400", r"4\d\d||400 404 200|400 200 200"),
    refused(
        "two lengths, then a request",
        "9112 6.3",
        post("Content-Length: 0", "Content-Length: 5") + SMUGGLED,
        "400",
        r"4\d\d||501",
    ),
    taken(
        "the body is awaited",
        "9110 10.1.1",
        post("Expect: 100-continue", "Content-Length: 5", body=b"hello"),
        r"(100 )?2\d\d 200|(100 )?(404|405|501|417)( 200)?",
        echoes=b"hello",
    ),
    taken(
        "the body is awaited, another case",
        "9110 10.1.1",
        post("Expect: 100-Continue", "Content-Length: 5", body=b"hello"),
        r"(100 )?2\d\d 200|(404|405|501)( 200)?",
        "417",
    ),
    taken("100-continue without a body", "9110 10.1.1", get("Expect: 100-continue"), OK, "100 200 200"),
    taken(
        "the body's bytes are no request",
        "9112 11.2",
        post("Expect: 100-continue", f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED),
        r"(100 )?2\d\d 200|(100 )?(404|405|501|417|400)( 200)?",
    ),
    taken("an unknown expectation", "9110 10.1.1", get("Expect: a-miracle"), "417( 200)?", "200 200|400( 200)?"),
    taken(
        "100-continue in HTTP/1.0",
        "9110 10.1.1",
        post("Expect: 100-continue", "Content-Length: 5", body=b"hello", line="POST / HTTP/1.0"),
        r"2\d\d|404|405|501",
    ),
    taken("an unknown protocol to switch to", "9110 7.8", get("Connection: Upgrade", "Upgrade: x/9"), OK, "400( 200)?"),
    taken(
        "h2c", "9110 7.8", get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"), OK
    ),
    taken("Upgrade without Connection", "9110 7.8", get(*UPGRADE[1:], "Sec-WebSocket-Version: 13"), NO_SWITCH),
    taken("Upgrade by POST", "6455 4.1", post(*UPGRADE, "Sec-WebSocket-Version: 13", "Content-Length: 0"), NO_SWITCH),
    taken(
        "Upgrade in HTTP/1.0",
        "9110 7.8",
        get(*UPGRADE, "Sec-WebSocket-Version: 13", line="GET / HTTP/1.0"),
        r"200( 200)?|400|426",
    ),
    taken("an unknown WebSocket version", "6455 4.4", get(*UPGRADE, "Sec-WebSocket-Version: 99"), NO_SWITCH),
    taken("TE: trailers", "9110 10.1.4", get("TE: trailers", "Connection: TE"), OK),
)

_WHOLE = get("Accept: */*").decode()
_STOPS = ("G", "GET ", "GET /a", "GET /a ", "GET / HTTP", "GET / HTTP/1.1", "GET / HTTP/1.1\r", "GET / HTTP/1.1\r\n",
          "GET / HTTP/1.1\r\nHo", "GET / HTTP/1.1\r\nHost:", "GET / HTTP/1.1\r\nHost: x", "GET / HTTP/1.1\r\nHost: x\r",
          "GET / HTTP/1.1\r\nHost: x\r\n", _WHOLE[:-2], _WHOLE[:-1])  # fmt: skip
UNFINISHED = tuple(
    Case(f"the end behind {stop[-12:]!r}", "9112 8", stop.encode(), r"(400|408)?", r"4\d\d| and .*", ends=True)
    for stop in _STOPS
)
CASES += UNFINISHED
CASES += (
    Case(
        "the end in a body",
        "9112 8",
        post("Content-Length: 10", body=b"hello"),
        "(400|408)?",
        r"405|501|404",
        ends=True,
    ),
    Case(
        "the end in a chunk",
        "9112 8",
        post("Transfer-Encoding: chunked", body=b"5\r\nhel"),
        "(400|408)?",
        r"405|501|404",
        ends=True,
    ),
    Case(
        "the end in front of the last chunk",
        "9112 8",
        post("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"),
        "(400|408)?",
        r"405|501|404",
        ends=True,
    ),
    Case("the end, and nothing before", "9112 8", b"", "", "400|408", ends=True),
    Case("the end behind a request", "9112 9.6", get(), "200", "", ends=True),
    Case("the end behind three requests", "9112 9.6", get() * 3, "200 200 200", "(200( 200)?)?", ends=True),
)
