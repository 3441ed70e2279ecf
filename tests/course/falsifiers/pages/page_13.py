"""Worlds for 13, Playground."""

from types import SimpleNamespace
from typing import Any

from tests.course.falsifiers.world import World

PAGE = "13_playground.ipynb"
LOST, LEVEL, WALL, SLOW, LEFT = "b2b24c67", "dda2548a", "5fee780d", "6eb7fc88", "dfcefa10"
SLOWER = "with 5,000 idle connections poll's median latency is over three times epoll's"
COSTS = "with 5,000 idle connections a request costs poll over three times epoll's processor time"
EQUAL = "with no idle connections poll and epoll cost the same processor time, within a factor of 1.5"
REFUSED = "select refuses a client because of FD_SETSIZE"
EARLY = "the client that connected early is served to the end of the run"
QUEUED = "under epoll the median request takes more than 7 sleeps of the handler"
ALONE = "with a thread for each client it takes less than a quarter of that"
RESTS = "with a sleeping handler neither server uses half of a core"
RESTED = "with 100 requests a second planned the median is less than a quarter of that without a plan"
CLIMBS = "with more requests planned than are answered the median grows with each half second"
NOBODY = "no process of the playground is left"
LIMIT = "select cannot watch descriptor 1024: FD_SETSIZE is 1,024 (see select(2))"


def run(p50_us: float, cpu_us: float = 5.0, share: float = 0.05) -> SimpleNamespace:
    """A run of the playground with these figures."""
    return SimpleNamespace(p50_us=p50_us, cpu_us_per_request=cpu_us, cpu_share=share)


def crowd(name: str, answers: dict[str, bool], poll: SimpleNamespace) -> World:
    """A world with 5,000 silent connections."""
    return World(name, LOST, answers, lambda: {"lost": {"epoll": run(70, 30), "poll": poll}})


def wall(name: str, answers: dict[str, bool], refused: str = LIMIT, requests: tuple[int, ...] = (900, 900)) -> World:
    """A world with 2,000 silent connections under select."""
    ticks = [SimpleNamespace(pulse=SimpleNamespace(requests=number)) for number in requests]
    return World(name, WALL, answers, lambda: {"wall": SimpleNamespace(refused=refused, ticks=ticks)})


def slow(name: str, answers: dict[str, bool], **changed: SimpleNamespace) -> World:
    """A world with ten clients and a handler that sleeps for 5 ms."""
    usual = {"epoll": run(46_500, share=0.02), "threaded": run(5_300)}
    return World(name, SLOW, answers, lambda: {"slow": usual | changed})


def planned(
    name: str, answers: dict[str, bool], rested: float = 2_300, halves: tuple[float, ...] = (130_000, 390_000)
) -> World:
    """A world with fifty clients, a handler that sleeps for 2 ms, and plans."""
    runs = {"none": run(105_000), "100 a second": run(rested)}
    lab = SimpleNamespace(choose=lambda **_: None)
    return World(
        name,
        "planned-verdicts",
        {RESTED: True, CLIMBS: True} | answers,
        lambda: {"planned": runs, "halves": list(halves), "lab": lab},
    )


def playground(running: bool) -> dict[str, Any]:
    """A playground that is stopped, or that does not stop."""
    return {"lab": SimpleNamespace(stop=lambda: None, running=running)}


WORLDS = (
    crowd("poll waits no longer", {SLOWER: False, COSTS: True}, run(72, 1_000)),
    crowd("poll's walk costs nothing", {SLOWER: True, COSTS: False}, run(2_500, 32)),
    crowd("poll looks at its list twice as long", {SLOWER: False, COSTS: False}, run(140, 60)),
    World(
        "poll costs twice as much with nobody idle",
        LEVEL,
        {EQUAL: False},
        lambda: {"level": {"poll": run(400, 8), "epoll": run(400, 4)}},
    ),
    World(
        "epoll costs twice as much with nobody idle",
        LEVEL,
        {EQUAL: False},
        lambda: {"level": {"poll": run(400, 4), "epoll": run(400, 8)}},
    ),
    wall("a select without a wall", {REFUSED: False, EARLY: True}, refused=""),
    wall("it runs out of descriptors", {REFUSED: False, EARLY: True}, refused="accept: too many open files"),
    wall("the wall ends the server", {REFUSED: True, EARLY: False}, requests=(900, 0)),
    slow("the loop has two threads", {QUEUED: False, ALONE: True, RESTS: True}, epoll=run(25_000)),
    slow("a pool of four threads", {QUEUED: True, ALONE: False, RESTS: True}, threaded=run(12_600)),
    slow("the handler computes", {QUEUED: True, RESTS: False}, epoll=run(46_500, share=0.98)),
    planned("a plan is a closed loop", {RESTED: False}, rested=104_000),
    planned("it waits for the others all the same", {RESTED: False}, rested=53_000),
    planned("a full server is as slow as ever", {CLIMBS: False}, halves=(130_000, 131_000)),
    planned("late requests count from when they were sent", {CLIMBS: False}, halves=(105_000, 104_000)),
    World("the playground does not stop", LEFT, {NOBODY: False}, lambda: playground(running=True)),
)
