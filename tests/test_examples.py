"""Every public name has an example that runs, and a place in the reference.

An example is the end of a docstring, under `Example:`. Each is run by itself, as doctest does, in the top folder of a
clone: real servers under a real load, and what it prints is no timing. What a machine lacks is left out, and said.
"""

import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

import iomux
from iomux import servers
from iomux.system.features import feature

ROOT = Path(__file__).parents[1]
PAGES = {page: page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs" / "reference").glob("*.md"))}
HEADING = re.compile(r"^## (\w+)\n\n```\{eval-rst\}\n\.\. auto\w+:: (\S+)$", re.MULTILINE)
DOCUMENTED = [name for text in PAGES.values() for name in re.findall(r"(?m)^\.\. auto\w+:: (\S+)$", text)]
PUBLIC = [
    *(f"iomux.{name}" for name in iomux.__all__),
    *(f"iomux.plot.{name}" for name in vars(iomux.plot) if not name.startswith("_")),
    "iomux.events.EventLoop",
]
HOME = {"iomux.course.canteen": "iomux.canteen", "iomux.course.clinic": "iomux.clinic"}
"""Modules by the names under which they are asked for."""
MOST_LINES = 7
NEEDS = {
    "iomux.system.io_uring_buffers.Buffers": "multishot",
    "iomux.system.confine.forbid": "seccomp",
    "iomux.harness.tape.trigger_modes.five_steps": "epoll",
    "iomux.harness.thundering_herd.thundering_herd": "epoll",
    "iomux.plot.five_steps": "epoll",
    "iomux.system.procfs.interest_list": "epoll",
    "iomux.system.procfs.queues": "queues",
    "iomux.system.features.available": "queues",
    "iomux.system.io_uring.Ring": "io_uring",
    "iomux.network": "network",
    "iomux.networks.network.Network": "network",
    "iomux.networks.host.Host": "network",
    "iomux.networks.link.Link": "network",
    "iomux.networks.report.LinkReport": "network",
}
"""What an example needs beside the mechanisms that it names."""


def found(name: str) -> Any:
    """What has that name, from `iomux` on, as a reader gets there: what is no attribute is imported."""
    outer, _, inner = name.rpartition(".")
    return getattr(found(outer), inner, None) or importlib.import_module(name) if outer else iomux


def example(name: str) -> doctest.DocTest:
    text = inspect.getdoc(found(name)) or ""
    return doctest.DocTestParser().get_doctest(text, {"iomux": iomux}, name, name, 0)


@pytest.fixture
def in_a_clone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(ROOT)
    yield
    plt.close("all")


def need(name: str) -> str:
    """Why this machine can't run an example; empty where it can."""
    source = "".join(part.source for part in example(name).examples)
    named = [mechanism.name for mechanism in iomux.mechanisms() if f'"{mechanism.name}"' in source]
    needs = [*named, *filter(None, [NEEDS.get(name)])]
    return "; ".join(f"{one}: {why}" for one in needs if (why := (feature(one) or servers.get(one)).why_not()))


@pytest.mark.usefixtures("in_a_clone")
@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_example_runs(name: str) -> None:
    if why := need(name):
        pytest.skip(why)
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example(name), out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_there_is_an_example_at_the_end_of_the_docstring(name: str) -> None:
    if inspect.ismodule(found(name)) and not example(name).examples:  # then what is in it has one
        assert any(example(other).examples for other in DOCUMENTED if other.startswith(f"{name}."))
        return
    before, _, after = (inspect.getdoc(found(name)) or "").partition("\n\nExample:\n")
    assert before
    assert after.startswith(">>> "), "there is none"
    assert "\n\n" not in after, "the example is the last paragraph"
    assert 2 <= len(after.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    assert name in {HOME.get(entry, entry) for entry in DOCUMENTED}


def test_a_name_is_found_by_its_heading_on_the_site_and_on_github() -> None:
    """The reference's own list, and docs/library's links: to headings, which are the names."""
    entries = [(page.name, *entry) for page, text in PAGES.items() for entry in HEADING.findall(text)]
    assert all(name.rpartition(".")[2] == heading for _, heading, name in entries)
    anchors = [f"{page}#{heading.lower()}" for page, heading, _ in entries]
    listed = re.findall(r"\(reference/(\w+\.md#\w+)\)", (ROOT / "docs" / "reference.md").read_text(encoding="utf-8"))
    assert listed == list(dict.fromkeys(listed))
    assert sorted(listed) == sorted(anchors)
    linked = re.findall(r"\(reference/(\w+\.md#\w+)\)", (ROOT / "docs" / "library.md").read_text(encoding="utf-8"))
    assert len(linked) > 25
    assert set(linked) <= set(anchors)
