"""A page as a real browser draws it, from a server that runs here.

Chromium without a window, in a profile of its own that is removed again. Where there is none, or it does not come to an
end, `http.client` fetches the same targets over one connection: then there is no picture. Cost: some seconds.
"""

import contextlib
import http.client
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iomux.course.clients import program

_PATIENCE_SECONDS = 15.0
_QUIET = "--headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run --disable-sync"
_QUIET += " --disable-background-networking --disable-component-update --disable-quic --disable-dev-shm-usage"


@dataclass(frozen=True)
class Photo:
    """What came of a visit; in a notebook it shows the picture, if there is one."""

    png: bytes | None
    """The picture; None without a browser."""
    said: str
    """Who fetched, in a few words."""

    def _repr_png_(self) -> bytes | None:
        return self.png

    def __repr__(self) -> str:
        return f"fetched by {self.said}"


def photograph(host: str, port: int, targets: Sequence[str], size: tuple[int, int] = (800, 600)) -> Photo:
    """Let a browser show the page `/` and return its picture; without a browser, fetch `targets` one after the other.

    size: of the window, in pixels. Raises OSError or HTTPException if the server answers neither.

    Example:
    >>> from iomux.course.clients import browser
    >>> page = b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi"
    >>> with iomux.start("threaded", handler=lambda data: page) as server:
    ...     photo = browser.photograph(*server.address, targets=["/"])
    >>> bool(photo.said)
    True
    """
    if (path := program("chromium", "chromium-browser", "google-chrome")) and (png := _drawn(path, host, port, size)):
        return Photo(png, Path(path).name)
    _fetch(host, port, targets)
    return Photo(None, "http.client (no browser here)")


def _drawn(path: str, host: str, port: int, size: tuple[int, int]) -> bytes | None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder, "page.png")
        window = [f"--user-data-dir={folder}/profile", f"--window-size={size[0]},{size[1]}", f"--screenshot={file}"]
        with subprocess.Popen(
            [path, *_QUIET.split(), *window, f"http://{host}:{port}/"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        ) as chromium:  # fmt: skip
            with contextlib.suppress(subprocess.TimeoutExpired):
                chromium.wait(_PATIENCE_SECONDS)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(chromium.pid, signal.SIGKILL)  # its helpers too, if it has left any
        return file.read_bytes() if file.exists() else None


def _fetch(host: str, port: int, targets: Sequence[str]) -> None:
    client = http.client.HTTPConnection(host, port, timeout=_PATIENCE_SECONDS)
    with contextlib.closing(client):
        for target in targets:
            client.request("GET", target)
            client.getresponse().read()
