"""Protocols that every server can carry: an object for each client, which is fed bytes and gives replies."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    """`http` and `resp` are imported on first use."""
    if name in ("http", "resp"):
        return importlib.import_module(f"iomux.protocols.{name}")
    raise AttributeError(f"module 'iomux.protocols' has no attribute {name!r}")
