"""iomux: real servers, real load, and the picture of latency against concurrency.

The names below are all there is to know at first. Each is imported when it is first used, so that
`import iomux` takes milliseconds: pandas and matplotlib come with the first measurement or figure.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iomux import plot as plot
    from iomux.connection import echo as echo
    from iomux.harness.copy_result import CopyCost as CopyCost
    from iomux.harness.copying import copy_cost as copy_cost
    from iomux.harness.load import load as load
    from iomux.harness.machine import doctor as doctor
    from iomux.harness.pass_along import pass_along as pass_along
    from iomux.harness.process import Server as Server
    from iomux.harness.process import ServerError as ServerError
    from iomux.harness.process import start as start
    from iomux.harness.result import LoadResult as LoadResult
    from iomux.harness.sweep import sweep as sweep
    from iomux.harness.timeline import timeline as timeline
    from iomux.servers import mechanisms as mechanisms
    from iomux.servers import names as names
    from iomux.sockets import listen as listen
    from iomux.verdicts import choose as choose
    from iomux.verdicts import verdict as verdict

_HOME = {
    "CopyCost": "iomux.harness.copy_result",
    "LoadResult": "iomux.harness.result",
    "Server": "iomux.harness.process",
    "ServerError": "iomux.harness.process",
    "choose": "iomux.verdicts",
    "copy_cost": "iomux.harness.copying",
    "doctor": "iomux.harness.machine",
    "echo": "iomux.connection",
    "listen": "iomux.sockets",
    "load": "iomux.harness.load",
    "mechanisms": "iomux.servers",
    "names": "iomux.servers",
    "pass_along": "iomux.harness.pass_along",
    "start": "iomux.harness.process",
    "sweep": "iomux.harness.sweep",
    "timeline": "iomux.harness.timeline",
    "verdict": "iomux.verdicts",
}

__all__ = [
    "CopyCost",
    "LoadResult",
    "Server",
    "ServerError",
    "choose",
    "copy_cost",
    "doctor",
    "echo",
    "listen",
    "load",
    "mechanisms",
    "names",
    "pass_along",
    "plot",
    "start",
    "sweep",
    "timeline",
    "verdict",
]


def __getattr__(name: str) -> Any:
    if name == "plot":
        return importlib.import_module("iomux.plot")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'iomux' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
