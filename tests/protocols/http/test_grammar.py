"""The expression for plain heads: nothing that needs a second look passes it, and what needs none does."""

import string
from collections.abc import Callable

import pytest

from iomux.protocols.http.grammar import HEAD, PLAIN

SPECIAL = (
    *("Host: x", "Connection: upgrade", "Content-Length: 3", "Transfer-Encoding: chunked", "Expect: 100-continue"),
    *("If-Match: *", "If-None-Match: *", "If-Modified-Since: x", "If-Range: x", "Range: bytes=0-1"),
)


def head(*lines: str, target: str = "/") -> bytes:
    return "\r\n".join((f"GET {target} HTTP/1.1", "Host: x", *lines, "", "")).encode("ascii")


@pytest.mark.parametrize("line", SPECIAL)
@pytest.mark.parametrize("written", [str, str.lower, str.upper, str.swapcase])
def test_a_field_that_changes_what_is_to_be_done_is_never_passed_over(line: str, written: Callable[[str], str]) -> None:
    name, value = line.split(": ")
    unplain = head("Accept: a", f"{written(name)}: {value}", "Accept: b")
    assert HEAD.fullmatch(unplain)
    assert not PLAIN.fullmatch(unplain)


@pytest.mark.parametrize("first", sorted(character for character in string.printable if character.isalnum()))
def test_any_other_field_is(first: str) -> None:
    assert PLAIN.fullmatch(head(f"{first}: a", f"{first}x: b", f"{first}ost-: c"))


@pytest.mark.parametrize("target", ["/", "/%41", "/%41%42c%43", "/a%41?", "/?%41b", "/?a=b?c&d=%41", "/[a]|~"])
def test_a_target_with_bytes_written_as_digits_is_plain(target: str) -> None:
    found = PLAIN.fullmatch(head(target=target))
    assert found
    assert found[2] == target.encode("ascii")


@pytest.mark.parametrize("target", ["/%", "/%4", "/%4g", "/a%%41", "/?%", "/#", "/a b", "*", "//%zz"])
def test_a_broken_one_is_not(target: str) -> None:
    assert not PLAIN.fullmatch(head(target=target))


@pytest.mark.parametrize("host", ["", "%", "%4", "a%4g", ":80", "[", "[::1", "a:b", "a b", "a:1:2"])
def test_an_authority_that_is_none_is_not_plain(host: str) -> None:
    assert not PLAIN.fullmatch(head().replace(b"Host: x", f"Host: {host}".encode("ascii")))


@pytest.mark.parametrize(
    "host", ["a", "%41", "a%41b%42", "[::1]", "[::1]:80", "127.0.0.1:65535", "a:", "-._~!$&'()*+,;="]
)
def test_one_that_is_is(host: str) -> None:
    assert PLAIN.fullmatch(head().replace(b"Host: x", f"Host: {host}".encode("ascii")))
