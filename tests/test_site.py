"""The site, built as in CONTRIBUTING: complete, with every stored output, and independent of the network."""

import base64
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("sphinx_book_theme", reason="no site without its extra: pip install -e '.[site]'")
bs4 = pytest.importorskip("bs4")
pytest.importorskip("myst_nb")

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site; a warning of Sphinx or MyST is an error."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-c", BUILD, "-q", "-W", "--keep-going", "-c", "docs", "-d"]
    done = subprocess.run([*build, folder / "trees", ".", folder / "html"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Path(folder / "html")


@cache
def soup(page: Path) -> Any:
    return bs4.BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(page: Path) -> set[str]:
    return {str(tag["id"]) for tag in soup(page).select("[id]")}


def used(page: Path) -> list[tuple[str, str]]:
    """(tag, address) of everything that a page links to or shows."""
    return [(tag.name, tag.get("href") or tag["src"]) for tag in soup(page).select("[href], [src]")]


def outputs(path: Path) -> list[dict[str, Any]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [output for cell in cells for output in cell.get("outputs", [])]


def lines(text: str) -> list[str]:
    """The non-blank lines of a text, without ANSI colours and trailing blanks."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return [line.strip() for line in plain.splitlines() if line.strip()]


def test_every_link_and_every_picture_has_an_existing_target(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert site / "index.html" in pages
    for page in [page for page in pages if "_static" not in page.parts]:
        for _, address in used(page):
            link = urlsplit(address)
            if link.scheme or link.netloc:
                continue
            target = (page.parent / unquote(link.path)).resolve() if link.path else page
            assert target.is_file(), f"{page.name}: {address}"
            if link.fragment and target.suffix == ".html":
                assert unquote(link.fragment) in anchors(target), f"{page.name}: {address}"


def test_reading_the_site_needs_no_network(site: Path) -> None:
    for page in site.rglob("*.html"):
        fetched = [address for tag, address in used(page) if tag != "a"]
        assert not [address for address in fetched if urlsplit(address).netloc], page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"""(url\(|@import)\s*["']?(https?:)?//""", sheet.read_text(encoding="utf-8")), sheet.name


def test_the_front_page_is_the_readme_and_leads_to_every_notebook(site: Path) -> None:
    front = soup(site / "index.html")
    contents = {link["href"].partition("#")[0]: link.get_text().strip() for link in front.select("nav a[href]")}
    for path in NOTEBOOKS:
        assert contents[f"notebooks/{path.stem}.html"].startswith(f"{path.stem.partition('_')[0]} "), path.name
    headings = re.findall(r"^## (.+)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    shown = [heading.get_text().rstrip("#") for heading in front.select("article h2")]
    assert shown == headings


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebook:
    def test_shows_each_stored_figure(self, site: Path, path: Path) -> None:
        page = site / "notebooks" / f"{path.stem}.html"
        shown = [(page.parent / image["src"]).read_bytes() for image in soup(page).select("article .cell_output img")]
        stored = [output["data"]["image/png"] for output in outputs(path) if "image/png" in output.get("data", {})]
        assert shown == [base64.b64decode("".join(figure)) for figure in stored]

    def test_shows_each_printed_line(self, site: Path, path: Path) -> None:
        page = soup(site / "notebooks" / f"{path.stem}.html")
        shown = lines("\n".join(block.get_text() for block in page.select("article .cell_output pre")))
        for output in outputs(path):
            for line in lines("".join(output.get("text", []))):
                assert line in shown

    def test_shows_each_table_and_folds_each_answer(self, site: Path, path: Path) -> None:
        page = soup(site / "notebooks" / f"{path.stem}.html")
        tables = ["".join(o["data"]["text/html"]) for o in outputs(path) if "text/html" in o.get("data", {})]
        for table in tables:
            for cell in bs4.BeautifulSoup(table, "html.parser").select("td"):
                assert lines(cell.get_text())[:1] == [] or lines(cell.get_text())[0] in page.get_text()
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        folds = page.select("article details")
        assert len(folds) == prose.count("<details>")
        assert not [fold for fold in folds if fold.has_attr("open")]
