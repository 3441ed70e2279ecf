"""Add the evidence to the results of a check: the shortest conversations that fail, and how the server is built.

Only failed items get any. Those that one of them explains are left alone: the first one's conversation stands for all.
"""

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from iomux import servers
from iomux.conformance.evidence.built import built
from iomux.conformance.evidence.candidates import ECHO, candidates
from iomux.conformance.evidence.gathering import Evidence, as_recorded, shrunk
from iomux.conformance.evidence.shortest import Fresh
from iomux.conformance.evidence.talks import ROOM
from iomux.conformance.repair import groups
from iomux.conformance.result import Result
from iomux.conformance.targets import Target
from iomux.conformance.trial.recording import Step
from iomux.conformance.trial.subject import Fault, NotSeen
from iomux.processes.resolve import name_of

SEARCH_SECONDS = 2.0
"""How long the search for the shortest conversations goes on, for all items of a report together."""
_LAST_WORDS_SECONDS = 1.0
_LAST_SECONDS = 2.0  # for the last conversation that is tried, and for a look at how the server is built
Steps = Mapping[str, Sequence[Step]]
"""What the clients of each failed item did."""
Told = tuple[tuple[Result, ...], str]
"""The results with their evidence, and how the server is built."""
Gather = Callable[[Sequence[Result], Steps, Target, str, float], Told]
"""Adds the evidence: the results, what was done, the target, how a program writes it, and until when to look."""


def with_evidence(
    results: Sequence[Result], done: Steps, target: Target, written: str, ends: float, chat: bool
) -> Told:
    """The results with their evidence, and how the server is built; empty if nothing failed.

    written: the server as it is written in a program, for `iomux.tape`; empty if it has no name there. ends: until when
    to search, on the monotonic clock. chat: whether these are items of a chat room, whose members repeat themselves
    until all have joined, so that how much they send differs from run to run.
    """
    failed = [result for result in results if result.status == "failed" and not result.exempt and result.name in done]
    if not failed:
        return tuple(results), ""
    explained = {name for group in groups(results) for name in group.others}
    families = ROOM if chat else ECHO
    until = min(time.monotonic() + SEARCH_SECONDS, ends - _LAST_SECONDS)
    first = [result for result in failed if result.name not in explained]
    found = {one.name: as_recorded(one.seen, done[one.name], one.detail, sizes=not chat) for one in first}
    with contextlib.suppress(Fault, NotSeen, RuntimeError, OSError):  # it does not start again: then there is no more
        for result in first if time.monotonic() < until else ():
            tried = candidates(families.get(result.name, ()), done[result.name])
            if short := shrunk(tried, result.seen, lambda: _fresh(target), written, until):
                found[result.name] = short
    return tuple(_with(result, found.get(result.name)) for result in results), _built(target)


def as_seen(results: Sequence[Result], done: Steps, target: Target, written: str, ends: float) -> Told:
    """The results with the bytes that their own clients saw: where an item is a few requests, nothing shorter fails.

    Its trial puts them into the detail, as `window`: lines that are the same in each run; and, as `command`, the lines
    of a command that sends just the same, if the item's own command shows less.
    """
    failed = {one.name for one in results if one.status == "failed" and not one.exempt}
    told = tuple(_with(one, _seen(one) if one.name in failed else None) for one in results)
    return told, _built(target) if failed and time.monotonic() < ends - _LAST_SECONDS else ""


def _seen(result: Result) -> Evidence:
    window, command = (result.detail.get(key) for key in ("window", "command"))
    return Evidence(window=_lines(window), command=_lines(command))


def _lines(found: object) -> tuple[str, ...]:
    return tuple(map(str, found)) if isinstance(found, list) else ()


def as_written(target: str | servers.Serve) -> str:
    """The target as a program writes it; empty for a function without a name of its own."""
    if isinstance(target, str):
        return json.dumps(target, ensure_ascii=False)
    name = name_of(target)
    return name if name.isidentifier() else ""


def _with(result: Result, evidence: Evidence | None) -> Result:
    return dataclasses.replace(result, evidence=evidence) if evidence else result


def _built(target: Target) -> str:
    with contextlib.suppress(Fault, NotSeen, RuntimeError, OSError), _fresh(target) as server:
        return built(server.subject)
    return ""


@contextlib.contextmanager
def _fresh(target: Target) -> Iterator[Fresh]:
    """A server of its own. Raises NotSeen for one that runs already: it can't be started afresh."""
    with target.run() as running:
        if running.subject.pid is None:
            raise NotSeen("a server that was not started here can't be started afresh")
        yield Fresh(running.subject, lambda: running.ended(_LAST_WORDS_SECONDS))
