"""The timeline's table: the client's and the server's events, matched request by request."""

import math
from typing import TYPE_CHECKING, Any

from iomux.harness.timeline.client import ClientTrace, TimelinePlan
from iomux.harness.timeline.phases import PHASES, conversations, phases
from iomux.harness.timeline.trace import COUNTED, RECV, SEND, Event, events
from iomux.harness.timeline.unseen import wait_not_seen, without_waits
from iomux.system.features import feature
from iomux.system.machine import describe

if TYPE_CHECKING:
    import pandas as pd

_CLOCK_SET_NS = 1_000_000  # only a step: slewing (adjtimex(2)) moves the monotonic clock too (clock_gettime(2))


def to_frame(plan: TimelinePlan, seen: ClientTrace, served: bytes, own: bool = False) -> "pd.DataFrame":
    """One row for each request after the warm-up; see `iomux.timeline` for the columns.

    own: whether the server is someone's own, whose waits may be unseen.
    """
    happened = list(events(served))
    if reason := wait_not_seen(happened) if own else "":
        happened = without_waits(happened)
    pairs = _followed(plan, seen, happened)
    frame = frame_of([_row(plan, asked, answered, response_ns) for asked, answered, response_ns in pairs], seen)
    calls = syscalls_per_request(_answers(plan, happened), seen.warmup, len(pairs))
    frame.attrs.update(
        syscalls_per_request=calls | (dict.fromkeys(("wait", "control"), math.nan) if reason else {}),
        merged=_merged(frame, reason),
        not_seen=reason,
    )
    return frame


def frame_of(rows: list[dict[str, Any]], seen: ClientTrace) -> "pd.DataFrame":
    """The rows as a frame, without the warm-up, in the order of their starts, with what the clients say of the run."""
    import pandas as pd

    frame = pd.DataFrame(rows).iloc[seen.warmup :]
    frame = frame.assign(start_us=frame["start_us"] - frame["start_us"].min())
    frame = frame.sort_values("start_us", ignore_index=True)
    frame.insert(0, "request", range(len(frame)))
    frame["machine"] = machine = describe()  # also a column: `pandas.concat` drops attributes that differ
    missing = int((~frame["stamped"]).sum())
    frame.attrs.update(machine=machine, missing_stamps=missing, unserved=seen.unserved, errors=seen.errors)
    return frame


Pair = tuple[list[Event], list[Event], int]
"""One request: the client's events, the server's events, and the response time that the client measured."""


def _followed(plan: TimelinePlan, seen: ClientTrace, served: list[Event]) -> list[Pair]:
    """The requests of the warm-up and of the run. Raises RuntimeError if they can't be followed."""
    check_run(seen)
    wanted = seen.warmup + plan.requests
    pairs = _matched(plan, seen, served)[:wanted]
    answered = min(sum(map(len, seen.response_ns.values())), wanted)
    if missed := answered - sum(_all_seen(events, plan.size) for _, events, _ in pairs):
        received, sent = (_moved(kind, served) for kind in (RECV, SEND))
        if 0 < received < sent:
            raise RuntimeError(
                f"the server received {received:,} bytes and sent {sent:,}: the handler has to send back what it gets"
            )
        raise RuntimeError(
            f"{missed:,} requests were read or answered without the sockets that the listener accepts: they can't be "
            "traced; use recv, recv_into, send, sendmsg and sendall of these sockets, in the process that was started, "
            "or start the server and give its address, as 127.0.0.1:8000, to see it from outside"
        )
    check_enough(len(pairs), seen)
    return pairs


def check_run(seen: ClientTrace) -> None:
    """Raise RuntimeError if the clients' own events can't be used."""
    if abs(seen.clock_moved_ns) > _CLOCK_SET_NS:
        moved = seen.clock_moved_ns / 1e6
        raise RuntimeError(
            f"the system's clock was set by {moved:,.0f} ms during the run, so its stamps mean nothing: run it again"
        )
    if seen.overflow:
        raise RuntimeError(f"the client saw {seen.overflow}")


def check_enough(answered: int, seen: ClientTrace) -> None:
    """Raise RuntimeError if no request was answered after the warm-up."""
    if answered <= seen.warmup:
        errors = ", ".join(f"{kind}: {count:,}" for kind, count in seen.errors.items())
        raise RuntimeError(f"only {answered:,} requests were answered, too few to follow ({errors or 'no reply'})")


def _moved(kind: int, served: list[Event]) -> int:
    return sum(event.size for event in served if event.kind == kind)


def _all_seen(served: list[Event], size: int) -> bool:
    """Whether the server's events begin with a `recv` and cover all bytes of the request."""
    return served[0].kind == RECV and sum(event.size for event in served if event.kind == RECV) == size


def _matched(plan: TimelinePlan, seen: ClientTrace, served: list[Event]) -> list[Pair]:
    """Each correctly answered request, in the order of the replies."""
    client_requests = conversations(events(seen.packed), RECV, plan.size)
    server_requests = conversations(served, SEND, plan.size)
    pairs = [
        pair
        for port, times in seen.response_ns.items()
        for pair in zip(client_requests.get(port, []), server_requests.get(port, []), times, strict=False)
    ]
    return sorted(pairs, key=lambda pair: pair[0][-1].end)


def _row(plan: TimelinePlan, asked: list[Event], served: list[Event], response_ns: int) -> dict[str, Any]:
    send_ns = sum(event.end - event.begin for event in served if event.kind == SEND)
    stamped = bool(asked[-1].stamp and served[0].stamp)
    return row(plan, asked, phases(asked, served, plan.size), send_ns, stamped, response_ns)


def row(
    plan: TimelinePlan, asked: list[Event], spent: dict[str, float], send_ns: float, stamped: bool, response_ns: int
) -> dict[str, Any]:
    """One request's row: its phases in ns, the whole of both `send` calls, and the client's stopwatch."""
    return {
        "connections": plan.connections,
        "active": plan.active,
        "size_bytes": plan.size,
        "start_us": asked[0].begin / 1000,
        **{f"{phase}_us": ns / 1000 for phase, ns in spent.items()},
        "total_us": sum(ns for ns in spent.values() if not math.isnan(ns)) / 1000,
        "request_call_us": sum(event.end - event.begin for event in asked if event.kind == SEND) / 1000,
        "send_call_us": send_ns / 1000,
        "stamped": stamped,
        "response_us": response_ns / 1000,
    }


def _answers(plan: TimelinePlan, served: list[Event]) -> list[Event]:
    """The last event of each request that the server answered, whether or not a row is about it."""
    return [request[-1] for port in conversations(served, SEND, plan.size).values() for request in port]


def syscalls_per_request(answers: list[Event], warmup: int, most: int) -> dict[str, float]:
    """System calls for each request, by kind, after the warm-up, without the peeks that tracing adds.

    answers: the server's last event of every request, even if no row is about it: the calls served all of them.
    most: how many of them to use, from the first.
    """
    ends = sorted(answers, key=lambda event: event.end)[:most]
    first, last = ends[max(warmup, 1) - 1], ends[-1]
    requests = len(ends) - max(warmup, 1)
    calls = zip(COUNTED, first.calls, last.calls, strict=True)
    return {kind: (after - before) / requests if requests else math.nan for kind, before, after in calls}


def unstamped() -> str:
    """Why stamps are missing."""
    timestamps = feature("timestamps")
    assert timestamps is not None
    return timestamps.why_not() or "the kernel gave these bytes no stamp"


def _merged(frame: "pd.DataFrame", wait_not_seen: str) -> dict[str, str]:
    """The phases that can't be separated for this server or on this machine, each with the reason."""
    why = {
        "request": f"in notify: {unstamped()}",
        "queue": f"in notify: {wait_not_seen or 'no readiness call of this server was seen'}",
        "recv": "in notify: the server calls no recv, the kernel copied the bytes before the completion was seen",
        "reply": f"in client: {unstamped()}",
    }
    return {phase: why[phase] for phase in PHASES if phase in why and frame[f"{phase}_us"].isna().all()}
