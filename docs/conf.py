"""The site: the README and the notebooks as they stand, by Sphinx and MyST-NB. Stored outputs only, nothing is run.

The reference (docs/reference) is made from the docstrings, by autodoc. It imports the iomux next to it. What Sphinx and
its theme do not do themselves is in docs/iomux_site, one extension for each part of the site.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from iomux_site.reference import source_of  # noqa: E402

project = html_title = "iomux"
author = "the iomux developers"
root_doc = "README"
include_patterns = [
    *("README.md", "README.zh.md", "CONTRIBUTING.md"),
    *("docs/*.md", "docs/reference/*.md"),
    *("notebooks/*.ipynb", "notebooks/zh/*.ipynb"),
]
parts = ("contents", "pages", "figures", "sources", "claims", "reference")
extensions = [
    *("myst_nb", "sphinx.ext.autodoc", "sphinx.ext.linkcode"),
    *(f"iomux_site.{part}" for part in parts),
]
exclude_patterns = [".*", "build"]  # large, so not searched
nb_execution_mode = "off"
nb_merge_streams = True
# A widget works only with a kernel: the page shows its stored picture or text instead, and fetches no script.
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
# A claim has a record for programs as well as its HTML, which is shown.
suppress_warnings = ["mystnb.unknown_mime_type", "config.cache"]
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
myst_heading_anchors = 3

# Docstrings are plain text, in which single backticks mean code.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
toc_object_entries = False  # every name has a heading
linkcode_resolve = source_of

html_theme = "sphinx_book_theme"
html_theme_options = {
    "article_header_end": ["switch.html", "article-header-buttons.html"],
    "navbar_persistent": [],
    "secondary_sidebar_items": {"**": ["page-toc.html"], "index": [], "index.zh": []},
}
html_additional_pages = {"index": "front.html", "index.zh": "front.zh.html"}
short = ["navbar-logo.html", "search-button-field.html"]  # these pages are no part of the contents that are shown there
html_sidebars = {"source/**": short, "index.zh": short}
html_context = {"default_mode": "auto"}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_use_index = html_domain_indices = False
templates_path = ["templates"]
