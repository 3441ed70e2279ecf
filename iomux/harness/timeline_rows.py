"""The timeline's table: what the client saw and what the server saw, matched request by request."""

import math
from typing import TYPE_CHECKING, Any

from iomux.facilities import find
from iomux.harness.asking import Question, Seen
from iomux.harness.machine import describe
from iomux.harness.phases import PHASES, conversations, phases
from iomux.harness.trace import COUNTED, RECV, SEND, Event, events

if TYPE_CHECKING:
    import pandas as pd

_CLOCK_SET_NS = 20_000_000  # adjusting (adjtimex(2)) moves it by at most 0.5 ms a second


def to_frame(question: Question, seen: Seen, served: bytes, warmup: int) -> "pd.DataFrame":
    """One row a request, the first `warmup` dropped; see `iomux.timeline` for the columns."""
    import pandas as pd

    if abs(seen.clock_moved_ns) > _CLOCK_SET_NS:
        moved = seen.clock_moved_ns / 1e6
        raise RuntimeError(
            f"the system's clock was set by {moved:,.0f} ms during the run, its stamps mean nothing: again"
        )
    pairs = _matched(question, seen, served)[: question.requests]
    if len(pairs) <= warmup:
        errors = ", ".join(f"{kind}: {count:,}" for kind, count in seen.errors.items())
        raise RuntimeError(f"only {len(pairs):,} requests were answered, too few to follow ({errors or 'no reply'})")
    if len(pairs) < min(len(seen.laps_ns), question.requests):
        unseen = min(len(seen.laps_ns), question.requests) - len(pairs)
        raise RuntimeError(
            f"{unseen:,} requests were answered past the sockets that the listener accepts: not traceable"
        )
    rows = [_row(question, asked, answered) for asked, answered in pairs]
    frame = pd.DataFrame(rows).assign(response_us=[ns / 1000 for ns in seen.laps_ns[: len(rows)]]).iloc[warmup:]
    frame = frame.assign(start_us=frame["start_us"] - frame["start_us"].min())
    frame = frame.sort_values("start_us", ignore_index=True)
    frame.insert(0, "request", range(len(frame)))
    frame.attrs.update(
        machine=describe(),
        syscalls_per_request=_syscalls([answered for _, answered in pairs], warmup),
        missing_stamps=int((~frame["stamped"]).sum()),
        merged=_merged(frame),
        unserved=seen.unserved,
        errors=seen.errors,
    )
    return frame


Pair = tuple[list[Event], list[Event]]


def _matched(question: Question, seen: Seen, served: bytes) -> list[Pair]:
    """Each answered request as the client's events and the server's, in the order of the answers."""
    ours = conversations(events(seen.packed), RECV, question.size)
    theirs = conversations(events(served), SEND, question.size)
    pairs = [pair for port, asked in ours.items() for pair in zip(asked, theirs.get(port, []), strict=False)]
    return sorted(pairs, key=lambda pair: pair[0][-1].end)


def _row(question: Question, asked: list[Event], served: list[Event]) -> dict[str, Any]:
    spent = phases(asked, served, question.size)
    return {
        "connections": question.connections,
        "active": question.active,
        "size_bytes": question.size,
        "start_us": asked[0].begin / 1000,
        **{f"{phase}_us": ns / 1000 for phase, ns in spent.items()},
        "total_us": sum(ns for ns in spent.values() if not math.isnan(ns)) / 1000,
        "send_call_us": sum(event.end - event.begin for event in served if event.kind == SEND) / 1000,
        "stamped": bool(asked[-1].stamp and served[0].stamp),
    }


def _syscalls(served: list[list[Event]], warmup: int) -> dict[str, float]:
    """System calls a request, by kind, after the warm-up. The traced server's own peeks are not among them."""
    ends = sorted((request[-1] for request in served), key=lambda event: event.end)
    first, last = ends[max(warmup, 1) - 1], ends[-1]
    requests = len(ends) - max(warmup, 1)
    calls = zip(COUNTED, first.calls, last.calls, strict=True)
    return {kind: (after - before) / requests if requests else math.nan for kind, before, after in calls}


def _merged(frame: "pd.DataFrame") -> dict[str, str]:
    """Which phases this server, or this machine, does not tell apart, and why."""
    timestamps = find("timestamps")
    assert timestamps is not None
    why = {
        "request": f"in notify: {timestamps.why_not()}",
        "queue": "in notify: no readiness call of this server was seen",
        "reply": f"in client: {timestamps.why_not()}",
    }
    return {phase: why[phase] for phase in PHASES if phase in why and frame[f"{phase}_us"].isna().all()}
