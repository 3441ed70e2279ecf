"""The error for a server that did not start or has ended: how its process ended, and what it had printed."""

import contextlib
import signal
import subprocess


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


def cause_of_end(process: "subprocess.Popen[bytes]") -> str:
    """How a process ended, as in "ended with status 1"."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1)
    if (code := process.returncode) is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return "ended" if code is None else f"ended with status {code}"


def not_ready(name: str, why: str, log: str) -> ServerError:
    """The error for a server that runs but can't be used; why: a sentence without its subject."""
    return ServerError(f"the {name} server {why}:\n{log or 'no output'}", why, log)
