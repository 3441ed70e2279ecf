"""Worlds for 04, select: the length of its list, its 1,024, and what "ready" means."""

from collections.abc import Callable
from math import sqrt
from types import SimpleNamespace
from typing import Any

from tests.course.falsifiers.world import World

PAGE = "04_select.ipynb"
Names = Callable[[], dict[str, Any]]

STRAIGHT = "a look grows with the length of the list, not with its square or its root"


def look(cost: Callable[[int], float]) -> Names:
    """What a call on a list of this length takes, besides what each call does."""
    return lambda: {"least_us": {count: 2 + cost(count) for count in (1, 90, 900)}}


def mask_of(bits: float) -> Names:
    """A select whose mask has this many bits."""

    def run_in_worker(_: object, number: int, **__: object) -> str:
        if number >= bits:
            raise RuntimeError("Traceback\nValueError: filedescriptor out of range in select()")
        return "watched"

    return lambda: {"run_in_worker": run_in_worker, "watch_one": None}


FITS, TOO_HIGH = "select watches descriptor number 1,023", "descriptor 1,024 is out of range"
ENDED = "our server ended, and every connection ended with it"
TURNED = "the library's server turned the late clients away and went on serving"
BROKE = "ValueError: filedescriptor out of range in select()"
SOME_AWAY, ALL_IN = (f"{away} turned away; of 10 active ones 0 not served" for away in (81, 0))


def fates(ours: str, theirs: str) -> Names:
    return lambda: {"fates": [ours, theirs]}


NO_LOSS, NO_END, THIRD = (
    "a server built like this loses no byte",
    "no client can end that server",
    "the third list reports broken connections",
)


def built(back: int = 100, fate: str = BROKE, broken: tuple[str, ...] = ("readable", "writable")) -> Names:
    room = {"needs": ["select"], "connections": 1_100}
    return lambda: {"came_back": back, "pushed": 100, "fates": [fate], "lists": {"broken": broken}, "room": room}


def file_is(readable: bool, writable: bool) -> Names:
    """A select for which a regular file is ready for this."""
    answer: tuple[list[int], ...] = ([1] * readable, [1] * writable, [])
    return lambda: {"select": SimpleNamespace(select=lambda *_: answer)}


PARTLY = "the socket was writable, and send took only a part of the bytes"


def sent(writable: bool, taken: int) -> Names:
    return lambda: {"writable": writable, "taken": taken}


BOTH_TOLD = "with a nonblocking listener both threads were notified"
ONE_EMPTY = "one of the two nonblocking accepts found no client and returned at once"
BOTH_TOLD_AGAIN = "with a blocking listener both threads were notified"
HUNG = "one blocking accept hung until the next client came"
RIGHT = {
    False: ((True, True), ("a client", "nobody"), (0.0, 0.0)),
    True: ((True, True), ("a client", "a client"), (0.0, 1.0)),
}


def race(**wrong: tuple[tuple[bool, bool], tuple[str, str], tuple[float, float]]) -> Names:
    """The two races as they are, but for one of them: `blocking` or `nonblocking`."""
    runs = RIGHT | {name == "blocking": run for name, run in wrong.items()}
    return lambda: {"race": lambda blocking: runs[blocking]}


def notified(**said: bool) -> dict[str, bool]:
    """What the four verdicts say: True, but for those that are named."""
    names = {"told": BOTH_TOLD, "empty": ONE_EMPTY, "told_again": BOTH_TOLD_AGAIN, "hung": HUNG}
    return {text: said.get(name, True) for name, text in names.items()}


WORLDS = (
    World("a look costs the same at any length", "one-look-verdict", {STRAIGHT: False}, look(lambda _: 0.0)),
    World("a look is quadratic", "one-look-verdict", {STRAIGHT: False}, look(lambda count: count**2 / 1e3)),
    World("a look grows with the square root", "one-look-verdict", {STRAIGHT: False}, look(sqrt)),
    World(
        "a look costs a quarter beyond 100", "one-look-verdict", {STRAIGHT: False}, look(lambda n: min(n, 75 + n / 4))
    ),
    World("a mask of 512 bits", "675d2c85", {FITS: False, TOO_HIGH: True}, mask_of(512)),
    World("a mask without an end", "675d2c85", {FITS: True, TOO_HIGH: False}, mask_of(1e9)),
    World("ours survives", "d68f01b7", {ENDED: False, TURNED: True}, fates(SOME_AWAY, SOME_AWAY)),
    World("the library's ends, too", "d68f01b7", {ENDED: True, TURNED: False}, fates(BROKE, BROKE)),
    World("the library's needs to turn nobody away", "d68f01b7", {ENDED: True, TURNED: False}, fates(BROKE, ALL_IN)),
    World(
        "the library's serves no longer",
        "d68f01b7",
        {ENDED: True, TURNED: False},
        fates(BROKE, "81 turned away; of 10 active ones 10 not served"),
    ),
    World("a byte is lost, claim", "claim-04-13", {NO_LOSS: False, NO_END: False, THIRD: False}, built(back=99)),
    World("it survives, claim", "claim-04-13", {NO_LOSS: True, NO_END: True, THIRD: False}, built(fate=SOME_AWAY)),
    World(
        "a reset is exceptional",
        "claim-04-13",
        {NO_LOSS: True, NO_END: False, THIRD: True},
        built(broken=("exceptional",)),
    ),
    *(
        World(
            f"a file is {'' if ready[0] else 'not '}readable, {'' if ready[1] else 'not '}writable",
            "42636180",
            {"select calls an empty file readable and writable": False},
            file_is(*ready),
        )
        for ready in ((False, True), (True, False), (False, False))
    ),
    World("send takes all", "f3c919c1", {PARTLY: False}, sent(True, 8_000_000)),
    World("not writable before there is room for all", "f3c919c1", {PARTLY: False}, sent(False, 3_000_000)),
    World(
        "one of two is notified", "264321e8", notified(told=False), race(nonblocking=((True, False), *RIGHT[False][1:]))
    ),
    World(
        "a nonblocking accept waits",
        "264321e8",
        notified(empty=False),
        race(nonblocking=((True, True), ("a client", "a client"), (0.0, 1.0))),
    ),
    World(
        "one of two is notified, blocking",
        "264321e8",
        notified(told_again=False),
        race(blocking=((True, False), *RIGHT[True][1:])),
    ),
    World(
        "a blocking accept does not wait",
        "264321e8",
        notified(hung=False),
        race(blocking=((True, True), ("a client", "nobody"), (0.0, 0.0))),
    ),
)
