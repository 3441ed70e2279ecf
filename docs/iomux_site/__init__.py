"""Parts of the site, each a Sphinx extension: its contents, its two languages, figures, sources, claims, reference."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder of the clone, which is also the one that Sphinx reads."""
SAFE = {"parallel_read_safe": True, "parallel_write_safe": True}
"""What each extension answers to Sphinx: nothing is kept between two pages."""


def is_chinese(page: str) -> bool:
    """Whether a page is in Chinese, by its name."""
    return page.startswith("notebooks/zh/") or page.endswith(".zh")
