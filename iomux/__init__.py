"""I/O multiplexing measured: real servers, real load, and figures of latency against concurrency.

Servers
    start                   run a server in its own process, or in several; returns a `Server`, or a group of them
    Server                  a running server: its address, log, processor time and memory
    ServerError             raised when a server fails to start or ends by itself
    names                   the names of the servers that this machine can run
    mechanisms              all registered servers with their I/O models
    echo                    the default handler: send back what arrived
    listen                  open a listening TCP socket
    doctor                  what this machine can run and measure, and why not the rest
    network                 hosts with networks of their own on this machine, and links between them

Measuring
    load, LoadResult        send requests to one server: latency, throughput, processor time
    sweep                   many loads in one table: each server at each number of connections
    ratio, Ratio            two servers of a sweep, round by round, with an interval
    pass_along              compare pollers without a server: bytes around a ring of sockets
    timeline                where the time of each request goes, phase by phase
    tape                    when bytes arrive, are reported, read and answered, per connection
    copy_cost, CopyCost     what copying between kernel and application costs, by size
    who_copies, WhoCopies   who copies the bytes, application or kernel, and what overlaps

Grading
    check, check_chat       test an echo server, or a chat room, item by item
    check_http              test a web server, in stages
    check_redis             test a server that speaks Redis' protocol, in stages
    Report                  the result of a check
    soak, SoakReport        minutes of clients that half-close, reset and vanish

Figures
    plot                    the course's figures, each a function that returns matplotlib Axes

Programs
    events                  an event loop with handlers, timers and threads
    playground              controls for a live run in a notebook

Course
    canteen                 the four I/O models as a simulation of restaurants
    clinic                  published server bugs, each next to its cure
    choose                  the named servers that this machine can run at this size
    claim, verdict          record what was measured of a claim; print whether it holds
    table_of_claims         all claims of the notebooks with what was measured

Each name is imported on first use. `import iomux` therefore takes milliseconds, and pandas and
matplotlib are loaded by the first measurement or figure.
"""

import importlib

TYPE_CHECKING = False  # as in typing, the import of which takes longer than all else here
if TYPE_CHECKING:
    from typing import Any

    __version__: str
    from iomux import events as events
    from iomux import plot as plot
    from iomux import protocols as protocols
    from iomux.conformance.check import check as check
    from iomux.conformance.check import check_chat as check_chat
    from iomux.conformance.check import check_http as check_http
    from iomux.conformance.check import check_redis as check_redis
    from iomux.conformance.report import Report as Report
    from iomux.course import canteen as canteen
    from iomux.course import clinic as clinic
    from iomux.course.claims import claim as claim
    from iomux.course.claims_table import table_of_claims as table_of_claims
    from iomux.course.verdicts import choose as choose
    from iomux.course.verdicts import verdict as verdict
    from iomux.harness.copying.copy_cost import copy_cost as copy_cost
    from iomux.harness.copying.copy_result import CopyCost as CopyCost
    from iomux.harness.copying.who_copies import who_copies as who_copies
    from iomux.harness.copying.who_copies_result import WhoCopies as WhoCopies
    from iomux.harness.doctor import doctor as doctor
    from iomux.harness.load.load import load as load
    from iomux.harness.load.result import LoadResult as LoadResult
    from iomux.harness.load.sweep import sweep as sweep
    from iomux.harness.pass_along import pass_along as pass_along
    from iomux.harness.ratio import Ratio as Ratio
    from iomux.harness.ratio import ratio as ratio
    from iomux.harness.soak.report import SoakReport as SoakReport
    from iomux.harness.soak.soak import soak as soak
    from iomux.harness.tape.tape import tape as tape
    from iomux.harness.timeline.timeline import timeline as timeline
    from iomux.lab.playground import playground as playground
    from iomux.networks.network import network as network
    from iomux.processes.errors import ServerError as ServerError
    from iomux.processes.server import Server as Server
    from iomux.processes.start import start as start
    from iomux.servers import mechanisms as mechanisms
    from iomux.servers import names as names
    from iomux.servers.connection import echo as echo
    from iomux.system.sockets import listen as listen

_MODULES = {
    "canteen": "iomux.course.canteen",
    "clinic": "iomux.course.clinic",
    "events": "iomux.events",
    "plot": "iomux.plot",
    "protocols": "iomux.protocols",
}
_HOME = {
    "CopyCost": "iomux.harness.copying.copy_result",
    "LoadResult": "iomux.harness.load.result",
    "Ratio": "iomux.harness.ratio",
    "Report": "iomux.conformance.report",
    "Server": "iomux.processes.server",
    "ServerError": "iomux.processes.errors",
    "SoakReport": "iomux.harness.soak.report",
    "WhoCopies": "iomux.harness.copying.who_copies_result",
    "check": "iomux.conformance.check",
    "check_chat": "iomux.conformance.check",
    "check_http": "iomux.conformance.check",
    "check_redis": "iomux.conformance.check",
    "choose": "iomux.course.verdicts",
    "claim": "iomux.course.claims",
    "copy_cost": "iomux.harness.copying.copy_cost",
    "doctor": "iomux.harness.doctor",
    "echo": "iomux.servers.connection",
    "listen": "iomux.system.sockets",
    "load": "iomux.harness.load.load",
    "mechanisms": "iomux.servers",
    "names": "iomux.servers",
    "network": "iomux.networks.network",
    "pass_along": "iomux.harness.pass_along",
    "playground": "iomux.lab.playground",
    "ratio": "iomux.harness.ratio",
    "soak": "iomux.harness.soak.soak",
    "start": "iomux.processes.start",
    "sweep": "iomux.harness.load.sweep",
    "table_of_claims": "iomux.course.claims_table",
    "tape": "iomux.harness.tape.tape",
    "timeline": "iomux.harness.timeline.timeline",
    "verdict": "iomux.course.verdicts",
    "who_copies": "iomux.harness.copying.who_copies",
}

__all__ = [
    "CopyCost",
    "LoadResult",
    "Ratio",
    "Report",
    "Server",
    "ServerError",
    "SoakReport",
    "WhoCopies",
    "canteen",
    "check",
    "check_chat",
    "check_http",
    "check_redis",
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
    "network",
    "pass_along",
    "playground",
    "plot",
    "ratio",
    "soak",
    "start",
    "sweep",
    "table_of_claims",
    "tape",
    "timeline",
    "verdict",
    "who_copies",
]


if not TYPE_CHECKING:  # or a checker would take any misspelt name for one of these

    def __getattr__(name: str) -> "Any":
        if name == "__version__":
            from importlib.metadata import version

            from iomux.system.features import DISTRIBUTION

            return version(DISTRIBUTION)
        if name in _MODULES:
            return importlib.import_module(_MODULES[name])
        if name in _HOME:
            return getattr(importlib.import_module(_HOME[name]), name)
        raise AttributeError(f"module 'iomux' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
