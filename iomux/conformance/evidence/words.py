"""A conversation in words: numbered steps, up to the one that failed. The same words in each run."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from iomux.conformance.evidence.conversation import Conversation, Line, last_number
from iomux.conformance.evidence.replay import Failure
from iomux.conformance.trial.recording import MOST_KEPT, Step
from iomux.conformance.trial.window import escaped, first_difference

TOLD = 16
"""Up to how many bytes are told as they are."""
_DONE = {
    "connect": "connects",
    "urgent": "sends one urgent byte (MSG_OOB)",
    "pause": "waits a moment",
    "shutdown": "calls shutdown(SHUT_WR)",
    "close": "closes its socket",
    "reset": "resets its connection",
    "expect": "reads the answer",
    "end": "reads to the end of the stream",
    "no more": "reads on",
    "read": "reads",
}


def steps(conversation: Conversation, failure: Failure) -> tuple[str, ...]:
    """One text for each step, the last with what went wrong there; repeated steps are told once."""
    several = len({line.client for line in conversation}) > 1
    told = [_told(line, several) for line in conversation[: failure.line + 1]]
    told[-1] = f"{told[-1]}: {_what_came(conversation[failure.line], failure)}"
    return tuple(_repeated(told))


def _told(line: Line, several: bool) -> str:
    who = f"client {line.client}" if several else "a client" if line.do == "connect" else "it"
    if line.do == "meet":
        return "all wait until the room has let them in"
    return f"{who} {f'sends {_bytes(line.data)}' if line.do in ('send', 'say') else _DONE[line.do]}"


def _bytes(data: bytes) -> str:
    if len(data) <= TOLD:
        return f'"{escaped(data)}"'
    if data == data[:1] * len(data):
        return f'{len(data):,} bytes, all "{escaped(data[:1])}"'
    if last := last_number(data):
        return f"the numbers 1 to {last:,}, each on a line"
    return f'{len(data):,} bytes, "{escaped(data[:8])}…"'


def _what_came(line: Line, failure: Failure) -> str:
    due, came = failure.due, failure.came
    if line.do == "connect":
        return failure.how
    if due == came:
        return "the end does not come"
    if first_difference(due, came) == len(due):
        return "more bytes come than are due"
    if first_difference(due, came) < len(came):
        return "other bytes come than are due"
    what = "nothing comes" if not came else _part(len(came), len(due))
    return f"{what}, and the server ends the connection" if "connection" in failure.how else what


def _part(came: int, due: int) -> str:
    """How much came; of much it differs from run to run."""
    return f"only {came:,} of {due:,} bytes come{'s' if came == 1 else ''}" if due < MOST_KEPT else "only a part comes"


def _repeated(told: Sequence[str]) -> Iterator[str]:
    """The steps, with one or two that are repeated told once, as in "it sends …, it reads the answer; 100 times"."""
    place = 0
    while place < len(told):
        for period in (1, 2):
            times = 1
            while told[place : place + period] == told[place + times * period : place + (times + 1) * period]:
                times += 1
            if times > 1:
                break
        yield ", ".join(told[place : place + period]) + f"; {times} times" if times > 1 else told[place]
        place += period * times if times > 1 else 1


def recorded(steps: Sequence[Step], sizes: bool) -> tuple[str, ...]:
    """What the clients of an item did: clients that did the same are told together, in the order in which they came.

    sizes: whether to say how much they sent; of a chat's members that differs from run to run.
    """
    scripts: dict[int, list[Step]] = {}
    for step in steps:
        scripts.setdefault(step.client, []).append(step)
    alike: dict[str, int] = {}
    for script in scripts.values():
        text = ", ".join(_acts(script, sizes))
        alike[text] = alike.get(text, 0) + 1
    return tuple(f"{'several clients, each:' if count > 1 else 'a client'} {text}" for text, count in alike.items())


def _acts(script: Sequence[Step], sizes: bool) -> Iterator[str]:
    """What one client did; sends and reads in a row are told as one."""
    for moves, run in groupby(script, key=lambda step: step.act in ("send", "read")):
        several = list(run)
        if not moves:
            yield from (_DONE[step.act] for step in several)
            continue
        if sent := [step.size for step in several if step.act == "send"]:
            yield f"sends {_amount(sum(sent))}" if sizes else "sends"
        if any(step.act == "read" for step in several):
            yield "reads"


def _amount(size: int) -> str:
    return f"{size:,} bytes" if size < MOST_KEPT else "more than 128 KiB"
