"""The notebooks' doubts: each verdict that may say "not to be told here" is run in worlds that are made up.

In the right world it says True, in a wrong one that was measured well False, and neither only where its control is why.
"""

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import iomux
from iomux.course.verdicts import unsteady
from tests.course.test_doubts_cores import CORES
from tests.course.test_doubts_tools import DOUBTFUL

FOLDER = Path(__file__).parents[2] / "notebooks"
OPEN = "not to be told here"


def said(page: str, cell: str, capsys: pytest.CaptureFixture[str], **names: Any) -> dict[str, str]:
    """What a cell of a page says of its claims, where these names have these values."""
    cells = json.loads((FOLDER / page).read_text())["cells"]
    (source,) = ("".join(each["source"]) for each in cells if each.get("id") == cell)
    exec(source, {"iomux": iomux, "unsteady": unsteady} | names)
    lines = (line.rpartition(": ") for line in capsys.readouterr().out.splitlines() if OPEN not in line)
    return {claim: answer for claim, _, answer in lines}


@pytest.mark.parametrize(
    ("again", "poll", "answer"),
    [
        (1.0, 1.2, {"asking first adds a twentieth to the work or more": "True"}),
        (1.0, 0.9, {"asking first adds a twentieth to the work or more": "False"}),
        (2.0, 0.9, {}),
        (2.0, 1.2, {}),
    ],
)
def test_01_blocking_against_itself(
    again: float, poll: float, answer: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = [
        {"blocking": 2.0, "poll": 2.0 * poll, "again": 2.0 * (again if number % 2 else 1)} for number in range(40)
    ]
    end = SimpleNamespace(close=lambda: None)
    assert said("01_blocking.ipynb", "0654c1e1", capsys, work=pd.DataFrame(rounds), near=end, far=end) == answer


BOTH = "no server that asks answers nearly as soon and works for less than 2 % of the time"


@pytest.mark.parametrize(
    ("woken_us", "pause_share", "answer"), [(50, 0.2, "True"), (50, 0.01, "False"), (400, 0.01, None)]
)
def test_02_no_sleep_is_good_for_both(
    woken_us: float, pause_share: float, answer: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    told = pd.DataFrame({"server": ["poll"], "cpu_share": [0.0], "p50_us": [woken_us]})
    prices = pd.DataFrame({"cpu_share": [1.0, pause_share], "p50_us": [10.0, 100.0]}, index=[0, 10])
    heard = said("02_nonblocking.ipynb", "1345b218", capsys, told=told, at=prices, names=["poll"], shared="")
    assert heard.pop(BOTH, None) == answer
    assert set(heard.values()) == {"True"}


@pytest.mark.parametrize(
    ("each_socket", "spread", "answer"), [(2.0, 1.0, "True"), (1.0, 1.0, "False"), (1.0, 1.5, None)]
)
def test_05_it_is_the_sockets(
    each_socket: float, spread: float, answer: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"entries": entries, "sockets": sockets, "caches": caches, "ns": 200 * dearer * (spread if turn % 2 else 1)}
        for turn in range(5)
        for caches in ("kept", "emptied")
        for entries in (1_000, 10_000)
        for sockets, dearer in (("one_for_all", 1.0), ("different", each_socket))
    ]
    looks = pd.DataFrame(rows)
    each = looks.pivot_table("ns", ["sockets", "caches"], "entries", aggfunc="median")
    heard = said("05_poll.ipynb", "sockets-verdict", capsys, looks=looks, each=each, room={})
    assert heard.pop("an entry with a socket of its own costs more", None) == answer
    assert heard == {
        "an entry of a longer list costs no more": "True",
        "a look at ten times as many sockets costs at least five times as much": "True",
    }


@pytest.mark.parametrize(("among", "answers"), [(5_000, {"True"}), (100, {"False"}), (None, set())])
def test_05_what_ten_thousand_cost(among: float | None, answers: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(1, 80.0), (10_000, among)] * 3
    grown = pd.DataFrame(rows, columns=["connections", "cpu_us_per_request"]).astype(float)
    assert set(said("05_poll.ipynb", "66f32151", capsys, grown=grown).values()) == answers
    seen: list[str] = []
    recorder = SimpleNamespace(claim=lambda *_, doubt, **__: seen.append(doubt()))
    said("05_poll.ipynb", "claim-05-3", capsys, iomux=recorder, lost="too busy", room={})
    assert seen == ["too busy"]


@pytest.mark.parametrize(
    ("poll", "walk", "answers"),
    [(3.0, 2.5, {"True"}), (3.0, 1.0, {"False"}), (3.0, 0.9, {"False"}), (1.0, 3.0, set()), (1.1, 1.0, set())],
)
def test_08_what_the_walk_brings_back(
    poll: float, walk: float, answers: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {"epoll": 1.0, "epoll_and_walk": walk, "poll": poll}
    control = pd.DataFrame({"recv_us": rows, "handler_us": rows})
    heard = said("08_the_copy.ipynb", "walk-verdict", capsys, control=control, partial=partial, needs=[], crowd={})
    assert set(heard.values()) == answers


def test_each_doubt_of_the_notebooks_has_its_worlds_here() -> None:
    doubted = {
        each["id"]
        for path in FOLDER.glob("*.ipynb")
        for each in json.loads(path.read_text())["cells"]
        if each["cell_type"] == "code" and "doubt=" in "".join(each["source"])
    }
    load = {"load-verdicts", "load-seventy-verdict", "load-closed-verdict"}  # in test_doubts_load
    uring = {"watching-verdict", "device-verdict"}  # in test_doubts_uring
    coroutines = {"e641295b", "loops-verdict", "loops-claim", "c10-faults-verdicts", "c10-forms-verdicts"}
    busy = {"tail-verdict", "d757aa2f", "720ab089", "219833fc"}  # in test_doubts_busy
    here = {"0654c1e1", "1345b218", "66f32151", "claim-05-3", "sockets-verdict", "walk-verdict"}
    tools = {row[1] for row in DOUBTFUL}  # in test_doubts_tools
    cores = {f"cores-{what}-verdict" for what in CORES}  # in test_doubts_cores
    assert doubted == here | load | uring | coroutines | busy | tools | cores
