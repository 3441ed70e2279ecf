"""A reader's own copy of the course: the pages of this version, what they read, and what they link to.

They come from the clone or the wheel that is installed, and the sources that they link to from the package. In the
README, a link to what no copy has, such as the tests, becomes plain words. What was copied is remembered by its digest
in a hidden file: so a later version replaces a page that nobody has touched, and not one that was worked in. Cost:
17 MB.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from iomux.course.notebook import HOME

FILES = (
    *(
        "README*.md",
        "CONTRIBUTING.md",
        "docs/*.md",
        "docs/reference/*.md",
        "notebooks/*.ipynb",
        "notebooks/*.png",
        "notebooks/recorded_*.json",
    ),
    *("notebooks/zh/*.ipynb", "notebooks/zh/recorded_*.json"),
)
"""Of a clone: the files of the course, sources apart."""
COPIED = ".iomux-course"
"""In a copy: the digests of all that was ever copied there."""
_PACKAGE = Path(__file__).parents[1]
_SOURCE = re.compile(r"\]\((?:\.\./)*(iomux/[^)#\s]+)")
_LINK = re.compile(r"!?\[([^][\n]+)\]\((?!\w+:|#)([^)\s]+)\)")


def own_copy(folder: str | Path) -> list[str]:
    """Copy the course to a folder, which is made if there is none; return the names of the files that were written.

    What is there already, as it is in this version, stays. Raises FileExistsError, and writes nothing, if a file that
    would be replaced is not as it was copied: it names them. Raises OSError for a folder that can't be written.

    Example:
    >>> import tempfile
    >>> from iomux.course.own_copy import own_copy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     "notebooks/00_start_here.ipynb" in own_copy(folder)
    True
    """
    folder = Path(folder)
    copied = folder / COPIED
    known = set(copied.read_text().split()) if copied.exists() else set()
    new = {name: content for name, content in contents().items() if _content(folder / name) != content}
    if changed := [name for name in new if not _may_be_replaced(folder / name, known)]:
        raise FileExistsError(_refusal(folder, changed))
    if new:
        folder.mkdir(parents=True, exist_ok=True)
        # Before the files: were this interrupted, each of them would still be known, old or new.
        copied.write_text("\n".join(sorted(known | {_digest(content) for content in new.values()})) + "\n")
    for name, content in new.items():
        _write(folder / name, content)
    return list(new)


def contents() -> dict[str, bytes]:
    """The files of a copy, by name: pages, pictures, recorded tables, and the sources that the pages link to."""
    found = {str(path.relative_to(HOME)): path.read_bytes() for path in files(HOME)}
    pages = [content.decode() for name, content in found.items() if name.endswith((".ipynb", ".md"))]
    linked = {link for page in pages for link in _SOURCE.findall(page)}
    found |= {f"iomux/{path.relative_to(_PACKAGE)}": path.read_bytes() for path in _sources(linked)}
    here = {parent.as_posix() for name in found for parent in (Path(name), *Path(name).parents)}
    for name in [name for name in found if name.endswith(".md")]:
        text = relink(found[name].decode(), lambda link: link if link.partition("#")[0].rstrip("/") in here else "")
        found[name] = text.encode()
    return found


def files(home: Path) -> list[Path]:
    """The files of the course in a clone, or in what a wheel holds of it."""
    return [path for pattern in FILES for path in sorted(home.glob(pattern))]


def relink(text: str, address: Callable[[str], str]) -> str:
    """A Markdown text in which `address` says where each relative link leads; to nowhere (""), and its words are left.

    Example:
    >>> from iomux.course.own_copy import relink
    >>> relink("[a](a.md), ![b](b.png), [c](#c)", {"a.md": "https://example.org/a.md", "b.png": ""}.__getitem__)
    '[a](https://example.org/a.md), b, [c](#c)'
    """

    def linked(link: re.Match[str]) -> str:
        there = address(link[2])
        return link[0].replace(f"]({link[2]})", f"]({there})") if there else link[1]

    return _LINK.sub(linked, text)


def _sources(linked: Iterable[str]) -> Iterator[Path]:
    for link in sorted(linked):
        path = _PACKAGE.parent / link
        inside = [path] if path.is_file() else sorted(path.rglob("*"))
        yield from (one for one in inside if one.is_file() and one.suffix != ".pyc")


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _may_be_replaced(path: Path, known: set[str]) -> bool:
    content = _content(path)
    return _digest(content) in known if content is not None else not path.exists() and not path.is_symlink()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _refusal(folder: Path, changed: list[str]) -> str:
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    was, they = ("was", "it") if len(changed) == 1 else ("were", "they")
    return (
        f"nothing was copied: in {folder} {', '.join(changed[:3])}{more} would be replaced, and {was} changed since "
        f"{they} {was} copied, or never {was} copied: choose another folder, or move away what is yours"
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file in one step: there is the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
