"""The configuration of the site: README and notebooks by Sphinx and MyST-NB, with stored outputs; nothing is run."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

project = html_title = "iomux"
author = "the iomux developers"
root_doc = "README"
include_patterns = ["README.md", "CONTRIBUTING.md", "notebooks/*.ipynb"]
extensions = ["myst_nb"]
exclude_patterns = [".*", "build"]  # large, so not searched
nb_execution_mode = "off"
nb_merge_streams = True
# A widget works only with a kernel: the page shows its stored picture or text instead, and fetches no script.
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
# A claim has a record for programs as well as its HTML, which is shown.
suppress_warnings = ["mystnb.unknown_mime_type"]
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
myst_heading_anchors = 3

html_theme = "sphinx_book_theme"
html_theme_options = {"navbar_persistent": []}
html_context = {"default_mode": "auto"}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_use_index = False


def entry(path: Path) -> str:
    """One line of the table of contents: the notebook's number, as the text uses it, and its title."""
    title = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]).splitlines()[0]
    return f"{path.stem[:2]} {title.removeprefix('# ')} <notebooks/{path.stem}>"


def add_contents(app: Any, document: str, source: list[str]) -> None:
    """Add a table of contents for Sphinx: the README lists the notebooks in a table for readers."""
    if document == root_doc:
        lines = [*map(entry, sorted((ROOT / "notebooks").glob("*.ipynb"))), "CONTRIBUTING"]
        source[0] += "\n".join(["\n```{toctree}", ":hidden:\n", *lines, "```\n"])


def unlink_folders(app: Any, document: str, source: list[str]) -> None:
    """Replace links to folders by their names: a linked file becomes a download, a folder cannot."""
    here = Path(app.env.doc2path(document)).parent

    def plain(link: re.Match[str]) -> str:
        return link[1] if (here / link[2]).is_dir() else link[0]

    source[0] = re.sub(r"\[([^]]+)\]\(([^)#:]+)\)", plain, source[0])


def link_pages(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Link pages from stored HTML (the table of claims), because Sphinx converts only links in the text itself."""
    context["body"] = re.sub(r"href='(\d\d_\w+)\.ipynb'", r"href='\1.html'", context.get("body", ""))


def add_front_page(app: Any, failure: Exception | None) -> None:
    if not failure:
        shutil.copy(Path(app.outdir, "README.html"), Path(app.outdir, "index.html"))


def setup(app: Any) -> None:
    app.connect("source-read", add_contents)
    app.connect("source-read", unlink_folders)
    app.connect("html-page-context", link_pages)
    app.connect("build-finished", add_front_page)
