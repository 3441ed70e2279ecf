"""A run says what speaks against it: each doubt is provoked for real, and none comes where all is well."""

import math
from array import array
from typing import Any

import pytest

from iomux.harness.load import doubts as judging
from iomux.harness.load.doubts import doubts, late_us
from iomux.harness.load.plan import Plan
from iomux.system.disturbance.cgroups import Throttled
from iomux.system.disturbance.meanwhile import Meanwhile
from iomux.system.disturbance.processors import CoreTime
from iomux.system.disturbance.readings import Between
from iomux.system.disturbance.stillness import Span
from iomux.system.machine import CpuTime

CLOSED, OPEN = (Plan(("127.0.0.1", 1), 1, 1, 64, 1.0, 0.0, rate, 1.0, 1, True) for rate in (None, 1000.0))
US = 1000


def seen(**other: Any) -> dict[str, Any]:
    """What the generator returns from a good run of a second, but for `other`, of the machine or of the run."""
    machine: dict[str, Any] = {"seconds": 1.0, "waited_share": 0.3, "mhz": {}}
    machine |= {"throttled": (Throttled(0, 0.0), Throttled(0, 0.0))}
    machine |= {"cores": {0: CoreTime(0.5, 0.0), 1: CoreTime(0.4, 0.0)}}
    around: dict[str, Any] = {"generator_core": 1, "server_core": 0, "stood_still": [], "silent": None}
    run: dict[str, Any] = {"response_ns": array("q", [60 * US] * 2000), "errors": {}}
    run |= {"service_ns": array("q", [50 * US] * 2000)}
    run |= {"late_ns": array("q", [US] * 2000), "own_cpu_s": 0.35, "server_cpu": CpuTime(0.2, 0.25, 0.45)}
    run |= {"generator_cpu_share": 0.35, "server_cpu_share": 0.45, "own_waited_s": 0.004, "server_waited_s": 0.004}
    for part in (machine, around, run):
        part |= {name: other.pop(name) for name in list(other) if name in part}
    assert not other
    return run | {"meanwhile": Meanwhile(Between(**machine), **around)}


def only(found: dict[str, Any], asked: Plan = CLOSED) -> str:
    (doubt,) = doubts(asked, found)
    return doubt.text


def test_a_good_run_has_no_doubt() -> None:
    assert doubts(CLOSED, seen()) == doubts(OPEN, seen()) == []


def test_readings_that_a_machine_does_not_give_are_no_doubt() -> None:
    assert doubts(CLOSED, seen(cores={}, waited_share=None, throttled=(), generator_core=None, server_core=None)) == []
    assert doubts(CLOSED, {name: value for name, value in seen().items() if name != "meanwhile"}) == []


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"cores": {0: CoreTime(0.45, 0.05), 1: CoreTime(0.4, 0.01)}}, "something else on the server's core for 5 % "),
        ({"cores": {0: CoreTime(0.95, 0.0)}}, "other programs used 50 % of the server's core"),
        ({"cores": {1: CoreTime(0.65, 0.0)}}, "other programs used 30 % of the load generator's core"),
        ({"throttled": (Throttled(0, 0.0), Throttled(4, 0.3))}, "made the server stand still 4 times, 0.30 s in all"),
        ({"throttled": (Throttled(2, 0.1), Throttled(2, 0.1))}, "made the load generator and the server stand still"),
        ({"server_core": None, "waited_share": 0.9}, "for 90 % of the time something waited for one (PSI)"),
        ({"own_waited_s": 0.2}, "the load generator was ready to run and had no core for 20 % of the time"),
        ({"server_waited_s": 0.07}, "the server was ready to run and had no core for 7 % of the time"),
        ({"mhz": {1: (1200.0, 3400.0)}}, "core 1 changed its frequency from 1,200 to 3,400 MHz"),
        ({"server_core": 1, "own_cpu_s": 0.0, "server_waited_s": 0.5}, "server and load generator shared core 1"),
        ({"stood_still": [Span(400_000_000, 1_600_000_000)]}, "itself stood still for 1.20 s, from 0.40 s on"),
        ({"silent": Span(20_000_000, 5_000_000_000)}, "no reply came from 0.02 s to 5.00 s"),
        ({"generator_cpu_share": 0.97}, "the load generator was the bottleneck"),
        ({"response_ns": array("q", [US] * 5)}, "only 5 requests were answered"),
        ({"response_ns": array("q", [US])}, "only 1 request was answered"),
        ({"response_ns": array("q")}, "no request was answered"),
        ({"errors": {"closed by the server": 3}}, "were lost: closed by the server: 3"),
    ],
)  # fmt: skip
def test_each_has_a_bound(what: dict[str, Any], words: str) -> None:
    assert words in only(seen(**what))


@pytest.mark.parametrize(
    "what",
    [
        {"cores": {0: CoreTime(0.5, 0.02)}},
        {"seconds": 0.1, "cores": {0: CoreTime(0.47, 0.01)}},  # a tick or two: not told from rounding
        {"cores": {0: CoreTime(0.53, 0.0)}},
        {"throttled": (Throttled(0, 0.0), Throttled(0, 0.0))},
        {"waited_share": 1.0},  # its own threads may wait for each other: what others took is known
        {"server_waited_s": None},  # likewise
        {"mhz": {0: (3000.0, 3500.0)}},
        {"silent": Span(0, 300_000_000), "service_ns": array("q", [100_000_000] * 50)},  # that is how long it works
        {"generator_cpu_share": 0.97, "server_cpu_share": 0.99},
    ],
)
def test_what_is_usual_is_no_doubt(what: dict[str, Any]) -> None:
    assert doubts(CLOSED, seen(**what)) == []


def test_two_threads_of_one_core_are_a_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "siblings", lambda core: {0, 1})
    assert "two threads of one physical core" in only(seen())


def test_lateness_is_measured_against_the_latency() -> None:
    """A stalled server makes each latency great; the generator is then not to blame for being a little late."""
    late = array("q", [400 * US] * 2000)
    assert "it sent half of its requests 400 µs or more after" in only(seen(late_ns=late), OPEN)
    assert doubts(OPEN, seen(late_ns=late, response_ns=array("q", [600_000 * US] * 2000))) == []
    seldom = array("q", [US] * 1900 + [400 * US] * 100)
    assert "1 % of its requests 400 µs" in only(seen(late_ns=seldom), OPEN)
    assert late_us(OPEN, seen(late_ns=seldom)) == {"p50": 1.0, "p99": 400.0, "max": 400.0}
    assert late_us(CLOSED, seen(late_ns=seldom)) == {}
    few = late_us(OPEN, seen(late_ns=array("q", [US, 2 * US, 3 * US])))
    assert few["max"] == 3.0
    assert math.isnan(few["p99"]), "three are too few"
