"""What this machine can run, and why not the rest: mechanisms, and the kernel features that measuring needs."""

import os
import time
from typing import TYPE_CHECKING, Any

from iomux import servers
from iomux.system.features import features
from iomux.system.machine import cores, describe, limits, processor

if TYPE_CHECKING:
    import pandas as pd


def facts() -> dict[str, Any]:
    """Everything that `doctor` reports, as plain values: system, limits, clocks, mechanisms and features."""
    import platform

    clock = time.get_clock_info("perf_counter")
    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "processor": processor(),
        "cores": cores(),
        "python": platform.python_version(),
        "can_pin": hasattr(os, "sched_setaffinity"),
        **limits(),
        "clock": clock.implementation,
        "clock_resolution_ns": clock.resolution * 1e9,
        "mechanisms": [
            {"name": m.name, "model": m.model, "available": m.available(), "why_not": m.why_not(), "summary": m.summary}
            for m in servers.mechanisms()
        ],
        "features": [
            {"name": f.name, "available": f.available(), "why_not": f.why_not(), "summary": f.summary}
            for f in features()
        ],
    }


def doctor() -> "pd.DataFrame":
    """What this machine can run: a row for each mechanism, then one for each kernel feature that measuring needs.

    Columns: `model` ("measuring" for a feature), `available`, `why_not`, `summary`; the index is the name. The
    machine's facts are in `.attrs`. How quiet it is takes two seconds and is measured by `iomux doctor` in a terminal,
    or by `iomux.harness.quiet.how_quiet`.

    Example:
    >>> frame = iomux.doctor()
    >>> list(frame.columns), bool(frame.loc["blocking", "available"])
    (['model', 'available', 'why_not', 'summary'], True)
    """
    import pandas as pd

    everything = facts()
    rows = everything.pop("mechanisms") + [{"model": "measuring"} | row for row in everything.pop("features")]
    frame = pd.DataFrame(rows).set_index("name")
    frame.attrs.update(everything, machine=describe())
    return frame
