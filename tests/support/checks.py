"""`iomux.check` as the tests call it."""

from typing import Any

import iomux

SECONDS = 120
"""On a busy machine a check of a server that fails is not to be cut short."""


def check(target: Any, only: Any = None) -> iomux.Report:
    return iomux.check(target, only=only, progress=False, seconds=SECONDS)
