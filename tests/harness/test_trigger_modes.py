"""The measurements of the page on epoll: interest lists, the five steps in each mode, the thundering herd."""

import contextlib
import os
import select
import socket
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import iomux
from iomux import plot
from iomux.harness import thundering_herd as thundering_herd_module
from iomux.harness.tape.trigger_modes import MODES, STEPS, five_steps
from iomux.harness.thundering_herd import WAYS, thundering_herd
from iomux.system.procfs import interest_list
from tests.support.clients import connect, eventually
from tests.support.figures import texts_outside

pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="this system has no epoll")


def watched(pid: int, epoll: int | None = None) -> dict[int, str]:
    frame = interest_list(pid, epoll)
    return dict(zip(frame["descriptor"], frame["asked"], strict=True))


def test_the_interest_list_shows_the_requested_events_and_none_when_disarmed() -> None:
    near, far = socket.socketpair()
    with near, far, contextlib.closing(select.epoll()) as epoll:
        assert watched(os.getpid(), epoll.fileno()) == {}
        epoll.register(near, select.EPOLLIN | select.EPOLLONESHOT)
        epoll.register(far, select.EPOLLOUT | select.EPOLLET)
        both = {near.fileno(): "EPOLLIN|EPOLLONESHOT", far.fileno(): "EPOLLOUT|EPOLLET"}
        assert watched(os.getpid(), epoll.fileno()) == both
        assert epoll.fileno() in set(interest_list(os.getpid())["epoll"])
        far.send(b"x")
        epoll.poll(1)
        assert watched(os.getpid(), epoll.fileno())[near.fileno()] == "EPOLLONESHOT"
        near.close()
        assert near.fileno() not in watched(os.getpid(), epoll.fileno())


def test_a_servers_interest_list_has_its_connected_clients() -> None:
    with iomux.start("epoll") as server:
        assert list(watched(server.pid).values()) == ["EPOLLIN"]
        with connect(server.address), connect(server.address):
            assert eventually(lambda: len(watched(server.pid)) == 3)
        assert eventually(lambda: len(watched(server.pid)) == 1)
    with pytest.raises(ProcessLookupError, match="is gone"):
        interest_list(server.pid)


def said(frame: "pd.DataFrame", mode: str) -> list[tuple[bool, ...]]:
    """For each step, whether epoll reported the connection at the first and at the second call."""
    asked = frame[(frame["server"] == mode) & frame["mark"].isin(["notification", "nothing ready"])]
    return [tuple(rows["mark"] == "notification") for _, rows in asked.groupby("step")]


def test_level_reports_while_ready_edge_once_per_event_and_one_shot_once_until_rearmed() -> None:
    frame = five_steps()
    assert list(dict.fromkeys(frame["server"])) == list(MODES)
    always, once, never = (True, True), (True, False), (False, False)
    assert said(frame, "level") == [always, always, always, never, always]
    assert said(frame, "edge") == [once, never, once, never, once]
    assert said(frame, "one-shot") == [once, never, never, never, once]
    assert list(frame.query("mark == 're-arm'")["server"]) == ["one-shot"]
    assert frame.query("mark == 'read'")["size_bytes"].tolist() == [2, 4] * 3


def test_the_five_steps_are_drawn_and_named() -> None:
    ax = plot.five_steps(five_steps("edge"))
    names = [tick.get_text().strip() for axis in ax.child_axes for tick in axis.get_xticklabels()]
    assert names == list(STEPS)
    assert not texts_outside(ax)
    plt.close("all")


def test_an_unknown_mode_and_a_machine_without_epoll_are_clear_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LookupError, match="choose from level, edge, one-shot"):
        five_steps("twice")
    monkeypatch.setenv("IOMUX_WITHOUT", "epoll")
    for ask in (five_steps, thundering_herd):
        with pytest.raises(LookupError, match="epoll is not available here: hidden"):
            ask()


def test_every_process_is_woken_for_each_client_unless_it_watches_exclusively_or_its_own() -> None:
    frame = thundering_herd(processes=3, clients=10)
    total = frame.groupby("way")[["woken", "returned", "accepted", "failed_accepts"]].sum()
    every, exclusive, own = (total.loc[way] for way in WAYS)
    assert every["accepted"] == exclusive["accepted"] == own["accepted"] == 10
    assert every["woken"] > 1.5 * exclusive["woken"]
    assert every["woken"] > 1.5 * own["woken"]
    assert (total["returned"] == total["accepted"] + total["failed_accepts"]).all()
    assert (total["returned"] <= total["woken"]).all()


def test_an_empty_herd_and_one_that_dies_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        thundering_herd(processes=0)
    with pytest.raises(ValueError, match="no way: choose from one listener, EPOLLEXCLUSIVE"):
        thundering_herd(ways=["no way"])
    unknown: dict[str, Any] = {"a way that there is not": ()}
    monkeypatch.setattr(thundering_herd_module, "WAYS", unknown)  # in this process only, not in those of the herd
    with pytest.raises(RuntimeError, match=r"did not start:(.|\n)*KeyError"):
        thundering_herd(processes=1, clients=1)
