"""The commands serve and doctor: results go to standard output, warnings to standard error."""

import argparse
import contextlib
import ipaddress
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from iomux.cli.terminal.heard import hear_signals
from iomux.cli.terminal.outputs import say
from iomux.processes.named.place import written
from iomux.servers import get, run_forever
from iomux.servers.protocol import Speaks
from iomux.system.features import hidden
from iomux.system.limits import did_you_mean
from iomux.system.sockets import Address, listen, raise_descriptor_limit

if TYPE_CHECKING:
    from iomux.processes.group import Group

_LOOK_SECONDS = 0.2

_LABELS = {
    "can_pin": "can pin a process to a core",
    "descriptors_soft": "open descriptors a process, now",
    "descriptors_hard": "open descriptors a process, at most",
    "backlog_max": "clients that may wait to be accepted",
    "clock_resolution_ns": "resolution of the clock, ns",
}


def serve(options: argparse.Namespace) -> int:
    """Run one server until SIGINT or SIGTERM, then leave with status 0."""
    from iomux.processes.named.file_server import FileServer
    from iomux.processes.resolve import check_startable, resolve

    target = resolve(options.name)
    function = get(target).load() if isinstance(target, str) else target
    speaks, what = _protocol(options)
    if speaks and isinstance(function, FileServer):
        function = function.import_file()
    check_startable(function, speaks, None)
    if options.processes is not None:
        return _serve_group(options, target, speaks, what)
    if options.sharing:
        raise ValueError("--sharing says how several processes share an address: it goes with --processes")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    raise_descriptor_limit()
    with _address_can_be_had(options):
        listener = listen(options.host, options.port)
    with listener:
        hear_signals()
        _say_where(listener.getsockname()[:2], what)
        try:
            run_forever(function, listener, *([speaks] if speaks else []))
        except Exception:  # an error in the server: its author needs the traceback
            say(traceback.format_exc().rstrip())
    return 1


def _serve_group(options: argparse.Namespace, target: Any, speaks: Speaks | None, what: list[str]) -> int:
    """Run several processes of a server; tell of each that ends, and end with status 1 when none is left."""
    from iomux.processes.errors import ServerError
    from iomux.processes.group import launch_group

    if options.redis:
        raise ValueError("--redis keeps its values in the memory of one process: leave out --processes")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_group)
    sharing, at = options.sharing or "reuseport", (options.host, options.port)
    try:
        with _address_can_be_had(options):
            group = launch_group(target, speaks, None, None, options.processes, sharing, at)
        with group:
            pids = " ".join(map(str, group.pids))
            _say_where(group.address, [f"{len(group.pids)} processes, {sharing}: {pids}", *what])
            try:
                _tell_of_ends(group)
            finally:
                if log := group.log.rstrip():
                    say(log)
    except ServerError as error:
        say(f"iomux serve: {error}")
    return 1


def _tell_of_ends(group: "Group") -> None:
    """Say which of the processes have ended. Raises ServerError when none is left."""
    told = 0
    while group.alive:
        for line in group.died[told:]:
            say(f"iomux serve: {line}")
            told += 1
        time.sleep(_LOOK_SECONDS)
    group.check()


def _end_group(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # `timeout` sends two
    sys.exit(0)


def _say_where(address: Address, what: list[str]) -> None:
    """Print the first line, which programs read, and those below it."""
    if not ipaddress.ip_address(address[0]).is_loopback:
        say(f"iomux serve: warning: {address[0]} is not a loopback address, other machines can connect")
    print(f"listening on {written(*address)}", *what, sep="\n", flush=True)


def _protocol(options: argparse.Namespace) -> tuple[Speaks | None, list[str]]:
    """What the server is to speak, None for the bytes as they are, and lines that say so."""
    learning = "for learning: it has no TLS and no password, and is meant for this machine only"
    if options.http is not None:
        from iomux.protocols.http import site  # not at the top: no other command needs it

        return Speaks(site(options.http)), [f"HTTP/1.1, the files in {options.http.resolve()}", learning]
    if options.redis:
        from iomux.protocols.resp import store

        return Speaks(store()), ["Redis' protocol, RESP2 and RESP3, kept in memory and nowhere else", learning]
    return None, []


@contextlib.contextmanager
def _address_can_be_had(options: argparse.Namespace) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        raise ValueError(
            f"{what}: {options.host}:{options.port}; choose another address or port (--port 0 takes a free one)"
        ) from error


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    # Not sys.exit: an event loop in C, or threads blocked in recv, would delay an ordinary exit.
    os._exit(0)


def doctor(options: argparse.Namespace) -> int:
    """Print what this machine can run, and why not the rest, then what its quiet is worth for figures."""
    from iomux.harness.doctor import facts
    from iomux.harness.quiet import SECONDS, how_quiet

    everything = facts()
    _warn_of_unknown_hidden_names([row["name"] for row in everything["mechanisms"] + everything["features"]])
    if options.json:
        print(json.dumps(everything | {"quiet": how_quiet().as_dict()}, indent=1))
        return 0
    print(f"{'name':<12} {'I/O model':<13} {'what it does':<52} available here")
    for mechanism in everything.pop("mechanisms"):
        state = "yes" if mechanism["available"] else f"no: {mechanism['why_not']}"
        print(f"{mechanism['name']:<12} {mechanism['model']:<13} {mechanism['summary']:<52} {state}")
    print()
    for feature in everything.pop("features"):
        state = "yes" if feature["available"] else f"no: {feature['why_not']}"
        print(f"{feature['name']:<12} {'measuring':<13} {feature['summary']:<52} {state}")
    print()
    for key, value in everything.items():
        print(f"{_LABELS.get(key, key.replace('_', ' ')):<38} {_as_text(value)}")
    print(f"\nhow quiet it is, measured for {SECONDS:.0f} s:", flush=True)
    for sentence in how_quiet().sentences():
        print(f"- {sentence}")
    return 0


def _warn_of_unknown_hidden_names(known: list[str]) -> None:
    for name in sorted(hidden().difference(known)):
        near = did_you_mean(name, known)
        say(f'iomux doctor: IOMUX_WITHOUT names "{name}", which hides nothing: {near}choose from {", ".join(known)}')


def _as_text(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
