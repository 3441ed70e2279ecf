"""A timeline of a server that is seen from outside only: a command line in any language, or a running server's address.

There are three moments: the client entered `send`, the reply was on the kernel's receive path (its stamp),
the client's `recv` has returned. So all that lies between the first two is one time, and it is in `reply`.
"""

import math
from typing import TYPE_CHECKING

from iomux.harness.timeline.client import ClientTrace, TimelinePlan
from iomux.harness.timeline.phases import PHASES, conversations
from iomux.harness.timeline.table import check_enough, check_run, frame_of, row, unstamped
from iomux.harness.timeline.trace import COUNTED, RECV, Event, events
from iomux.processes.outside import NOT_SEEN

if TYPE_CHECKING:
    import pandas as pd

SERVERS = tuple(PHASES)[: tuple(PHASES).index("reply")]
"""The phases that only the server's process can tell."""


def outside_frame(plan: TimelinePlan, seen: ClientTrace) -> "pd.DataFrame":
    """One row for each request after the warm-up, as `to_frame`, from the clients' events alone."""
    check_run(seen)
    requests = conversations(events(seen.packed), RECV, plan.size)
    followed = [
        pair for port, times in seen.response_ns.items() for pair in zip(requests.get(port, []), times, strict=False)
    ]
    followed = sorted(followed, key=lambda pair: pair[0][-1].end)[: seen.warmup + plan.requests]
    check_enough(len(followed), seen)
    frame = frame_of(
        [row(plan, asked, _phases(asked), math.nan, bool(asked[-1].stamp), ns) for asked, ns in followed], seen
    )
    stamped = bool(frame["reply_us"].notna().any())
    merged = dict.fromkeys(SERVERS, f"in {'reply' if stamped else 'client'}: the server is seen from outside only")
    frame.attrs.update(
        syscalls_per_request=dict.fromkeys(COUNTED, math.nan),
        merged=merged if stamped else merged | {"reply": f"in client: {unstamped()}"},
        not_seen=NOT_SEEN,
    )
    return frame


def _phases(asked: list[Event]) -> dict[str, float]:
    sent, returned, replied = asked[0].begin, asked[-1].end, asked[-1].stamp
    reply = replied - sent if replied else math.nan
    return dict.fromkeys(PHASES, math.nan) | {"reply": reply, "client": returned - (replied or sent)}
