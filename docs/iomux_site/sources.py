"""A page with highlighted source for each file that a page links to, and for each entry of the reference.

Without it such a link would download the file.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from iomux_site import ROOT, SAFE

_KEY = "sources"  # among a page's metadata, which Sphinx also collects from processes that read beside this one

_ANCHOR = re.compile(r'<a id="(line-\d+)"[^>]*></a>')
"""Of a line. Pygments makes it a link to itself: one without words, and a stop for whoever goes by keyboard."""


def page_of(file: str | Path) -> str:
    """The name of the page that shows a file of the clone."""
    return f"source/{Path(file).resolve().relative_to(ROOT).as_posix()}"


class ShowFiles(SphinxTransform):
    """Links to files lead to the pages that show them, and are no downloads."""

    default_priority = 200  # before Sphinx collects what is to be downloaded

    def apply(self, **_: Any) -> None:
        """Replace the links of one page."""
        here = self.env.docname
        folder = Path(self.env.doc2path(here)).parent
        for link in list(self.document.findall(addnodes.download_reference)):
            page = page_of(folder / link["reftarget"])
            target = os.path.relpath(f"{page}.html", Path(here).parent)
            link.replace_self(nodes.reference("", "", *link.children, refuri=target, internal=True))
            _remember(self.env, here, page)


def _remember(env: Any, document: str, page: str) -> None:
    env.metadata[document][_KEY] = f"{env.metadata[document].get(_KEY, '')} {page}".strip()


def remember_entries(app: Any, tree: Any) -> None:
    """Note which sources an entry of the reference links to (by `linkcode`, which has run before)."""
    for link in tree.findall(nodes.reference):
        if found := re.fullmatch(r"\.\./\.\./(source/.+)\.html#line-\d+", link.get("refuri", "")):
            _remember(app.env, app.env.docname, found[1])


def pages(app: Any) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for each source that was linked."""
    for page in sorted({page for about in app.env.metadata.values() for page in about.get(_KEY, "").split()}):
        name = page.removeprefix("source/")
        yield page, {"title": name, "body": f"<h1>{name}</h1>\n{shown(ROOT / name)}"}, "page.html"


def shown(file: Path) -> str:
    """A file, highlighted, with an anchor for each line."""
    try:
        lexer = get_lexer_for_filename(file.name, stripnl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False)
    code = highlight(file.read_text(encoding="utf-8"), lexer, HtmlFormatter(lineanchors="line", wrapcode=True))
    code = _ANCHOR.sub(r'<i id="\1"></i>', code)
    return f'<div class="highlight-source notranslate">{code}</div>'


def setup(app: Any) -> dict[str, bool]:
    """Join Sphinx."""
    app.add_transform(ShowFiles)
    app.connect("doctree-read", remember_entries, priority=900)
    app.connect("html-collect-pages", pages)
    return SAFE
