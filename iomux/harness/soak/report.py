"""The report of a soak: its figures and failures, as text, HTML and plain values."""

import html
from dataclasses import asdict, dataclass
from typing import Any

from iomux.harness.soak.client import NEVER_ANSWERED
from iomux.harness.soak.run import SoakPlan
from iomux.harness.soak.scenario import FAULTS
from iomux.harness.soak.tally import MOST_FAILURES, Tally
from iomux.system.machine import describe
from iomux.system.units import size_name

MEMORY_SLACK_BYTES = 16 * 1024 * 1024
"""By how much the server's memory may grow: allocators keep some. A leak of 200 bytes a client is 16 MiB after 80,000
clients, as many as connect in five minutes."""

DESCRIPTOR_SLACK = 4
"""How many more descriptors than before may be open at the end: a log that is opened late, a library's. A leaked socket
for each of thousands of clients is far more."""


@dataclass(frozen=True, eq=False)
class SoakReport:
    """How one server treated clients that send in pieces, read slowly, half-close, reset and vanish.

    Example:
    >>> print(iomux.soak("poll", minutes=0.01, clients=5, seed=1, progress=False).verdict())
    nothing was lost
    """

    server: str
    """The server's short name."""
    protocol: str
    """What its clients spoke: echo, http or redis."""
    seed: int
    """With the same seed the clients do the same again."""
    clients: int
    """How many clients were to be connected at once."""
    seconds: float
    """How long the clients ran."""
    connections: int
    """How many connections the clients opened, one after the other or at once."""
    most_at_once: int
    """The most clients that were connected at the same time."""
    requests: int
    """Messages that were answered completely."""
    requests_per_s: float
    """Messages that were answered completely, for each second."""
    sent_bytes: int
    """Bytes that clients sent."""
    compared_bytes: int
    """Bytes that clients read, each compared with what was due."""
    faults: dict[str, int]
    """How often each kind of fault was injected."""
    lost: int
    """The clients that did not get what they were owed, plus the faults of the server itself; 0 if all is well."""
    lost_kinds: dict[str, int]
    """The number of lost clients and of faults of the server, by kind; empty if all is well."""
    failures: tuple[str, ...]
    """A sentence for each of the first failures, and for each fault of the server itself."""
    descriptors_before: int | None
    """Open in the server when its first client had left; None if the server had ended."""
    descriptors_after: int | None
    """Open in the server when all clients had left; None if the server had ended."""
    rss_before_bytes: int | None
    """The server's memory when all clients of the warm-up had left."""
    rss_after_bytes: int | None
    """The server's memory when all clients had left; None if the server had ended."""
    memory_slack_bytes: int
    """By how much its memory may grow."""
    interrupted: bool
    """Whether an interrupt ended it early."""
    machine: str
    """The machine that it was measured on, in one line."""
    notes: tuple[str, ...] = ()
    """How the server was called, where it listens, and what was not seen of it; empty in the usual case."""

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        return asdict(self)

    def setting(self) -> str:
        """One line: server, number of clients, duration, and the seed with which the run can be repeated."""
        how = "1 client at a time" if self.clients == 1 else f"{self.clients:,} clients at once"
        by = self.server if self.protocol == "echo" else f"{self.server}, {self.protocol}"
        return f"{by}: {how}, {self.seconds:,.1f} s, seed {self.seed}"

    def __str__(self) -> str:
        cut = ["interrupted: these are the results up to then"] if self.interrupted else []
        rows = [f"{name}: {said}" for name, said in self._rows()]
        return "\n".join([self.setting(), *self.notes, *cut, *rows, self.verdict()])

    __repr__ = __str__

    def verdict(self) -> str:
        """Whether anything was lost, and what, one line for each."""
        if not self.lost:
            return "nothing was lost"
        kinds = ", ".join(f"{kind}: {count:,}" for kind, count in sorted(self.lost_kinds.items()))
        more = [f"and {self.lost - len(self.failures):,} more"] if self.lost > len(self.failures) else []
        return "\n".join([f"LOST: {kinds}", *self.failures, *more])

    def _rows(self) -> list[tuple[str, str]]:
        faults = ", ".join(f"{kind} {count:,}" for kind, count in self.faults.items())
        return [
            ("requests", f"{self.requests:,}, {self.requests_per_s:,.0f} a second"),
            ("connections", f"{self.connections:,}, up to {self.most_at_once:,} at once"),
            ("faults", faults),
            ("bytes", f"{size_name(self.sent_bytes)} sent, {size_name(self.compared_bytes)} read and compared"),
            ("descriptors of the server", f"{_known(self.descriptors_before)}, then {_known(self.descriptors_after)}"),
            ("memory of the server", self._memory()),
        ]

    def _memory(self) -> str:
        if self.rss_before_bytes is None or self.rss_after_bytes is None:
            return "unknown"
        grown = (self.rss_after_bytes - self.rss_before_bytes) / 1024
        return f"{size_name(self.rss_before_bytes)}, {grown:+,.0f} KiB since the warm-up"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th><td>{html.escape(said)}</td></tr>"
            for name, said in [*self._rows(), ("measured on", self.machine)]
        )
        lines = "".join(f"<div>{html.escape(line)}</div>" for line in self.verdict().splitlines())
        notes = "".join(f"<div>{html.escape(note)}</div>" for note in self.notes)
        return f"<div>{html.escape(self.setting())}</div>{notes}<table>{rows}</table>{lines}"


def _known(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def summarize(
    name: str, plan: SoakPlan, tally: Tally, ended: str, said: str, interrupted: bool, notes: tuple[str, ...] = ()
) -> SoakReport:
    """Make a report of what the clients saw. ended: why the server ended, said: its last line; each may be empty."""
    own = _of_the_server(tally, ended)
    kinds = dict(tally.failed) | dict.fromkeys(own, 1)
    sentences = [*own.values(), *map(str, tally.failures)]
    if kinds and said:
        sentences.append(f"the server's last words: {said}")
    if NEVER_ANSWERED in kinds and plan.clients > 1:
        sentences.append("if it serves one client at a time, the others wait for each other: soak it with 1 client")
    if tally.enough:
        sentences.append(f"the soak ended early, after {MOST_FAILURES} clients that lost something")
    return SoakReport(
        server=name,
        protocol=plan.speaks,
        seed=plan.seed,
        clients=plan.clients,
        seconds=tally.seconds,
        connections=tally.connections,
        most_at_once=tally.at_once,
        requests=tally.requests,
        requests_per_s=tally.requests / tally.seconds if tally.seconds else 0.0,
        sent_bytes=tally.sent_bytes,
        compared_bytes=tally.compared_bytes,
        faults={kind: tally.faults[kind] for kind in FAULTS},
        lost=sum(kinds.values()),
        lost_kinds=kinds,
        failures=tuple(sentences),
        descriptors_before=tally.descriptors_before,
        descriptors_after=tally.after.descriptors if tally.after else None,
        rss_before_bytes=tally.rss_before_bytes,
        rss_after_bytes=tally.after.rss_bytes if tally.after else None,
        memory_slack_bytes=MEMORY_SLACK_BYTES,
        interrupted=interrupted,
        machine=describe(),
        notes=notes,
    )


def _of_the_server(tally: Tally, ended: str) -> dict[str, str]:
    """The faults of the server itself: by kind, a sentence."""
    wrong = {"server ended": ended} if ended else {}
    after, before, rss = tally.after, tally.descriptors_before, tally.rss_before_bytes
    if after and before is not None and after.descriptors > before + DESCRIPTOR_SLACK:
        wrong["descriptors"] = (
            f"the server had {before:,} descriptors open when its first client had left, and {after.descriptors:,} "
            f"at the end, when all had left"
        )
    if after and rss is not None and after.rss_bytes - rss > MEMORY_SLACK_BYTES:
        wrong["memory"] = (
            f"the server's memory grew from {size_name(rss)} to {size_name(after.rss_bytes)}, "
            f"by more than the {size_name(MEMORY_SLACK_BYTES)} that are tolerated"
        )
    return wrong
