"""`iomux.soak`: every server survives and loses nothing; planted faults are detected and named."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

import iomux
from iomux.harness.soak import client as soak_client
from iomux.harness.soak.scenario import (
    CLOSE,
    FAULTS,
    HALF_CLOSE,
    RESET,
    VANISH_SILENT,
    VANISH_UNREAD,
    pool_of,
    scenario,
)
from tests.support.clients import DEADLINE, all_gone, eventually
from tests.support.commands import on_terminal
from tests.support.faulty_servers import (
    answering,
    changes_a_byte,
)


def short(server: Any, **options: Any) -> iomux.SoakReport:
    """A soak of a second."""
    given = {"minutes": 0.012, "clients": 50, "seed": 11, "deadline": DEADLINE, "progress": False} | options
    return iomux.soak(server, **given)


ONE_OF_EACH_KIND = ["blocking", "threaded", "nonblocking", "epoll", "asyncio", "io_uring"]  # the fuzz test has all


@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
def test_every_kind_of_server_survives_and_loses_nothing(name: str) -> None:
    if name not in iomux.names():
        pytest.skip(f"{name} is not available here")
    minutes = 0.05 if name == "blocking" else 0.025  # one after the other: the first four clients have all faults
    report = short(name, clients=None, minutes=minutes, seed=125)
    assert report.failures == ()
    assert report.lost == 0, report
    assert report.requests > report.clients
    assert report.compared_bytes > 100_000
    assert min(report.faults.values()) >= 1, "a kind of fault was never injected"
    assert list(report.faults) == list(FAULTS)
    assert report.descriptors_before == report.descriptors_after
    assert report.clients == (1 if name == "blocking" else 200)
    assert 0 < report.most_at_once <= report.clients
    assert f"seed {report.seed}" in repr(report)
    assert "nothing was lost" in repr(report)


def one_at_a_time(listener: Any) -> None:
    from iomux.servers.blocking import serve

    serve(listener)


def test_a_server_for_one_client_at_a_time_gets_one_or_is_detected() -> None:
    with pytest.raises(ValueError, match="blocking serves one client at a time, 2 would wait for each other"):
        short("blocking", clients=2)
    assert short(one_at_a_time, clients=1).lost == 0
    report = short(one_at_a_time, deadline=0.3)
    assert report.lost_kinds[soak_client.NEVER_ANSWERED] > 10
    assert "soak it with 1 client" in repr(report)


def test_the_seed_decides_what_each_client_does() -> None:
    assert [scenario(5, number, 200) for number in range(50)] == [scenario(5, number, 200) for number in range(50)]
    assert scenario(5, 0, 200) != scenario(6, 0, 200)
    assert pool_of(5) == pool_of(5) != pool_of(6)
    many = [scenario(5, number, 200) for number in range(300)]
    assert {one.leaving for one in many} == {CLOSE, HALF_CLOSE, RESET, VANISH_UNREAD, VANISH_SILENT}
    assert all(one.wait_points[-1] == one.total == one.ends[-1] and 1 <= one.leave_at <= one.total for one in many)
    assert max(one.total for one in many) > 256 * 1024, "some must owe more than a server's high-water mark"


def test_a_seed_is_drawn_and_reported() -> None:
    first, second = (short("poll", seed=None, minutes=0.005).seed for _ in range(2))
    assert first != second


def test_the_report_shows_itself_in_a_notebook() -> None:
    page = short(answering(changes_a_byte), seed=3)._repr_html_()
    assert page.count("<table") == page.count("</table>") == 1
    assert "LOST" in page
    assert "<function" not in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": 0}, "minutes is 0"),
        ({"minutes": 61}, "at most 60"),
        ({"minutes": "5"}, "minutes is '5': give a number"),
        ({"clients": 0}, "clients is 0: choose from 1 to 1,000"),
        ({"clients": 1001}, "clients is 1001"),
        ({"clients": 1.5}, "clients is 1.5: give a whole number"),
        ({"seed": -1}, "seed is -1: choose 0 or more"),
        ({"seed": "x"}, "seed is 'x': give a whole number"),
        ({"deadline": 0}, "deadline is 0"),
    ],
)
def test_impossible_arguments_are_a_clear_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        short("poll", **options)


def test_a_running_server_is_refused_and_a_server_that_does_not_come_up_shows_why() -> None:
    with iomux.start("poll") as running, pytest.raises(TypeError, match="runs already"):
        short(running)
    with pytest.raises(iomux.ServerError, match="returned: a server loops for ever"):
        short(lambda listener: None)


def soak_command(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "iomux", "soak", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_reports_as_text_and_as_json() -> None:
    with soak_command("poll", "--minutes", "0.02", "--seed", "4", "--clients", "20") as command:
        out, err = command.communicate(timeout=60)
    assert command.returncode == 0, err
    assert "poll: 20 clients at once" in out
    assert "seed 4" in out
    assert "nothing was lost" in out
    assert err == ""
    with soak_command("poll", "--minutes", "0.01", "--json") as command:
        report = json.loads(command.communicate(timeout=60)[0])
    assert report["server"] == "poll"
    assert report["lost"] == 0
    assert report["requests"] > 0


def test_the_command_ends_with_1_when_something_was_lost(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def serve(listener):\n    while True:\n        listener.accept()[0].close()\n")
    with soak_command(f"{file}:serve", "--minutes", "0.02") as command:
        out, _ = command.communicate(timeout=60)
    assert command.returncode == 1
    assert "LOST: " in out
    assert "ended early" in out


def test_an_interrupt_reports_the_results_so_far_and_leaves_nothing_behind() -> None:
    with on_terminal("soak", "poll", "--minutes", "5") as (command, shown):
        assert "seed" in shown("requests="), "the seed is known from the start"
        started = psutil.Process(command.pid).children(recursive=True)
        assert len(started) == 4, "the server and the clients, each below its guard"
        command.send_signal(signal.SIGINT)
        out, _ = command.communicate(timeout=60)
        err = shown("")
    assert command.returncode == 130
    assert b"interrupted: these are the results up to then" in out
    assert b"nothing was lost" in out
    assert "Traceback" not in err
    assert all_gone(started)


def test_killed_clients_are_an_error_and_leave_nothing_behind() -> None:
    def clients() -> list[psutil.Process]:
        return [
            child for child in psutil.Process().children() if "iomux.processes.worker_main" in " ".join(child.cmdline())
        ]

    def kill() -> None:
        if eventually(lambda: bool(clients())):
            clients()[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(RuntimeError, match="the soak's client process was ended by SIGKILL"):
        short("poll", minutes=1)
    killer.join()
