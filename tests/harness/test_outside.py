"""Servers that are seen from outside only: an address, a command line; what can't be seen is NaN and is named."""

import socket
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import iomux
from iomux.figures.look.phases import UNSEEN
from iomux.harness.timeline.outside import SERVERS
from iomux.processes.outside import is_outside
from iomux.processes.resolve import find
from iomux.system.features import available
from tests.students import waits, waits_elsewhere
from tests.support.timelines import assert_whole

ROOT = Path(__file__).parents[2]
SCRIPT = [(0.0, "A", b"one"), (0.1, "B", b"two"), (0.2, "A", b"three"), (0.3, "B", b""), (0.4, "A", b"")]
THEIRS = [f"{phase}_us" for phase in SERVERS]


def address_of(server: iomux.Server) -> str:
    return f"{server.address[0]}:{server.address[1]}"


def seen_from_outside(**options: Any) -> pd.DataFrame:
    with iomux.start("poll") as server, pytest.warns(UserWarning, match="seen from outside only"):
        return iomux.timeline(address_of(server), requests=100, deadline=20, **options)


def test_a_timeline_from_outside_has_a_total_and_nothing_of_the_servers_own() -> None:
    frame = seen_from_outside(connections=3, active=2)
    assert len(frame) == 100
    assert_whole(frame)
    assert frame[THEIRS].isna().all(axis=None)
    assert frame["send_call_us"].isna().all()
    assert (frame["total_us"] > 0).all()
    assert pd.isna(list(frame.attrs["syscalls_per_request"].values())).all()
    assert set(SERVERS) <= set(frame.attrs["merged"])
    assert "seen from outside only" in frame.attrs["not_seen"]
    assert set(frame["model"]) == {""}
    assert frame["reply_us"].notna().all() == available("timestamps")


def test_without_stamps_all_of_it_is_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "timestamps")
    frame = seen_from_outside()
    assert_whole(frame)
    assert frame["client_us"].tolist() == frame["total_us"].tolist()
    assert frame.attrs["merged"]["notify"].startswith("in client")


def test_the_figures_draw_what_is_seen_and_name_what_is_not() -> None:
    outside = seen_from_outside()
    both = pd.concat([iomux.timeline("poll", requests=50), outside])
    for frame in (outside, both):
        for draw in (iomux.plot.timeline, iomux.plot.phases):
            legend = draw(frame).get_legend()
            assert legend is not None
            words = [text.get_text() for text in legend.get_texts()]
            assert UNSEEN.words in words
            assert "reply in transit" not in words
        texts = [text.get_text() for text in iomux.plot.phase_times(frame).texts]
        assert "seen from\noutside only" in texts
    assert "nan" not in " ".join(text.get_text() for text in iomux.plot.timeline(both).texts)


def test_a_queue_that_was_not_seen_is_said_below_the_figure() -> None:
    with pytest.warns(UserWarning, match="was not seen"):
        frame = iomux.timeline(waits_elsewhere.by_a_call_in_c, connections=2, active=2, requests=50)
    for draw in (iomux.plot.timeline, iomux.plot.phases):
        notes = " ".join(text.get_text() for text in draw(frame).texts)
        assert "not seen, and in notify: the queue of by_a_call_in_c" in notes


def test_a_tape_from_outside_has_what_the_clients_see() -> None:
    with iomux.start("poll") as server:
        name = address_of(server)
        frame = iomux.tape(name, SCRIPT)
    marks = list(frame[frame["client"] == "A"]["mark"])
    assert marks == ["connect", "arrival", "answer", "arrival", "answer", "hang-up", "end"]
    assert frame[frame["mark"] == "answer"]["size_bytes"].sum() == 11
    assert frame["at_us"].is_monotonic_increasing
    assert "seen from outside only" in frame.attrs["not_seen"][name]
    legend = iomux.plot.tape(frame).get_legend()
    assert legend is not None
    words = {text.get_text() for text in legend.get_texts()}
    assert {"answer has come back", "server has ended it"} <= words
    assert "unread bytes in the kernel" not in words, "nobody knows when they were read"


def test_an_address_where_nobody_listens_or_answers_is_said_to_be_so() -> None:
    with iomux.listen() as silent:
        name = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(RuntimeError, match=r"only 0 requests were answered.*no reply by the deadline"):
            iomux.timeline(name, requests=10, deadline=0.5)
        with pytest.raises(RuntimeError, match=r"answered nothing and ended no connection within 0\.5 s"):
            iomux.tape(name, SCRIPT)
    with pytest.raises(ConnectionRefusedError, match=f"nobody listens at {name}: start the server first"):
        iomux.timeline(name, requests=10)
    with pytest.raises(ConnectionRefusedError, match=f"nobody listens at {name}: start the server first"):
        iomux.tape(name, SCRIPT)


def test_a_program_of_its_own_takes_no_handler() -> None:
    with pytest.raises(ValueError, match="can't be given a handler"):
        iomux.timeline("127.0.0.1:1", handler=iomux.echo)
    with pytest.raises(ValueError, match="can't be given a handler"):
        iomux.tape("127.0.0.1:1", SCRIPT, handler=iomux.echo)


def test_what_is_a_command_or_an_address_and_what_is_not() -> None:
    assert all(is_outside(find(one)) for one in ("sh -c 'exec true {port}'", "localhost:80", "[::1]:80", OwnListener))
    assert not any(is_outside(find(one)) for one in ("poll", waits.by_selectors))


class OwnListener:
    """A server in the form that many have: it makes its own listener."""

    def __init__(self, host: str, port: int) -> None:
        self.listener = socket.create_server((host, port))

    def run(self) -> None:
        waits.by_selectors_with_blocking_sockets(self.listener)


COMMAND = "{python} -c 'import socket, sys; sys.path.insert(0, {here!r}); from tests.students import waits; "
COMMAND += 'waits.by_selectors(socket.create_server(("127.0.0.1", int(sys.argv[1]))))\' {{port}}'


@pytest.mark.parametrize("server", ["command", OwnListener])
def test_a_command_line_and_what_makes_its_own_listener_are_started_and_seen_from_outside(server: Any) -> None:
    target = COMMAND.format(python=sys.executable, here=str(ROOT)).replace(repr(str(ROOT)), f'"{ROOT}"')
    target = target if server == "command" else server
    with pytest.warns(UserWarning, match="seen from outside only"):
        frame = iomux.timeline(target, requests=50, deadline=20)
    assert_whole(frame)
    assert frame[THEIRS].isna().all(axis=None)
    marks = list(iomux.tape(target, SCRIPT)["mark"])
    assert marks.count("answer") == 3
    assert marks.count("end") == 2


def test_async_and_other_forms_that_take_a_listener_are_traced() -> None:
    frame = iomux.timeline(waits_elsewhere.in_a_coroutine, requests=50, deadline=20)
    assert frame["queue_us"].notna().all()
    assert frame.attrs["syscalls_per_request"]["wait"] > 0
    assert "notification" in set(iomux.tape(waits_elsewhere.in_a_coroutine, SCRIPT)["mark"])
