"""`iomux.sweep` makes a tidy table, and `iomux.plot` draws it, labelled, with lines that differ without colour."""

import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import iomux
from tests.support.figures import texts_outside


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """A small sweep in which select meets its limit."""
    return iomux.sweep(
        ["select", "poll"], connections=[1, 20, 1200], repeats=2, duration=0.1, warmup=0.05, progress=False
    )


@pytest.fixture(scope="module")
def all_active() -> pd.DataFrame:
    """A sweep in which every connection is active."""
    return iomux.sweep(["select", "poll"], connections=[1, 20], active=None, repeats=1, duration=0.2, progress=False)


def test_one_row_a_server_level_and_repeat(frame: pd.DataFrame) -> None:
    assert len(frame) == 2 * 3 * 2
    assert not frame.duplicated(["server", "connections", "repeat"]).any()
    assert set(frame["model"]) == {"multiplexing"}
    assert frame.attrs["machine"]
    assert list(frame["repeat"]) == sorted(frame["repeat"]), "rounds are interleaved, not grouped by server"
    first = frame[(frame["connections"] == 1)].groupby("repeat")["server"].first()
    assert first[0] != first[1], "each round starts with another server"


def test_a_limit_is_a_row_with_its_reason(frame: pd.DataFrame) -> None:
    limited = frame[frame["reason"] != ""]
    assert set(zip(limited["server"], limited["connections"], strict=True)) == {("select", 1200)}
    assert limited["p50_us"].isna().all()
    assert limited["reason"].str.contains("select cannot watch descriptor 1024").all()
    measured = frame[frame["reason"] == ""]
    assert measured["p50_us"].notna().all()
    assert (measured["errors"] == 0).all()
    alone = measured[measured["connections"] == 1]
    assert (alone["voluntary_switches"] > 0).all(), "with one client it sleeps after each answer; with many it may not"
    assert limited["voluntary_switches"].isna().all()


def test_servers_of_the_same_name_get_different_names(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text("from iomux.servers.poll_ import serve\n")
    files = [f"{tmp_path / name}.py:serve" for name in ("a", "b")]
    frame = iomux.sweep(files, connections=[1], repeats=1, duration=0.1, progress=False)
    assert set(frame["server"]) == set(files)


TWO_PORTS = """import socket, threading
def serve(listener):
    while True:
        client = listener.accept()[0]
        client.sendall(client.recv(64))
other = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=[socket.create_server(("127.0.0.1", {port}))], daemon=True).start()
serve(other)
"""


def test_a_server_of_two_ports_is_asked_which_and_takes_the_one_that_is_meant(tmp_path: Path) -> None:
    with iomux.listen() as listener:
        port = listener.getsockname()[1]
    (tmp_path / "two.py").write_text(TWO_PORTS.format(port=port))
    command = f"{sys.executable} {tmp_path / 'two.py'}"
    options: dict[str, Any] = {"connections": 1, "repeats": 1, "duration": 0.05, "warmup": 0.01, "progress": False}
    assert "say which one is meant" in iomux.sweep(command, **options)["reason"][0]
    assert "say which one" not in iomux.sweep(command, port=port, **options)["reason"][0]
    with pytest.raises(ValueError, match="leave port out"):
        iomux.sweep("poll", port=port, **options)


def test_more_connections_than_descriptors_is_a_row() -> None:
    frame = iomux.sweep("poll", connections=[1, 5_000_000], repeats=1, duration=0.1, progress=False)
    assert list(frame["reason"] == "") == [True, False]
    assert "may open" in frame["reason"].iloc[1]


def test_a_server_that_fails_is_a_row() -> None:
    def broken(listener: Any) -> None:
        raise ZeroDivisionError("on purpose")

    frame = iomux.sweep(["poll", broken], connections=[1], repeats=1, duration=0.1, progress=False)
    assert frame.set_index("server").loc["broken", "reason"] == "ZeroDivisionError: on purpose"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"servers": []}, "no server was named"),
        ({"servers": "poll", "connections": []}, "connections is"),
        ({"servers": "poll", "connections": [0]}, "connections is"),
        ({"servers": "poll", "connections": ["5"]}, "connections has '5' in it: give whole numbers"),
        ({"servers": "poll", "connections": True}, "connections is True: give a whole number"),
        ({"servers": "poll", "active": True}, "active is True: give a whole number"),
        ({"servers": "poll", "repeats": True}, "repeats is True: give a whole number"),
        ({"servers": "poll", "connections": [5], "active": 9}, "active is 9"),
        ({"servers": "poll", "repeats": 0}, "repeats is 0"),
        ({"servers": "poll", "size": 0}, "size is 0"),
        ({"servers": "nope"}, "no server is called 'nope'"),
    ],
)
def test_impossible_arguments_are_a_clear_error(options: dict[str, Any], error: str) -> None:
    with pytest.raises((ValueError, LookupError), match=error):
        iomux.sweep(**options)


@pytest.mark.parametrize("draw", ["latency", "cpu", "throughput"])
def test_figures_are_whole_and_labelled(frame: pd.DataFrame, draw: str) -> None:
    ax = getattr(iomux.plot, draw)(frame)
    assert ax.get_xlabel() == "open connections (log scale)"
    assert ax.get_ylabel()
    assert ax.get_xscale() == "log"
    assert {line.get_label() for line in ax.lines} >= {"select", "poll"}
    assert {"select", "poll"} <= {text.get_text() for text in ax.texts}, "lines are named where they end"
    assert any("FD_SETSIZE" in text.get_text() for text in ax.texts), "select's limit is marked"
    assert frame.attrs["machine"] in iomux.plot.caption(ax)
    assert not texts_outside(ax)
    plt.close("all")


def test_the_median_is_drawn_and_the_spread(frame: pd.DataFrame) -> None:
    ax = iomux.plot.latency(frame)
    line = next(line for line in ax.lines if line.get_label() == "poll")
    expected = frame[frame["server"] == "poll"].groupby("connections")["p50_us"].median()
    drawn = np.asarray(line.get_ydata(), dtype=float)
    assert np.allclose(drawn[~np.isnan(drawn)], expected)
    assert len(ax.collections) == 4, "bars and dots of each server"
    plt.close("all")


def test_a_table_read_back_from_a_file_can_be_drawn(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_csv(tmp_path / "rows.csv", index=False)
    ax = iomux.plot.latency(pd.read_csv(tmp_path / "rows.csv"))
    assert {"select", "poll"} <= {text.get_text() for text in ax.texts}
    plt.close("all")


def test_figures_draw_into_given_axes(frame: pd.DataFrame) -> None:
    _, given = plt.subplots()
    assert iomux.plot.cpu(frame, ax=given) is given
    plt.close("all")


def test_littles_law_holds_in_what_was_measured(all_active: pd.DataFrame) -> None:
    ax = iomux.plot.littles_law(all_active)
    assert not texts_outside(ax)
    in_flight = all_active["requests_per_s"] * all_active["mean_us"] / 1e6
    share = in_flight / all_active["active"]
    assert share.max() < 1.001, "more than L under way is impossible"
    assert share.min() > 0.5, "the rest is the client's own time between an answer and its next request"
    plt.close("all")


def test_distribution_draws_each_run(frame: pd.DataFrame) -> None:
    with iomux.start("poll") as server:
        runs = {label: iomux.load(server, duration=0.2, rate=rate) for label, rate in (("closed", None), ("open", 500))}
    ax = iomux.plot.distribution(runs)
    assert {"closed", "open"} <= {text.get_text() for text in ax.texts}
    assert not texts_outside(ax)
    plt.close("all")
