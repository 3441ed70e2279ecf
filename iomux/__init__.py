"""iomux: real servers, real load, and the picture of latency against concurrency.

The names below are all there is to know at first. Each is imported when it is first used, so that
`import iomux` takes milliseconds: pandas and matplotlib come with the first measurement or figure.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iomux import canteen as canteen
    from iomux import clinic as clinic
    from iomux import events as events
    from iomux import plot as plot
    from iomux.claims import claim as claim
    from iomux.claims_table import table_of_claims as table_of_claims
    from iomux.conformance.chat import check_chat as check_chat
    from iomux.conformance.report import Report as Report
    from iomux.conformance.run import check as check
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
    from iomux.harness.soak import soak as soak
    from iomux.harness.soak_result import SoakReport as SoakReport
    from iomux.harness.sweep import sweep as sweep
    from iomux.harness.tape import tape as tape
    from iomux.harness.timeline import timeline as timeline
    from iomux.harness.who_copies import who_copies as who_copies
    from iomux.harness.who_copies_result import WhoCopies as WhoCopies
    from iomux.lab.playground import playground as playground
    from iomux.servers import mechanisms as mechanisms
    from iomux.servers import names as names
    from iomux.sockets import listen as listen
    from iomux.verdicts import choose as choose
    from iomux.verdicts import verdict as verdict

_MODULES = ("canteen", "clinic", "events", "plot")
_HOME = {
    "CopyCost": "iomux.harness.copy_result",
    "LoadResult": "iomux.harness.result",
    "Report": "iomux.conformance.report",
    "Server": "iomux.harness.process",
    "ServerError": "iomux.harness.process",
    "SoakReport": "iomux.harness.soak_result",
    "WhoCopies": "iomux.harness.who_copies_result",
    "check": "iomux.conformance.run",
    "check_chat": "iomux.conformance.chat",
    "choose": "iomux.verdicts",
    "claim": "iomux.claims",
    "copy_cost": "iomux.harness.copying",
    "doctor": "iomux.harness.machine",
    "echo": "iomux.connection",
    "listen": "iomux.sockets",
    "load": "iomux.harness.load",
    "mechanisms": "iomux.servers",
    "names": "iomux.servers",
    "pass_along": "iomux.harness.pass_along",
    "playground": "iomux.lab.playground",
    "soak": "iomux.harness.soak",
    "start": "iomux.harness.process",
    "sweep": "iomux.harness.sweep",
    "table_of_claims": "iomux.claims_table",
    "tape": "iomux.harness.tape",
    "timeline": "iomux.harness.timeline",
    "verdict": "iomux.verdicts",
    "who_copies": "iomux.harness.who_copies",
}

__all__ = [
    "CopyCost",
    "LoadResult",
    "Report",
    "Server",
    "ServerError",
    "SoakReport",
    "WhoCopies",
    "canteen",
    "check",
    "check_chat",
    "choose",
    "claim",
    "clinic",
    "copy_cost",
    "doctor",
    "echo",
    "events",
    "listen",
    "load",
    "mechanisms",
    "names",
    "pass_along",
    "playground",
    "plot",
    "soak",
    "start",
    "sweep",
    "table_of_claims",
    "tape",
    "timeline",
    "verdict",
    "who_copies",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"iomux.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'iomux' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
