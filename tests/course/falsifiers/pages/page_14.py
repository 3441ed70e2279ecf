"""Worlds for 14, a web server: what is on the wire, an object that forgets, eager replies, and a goodbye."""

import re
from collections import Counter
from typing import Any

from iomux.solutions.pages.page_servers import functions
from tests.course.falsifiers.world import World

PAGE = "14_a_web_server.ipynb"
HEAD = "the head ends with an empty line"
LENGTH = "the client believes the announced length, not the bytes"
NO_CUT, ONE = "no cut leaves the client with its one right answer", "two requests in one piece get one answer"
SAME, BOTH = "wherever the stream is cut, the answers are the same", "both requests are answered"
FETCHED, SIX = "the page and all its pictures were fetched", "six connections or fewer were enough"
EAGER = "an eager server owes over 300,000 bytes for each byte of the question"
LAZY, MODEST = "ten greedy clients cost the server less than 64 MB", "the modest client was answered meanwhile"
UNHEARD = "closed at once, the refusal is heard by nobody"
HEARD = "closed in stages, the refusal is heard by all five"
SAID = b"GET /hello.txt HTTP/1.1\r\nHost: iomux.example\r\n\r\n"


class Forgetful:
    """An object that answers what has just arrived, and remembers nothing of it."""

    def __init__(self, pages: dict[str, bytes]) -> None:
        self.pages = pages

    def feed(self, data: bytes, now: float) -> bytes:
        """An answer to each request that is in these bytes as a whole."""
        return b"HTTP/1.1 200 OK\r\n\r\n" * data.count(b"GET /hello.txt HTTP/1.1\r\nHost: iomux.example\r\n\r\n")


class Mute(Forgetful):
    """An object that never answers."""

    def feed(self, data: bytes, now: float) -> bytes:
        """Nothing."""
        return b""


def object_of(visitor: type) -> dict[str, Any]:
    """What the cell with the cuts finds, with another object."""
    told = functions(PAGE, "told", re=re)["told"]
    return {"said": SAID, "PAGES": {}, "Visitor": visitor, "told": told}


def over(connections: int, missing: int = 0) -> dict[str, Any]:
    """Thirteen things, fetched over so many connections; some of them not at all."""
    show = {f"/{number}": b"" for number in range(13)}
    return {"show": show, "fetched": {path: str(int(path[1:]) % connections) for path in [*show][missing:]}}


WORLDS = (
    World(
        "a length stands in front of the head",
        "web-wire-verdict",
        {HEAD: False, LENGTH: True},
        lambda: {"said": b"\x0eGET /hello.txt", "body": b"hello"},
    ),
    World(
        "the client reads what has come",
        "web-wire-verdict",
        {HEAD: True, LENGTH: False},
        lambda: {"said": SAID, "body": b"hello!"},
    ),
    World(
        "half a request is waited for",
        "web-naive-verdict",
        {NO_CUT: False, ONE: True},
        lambda: {"cut": Counter({"200": 60, "200 400": 14}), "together": "200"},
    ),
    World(
        "each request gets an answer",
        "web-naive-verdict",
        {NO_CUT: True, ONE: False},
        lambda: {"cut": Counter({"400 400": 74}), "together": "200 200"},
    ),
    World(
        "the object forgets",
        "web-cuts-verdict",
        {SAME: False, BOTH: False},
        lambda: object_of(Forgetful),
        before=("web-cuts",),
    ),
    World(
        "the object is mute",
        "web-cuts-verdict",
        {SAME: True, BOTH: False},
        lambda: object_of(Mute),
        before=("web-cuts",),
    ),
    World("a picture is missing", "web-browser-verdict", {FETCHED: False, SIX: True}, lambda: over(6, missing=1)),
    World("a connection for each picture", "web-browser-verdict", {FETCHED: True, SIX: False}, lambda: over(13)),
    World(
        "one answer for all of the question",
        "web-lazy-count-verdict",
        {EAGER: False},
        lambda: {"owed": 10_000_070, "asked": bytes(4_200)},
    ),
    World(
        "each client is owed a whole file",
        "web-lazy-verdict",
        {LAZY: False, MODEST: True},
        lambda: {"grew": 100e6, "statuses": [200, 200, 200]},
    ),
    World(
        "the modest client is not found",
        "web-lazy-verdict",
        {LAZY: True, MODEST: False},
        lambda: {"grew": 3e6, "statuses": [200, 404, 200]},
    ),
    World(
        "a close is heard at once",
        "web-close-verdict",
        {UNHEARD: False, HEARD: True},
        lambda: {"at_once": [413, "a broken connection"], "in_stages": [413] * 5},
    ),
    World(
        "the stages lose one",
        "web-close-verdict",
        {UNHEARD: True, HEARD: False},
        lambda: {"at_once": ["a broken connection"] * 5, "in_stages": [*[413] * 4, "a broken connection"]},
    ),
)
