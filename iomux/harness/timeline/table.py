"""The timeline's table: what the client saw and what the server saw, matched request by request."""

import math
from typing import TYPE_CHECKING, Any

from iomux.harness.timeline.client import ClientTrace, TimelinePlan
from iomux.harness.timeline.phases import PHASES, conversations, phases
from iomux.harness.timeline.trace import COUNTED, RECV, SEND, Event, events
from iomux.system.features import feature
from iomux.system.machine import describe

if TYPE_CHECKING:
    import pandas as pd

_CLOCK_SET_NS = 1_000_000  # slewing (adjtimex(2)) moves the steady clock too, clock_gettime(2): only a step parts them


def to_frame(question: TimelinePlan, seen: ClientTrace, served: bytes) -> "pd.DataFrame":
    """One row a request, those of the warm-up dropped; see `iomux.timeline` for the columns."""
    import pandas as pd

    pairs = _followed(question, seen, served)
    rows = [_row(question, asked, answered, lap) for asked, answered, lap in pairs]
    frame = pd.DataFrame(rows).iloc[seen.warmup :]
    frame = frame.assign(start_us=frame["start_us"] - frame["start_us"].min())
    frame = frame.sort_values("start_us", ignore_index=True)
    frame.insert(0, "request", range(len(frame)))
    frame["machine"] = machine = describe()  # a column too: attributes that differ are lost by `pandas.concat`
    frame.attrs.update(
        machine=machine,
        syscalls_per_request=syscalls_per_request(_answers(question, served), seen.warmup, len(pairs)),
        missing_stamps=int((~frame["stamped"]).sum()),
        merged=_merged(frame),
        unserved=seen.unserved,
        errors=seen.errors,
    )
    return frame


Pair = tuple[list[Event], list[Event], int]
"""One request: the client's events, the server's, and what the client's stopwatch said."""


def _followed(question: TimelinePlan, seen: ClientTrace, served: bytes) -> list[Pair]:
    """The warm-up and the requests that were asked for. Raises RuntimeError if they can't be followed."""
    if abs(seen.clock_moved_ns) > _CLOCK_SET_NS:
        moved = seen.clock_moved_ns / 1e6
        raise RuntimeError(
            f"the system's clock was set by {moved:,.0f} ms during the run, its stamps mean nothing: again"
        )
    if seen.overflow:
        raise RuntimeError(f"the client saw {seen.overflow}")
    wanted = seen.warmup + question.requests
    pairs = _matched(question, seen, served)[:wanted]
    answered = min(sum(map(len, seen.laps_ns.values())), wanted)
    if unseen := answered - sum(_all_seen(events, question.size) for _, events, _ in pairs):
        received, sent = (_moved(kind, served) for kind in (RECV, SEND))
        if 0 < received < sent:
            raise RuntimeError(
                f"for {received:,} bytes the server sent {sent:,}: the handler has to send back what came, as often"
            )
        raise RuntimeError(
            f"{unseen:,} requests were read or answered past the sockets that the listener accepts, not traceable: "
            "use their recv, recv_into, send, sendmsg and sendall, in the process that was started"
        )
    if len(pairs) <= seen.warmup:
        errors = ", ".join(f"{kind}: {count:,}" for kind, count in seen.errors.items())
        raise RuntimeError(f"only {len(pairs):,} requests were answered, too few to follow ({errors or 'no reply'})")
    return pairs


def _moved(kind: int, served: bytes) -> int:
    return sum(event.size for event in events(served) if event.kind == kind)


def _all_seen(served: list[Event], size: int) -> bool:
    """Whether the server's events begin with a `recv` and have all bytes of the request."""
    return served[0].kind == RECV and sum(event.size for event in served if event.kind == RECV) == size


def _matched(question: TimelinePlan, seen: ClientTrace, served: bytes) -> list[Pair]:
    """Each rightly answered request, in the order of the answers."""
    ours = conversations(events(seen.packed), RECV, question.size)
    theirs = conversations(events(served), SEND, question.size)
    pairs = [
        pair
        for port, laps in seen.laps_ns.items()
        for pair in zip(ours.get(port, []), theirs.get(port, []), laps, strict=False)
    ]
    return sorted(pairs, key=lambda pair: pair[0][-1].end)


def _row(question: TimelinePlan, asked: list[Event], served: list[Event], lap_ns: int) -> dict[str, Any]:
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
        "response_us": lap_ns / 1000,
    }


def _answers(question: TimelinePlan, served: bytes) -> list[Event]:
    """The last event of each request that the server has answered, followed or not."""
    return [request[-1] for port in conversations(events(served), SEND, question.size).values() for request in port]


def syscalls_per_request(answers: list[Event], warmup: int, most: int) -> dict[str, float]:
    """System calls a request, by kind, after the warm-up. The traced server's own peeks are not among them.

    answers: the server's last event of every request, also of those that no row is about: its calls were for all.
    most: how many of them, from the first, to look at.
    """
    ends = sorted(answers, key=lambda event: event.end)[:most]
    first, last = ends[max(warmup, 1) - 1], ends[-1]
    requests = len(ends) - max(warmup, 1)
    calls = zip(COUNTED, first.calls, last.calls, strict=True)
    return {kind: (after - before) / requests if requests else math.nan for kind, before, after in calls}


def _merged(frame: "pd.DataFrame") -> dict[str, str]:
    """Which phases this server, or this machine, does not tell apart, and why."""
    timestamps = feature("timestamps")
    assert timestamps is not None
    unstamped = timestamps.why_not() or "no stamp of the kernel's came with these bytes"
    why = {
        "request": f"in notify: {unstamped}",
        "queue": "in notify: no readiness call of this server was seen",
        "recv": "in notify: no recv of the server's own, the kernel had copied before the completion was seen",
        "reply": f"in client: {unstamped}",
    }
    return {phase: why[phase] for phase in PHASES if phase in why and frame[f"{phase}_us"].isna().all()}
