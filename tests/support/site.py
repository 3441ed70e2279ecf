"""The site for tests: built as in the README, once for all workers of a run, without network and other programs.

IOMUX_SITE names the folder of a site that is built already, and is taken as it is.
"""

import fcntl
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
README = (ROOT / "README.md").read_text(encoding="utf-8")

# An audit hook sees each attempt to reach a host or to start a process, such as a notebook kernel.
BUILD = """
import sys

def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.posix_spawn", "os.exec"}:
        raise PermissionError(f"{event} {arguments}: the site is built from what is stored")

from sphinx.cmd.build import main
sys.addaudithook(refuse)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of the built site; a warning of Sphinx or MyST is an error."""
    pytest.importorskip("sphinx_book_theme", reason="no site without its extra: pip install -e '.[site]'")
    pytest.importorskip("myst_nb")
    if given := os.environ.get("IOMUX_SITE"):
        return Path(given).absolute()
    own = tmp_path_factory.getbasetemp()
    folder = own if worker_id == "master" else own.parent  # which all workers of a run share
    with (folder / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "html").exists():
            _build(folder)
    return Path(folder / "html")


def _build(folder: Path) -> None:
    build = [sys.executable, "-c", BUILD, "-q", "-W", "--keep-going", "-j", "auto", "-c", "docs", "-d"]
    done = subprocess.run([*build, folder / "trees", ".", folder / "new"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder / "new").rename(folder / "html")


@cache
def soup(page: Path) -> Any:
    """A page, to be searched by CSS selectors."""
    bs4 = pytest.importorskip("bs4")
    return bs4.BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def pages(site: Path) -> list[Path]:
    """All pages but those of the theme, the empty one of the search, and those that show a file of the clone."""
    apart = {"_static", "source", "search.html"}
    return [page for page in sorted(site.rglob("*.html")) if not apart.intersection(page.relative_to(site).parts)]
