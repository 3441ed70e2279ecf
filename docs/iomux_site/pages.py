"""What a page says about itself (language, title, description, its twin in the other language), and the front page."""

import gettext
import re
from functools import cache
from pathlib import Path
from typing import Any

import pydata_sphinx_theme
import sphinx
import sphinx_book_theme
from docutils import nodes
from markupsafe import escape

from iomux_site import ROOT, SAFE, claims, contents, is_chinese

TITLES = {
    "index": "I/O multiplexing, measured in front of you",
    "index.zh": "I/O 多路复用，当着你的面测量",
    "README": "The course and the library, on one page",
    "README.zh": "课程和库，都在这一页",
}
"""Titles of those pages whose first heading does not tell them from others."""
_WHOLE = (
    "A Jupyter course and a Python library on I/O multiplexing: what is claimed is measured by a cell that you can run"
)
_WIDE = re.compile(r'<(pre|div class="(?:output text_html|pst-scrollable-table-container)")>')
"""The starts of code, tables and outputs, which are scrolled sideways where a page is narrow."""
_LEAST, _MOST = (
    24,
    300,
)  # characters: a shorter paragraph describes nothing, and nobody is shown the end of a longer one


def twin(page: str) -> str:
    """The same page in the other language; the front page, if there is none."""
    folder, _, name = page.rpartition("/")
    if folder == "notebooks/zh":
        return f"notebooks/{name}"
    if folder == "notebooks":
        return f"notebooks/zh/{name}"
    if is_chinese(page):
        return page.removesuffix(".zh")
    return f"{page}.zh" if page in ("README", "docs/claims", "index") else "index.zh"


def describe(tree: Any) -> str:
    """A page's description: its first paragraph of some length, up to the end of a sentence."""
    for paragraph in tree.findall(nodes.paragraph) if tree else ():
        text = " ".join(paragraph.astext().split())
        if len(text) >= _LEAST:
            return text if len(text) <= _MOST else re.sub(r"(?<=[.?!。？！])[^.?!。？！]*$", "", text[:_MOST])
    return _WHOLE


@cache
def chinese() -> dict[str, Any]:
    """What makes a page's templates speak Chinese: the theme asks for its words by these names."""
    own, book = Path(pydata_sphinx_theme.__file__).parent, sphinx_book_theme.get_html_theme_path()
    words = _catalog("sphinx", own / "locale")
    words.add_fallback(_catalog("sphinx", Path(sphinx.__file__).parent / "locale"))
    translate = _catalog("booktheme", book / "static/locales").gettext
    names = {"language": "zh-CN", "docstitle": "iomux 中文", "theme_search_bar_text": "搜索"}
    return {**names, "_": words.gettext, "translate": translate}


def _catalog(name: str, folder: Path) -> gettext.NullTranslations:
    return gettext.translation(name, folder, ["zh_CN", "zh"])


def say(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Give a page its language, title and description, and the names of its front page and its twin."""
    context["home"], context["twin"] = "index.zh" if is_chinese(page) else "index", twin(page)
    numbered = {
        entry.page: entry.title for entry in (*contents.entries("notebooks"), *contents.entries("notebooks/zh"))
    }
    context["chinese"], context["title"] = is_chinese(page), (TITLES | numbered).get(page, context.get("title", ""))
    description = context.get("description") or describe(tree)
    context["metatags"] = context.get("metatags", "") + f'<meta name="description" content="{escape(description)}"/>\n'


def reach(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Let a keyboard reach what may be wider than the page. With scripts the theme does so, for what really is."""
    context["body"] = _WIDE.sub(r'<\1 tabindex="0">', context.get("body", ""))


def speak(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Let the templates of a page in Chinese speak it."""
    context.update(chinese() if is_chinese(page) else {})


def front(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """What the front page takes from elsewhere: the README's commands, the notebooks, the claims' cells."""
    if page not in ("index", "index.zh"):
        return
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    hosting = (ROOT / "docs/teach.md").read_text(encoding="utf-8")
    binder = re.search(r"https://mybinder\.org/v2/gh/[^`)\s]+", hosting)
    assert binder, "docs/teach.md has Binder's address"
    context["commands"] = re.findall(r"^```sh\n(.+?)\n```", text, re.MULTILINE | re.DOTALL)[:2]
    context["binder"] = binder[0]
    context["entries"] = contents.entries("notebooks/zh" if is_chinese(page) else "notebooks")
    context["cell_of"] = claims.cell_of


def setup(app: Any) -> dict[str, bool]:
    """Join Sphinx."""
    for early in (front, say):
        app.connect("html-page-context", early, priority=300)  # before the theme looks which templates are empty
    app.connect("html-page-context", reach, priority=900)
    app.connect("html-page-context", speak, priority=900)  # and after it has set its words
    return SAFE
