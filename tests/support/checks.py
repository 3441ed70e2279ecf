"""`iomux.check` as the tests call it."""

from typing import Any

import iomux

SECONDS = 120
"""On a busy machine a check of a server that fails is not to be cut short."""


def check(target: Any, only: Any = None, evidence: bool = False) -> iomux.Report:
    """A check that tells what failed; without the shortest conversation that fails, which takes a second to find."""
    return iomux.check(target, only=only, progress=False, seconds=SECONDS, evidence=evidence)
