"""The request line: method, target, version (RFC 9112, section 3)."""

from tests.protocols.http.suite.case import Case, either, get, refused, taken

OK = "200 200"
VERSION = r"(400|505)( 200)?||~?200( 200)?| and .*"
"""Doubtful for a version that there is not: a server SHOULD refuse what is no HTTP message (RFC 9112, section 2.2)."""
CASES: tuple[Case, ...] = (
    taken("a plain GET", "9112 3", get(), OK),
    taken("a query", "9112 3.2.1", get(line="GET /?a=b&c=%20 HTTP/1.1"), OK),
    taken("absolute form", "9112 3.2.2", get(line="GET http://x/ HTTP/1.1"), OK),
    taken("absolute form without a path", "9112 3.2.2", get(line="GET http://x HTTP/1.1"), OK),
    taken("absolute form, scheme in capitals", "9110 4.2.3", get(line="GET HTTP://x/ HTTP/1.1"), OK),
    taken("absolute form with a port", "9112 3.2.2", get(line="GET http://x:80/?q HTTP/1.1"), OK),
    taken("absolute form, another Host", "9112 3.2.2", get(line="GET http://y/ HTTP/1.1"), OK, "400( 200)?|421( 200)?"),
    refused("absolute form, but no Host", "9112 3.2", get(line="GET http://x/ HTTP/1.1", host=""), "400( 200)?"),
    refused(
        "user in the target", "9110 4.2.4", get(line="GET http://u:p@x/ HTTP/1.1"), "400( 200)?", "(200|404)( 200)?"
    ),
    taken(
        "OPTIONS *", "9112 3.2.4", get(line="OPTIONS * HTTP/1.1"), "(200|204|405|501)( 200)?", "400( 200)?|404( 200)?"
    ),
    taken("OPTIONS of a path", "9110 9.3.7", get(line="OPTIONS / HTTP/1.1"), "(200|204|405|501)( 200)?"),
    refused("* with GET", "9112 3.2.4", get(line="GET * HTTP/1.1"), "400( 200)?", "(404|200)( 200)?"),
    refused("CONNECT", "9110 9.3.6", get(line="CONNECT x:80 HTTP/1.1"), r"(4\d\d|501)( 200)?", ""),
    refused("CONNECT with a path", "9112 3.2.3", get(line="CONNECT / HTTP/1.1"), r"(4\d\d|501)( 200)?", ""),
    refused("authority form with GET", "9112 3.2.3", get(line="GET x:80 HTTP/1.1"), "400( 200)?", "(404|200)( 200)?"),
    refused(
        "a target without a slash", "9112 3.2.1", get(line="GET index.html HTTP/1.1"), "400( 200)?", "(404|200)( 200)?"
    ),
    refused("no target", "9112 3", get(line="GET HTTP/1.1"), "400", "400 200|505| and .*"),
    refused("no target, two spaces", "9112 3", get(line="GET  HTTP/1.1"), "400", "400 200|505| and .*"),
    refused("no version", "9112 2.3", b"GET /\r\n\r\n", "400|505", VERSION),
    refused("no version, but fields", "9112 3", get(line="GET /"), "400|505", VERSION),
    refused("HTTP/0.9 in words", "9112 2.3", get(line="GET / HTTP/0.9"), "400|505", VERSION),
    refused("HTTP/2.0", "9110 15.6.6", get(line="GET / HTTP/2.0"), "505", VERSION),
    refused("HTTP/3.0", "9110 15.6.6", get(line="GET / HTTP/3.0"), "505", VERSION),
    refused("HTTP/9.9", "9110 15.6.6", get(line="GET / HTTP/9.9"), "505", VERSION),
    taken("HTTP/1.2", "9110 2.5", get(line="GET / HTTP/1.2"), OK, "(400|505)( 200)?|200"),
    taken("HTTP/1.9", "9110 2.5", get(line="GET / HTTP/1.9"), OK, "(400|505)( 200)?|200"),
    refused("http in small letters", "9112 2.3", get(line="GET / http/1.1"), "400|505", VERSION),
    refused("another protocol's name", "9112 2.3", get(line="GET / HTTPS/1.1"), "400|505", VERSION),
    refused("HTTP/1", "9112 2.3", get(line="GET / HTTP/1"), "400|505", VERSION),
    refused("HTTP/1.", "9112 2.3", get(line="GET / HTTP/1."), "400|505", VERSION),
    refused("HTTP/01.1", "9112 2.3", get(line="GET / HTTP/01.1"), "400|505", VERSION),
    refused("HTTP/1.01", "9112 2.3", get(line="GET / HTTP/1.01"), "400|505", VERSION),
    refused("HTTP/1.10", "9112 2.3", get(line="GET / HTTP/1.10"), "400|505", VERSION),
    refused("HTTP/ 1.1", "9112 2.3", get(line="GET / HTTP/ 1.1"), "400|505", VERSION),
    refused("HTTP/+1.1", "9112 2.3", get(line="GET / HTTP/+1.1"), "400|505", VERSION),
    refused("HTTP/1.1 and more", "9112 3", get(line="GET / HTTP/1.1 x"), "400|505", VERSION),
    either("a blank behind the version", "9112 3", get(line="GET / HTTP/1.1 "), "400", "|400 200|505|200 200"),
    either("two spaces behind the method", "9112 3", get(line="GET  / HTTP/1.1"), "400", "|400 200|200 200|404( 200)?"),
    either("two spaces behind the target", "9112 3", get(line="GET /  HTTP/1.1"), "400", "|400 200|200 200|505"),
    either("tabs between", "9112 3", get(line="GET\t/\tHTTP/1.1"), "400", "|400 200|200 200|405|501"),
    either("a blank in front", "9112 3", get(line=" GET / HTTP/1.1"), "400", "|400 200|200 200|405|501"),
    refused("a space in the target", "9112 3.2", get(line="GET /a b HTTP/1.1"), "400", "|400 200|505|404( 200)?"),
    either("a fragment", "9112 3.2", get(line="GET /#a HTTP/1.1"), "400( 200)?", "|404( 200)?|200 200"),
    either("a backslash", "3986 3.3", get(line="GET /\\a HTTP/1.1"), "400( 200)?", "|404( 200)?|200 200"),
    either("a quote", "3986 3.3", get(line='GET /" HTTP/1.1'), "400( 200)?", "|404( 200)?|200 200"),
    either("UTF-8 in the target", "3986 2", get(line="GET /\xc3\xa9 HTTP/1.1"), "400( 200)?", "|404( 200)?|200 200"),
    refused("NUL in the target", "9112 3.2", get(line="GET /\0 HTTP/1.1"), "400( 200)?", ""),
    refused(
        "a control character in the target", "9112 3.2", get(line="GET /\x01 HTTP/1.1"), "400( 200)?", "|404( 200)?"
    ),
    refused("%00", "9110 17.3", get(line="GET /%00 HTTP/1.1"), "(400|404)( 200)?", "|200 200"),
    refused("% and no digits", "3986 2.1", get(line="GET /%zz HTTP/1.1"), "(400|404)( 200)?", "|200 200"),
    refused("% at the end", "3986 2.1", get(line="GET /% HTTP/1.1"), "(400|404)( 200)?", "|200 200"),
    refused("a slash in overlong UTF-8", "3629 3", get(line="GET /%c0%af HTTP/1.1"), "(400|404)( 200)?", "|200 200"),
    taken("%0d%0a", "3986 2.1", get(line="GET /%0d%0aX:%20y HTTP/1.1"), "(400|404|200)( 200)?"),
    taken("8,000 bytes of target", "9112 3", get(line=f"GET /?{'a' * 7900} HTTP/1.1"), OK, "(404|414)( 200)?"),
    refused(
        "100,000 bytes of target",
        "9110 15.5.15",
        get(line=f"GET /{'a' * 100_000} HTTP/1.1"),
        "414( 200)?",
        "400|431||(200|404)( 200)?",
    ),
    refused(
        "100,000 bytes of method",
        "9112 3",
        get(line=f"{'A' * 100_000} / HTTP/1.1"),
        r"400|501|405|414|431",
        "(405|501) 200|",
    ),
    refused("an unknown method", "9110 9.1", get(line="FROB / HTTP/1.1"), "501( 200)?|405( 200)?", "400( 200)?"),
    refused("a small method", "9110 9.1", get(line="get / HTTP/1.1"), "501( 200)?|405( 200)?|400( 200)?", "200 200"),
    refused("a method that is no token", "9112 3.1", get(line="G@T / HTTP/1.1"), "400", "501|405|400 200|"),
    refused("a method with brackets", "9112 3.1", get(line="G(T) / HTTP/1.1"), "400", "501|405|400 200|"),
    refused("words in front of the method", "9112 3", get(line="and GET / HTTP/1.1"), "400", "|400 200|405|501|505"),
    refused("TRACE", "9110 9.3.8", get(line="TRACE / HTTP/1.1"), "(405|501)( 200)?", r"400( 200)?|200 200|403( 200)?"),
    refused("HTTP/2's preface", "9113 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505|400", "|4..( 400)?| and .*"),
    refused("a TLS hello", "9112 3", b"\x16\x03\x01\x00\x05\x01\0\0\x01\x03\r\n\r\n", "400", "|505|501| and .*"),
    refused("random bytes", "9112 3", b"\xff\x00\xfe\x80 \x99\r\n\r\n", "400", "|505|501| and .*"),
    refused("a blank line with blanks", "9112 2.2", b"   \r\n\r\n", "400", "|~.*| and .*"),
)
UNDER: tuple[Case, ...] = tuple(
    refused(
        f"out of the folder by {path}",
        "9110 17.3",
        get(line=f"GET {path} HTTP/1.1"),
        r"(400|403|404)( 200)?",
        "|301( 200)?",
    )
    for path in (
        "/../../../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "/..%5c..%5cetc/passwd",
        "//etc/passwd",
        "/./../etc/passwd",
        "/%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd%00.html",
    )
)
CASES += UNDER
