"""`iomux.check(..., wire=True)`: what only a wire shows, on right servers and some that only loopback finds right."""

import math
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import iomux
from iomux.conformance.check import NAMES, WIRE_NAMES
from iomux.conformance.wire.vanished import NO_PROMISE
from tests.conformance.test_check_command import ECHO, iomux_check
from tests.students import over_a_wire as students
from tests.support.checks import SECONDS
from tests.support.networks import skip_without_network

AT_ONCE = 3  # they mostly wait


class Tried(NamedTuple):
    """A server, the time that it promises, with which items it is tried, which one it fails, and what is seen then."""

    server: Callable[..., None] | str
    lets_go_s: float | None
    items: tuple[str, ...]
    fails: str = ""
    seen: str = ""


HELD = "when its host vanished is still held after the time that was promised"
NOT_SERVED = "a client on another link got nothing back: nothing more came"
BOTH = ("slow-link", "lost-packet")
TRIED = [
    Tried(students.serve_lets_go, students.PROMISED_SECONDS, WIRE_NAMES),
    Tried("poll", 0.5, WIRE_NAMES, "vanished", f"a client that was silent {HELD}"),
    Tried(students.serve_asks_only, 2, ("vanished",), "vanished", f"a client that was owed bytes {HELD}"),
    Tried(students.serve_ends_with_it, 60, ("vanished",), "vanished", "the server ended with status 1: TimeoutError: "),
    Tried(students.serve_lingers, None, BOTH, "slow-link", NOT_SERVED),
    Tried(students.serve_flushes, None, ("slow-link", "vanished"), "slow-link", NOT_SERVED),
    Tried(students.serve_forgets, None, BOTH, "lost-packet", "a client whose answer was lost once got nothing back"),
]


def over_a_wire(target: Any, only: Any = WIRE_NAMES, lets_go_s: float | None = None) -> iomux.Report:
    return iomux.check(target, only, progress=False, seconds=SECONDS, wire=True, lets_go_s=lets_go_s)


@pytest.fixture(scope="module")
def reports() -> list[iomux.Report]:
    """A report on each."""
    skip_without_network()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda one: over_a_wire(one.server, one.items, one.lets_go_s), TRIED))


@pytest.mark.parametrize(
    "number", range(len(TRIED)), ids=[getattr(one.server, "__name__", str(one.server)) for one in TRIED]
)
def test_a_right_server_passes_and_a_wrong_one_fails_the_item_made_for_it(
    reports: list[iomux.Report], number: int
) -> None:
    tried, report = TRIED[number], reports[number]
    assert report.failed == ((tried.fails,) if tried.fails else ()), str(report)
    assert report.exit_status == bool(tried.fails)
    if tried.fails:
        assert report[tried.fails].seen.startswith(tried.seen)
        assert report[tried.fails].evidence.steps == (), "without the links they would show nothing"
    assert [one.seen for one in report.results if one.status == "not seen"] == [NO_PROMISE] * len(report.not_seen)
    assert report.not_seen == (() if tried.lets_go_s or "vanished" not in tried.items else ("vanished",))


def test_without_a_wire_the_items_are_not_seen_and_say_how_to_see_them() -> None:
    report = iomux.check("poll", WIRE_NAMES, progress=False)
    assert (report.not_seen, report.exit_status) == (WIRE_NAMES, 1)
    assert {one.seen for one in report.results} == {"only a wire can show this: ask for one, by wire=True (--wire)"}


def test_who_does_not_ask_for_a_wire_has_the_same_report_as_before() -> None:
    """Of a server that ends at once: no further item is tried."""
    ends = f"{sys.executable} -c 'raise SystemExit(5)' {{port}}"
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(iomux.check, ends, progress=False, evidence=False, wire=wire) for wire in (False, True)]
        without, with_it = (one.result() for one in asked)
    assert (tuple(one.name for one in without.results), without.points) == (NAMES, 100)
    assert (tuple(one.name for one in with_it.results), with_it.points) == ((*NAMES, *WIRE_NAMES), 112)


def test_a_machine_that_can_not_make_a_network_is_not_the_servers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "network")
    done = iomux_check("poll", "--wire", "--only", "echoes,slow-link")
    assert done.returncode == 3
    assert "this machine, not the server, keeps from being seen: slow-link" in done.stdout
    words = " ".join(done.stdout.split())
    assert "no network of hosts can be made here: networks are hidden by the environment variable" in words


def test_a_server_that_no_other_host_can_reach_is_not_seen(tmp_path: Path) -> None:
    skip_without_network()
    (tmp_path / "mine.py").write_text(ECHO)
    report = over_a_wire(f"{sys.executable} {tmp_path}/mine.py {{port}}", "slow-link")
    assert report["slow-link"].seen.endswith("which no other host reaches: let it listen at 0.0.0.0")
    with iomux.start("poll") as server:
        report = over_a_wire(f"127.0.0.1:{server.address[1]}", "slow-link")
    assert report["slow-link"].seen == "this server runs already, and not behind a wire: let check start it"


def test_a_program_that_listens_everywhere_is_seen(tmp_path: Path) -> None:
    skip_without_network()
    (tmp_path / "mine.py").write_text(ECHO.replace("127.0.0.1", "0.0.0.0"))
    report = over_a_wire(f"{sys.executable} {tmp_path}/mine.py {{port}}", ("slow-link", "lost-packet"))
    assert report["lost-packet"].status == "passed", str(report)
    assert report["slow-link"].seen.endswith("see the item hundred"), "one client at a time is another item's fault"


def test_a_function_that_can_not_be_sent_says_so() -> None:
    numbers = (number for number in range(3))
    report = over_a_wire(lambda listener: next(numbers), "slow-link")
    assert report["slow-link"].seen == "the function can't be sent to another process: cannot pickle 'generator' object"


@pytest.mark.parametrize("seconds", [0, -1, 121, math.nan, math.inf])
def test_a_promise_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match=f"lets_go_s is {seconds}: choose a time up to 120 s"):
        iomux.check("poll", wire=True, lets_go_s=seconds)


def test_what_does_not_go_together_is_said() -> None:
    with pytest.raises(ValueError, match="lets_go_s is '4': give a number"):
        iomux.check("poll", wire=True, lets_go_s="4")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lets_go_s is a promise that only a wire can show: give wire=True, too"):
        iomux.check("poll", lets_go_s=4)
    done = iomux_check("poll", "--http", "--wire")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--wire and --lets-go are for an echo server" in done.stderr
