"""The doubts of notebook 10, in worlds that are made up: other people's loops, and what malloc does for asyncio."""

import json
import os
import platform
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from iomux.course import loops
from tests.course.test_doubts import FOLDER, said

PAGE = "10_coroutines.ipynb"
EPOLL, POLL, NOT_SHOWN = {"do_epoll_wait": 1, "futex_wait_queue": 3}, {"do_sys_poll": 1}, {"0": 1}


def world(of_ours: dict[str, int], of_theirs: dict[str, int]) -> dict[str, Any]:
    names = {"ours": {"epoll": "epoll"}, "others": {"Go": "a command"}}
    return names | {"loops": loops, "asleep": {"epoll": of_ours, "Go": of_theirs}}


@pytest.mark.parametrize(
    ("of_ours", "of_theirs", "answers"),
    [(EPOLL, EPOLL, ["True"]), (EPOLL, POLL, ["False"]), (EPOLL, EPOLL | POLL, ["False"]), (NOT_SHOWN, NOT_SHOWN, [])],
)
def test_other_loops_wait_in_epoll(
    of_ours: dict[str, int], of_theirs: dict[str, int], answers: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(said(PAGE, "loops-verdict", capsys, **world(of_ours, of_theirs)).values()) == answers


@pytest.mark.parametrize("nothing", ["others", "asleep"])
def test_where_no_other_loop_is_there_nothing_is_said(nothing: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = world(EPOLL, EPOLL)
    names |= {"others": {}} if nothing == "others" else {"asleep": {"epoll": NOT_SHOWN, "Go": POLL}}
    assert said(PAGE, "loops-verdict", capsys, **names) == {}


@pytest.mark.parametrize(
    ("asyncio", "of_theirs", "answers"),
    [(1.2, EPOLL, {"True"}), (3.5, EPOLL, {"True", "False"}), (1.2, POLL, {"True", "False"})],
)
def test_the_claim_needs_both_its_parts(asyncio: float, of_theirs: dict[str, int], answers: set[str]) -> None:
    recorded: dict[str, Any] = {}

    def record(number: int, measured: Any, parts: dict[str, Any], needs: Any, doubt: Any) -> None:
        recorded.update({str(number): measured()} | {part: str(bool(holds())) for part, holds in parts.items()})

    names = world(EPOLL, of_theirs)
    price, spent = pd.Series({"epoll": 4.0, "asyncio": 4.0 * asyncio}), pd.DataFrame({"epoll": [4.0], "Go": [4.4]})
    names |= {"price": price, "spent": spent, "folder": SimpleNamespace(cleanup=lambda: None), "hidden": lambda: ""}
    names |= {"in_epoll": lambda which: all(loops.waits_in_epoll(names["asleep"][name]) for name in which)}
    run_cell("loops-claim", names | {"iomux": SimpleNamespace(claim=record)})
    assert "Go 4.4" in recorded.pop("12")
    assert set(recorded.values()) == answers


def run_cell(cell: str, names: dict[str, Any]) -> None:
    cells = json.loads((FOLDER / PAGE).read_text())["cells"]
    (source,) = ("".join(each["source"]) for each in cells if each.get("id") == cell)
    exec(source, names)


@pytest.fixture
def plain_malloc(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in [name for name in os.environ if name.startswith(("MALLOC_", "GLIBC_", "LD_PRELOAD"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    names: dict[str, Any] = {}
    run_cell("c10-malloc", names)
    return names["other_malloc"]


@pytest.mark.parametrize(
    ("fresh", "freed", "answers"),
    [(2.0, 0.0, ["True", "True"]), (0.0, 0.0, ["False", "True"]), (2.0, 2.0, ["True", "False"])],
)
def test_page_faults_of_a_plain_protocol(
    fresh: float, freed: float, answers: list[str], plain_malloc: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    touched = {"fresh": {"Protocol": fresh}, "1 MiB freed": {"Protocol": freed}}
    heard = said(PAGE, "c10-faults-verdicts", capsys, touched=touched, other_malloc=plain_malloc)
    assert list(heard.values()) == answers


@pytest.mark.parametrize(
    ("fresh", "freed", "answers"),
    [
        (4.0, 1.1, ["True", "True", "True"]),
        (4.0, 3.5, ["True", "False", "True"]),
        (1.1, 1.1, ["False", "False", "False"]),
    ],
)
def test_the_price_of_fresh_memory(
    fresh: float, freed: float, answers: list[str], plain_malloc: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    costs = {"asyncio Protocol": fresh, "asyncio Protocol, 1 MiB freed": freed, "asyncio BufferedProtocol": 1.0}
    cured = pd.DataFrame({name: [cost] for name, cost in (costs | {"asyncio Protocol, malloc told": 1.1}).items()})
    heard = said(PAGE, "c10-forms-verdicts", capsys, cured=cured, other_malloc=plain_malloc)
    assert list(heard.values()) == answers


def test_where_the_kernel_hides_the_sleep_nothing_is_said_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(PAGE, "e641295b", capsys, asleep={"epoll": "0", "asyncio": "0"}) == {}


def test_another_malloc_leaves_it_open(
    plain_malloc: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    touched = {"fresh": {"Protocol": 0.0}, "1 MiB freed": {"Protocol": 0.0}}
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "4194304")
    heard = said(PAGE, "c10-faults-verdicts", capsys, touched=touched, other_malloc=plain_malloc)
    assert heard == {}
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert plain_malloc()
