"""The folder that a web server under test serves, and what is known of another one, of which only a path is given.

The folder has the same files in each run, so that both sides know every byte: a small page, another one of the same
length, 10 MiB of random bytes, a name with blanks, and a page with twelve pictures. Beside the folder lie two files,
which nobody may get. A server that serves something else has one path; what it returns there is learnt by asking once.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from iomux.conformance.trial.subject import NotSeen

PAGE, SECOND, BIG, MISSING = "/page.html", "/second.html", "/big.bin", "/there-is-no-such-file.html"
NEW = "/there-is-no-such-file-yet.html"
"""For a PUT: no file that is asked for."""
BLANKS = "a name with blanks.txt"
BIG_BYTES = 10 << 20
PICTURES = tuple(f"/pictures/{number}.svg" for number in range(1, 13))
NEIGHBOUR_NAME = "site-secret.txt"
"""It begins as the path of the folder does, and is not in it."""
SECRET_NAME, SECRET = "secret.txt", b"a file beside the folder, which nobody may get\n"


@dataclass(frozen=True)
class Site:
    """What the server under test serves."""

    page: str = PAGE
    """The path of a page that a GET returns."""
    folder: str = ""
    """The folder with the files below; empty if the server serves something else."""

    @property
    def second(self) -> str:
        """The path of another page; the same one where no other is known."""
        return SECOND if self.folder else self.page

    def body(self, path: str) -> bytes | None:
        """The bytes of a file; None if they are not known."""
        return files().get(path) if self.folder else None

    def need_folder(self) -> None:
        """Raise NotSeen for what can be asked only of a server that serves the folder of the check."""
        if not self.folder:
            raise NotSeen("this server serves something else than the folder of the check (path=)")


def site_of(path: str | None, folder: str) -> Site:
    """The folder's site, or that of a server with a page at this path. Raises ValueError for what is no path."""
    if path is None:
        return Site(PAGE, folder)
    if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
        raise ValueError(f"path is {path!r}: give the path of a page, encoded, as in path='/index.html'")
    return Site(path)


@cache
def files() -> Mapping[str, bytes]:
    """The files of the folder, by the path under which they are asked for."""
    pictures = "".join(f'<img src="{path}" alt="">' for path in PICTURES)
    return {
        PAGE: _page("the first page"),
        SECOND: _page("the other page"),
        BIG: random.Random(9112).randbytes(BIG_BYTES),
        f"/{quote(BLANKS)}": b"its name has blanks\n",
        "/index.html": _page("the index page"),
        "/gallery.html": f"<!doctype html><title>Pictures</title>{pictures}\n".encode(),
        **{path: _picture(number) for number, path in enumerate(PICTURES)},
    }


def fill_folder(around: Path) -> Path:
    """Write the files into a new folder within `around`, and beside it the one that nobody may get; return it."""
    folder = around / "site"
    (folder / "pictures").mkdir(parents=True)
    for path, data in files().items():
        (folder / path[1:].replace("%20", " ")).write_bytes(data)
    for name in (SECRET_NAME, NEIGHBOUR_NAME):
        (around / name).write_bytes(SECRET)
    return folder


def _page(title: str) -> bytes:
    return f"<!doctype html>\n<title>{title}</title>\n<p>This is {title} of the check.</p>\n".encode()


def _picture(number: int) -> bytes:
    shape = f'<circle cx="50" cy="50" r="{8 + 3 * number}" fill="steelblue"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{shape}</svg>\n'.encode()
