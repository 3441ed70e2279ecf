"""Doubts of 06, 07, 10, 11, 14, 15, made to speak: the verdicts that depend on them say neither True nor False then."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from tests.course.falsifiers.pages import (
    page_06,
    page_06_modes,
    page_07_loops,
    page_10_asyncio,
    page_11_bugs,
    page_11_tools,
    page_14_site,
    page_15,
)
from tests.course.falsifiers.world import World, said

HANDED_ON = {"needs": [], "Path": lambda _: SimpleNamespace(exists=lambda: True, read_text=lambda: "1")}
MALLOC = {"other_malloc": lambda: "MALLOC_MMAP_THRESHOLD_ is set here"}
ONCE_A_SECOND = pd.DataFrame(
    {"t_s": [0.5, 1.5, 2.5], "cpu_percent": 9.0, "sleeps": 2, "memory_mib": 1.0, "waiting": [3.0, 3.0, 3.0]}
)
NO_STRACE = SimpleNamespace(why_not=lambda: "not installed")
SELDOM = {"meters": {"the bug": ONCE_A_SECOND, "cured": ONCE_A_SECOND}}


DOUBTFUL: list[tuple[Any, str, dict[str, Any], int]] = [
    (page_06, "4d5afdd1", {"grown": page_06.grown()["grown"].assign(doubts="other programs took the core")}, 1),
    (page_06_modes, "port-verdicts", page_06_modes.fates(*["welcome"] * 40) | HANDED_ON, 1),
    (page_07_loops, "batch-verdict", page_07_loops.answered(0, 1) | {"queued": 0.8}, 1),
    (page_10_asyncio, "c10-left-verdicts", page_10_asyncio.faults("fresh")() | MALLOC, 1),
    (page_10_asyncio, "c10-strace-verdicts", page_10_asyncio.counted()() | MALLOC, 2),
    (page_10_asyncio, "c10-strace-verdicts", page_10_asyncio.counted()() | {"no_strace": "not installed"}, 2),
    (page_11_bugs, "c18", page_11_bugs.metered((98, 0), (0, 0))() | SELDOM, 2),
    (page_11_bugs, "c39", page_11_bugs.patients(None, None)() | SELDOM, 1),
    (page_11_bugs, "c42-verdicts", page_11_bugs.patients(None, None)() | SELDOM, 2),
    (page_11_tools, "vanish-verdicts", page_11_tools.vanished(1)() | {"no_repair": "not allowed"}, 2),
    (page_11_tools, "tools-strace-verdicts", page_11_tools.idle({}, {})() | {"no_strace": "not installed"}, 2),
    (page_11_tools, "tools-ss-verdicts", page_11_tools.told([], [])() | {"no_ss": "not installed"}, 2),
    (page_11_tools, "tools-perf-verdict", {"traced": {}, "no_perf": "not allowed"}, 1),
    (page_14_site, "web-peers-verdict", page_14_site.beside(epoll=30.0, Node=70.0), 1),
    (page_14_site, "web-idle-verdict", page_14_site.among_idle(alone=(47.0, 47.0, 120.0, 120.0)), 2),
    (page_15, "redis-wire-tool", {"cli": ""}, 1),
    (page_15, "redis-pipeline-verdict", page_15.calls(4.0, 0.3) | {"strace": NO_STRACE}, 1),
    (page_15, "redis-five-verdict", page_15.race((104, 580)) | {"real": ""}, 1),
]
"""A page's worlds, a cell of it, its names, and how many of its verdicts say nothing then."""


@pytest.mark.parametrize(("page", "cell", "names", "doubtful"), DOUBTFUL)
def test_a_doubt_that_speaks_leaves_its_verdicts_open(
    page: Any, cell: str, names: dict[str, Any], doubtful: int
) -> None:
    world = World("doubtful", cell, {}, lambda: names, before=page_06.GROWTH if cell == "4d5afdd1" else ())
    assert list(said(page.PAGE, world).values()).count(None) == doubtful
