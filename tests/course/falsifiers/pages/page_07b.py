"""Worlds for 07b: the wait of a crowd, one client against a crowd, and the knees. For doubts see `test_doubts_load`."""

from types import SimpleNamespace
from typing import Any

import pandas as pd

from iomux.harness.load.queueing import mean_wait_us
from tests.course.falsifiers.world import World

PAGE = "07b_latency_against_load.ipynb"
S = 200.0
THRICE = "at 70 % a request of the crowd waits more than three times as long as one of the metronome"
BEND = "a crowd's wait grows more than fourfold from 40 % to 90 %"
NEAR = "at 60 % and at 70 % a crowd's wait is between 0.5 and 1.7 times what its own plan predicts"
QUARTER = "at 70 % more than a quarter of the crowd's requests are slowed by others"
TWICE = "and more than twice as many as of the metronome's"
SLOWER = "at the same rate the crowd's median latency is more than 1.2 times the one client's"
DEARER = "at 2,000 requests a second one costs poll more than twice epoll's processor time"
SHARES = "from 2,000 to 20,000 requests a second poll's processor time for one falls by more than half"
KNEE = "poll's knee lies at more than a quarter of epoll's rate"


def theory(share: float) -> float:
    return mean_wait_us(share, S)


def waited(crowd: Any = theory, even: float = 0.05, planned: Any = theory) -> dict[str, Any]:
    """Undisturbed runs: how long a crowd waits and by its plan should, and the metronome, as a share of theory."""
    rows = [("poisson", share, crowd(share), planned(share)) for share in (0.4, 0.6, 0.7, 0.8, 0.9)]
    rows += [("even", share, even * theory(share), 0.0) for share in (0.7, 0.9)]
    runs = pd.DataFrame(rows, columns=["arrivals", "utilisation", "wait_us", "planned_us"]).assign(disturbed=False)
    runs["beyond_us"] = runs["wait_us"] - runs["planned_us"]
    return {"runs": runs, "alone": pd.Series({0.7: 1.3 * S, 0.9: 1.3 * S}), "S": S}


def slowed(poisson: float, even: float) -> dict[str, Any]:
    return waited() | {"slowed": {"poisson": poisson, "even": even}.get}


def loops(one_us: float, crowd_us: float) -> dict[str, Any]:
    return waited() | {"one": SimpleNamespace(p50_us=one_us), "crowd": SimpleNamespace(p50_us=crowd_us)}


def loaded(slow_us: float = 250, fast_us: float = 50, knee: int = 26_000) -> dict[str, Any]:
    """Runs at several rates; slow_us, fast_us: what a request costs poll at the first and later; knee: of poll."""
    rates = [2_000, 10_000, 20_000, 26_000, 32_000, 38_000]
    poll = dict.fromkeys(rates, fast_us) | {2_000: slow_us}
    rows = [("epoll", rate, 40.0, 90.0 if rate <= 32_000 else 8_000.0) for rate in rates]
    rows += [("poll", rate, poll[rate], 250.0 if rate <= knee else 8_000.0) for rate in rates]
    frame = pd.DataFrame(rows, columns=["server", "rate_per_s", "cpu_us_per_request", "p50_us"])
    return {"loads": frame.assign(disturbed=False), "rates": rates}


DOUBT, KNEES = ("load-doubt",), ("load-knee-verdicts",)
WORLDS = (
    World(
        "even arrivals queue", "load-verdicts", {THRICE: False, BEND: True, NEAR: True}, lambda: waited(even=0.9), DOUBT
    ),
    World("no bend", "load-verdicts", {THRICE: True, BEND: False}, lambda: waited(lambda share: 300 * share), DOUBT),
    World(
        "service times vary",
        "load-verdicts",
        {THRICE: True, BEND: True, NEAR: False},
        lambda: waited(lambda s: 2 * theory(s)),
        DOUBT,
    ),
    World(
        "as if 2 (1 - ρ) were 4",
        "load-verdicts",
        {BEND: True, NEAR: False},
        lambda: waited(lambda s: 0.45 * theory(s)),
        DOUBT,
    ),
    World(
        "as the formula says, by chance: the plans have few clumps",
        "load-verdicts",
        {BEND: True, NEAR: False},
        lambda: waited(planned=lambda s: 0.4 * theory(s)),
        DOUBT,
    ),
    World("few meet", "load-seventy-verdict", {QUARTER: False, TWICE: True}, lambda: slowed(0.1, 0.01), DOUBT),
    World("all meet", "load-seventy-verdict", {QUARTER: True, TWICE: False}, lambda: slowed(0.6, 0.5), DOUBT),
    World("nobody waits for others", "load-closed-verdict", {SLOWER: False}, lambda: loops(300, 305), DOUBT),
    World("no list to look at", "load-knee-verdicts", {DEARER: False, SHARES: False}, lambda: loaded(45, 40)),
    World("each looks for itself", "load-knee-verdicts", {DEARER: True, SHARES: False}, lambda: loaded(250, 240)),
    World(
        "poll ends where a look a request ends it",
        "load-knee-verdict",
        {KNEE: False},
        lambda: loaded(knee=2_000),
        KNEES,
    ),
)
