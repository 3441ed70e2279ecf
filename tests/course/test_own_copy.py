"""A copy of the course: complete, its links lead somewhere, and what a reader has changed is not overwritten."""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from iomux.course.own_copy import COPIED, contents, files, own_copy, relink
from tests.support.commands import iomux_command

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!\w+:|#)([^)\s]+)\)")
PAGE = "notebooks/04_select.ipynb"
NOT_COPIED = {"notebooks/ruff.toml"}
"""Of the notebooks' folder, beside the texts of which the pages in Chinese are built."""


@pytest.fixture(scope="module")
def course() -> dict[str, bytes]:
    return contents()


def test_it_has_all_pages_as_they_stand_and_all_that_lies_beside_them(course: dict[str, bytes]) -> None:
    done = subprocess.run(["git", "ls-files", "-z", "notebooks"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = {name for name in done.stdout.split("\0") if name and "/texts/" not in name} - NOT_COPIED
    assert names == {name for name in course if name.startswith("notebooks/")}
    assert all(course[name] == (ROOT / name).read_bytes() for name in names)


def test_every_link_leads_to_a_file_or_a_folder_of_the_copy(course: dict[str, bytes], tmp_path: Path) -> None:
    own_copy(tmp_path)
    texts = {name: content.decode() for name, content in course.items() if name.endswith((".md", ".ipynb"))}
    linked = {(tmp_path / name).parent / link.partition("#")[0] for name in texts for link in LINK.findall(texts[name])}
    assert tmp_path / "notebooks/../iomux/solutions/blocking.py" in linked
    assert [link for link in linked if not link.exists()] == []


def test_a_file_of_the_copy_is_never_imported_in_place_of_the_package(course: dict[str, bytes]) -> None:
    assert "iomux/servers/epoll_.py" in course
    assert "iomux/__init__.py" not in course  # a folder without it comes after any package


def test_a_second_copy_writes_nothing_and_a_missing_page_is_brought_back(tmp_path: Path) -> None:
    assert set(own_copy(tmp_path)) == set(contents())
    assert own_copy(tmp_path) == []
    (tmp_path / PAGE).unlink()
    assert own_copy(tmp_path) == [PAGE]
    assert (tmp_path / PAGE).read_bytes() == (ROOT / PAGE).read_bytes()


def test_a_page_that_was_changed_is_not_overwritten_and_nothing_else_is_copied(tmp_path: Path) -> None:
    assert iomux_command("course", str(tmp_path)).returncode == 0
    (tmp_path / PAGE).write_text("mine")
    other = tmp_path / "notebooks/05_poll.ipynb"
    other.unlink()
    done = iomux_command("course", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"nothing was copied: in {tmp_path} {PAGE} would be replaced, and was changed" in done.stderr
    assert (tmp_path / PAGE).read_text() == "mine"
    assert not other.exists()


def test_a_page_of_a_former_version_is_replaced_unless_it_was_changed(tmp_path: Path) -> None:
    own_copy(tmp_path)
    (tmp_path / PAGE).write_text("former")
    with (tmp_path / COPIED).open("a") as copied:  # as that version has left it
        copied.write(hashlib.sha256(b"former").hexdigest() + "\n")
    assert own_copy(tmp_path) == [PAGE]


def test_what_was_there_before_and_is_no_copy_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / PAGE).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(FileExistsError, match=rf"README\.md, {PAGE} would be replaced, and were changed"):
        own_copy(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["04_select.ipynb", "README.md", "notebooks"]


def test_the_command_says_how_to_open_it(tmp_path: Path) -> None:
    folder = tmp_path / "my course"
    first, second = (iomux_command("course", str(folder)).stdout.splitlines() for _ in range(2))
    assert first[0] == f"{len(contents())} files written"
    assert second[0] == "up to date: all files are there as in this version"
    assert any(line.startswith(f"open it: cd '{folder}' && ") for line in first)
    assert first[1:] == second[1:]


def test_a_folder_that_can_not_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = iomux_command("course", str(tmp_path / "file"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"iomux course: file exists: {tmp_path / 'file'}\n"


def test_a_link_that_leads_nowhere_becomes_words() -> None:
    text = "![A figure](a.png) [b](b.md#c) [d](#d) [e](https://example.org) [`f(x)`](f.md)"
    assert relink(text, lambda link: "") == "A figure b [d](#d) [e](https://example.org) `f(x)`"
    at = "https://example.org"
    assert relink(text, lambda link: f"{at}/{link}").startswith(f"![A figure]({at}/a.png) [b]({at}/b.md#c) [d](#d) ")


def test_what_a_wheel_holds_is_what_a_copy_is_made_of(course: dict[str, bytes]) -> None:
    held = {str(path.relative_to(ROOT)) for path in files(ROOT)}
    assert held == {name for name in course if not name.startswith("iomux/")}
