"""Record a timeline, and assert what must hold for every one."""

from typing import Any

import pandas as pd
import pytest

import iomux
from iomux.harness.timeline.phases import PHASES
from iomux.servers import get
from tests.students.right import OWN_WORK_SECONDS

COLUMNS = [f"{phase}_us" for phase in PHASES]
OWN_WORK_US = OWN_WORK_SECONDS * 1e6


def follow(server: Any, **options: Any) -> pd.DataFrame:
    """Record a timeline, and assert that it has all rows and that the phases sum to the total."""
    if isinstance(server, str) and (reason := get(server).why_not()):
        pytest.skip(f"{server}: {reason}")
    options = {"requests": 200, "deadline": 20.0} | options
    frame = iomux.timeline(server, **options)
    assert len(frame) == options["requests"]
    assert list(frame["request"]) == list(range(len(frame)))
    assert_whole(frame)
    assert frame.attrs["errors"] == {}
    assert frame.attrs["unserved"] == 0
    return frame


def assert_whole(frame: pd.DataFrame) -> None:
    """Assert for every row that the phases sum to the total and that no phase is below 0."""
    assert (frame[COLUMNS].sum(axis=1) - frame["total_us"]).abs().max() < 1e-6
    assert frame[COLUMNS].min().min() >= -0.001
    assert frame["start_us"].is_monotonic_increasing
    assert frame["start_us"].iloc[0] == 0
