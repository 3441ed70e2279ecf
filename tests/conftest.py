"""What all tests share: figures go nowhere, and no test may leave a process behind."""

import os
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import psutil
import pytest

mpl.use("agg")

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    before = set(psutil.Process(os.getpid()).children())
    yield
    left = [child for child in set(psutil.Process(os.getpid()).children()) - before if child.is_running()]
    assert not left, f"{request.node.name} left processes behind: {left}"
