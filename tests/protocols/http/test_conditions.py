"""Conditional requests and ranges (RFC 9110, sections 13 and 14), on a real file."""

import os
import time
from pathlib import Path

import pytest

from iomux.protocols.http import dates, site
from iomux.protocols.http.connection import Speaker
from tests.protocols.http.said import get, read, said

MODIFIED = 784111777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER, LATER = "Sun, 06 Nov 1994 08:49:36 GMT", "Sun, 06 Nov 1994 08:49:38 GMT"


@pytest.fixture
def factory(tmp_path: Path) -> Speaker:
    (tmp_path / "a").write_bytes(b"0123456789")
    (tmp_path / "empty").write_bytes(b"")
    os.utime(tmp_path / "a", (MODIFIED, MODIFIED))
    return site(tmp_path)


def tag(factory: Speaker) -> str:
    return read(said(factory, get("/a")))[0].fields["etag"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (["If-None-Match: TAG"], 304),
        (["If-None-Match: W/TAG"], 304),
        (['If-None-Match: "x", TAG'], 304),
        (["If-None-Match: *"], 304),
        (['If-None-Match: "x"'], 200),
        (['If-None-Match: "x"', f"If-Modified-Since: {LATER}"], 200),
        ([f"If-Modified-Since: {DATE}"], 304),
        ([f"If-Modified-Since: {LATER}"], 304),
        ([f"If-Modified-Since: {EARLIER}"], 200),
        (["If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT"], 304),
        (["If-Modified-Since: Sun Nov  6 08:49:37 1994"], 304),
        (["If-Modified-Since: yesterday"], 200),
        (["If-Match: TAG"], 200),
        (["If-Match: *"], 200),
        (["If-Match: W/TAG"], 412),
        (['If-Match: "x"'], 412),
        (["If-Match: TAG", f"If-Unmodified-Since: {EARLIER}"], 200),
        ([f"If-Unmodified-Since: {EARLIER}"], 412),
        ([f"If-Unmodified-Since: {DATE}"], 200),
        (["iF-nOnE-mAtCh: *"], 304),
    ],
)
def test_a_condition(factory: Speaker, fields: list[str], status: int) -> None:
    said_fields = [field.replace("TAG", tag(factory)) for field in fields]
    for method in ("GET", "HEAD"):
        [answer] = read(said(factory, get("/a", *said_fields, method=method)), heads=[0] if method == "HEAD" else [])
        assert answer.status == status
        if status == 304:
            assert answer.fields["etag"] == tag(factory)
            assert "content-length" not in answer.fields


@pytest.mark.parametrize(
    ("wanted", "status", "body", "place"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-4", 206, b"4", "bytes 4-4/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-30", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99999999999999999", 206, b"89", "bytes 8-9/10"),
        ("Bytes= 0-0 ", 206, b"0", "bytes 0-0/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=3-2", 200, b"0123456789", None),
        ("bytes=x", 200, b"0123456789", None),
        ("apples=0-1", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
    ],
)
def test_a_range(factory: Speaker, wanted: str, status: int, body: bytes | None, place: str | None) -> None:
    [answer] = read(said(factory, get("/a", f"Range: {wanted}")))
    assert (answer.status, answer.fields.get("content-range")) == (status, place)
    assert body is None or answer.body == body


def test_a_range_of_nothing(factory: Speaker) -> None:
    assert read(said(factory, get("/empty", "Range: bytes=0-")))[0].status == 416
    assert read(said(factory, get("/empty", "Range: bytes=-5")))[0].status == 200


def test_only_a_get_has_ranges(factory: Speaker) -> None:
    [answer] = read(said(factory, get("/a", "Range: bytes=0-0", method="HEAD")), heads=[0])
    assert (answer.status, answer.fields["content-length"]) == (200, "10")


@pytest.mark.parametrize(
    ("condition", "status"),
    [("TAG", 206), ('"x"', 200), ("W/TAG", 200), (DATE, 206), (EARLIER, 200), (LATER, 200), ("nonsense", 200)],
)
def test_if_range(factory: Speaker, condition: str, status: int) -> None:
    condition = condition.replace("TAG", tag(factory))
    assert read(said(factory, get("/a", "Range: bytes=0-0", f"If-Range: {condition}")))[0].status == status


def test_the_tag_changes_with_the_content(factory: Speaker, tmp_path: Path) -> None:
    before = tag(factory)
    (tmp_path / "a").write_bytes(b"9876543210")
    assert tag(factory) != before


def test_last_modified_is_never_later_than_date(factory: Speaker, tmp_path: Path) -> None:
    assert read(said(factory, get("/a")))[0].fields["last-modified"] == DATE
    os.utime(tmp_path / "a", (time.time() + 1000,) * 2)
    assert "last-modified" not in read(said(factory, get("/a")))[0].fields


@pytest.mark.parametrize(
    "value", ["", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nix 1994 08:49:37 GMT"]
)
def test_what_is_no_date(value: str) -> None:
    assert dates.read(value) is None


def test_date_is_made_once_a_second() -> None:
    moments = iter([0.0, 61.0])
    stamp = dates.Stamp(wall=lambda: next(moments))
    assert stamp.line(10.0) == stamp.line(10.9) == b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    assert stamp.line(11.0) == b"Date: Thu, 01 Jan 1970 00:01:01 GMT\r\n"
