"""The error for a server that did not start or has ended: how its process ended, and what it had printed."""

import contextlib
import signal
import subprocess
from typing import IO, Any, Protocol

from iomux.processes.guarding.bounds import MOST_BYTES, MOST_TASKS, TOO_LARGE, TOO_MANY
from iomux.processes.guarding.guard import KILLED_ITS_PARENT


class Process(Protocol):
    """What a job's owner uses of its process, be it a `subprocess.Popen` or a fork (`iomux.processes.forking`)."""

    pid: int
    returncode: Any

    @property
    def stdin(self) -> IO[bytes] | None:
        """Its lifeline."""

    @property
    def stdout(self) -> IO[bytes] | None:
        """What it reports."""

    def poll(self) -> int | None:
        """How it has ended; None if it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended."""

    def send_signal(self, sig: int) -> None:
        """Send it a signal."""

    def kill(self) -> None:
        """End it at once."""

    def __hash__(self) -> int: ...


CANT_LISTEN = "can't listen: "
"""How the cause begins if somebody else has the server's port."""

ELSEWHERE = ", not at the port "
"""What the cause says of a server that listens, but not where it was to."""

UNREACHED = ", which no other host reaches"
"""What the cause says of a server in a host of a network that listens on the loopback only."""


class ServerError(RuntimeError):
    """A server failed to start, or ended by itself; the message holds its traceback.

    Example:
    >>> try:
    ...     iomux.start(lambda listener: 1 / 0)
    ... except iomux.ServerError as error:
    ...     print(error.cause)
    ended with status 1
    """

    def __init__(self, message: str, cause: str = "", log: str = "") -> None:
        super().__init__(message)
        self.cause = cause
        """How its process ended, as in "ended with status 1"; empty for other failures."""
        self.log = log
        """What it had printed by then."""


def ended(who: str, cause: str, log: str) -> ServerError:
    """The error for a server that has ended, with its last output."""
    return ServerError(f"the {who} {cause}:\n{log or 'no output'}", cause, log)


def in_one_line(error: Exception) -> str:
    """The last line that a server printed before it failed, such as its exception; else what the error says itself."""
    first, *more = str(error).strip().splitlines() or [type(error).__name__]
    silent = not more or (isinstance(error, ServerError) and not error.log)
    return first.removesuffix(":") if silent else more[-1]


_GUARD_NOTICES_SECONDS = 5.0  # that its server has ended, on a busy machine: until then the status is not known
_ENDED_BY_GUARD = {
    TOO_MANY: f"was ended: it had more than {MOST_TASKS:,} processes and threads",
    TOO_LARGE: f"was ended: it used more than {MOST_BYTES >> 30} GiB of memory",
    KILLED_ITS_PARENT: "was ended: it had killed the process that started it",
}


def cause_of_end(process: Process) -> str:
    """How a process ended, as in "ended with status 1"; for one with a guard also why that has ended it."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GUARD_NOTICES_SECONDS)
    if (code := process.returncode) is not None and code < 0:
        return _ENDED_BY_GUARD.get(-code, f"was ended by {_name(-code)}")
    return "ended" if code is None else f"ended with status {code}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"


def not_ready(name: str, why: str, log: str) -> ServerError:
    """The error for a server that runs but can't be used; why: a sentence without its subject."""
    return ServerError(f"the {name} server {why}:\n{log or 'no output'}", why, log)
