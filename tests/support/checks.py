"""`iomux.check` as the tests call it."""

from typing import Any

import iomux


def check(target: Any, only: Any = None) -> iomux.Report:
    return iomux.check(target, only=only, progress=False)
