"""What a network is made of: two processes, the keeper and the wire, and descriptors of the hosts' namespaces.

The keeper makes the hosts and hands over the ends of their cables; the wire gets these, and carries. Both end with this
process, however it ends (`iomux.processes.child`).
"""

import contextlib
import os
import subprocess
import tempfile
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterable
from typing import IO, Any

from iomux.networks.line import SECONDS, Line
from iomux.networks.report import Reading
from iomux.processes.errors import cause_of_end
from iomux.processes.logs import read_log
from iomux.processes.spawn import WITHOUT_SITE, end, spawn
from iomux.system.process_tree import is_stopped

STOPPED = "the network was stopped: make a new one"
_DRAIN_SECONDS = 1.0
_PAUSE_SECONDS = 0.005


class Parts:
    """The processes and descriptors of one network. Made by `make`."""

    def __init__(self, addresses: list[str], settings: list[dict[str, Any]]) -> None:
        self.addresses = addresses
        self.settings = tuple(settings)
        """Those of each link; a change puts others in their place, all at once, while it holds `changing`."""
        self.changing = threading.Lock()
        self.since_s = time.monotonic()
        self.refused: list[str] = []
        """The settings of the hosts that this machine did not allow."""
        self.namespaces: list[tuple[int, ...]] = []
        """Of each host, the descriptors of the namespaces that a process enters."""
        self._processes: dict[str, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}
        self.stopped = False
        self._ending = contextlib.ExitStack()  # of which nothing refers to this object, so it ends when nobody does
        weakref.finalize(self, self._ending.close)
        self.keeper, self.wire = self._line("keeper"), self._line("wire")

    def _line(self, name: str) -> Line:
        me = weakref.ref(self)
        line = Line(lambda: parts._why(name) if (parts := me()) else STOPPED)
        self._ending.callback(line.close)
        return line

    def _why(self, name: str) -> str:
        if self.stopped:
            return STOPPED
        process, log = self._processes[name]
        if is_stopped(process.pid):
            return f"the {name} of the network did not answer within {SECONDS:.0f} s: a signal has stopped it"
        cause = cause_of_end(process)
        if not process.returncode:  # it ends in order when its line is closed (`Line.ask`)
            return f"the {name} of the network did not answer in time, or that was not awaited: make a new network"
        return f"the {name} of the network {cause}:\n{read_log(log) or 'no output'}"

    def start(self, seed: int) -> None:
        """Make the hosts, and the wire between them. Raises OSError if this machine does not allow that."""
        self._spawn("keeper", {"addresses": self.addresses}, [])
        tuns, user = list[int](), tuple[int, ...]()
        try:
            for _ in self.addresses:
                self.refused, (network, tun, *more) = self._told()
                self._keep(network, *more)
                tuns.append(tun)
                user = user or tuple(more)
                self.namespaces.append((*user, network))
            packed = [bytes(map(int, address.split("."))) for address in self.addresses]
            work = {"tuns": tuns, "addresses": packed, "settings": self.settings, "seed": seed}
            self._spawn("wire", work, tuns)
        finally:
            for tun in tuns:
                os.close(tun)
        self.wire.ask("report")  # it carries

    def _told(self) -> tuple[list[str], list[int]]:
        try:
            return self.keeper.answer()
        except EOFError:
            raise RuntimeError(self._why("keeper")) from None

    def _spawn(self, name: str, work: dict[str, Any], tuns: list[int]) -> None:
        log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the others)
        self._ending.callback(log.close)
        theirs = getattr(self, name).theirs
        passed = (theirs.fileno(), *tuns)
        work = {**work, "owner": theirs.fileno(), "cpu": None}
        process = spawn(f"iomux.networks.{name}", work, log, passed, WITHOUT_SITE)
        self._ending.callback(end, process)
        self._processes[name] = process, log
        theirs.close()

    def _keep(self, *descriptors: int) -> None:
        for descriptor in descriptors:
            self._ending.callback(os.close, descriptor)

    def pid(self, name: str) -> int:
        """The id of the process "keeper" or "wire"."""
        return self._processes[name][0].pid

    def check(self) -> None:
        """Raise RuntimeError if the network was stopped."""
        if self.stopped:
            raise RuntimeError(STOPPED)

    def read(self, numbers: Iterable[int]) -> Reading:
        """The counts of these links now."""
        answer, _ = self.wire.ask("report")
        counts = Counter[str](device_full=0)
        for number in numbers:
            counts.update(answer["links"][number])
            counts["device_full"] += self.keeper.ask("dropped", number)[0]
        return Reading(counts, Counter(answer["late_us"]), answer["cpu_s"], time.monotonic())

    def drain(self) -> None:
        """Let what is under way arrive, so that connections that were closed just now end in order."""
        longest = max(settings["delay_ms"] for settings in self.settings) / 1000
        until = time.monotonic() + min(_DRAIN_SECONDS, 4 * longest + 2 * _PAUSE_SECONDS)
        with contextlib.suppress(RuntimeError):
            while time.monotonic() < until:
                time.sleep(_PAUSE_SECONDS)
                if not any(link["in_flight"] for link in self.wire.ask("report")[0]["links"]):
                    return

    def end(self) -> None:
        """End both processes, and let the hosts go. Does nothing the second time."""
        self.stopped = True
        self._ending.close()
