"""Chromium loads a page of thirteen assets from our web server: the client that every student has."""

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

import iomux
from iomux.protocols.http import site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURES = 11
_SHOWN = "() => [...document.images].map(image => image.complete && image.naturalWidth)"
_STYLE = "() => getComputedStyle(document.body).backgroundColor"


def png(red: int) -> bytes:
    """A picture of 60 x 40 pixels in one colour (RFC 2083)."""
    row = b"\0" + bytes([red, 90, 160]) * 60
    parts = {b"IHDR": struct.pack(">IIBBBBB", 60, 40, 8, 2, 0, 0, 0), b"IDAT": zlib.compress(row * 40), b"IEND": b""}
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A page, its style, its script, and pictures with names that have to be encoded."""
    (tmp_path / "style.css").write_text("body { background: rgb(250, 240, 220); font: 20px sans-serif }")
    (tmp_path / "script.js").write_text("document.title = 'the script ran'")
    pictures = [f"sub folder/picture é {number}.png" for number in range(PICTURES)]
    (tmp_path / "sub folder").mkdir()
    for number, name in enumerate(pictures):
        (tmp_path / name).write_bytes(png(20 * number))
    images = " ".join(f'<img src="{name}">' for name in pictures)
    head = "<meta charset=utf-8><link rel=stylesheet href=style.css><script src=script.js defer></script>"
    page = f'{head}<link rel=icon href="data:,"><h1>A page from iomux</h1>{images}'
    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("mechanism", ["epoll", "select", "threaded"])
def test_a_page_of_thirteen_assets(mechanism: str, browser: "Browser", folder: Path, pictures: Path) -> None:
    answers: list[tuple[str, int]] = []
    with iomux.start(mechanism, protocol=site(folder)) as server:
        page = browser.new_page()
        page.on("response", lambda answer: answers.append((unquote(urlsplit(answer.url).path), answer.status)))
        for _ in range(2):
            page.goto(f"http://{server.address[0]}:{server.address[1]}/", wait_until="load")
            assert page.evaluate(_SHOWN) == [60] * PICTURES
            assert page.evaluate(_STYLE) == "rgb(250, 240, 220)"
            assert page.title() == "the script ran"
        page.screenshot(path=pictures / f"web-page-{mechanism}.png")
        page.close()
    assert {path for path, _ in answers} == {"/", "/style.css", "/script.js"} | {
        f"/sub folder/picture é {number}.png" for number in range(PICTURES)
    }
    assert {status for _, status in answers} <= {200, 304}
