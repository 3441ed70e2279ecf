"""Bodies in chunks (RFC 9112, section 7.1)."""

from tests.protocols.http.suite.case import SMUGGLED, TAKEN, Case, chunked, either, refused, taken

END = b"0\r\n\r\n"
METHOD = "405|501|404"
"""What a server says that does not serve POST at all, and reads no body."""


def _bad(name: str, body: bytes, section: str = "9112 7.1", doubtful: str = "") -> Case:
    return refused(
        name, section, chunked(body), f"400|{METHOD}", rf"4\d\d||400 200|(405|501|404) 200|~400|~|{doubtful}"
    )


def _good(name: str, body: bytes, echoes: bytes, section: str = "9112 7.1", doubtful: str = "(?!)") -> Case:
    return taken(name, section, chunked(body), TAKEN, doubtful, echoes)


CASES: tuple[Case, ...] = (
    _good("two chunks", b"5\r\nhello\r\n6\r\n world\r\n" + END, b"hello world"),
    _good("no chunk but the last", END, b""),
    _good("ten in capitals", b"A\r\nhellohello\r\n" + END, b"hellohello"),
    _good("ten in small letters", b"a\r\nhellohello\r\n" + END, b"hellohello"),
    _good("a size with leading zeros", b"0005\r\nhello\r\n0000\r\n\r\n", b"hello", doubtful="400"),
    _good("CRLF as content", b"4\r\n\r\n\r\n\r\n" + END, b"\r\n\r\n"),
    _good("the last chunk as content", b"5\r\n0\r\n\r\n\r\n" + END, END),
    _good("an extension", b"5;a=b\r\nhello\r\n" + END, b"hello", "9112 7.1.1", "400"),
    _good("an extension without a value", b"5;a\r\nhello\r\n0;b\r\n\r\n", b"hello", "9112 7.1.1", "400"),
    _good("a quoted extension", b'5;a="b;\\" c"\r\nhello\r\n' + END, b"hello", "9112 7.1.1", "400"),
    _good("blanks around an extension's semicolon", b"5 ; a=b\r\nhello\r\n" + END, b"hello", "9112 7.1.1", "400"),
    _good("two extensions", b"5;a=b;c\r\nhello\r\n" + END, b"hello", "9112 7.1.1", "400"),
    _good("a trailer", b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", b"hello", "9112 7.1.2"),
    _good("three trailers", b"5\r\nhello\r\n0\r\nA: 1\r\nB: 2\r\nC:\r\n\r\n", b"hello", "9112 7.1.2"),
    *(
        _good(
            f"{name} as a trailer changes nothing",
            b"5\r\nhello\r\n0\r\n" + name.encode() + b"\r\n\r\n",
            b"hello",
            "9110 6.5.1",
            "400",
        )
        for name in ("Content-Length: 50", "Transfer-Encoding: x", "Host: y", "Authorization: z", "Content-Type: a/b")
    ),
    _good("a hundred chunks", b"1\r\nx\r\n" * 100 + END, b"x" * 100),
    _bad("a size that is no number", b"xyz\r\nhello\r\n" + END),
    _bad("a negative size", b"-5\r\nhello\r\n" + END),
    _bad("a size with plus", b"+5\r\nhello\r\n" + END),
    _bad("a size with 0x", b"0x5\r\nhello\r\n" + END),
    _bad("a size with an underscore", b"1_0\r\n" + b"x" * 16 + b"\r\n" + END),
    _bad("no size", b"\r\nhello\r\n" + END),
    _bad("a blank in front of the size", b" 5\r\nhello\r\n" + END),
    refused(
        "a size of 64 bits", "9112 7.1", chunked(b"FFFFFFFFFFFFFFFF\r\nhello\r\n" + END), f"400|413|{METHOD}", "|~.*"
    ),
    _bad("a size of 17 digits", b"FFFFFFFFFFFFFFFFF\r\nhello\r\n" + END, "9112 7.1", "413"),
    _bad("a size that wraps round to five", b"10000000000000005\r\nhello\r\n" + END),
    either("a blank behind the size", "9112 7.1", chunked(b"5 \r\nhello\r\n" + END), f"400|{METHOD}", f"{TAKEN}|"),
    _bad("more bytes than the size", b"5\r\nhello!!\r\n" + END),
    _bad("fewer bytes than the size", b"7\r\nhello\r\n" + END, doubtful="408"),
    _bad("no CRLF behind the bytes", b"5\r\nhello0\r\n\r\n"),
    _bad("CR alone behind the size", b"5\rhello\r\n" + END),
    _bad("a semicolon and no extension", b"5;\r\nhello\r\n" + END, "9112 7.1.1", "2.. 200"),
    _bad("an extension's name that is no token", b"5;a[=b\r\nhello\r\n" + END, "9112 7.1.1", "2.. 200"),
    _bad("NUL in an extension", b"5;a=\0\r\nhello\r\n" + END, "9112 7.1.1", "2.. 200"),
    _bad("CR in an extension", b"5;a\rb\r\nhello\r\n" + END, "9112 7.1.1", "2.. 200"),
    *(
        either(f"a bare LF {where}", "9112 2.2", chunked(body), f"400|{METHOD}", rf"{TAKEN}|4\d\d|400 200|~4..||~")
        for where, body in (
            ("behind the size", b"5\nhello\r\n" + END),
            ("behind the bytes", b"5\r\nhello\n" + END),
            ("in an extension", b"5;a\nhello\r\n" + END),
            ("behind the last size", b"5\r\nhello\r\n0\n\r\n"),
            ("behind a trailer", b"5\r\nhello\r\n0\r\nA: b\n\r\n"),
        )
    ),
    _bad("a trailer without a colon", b"0\r\nnothing\r\n\r\n", "9112 7.1.2", "2.. 200"),
    _bad("a trailer with a blank in front of the colon", b"0\r\nA : b\r\n\r\n", "9112 7.1.2", "2.. 200"),
    _bad("a folded trailer", b"0\r\nA: b\r\n c\r\n\r\n", "9112 7.1.2", "2.. 200"),
    refused(
        "65,000 bytes of extension",
        "9112 7.1.1",
        chunked(b"5;" + b"a" * 65_000 + b"\r\nhello\r\n" + END),
        f"4..|{METHOD}",
        f"{TAKEN}|",
    ),
    refused(
        "65,000 bytes of trailers",
        "6585 5",
        chunked(b"0\r\n" + b"A: b\r\n" * 11_000 + b"\r\n"),
        f"4..|{METHOD}",
        f"{TAKEN}|",
    ),
    refused(
        "a size with plus hides a request", "9112 11.2", chunked(b"+0\r\n\r\n" + SMUGGLED), f"400|{METHOD}", "4..|"
    ),
)
