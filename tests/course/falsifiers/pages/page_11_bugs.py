"""Worlds for 11, when it breaks: bugs without their symptom, cures that cure nothing."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pandas as pd

import iomux
from tests.course.falsifiers.world import World

PAGE = "11_when_it_breaks.ipynb"
TUTORIAL = "the tutorial's server fails when a client resets and when clients leave"
SPINS = "after its only client has left, the server with the bug takes processor time, without a pause"
SLEEPS = "after its only client has left, the cured server sleeps, and does not wake up"
DUPLICATE = "the server with the closed duplicate fails the item leaving"
UNREGISTERED = "the server that unregisters before it closes passes the item leaving"
LOSES, COME_BACK = "the server that ignores send's count loses bytes", "all bytes come back from the cured server"
PRESSURE = "without back-pressure the server's memory grows more than five times as much"
PART = "the server that reads once per edge returns only a part"
LATER = "the second line is answered only after the client has sent more"
AT_ONCE = "the cured server answers both lines at once"
BLOCKS, SERVES = "with a blocking send at least ten clients wait", "with the cured server at most two clients wait"
ONCE, FIRST = "the server that reads once per edge fails the item sizes", "the first of the two clients gets no answer"
PASSES = "the cured server passes the item {}"
OF = "the server cured of {} passes its item"
CURES = ("reset_fatal", "urgent_fatal", "number_reused")
COSTS, NO_BYTE = "a client that leaves costs nothing", "no byte is lost"
RESET, URGENT = "a reset ends one client only", "an urgent byte harms no client"
Names = Callable[[], dict[str, Any]]


class Found:
    """A report: whether all passed, what failed, and what was seen of any item."""

    def __init__(self, *failed: str) -> None:
        self.failed, self.passed, self.seen = failed, not failed, ""

    def __getitem__(self, item: str) -> "Found":
        return self


def checked(*, sick: bool, cured: bool) -> Names:
    """A clinic in which the server with the bug passes, or the fixed one fails."""
    both = tuple(Found() if passes else Found("its item") for passes in (sick, cured))
    return lambda: {"clinic": SimpleNamespace(both=lambda *_: both, diff=lambda _: "")}


def patients(sick: object, cured: object, **names: Any) -> Names:
    """A clinic whose two servers are these, or what is seen of them."""
    patient = SimpleNamespace(serve=sick, cured=cured)
    clinic = SimpleNamespace(case=lambda _: patient, diff=lambda _: "")
    return lambda: {"clinic": clinic, "patient": patient, "seen": lambda *_: ""} | names


def metered(sick: tuple[float, float], cured: tuple[float, float]) -> Names:
    """Of each server: its share of a core, in per cent, and how often it goes to sleep between two readings."""
    times = [reading / 20 for reading in range(1, 31)]
    frames = [pd.DataFrame({"t_s": times, "cpu_percent": share, "sleeps": pauses}) for share, pauses in (sick, cured)]
    return patients(None, None, meters=dict(zip(("end ignored", "cured"), frames, strict=True)))


def frames(of: str, sick: Mapping[str, Sequence[float]], cured: Mapping[str, Sequence[float]], label: str) -> Names:
    return patients(None, None, **{of: {label: pd.DataFrame(sick), "cured": pd.DataFrame(cured)}})


def came_back(sick: float, cured: float) -> Names:
    """How many KiB of 64 come back."""
    back = {"sick": sick / 1024, "cured": cured / 1024}
    come_back = lambda server, *_, **__: pd.DataFrame({"back_mib": [0.0, back[server]]})  # noqa: E731
    return patients("sick", "cured", come_back=come_back, epoll=True)


def answered(sick: list[bytes], cured: list[bytes]) -> Names:
    return patients(sick, cured, answers=lambda heard: heard)


def heard(what: bytes) -> Names:
    client = SimpleNamespace(close=lambda: None)
    return lambda: {"first": client, "second": client, "heard": what}


def cures(wrong: str) -> Names:
    return lambda: {"cures": {name: Found("its item") if name == wrong else Found() for name in CURES}}


def cured_but(wrong: str) -> dict[str, bool]:
    return {OF.format(name): name != wrong for name in CURES}


def a_correct_server() -> dict[str, Any]:
    """The library's poll server has these four things, and what the recipe leaves out."""
    report = iomux.check("poll", ["reset", "urgent"], progress=False)
    return {"reports": {"poll": report}, "spin": 0.0, "lost": 0.0}


ONE, BOTH = [b"one\n", b"two\nthree\n"], [b"one\ntwo\n", b"three\n"]
WHOLE = {"missing_kib": [0.0, 0.0], "back_mib": [0.0, 32.0]}
HOLES = {"missing_kib": [0.0, 60.0], "back_mib": [0.0, 31.9]}
SHORT = {"missing_kib": [0.0, 0.0], "back_mib": [0.0, 31.0]}
WORLDS = (
    World("the tutorial's server notices who left", "c07", {TUTORIAL: False}, lambda: {"report": Found("reset")}),
    World(
        "the tutorial's server does not even echo",
        "c07",
        {TUTORIAL: False},
        lambda: {"report": Found("echoes", "reset", "leaving")},
    ),
    World("it asks all clients every 10 ms", "c18", {SPINS: False, SLEEPS: True}, metered((4, 5), (0, 0))),
    World("it sleeps with the bug as well", "c18", {SPINS: False, SLEEPS: True}, metered((0, 0), (0, 0))),
    World("the cured server asks every 10 ms", "c18", {SPINS: True, SLEEPS: False}, metered((98, 0), (4, 5))),
    World("end ignored is not cured", "c20", {PASSES.format("leaving"): False}, checked(sick=False, cured=False)),
    World(
        "a closed duplicate is forgotten by epoll",
        "c24",
        {DUPLICATE: False, UNREGISTERED: True},
        checked(sick=True, cured=True),
        needs=("epoll",),
    ),
    World(
        "unregistering does not help",
        "c24",
        {DUPLICATE: True, UNREGISTERED: False},
        checked(sick=False, cured=False),
        needs=("epoll",),
    ),
    World(
        "at the limit the cured server spins, too",
        "c24-full-code",
        {PASSES.format("descriptor-limit"): False},
        checked(sick=False, cured=False),
    ),
    World("send never falls short", "c30", {LOSES: False, COME_BACK: True}, frames("returns", WHOLE, WHOLE, "sick")),
    World("the end never comes", "c30", {LOSES: True, COME_BACK: False}, frames("returns", HOLES, SHORT, "sick")),
    World("the cured one has holes", "c30", {LOSES: True, COME_BACK: False}, frames("returns", HOLES, HOLES, "sick")),
    World(
        "it still closes at a half-close", "c34", {PASSES.format("half-close"): False}, checked(sick=False, cured=False)
    ),
    World(
        "both keep four mebibytes",
        "c39",
        {PRESSURE: False},
        frames("meters", {"memory_mib": [0, 1, 2, 3, 4]}, {"memory_mib": [0, 1, 2, 3, 4]}, "no back-pressure"),
    ),
    World("an edge is reported again", "c41", {PART: False, COME_BACK: True}, came_back(64, 64)),
    World("the cure reads once, too", "c41", {PART: True, COME_BACK: False}, came_back(12, 12)),
    World("poll sees the reader's buffer", "c42-buffer-verdicts", {LATER: False, AT_ONCE: True}, answered(BOTH, BOTH)),
    World(
        "the second line is lost",
        "c42-buffer-verdicts",
        {LATER: False, AT_ONCE: True},
        answered([b"one\n", b"three\n"], BOTH),
    ),
    World("the cure leaves it as well", "c42-buffer-verdicts", {LATER: True, AT_ONCE: False}, answered(ONE, ONE)),
    World(
        "a thread for each client",
        "c42-verdicts",
        {BLOCKS: False, SERVES: True},
        frames("meters", {"waiting": [0, 1, 1, 1, 1]}, {"waiting": [0, 1, 1, 1, 1]}, "blocking send"),
    ),
    World(
        "the cured server waits as well",
        "c42-verdicts",
        {BLOCKS: True, SERVES: False},
        frames("meters", {"waiting": [0, 9, 21, 21, 21]}, {"waiting": [0, 9, 21, 21, 21]}, "blocking send"),
    ),
    World("one read is enough", "c43-verdict", {ONCE: False}, lambda: {"failed": {"together": ""}}, needs=("epoll",)),
    World("the lambda keeps its client", "c46", {FIRST: False}, heard(b"first")),
    World("reset_fatal is not cured", "c49", cured_but("reset_fatal"), cures("reset_fatal")),
    World("urgent_fatal is not cured", "c49", cured_but("urgent_fatal"), cures("urgent_fatal")),
    World("number_reused is not cured", "c49", cured_but("number_reused"), cures("number_reused")),
    World(
        "a server that does what the recipe leaves out",
        "claim-11-13",
        {COSTS: True, NO_BYTE: True, RESET: True, URGENT: True},
        a_correct_server,
    ),
)
