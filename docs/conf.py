"""The site: the README and the notebooks as they stand, by Sphinx and MyST-NB. Stored outputs only, nothing is run.

The reference (docs/reference) is made from the docstrings, by autodoc. It imports the iomux next to it.
"""

import dataclasses
import inspect
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = ("docs/library", "docs/reference", "docs/measured", "docs/teach")
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
sys.path.insert(0, str(ROOT))

project = html_title = "iomux"
author = "the iomux developers"
root_doc = "README"
include_patterns = [
    *("README.md", "README.zh.md", "CONTRIBUTING.md", "docs/*.md", "docs/reference/*.md"),
    *("notebooks/*.ipynb", "notebooks/zh/*.ipynb"),
]
extensions = ["myst_nb", "sphinx.ext.autodoc"]
exclude_patterns = [".*", "build"]  # large, so not searched
nb_execution_mode = "off"
nb_merge_streams = True
# A widget works only with a kernel: the page shows its stored picture or text instead, and fetches no script.
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
# A claim has a record for programs as well as its HTML, which is shown.
suppress_warnings = ["mystnb.unknown_mime_type"]
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
myst_heading_anchors = 3

# Docstrings are plain text, in which single backticks mean code.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
toc_object_entries = False  # every name has a heading

html_theme = "sphinx_book_theme"
html_theme_options = {"navbar_persistent": []}
html_context = {"default_mode": "auto"}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_use_index = False


def entry(path: Path) -> str:
    """One line of the table of contents: the notebook's number, as the text uses it, and its title."""
    title = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]).splitlines()[0]
    number = path.stem.partition("_")[0]
    return f"{number} {title.removeprefix('# ')} <{path.with_suffix('').relative_to(ROOT)}>"


def add_contents(app: Any, document: str, source: list[str]) -> None:
    """Add a table of contents for Sphinx: the README lists the notebooks in a table for readers."""
    if document == root_doc:
        lines = [*map(entry, sorted((ROOT / "notebooks").glob("*.ipynb"))), *PAGES, "CONTRIBUTING"]
        source[0] += toctree([*lines, "中文 <README.zh>"])
    if document == "README.zh":
        source[0] += toctree([*map(entry, sorted((ROOT / "notebooks/zh").glob("*.ipynb")))])
    if document == "docs/reference":
        source[0] += toctree([f"reference/{page}" for page in REFERENCE])


def toctree(pages: list[str]) -> str:
    return "\n".join(["\n```{toctree}", ":hidden:\n", *pages, "```\n"])


def lay_out(app: Any, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """A docstring for the page: the arguments' names stand out, and an example is a block of its own."""
    text, word, example = "\n".join(lines).partition("\nExample:\n")
    if callable(found) and (names := "|".join(inspect.signature(found).parameters)):
        text = re.sub(rf"(?m)(^|[.,;] |and )((?:{names})(?=[:,](?: |$)| and ))", r"\1**\2**", text)
    lines[:] = "\n".join([text, word, example]).split("\n")


def sign(app: Any, what: str, name: str, found: Any, options: Any, arguments: str, result: str) -> tuple[Any, Any]:
    """A signature for the page: types by their short names. What is only handed out, and not made by hand, has none."""
    handed_out = dataclasses.is_dataclass(found) or hasattr(found, "_fields") or "Made by" in (found.__doc__ or "")
    if what == "class" and handed_out:
        return "", None
    return tuple(
        text and re.sub(r"~(?!iomux)(\w+\.)+", "", text).replace("[[...], ", "[..., ") for text in (arguments, result)
    )


def unlink_folders(app: Any, document: str, source: list[str]) -> None:
    """Replace links to folders by their names: a linked file becomes a download, a folder cannot."""
    here = Path(app.env.doc2path(document)).parent

    def plain(link: re.Match[str]) -> str:
        return link[1] if (here / link[2]).is_dir() else link[0]

    source[0] = re.sub(r"\[([^][\n]+)\]\(([^)#:\n]+)\)", plain, source[0])


def link_pages(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Link pages from stored HTML (the table of claims), because Sphinx converts only links in the text itself."""
    context["body"] = re.sub(r"href='(\w+)\.ipynb'", r"href='\1.html'", context.get("body", ""))


def add_switch(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Link each page in English to the same page in Chinese, and back; a page in Chinese says that it is."""
    folder, _, name = page.rpartition("/")
    body = context.get("body", "")
    if folder == "notebooks/zh":
        link = f'<p class="language"><a href="../{name}.html" hreflang="en" lang="en">English</a></p>'
        context["body"] = f'<div lang="zh">{link}{body}</div>'
    elif folder == "notebooks":
        context["body"] = f'<p class="language"><a href="zh/{name}.html" hreflang="zh" lang="zh">中文</a></p>{body}'


def add_front_page(app: Any, failure: Exception | None) -> None:
    if not failure:
        shutil.copy(Path(app.outdir, "README.html"), Path(app.outdir, "index.html"))


def setup(app: Any) -> None:
    app.connect("source-read", add_contents)
    app.connect("source-read", unlink_folders)
    app.connect("autodoc-process-docstring", lay_out)
    app.connect("autodoc-process-signature", sign)
    app.connect("html-page-context", link_pages)
    app.connect("html-page-context", add_switch)
    app.connect("build-finished", add_front_page)
