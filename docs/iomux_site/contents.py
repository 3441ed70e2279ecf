"""The table of contents, for Sphinx, and links that mean something else on the site than in the repository."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from iomux_site import ROOT, SAFE

PAGES = tuple(f"docs/{page}" for page in ("claims", "library", "reference", "measured", "teach"))
REFERENCE = (
    "servers",
    "measuring",
    "networks",
    "figures",
    "grading",
    "programs",
    "course",
    "protocols",
    "parts",
    "system",
)


class Entry(NamedTuple):
    """A notebook in the table of contents."""

    title: str
    """Its number, as the text uses it, and its title."""
    page: str
    """The page's name on the site."""


@cache
def entries(folder: str) -> tuple[Entry, ...]:
    """The notebooks of a folder, in order."""
    return tuple(map(_entry, sorted((ROOT / folder).glob("*.ipynb"))))


def _entry(path: Path) -> Entry:
    title = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]).splitlines()[0]
    number = path.stem.partition("_")[0]
    return Entry(f"{number} {title.removeprefix('# ')}", path.with_suffix("").relative_to(ROOT).as_posix())


def add_contents(app: Any, document: str, source: list[str]) -> None:
    """Add a table of contents for Sphinx: the README lists the notebooks in a table for readers."""
    if document == app.config.root_doc:
        source[0] += toctree([*_lines("notebooks"), *PAGES, "CONTRIBUTING", "中文 <README.zh>"])
    if document == "README.zh":
        source[0] += toctree([*_lines("notebooks/zh"), "docs/claims.zh"])
    if document == "docs/reference":
        source[0] += toctree([f"reference/{page}" for page in REFERENCE])


def _lines(folder: str) -> list[str]:
    return [f"{title} <{page}>" for title, page in entries(folder)]


def toctree(pages: list[str]) -> str:
    """A table of contents that Sphinx follows and the page does not show."""
    return "\n".join(["\n```{toctree}", ":hidden:\n", *pages, "```\n"])


def unlink_folders(app: Any, document: str, source: list[str]) -> None:
    """Replace links to folders by their names: a linked file becomes a page, a folder cannot."""
    here = Path(app.env.doc2path(document)).parent

    def plain(link: re.Match[str]) -> str:
        return link[1] if (here / link[2]).is_dir() else link[0]

    source[0] = re.sub(r"\[([^][\n]+)\]\(([^)#:\n]+)\)", plain, source[0])


def link_pages(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Link pages from stored HTML (the table of claims), because Sphinx converts only links in the text itself."""
    context["body"] = re.sub(r"href='(\w+)\.ipynb'", r"href='\1.html'", context.get("body", ""))


def setup(app: Any) -> dict[str, bool]:
    """Join Sphinx."""
    app.connect("source-read", add_contents)
    app.connect("source-read", unlink_folders)
    app.connect("html-page-context", link_pages)
    return SAFE
