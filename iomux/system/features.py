"""Features that measurements need of this machine: which of them it has, and why it lacks the others.

The timeline needs timestamps, `iomux.copy_cost` msg_trunc and sendfile, `iomux.load` and the clinic's meter queues,
`iomux.network` network, and the playground widgets. No measurement of the library uses splice, zerocopy, seccomp,
multishot, deferred and send_zc (notebooks 08 and 09), nor eventfd, timerfd, signalfd and pidfd (03b): they are for
`iomux.verdict(..., needs=)`. A measurement which this machine can't make is left out and reported; everything else
still runs. As for servers, `IOMUX_WITHOUT=timestamps,splice` in the environment hides features by name.
"""

import contextlib
import functools
import importlib.util
import os
import socket
import sys
from collections.abc import Callable
from typing import NamedTuple

SOCKETS_LIST = "/proc/net/tcp"
SO_TIMESTAMPNS = 35
"""Get a receive timestamp with each `recvmsg` (include/uapi/asm-generic/socket.h, SO_TIMESTAMPNS_OLD; socket(7))."""
SO_ZEROCOPY = 60
"""Allow MSG_ZEROCOPY on this socket (include/uapi/asm-generic/socket.h)."""


DISTRIBUTION = "iomux-course"
"""What is installed to have `import iomux`; on PyPI, iomux is the name of somebody else's package."""


def install(extra: str) -> str:
    """The command that adds the packages of one of our extras: in a clone and beside a wheel, too, pip knows them."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def hidden() -> frozenset[str]:
    """The names that the environment variable IOMUX_WITHOUT hides."""
    return frozenset(name.strip() for name in os.environ.get("IOMUX_WITHOUT", "").split(",") if name.strip())


class Feature(NamedTuple):
    """A named feature of the machine that some measurement needs."""

    name: str
    summary: str
    missing: Callable[[], str]

    def why_not(self) -> str:
        """Why this machine lacks it; empty if it has it."""
        return "hidden by the environment variable IOMUX_WITHOUT" if self.name in hidden() else self.missing()

    def available(self) -> bool:
        """Whether this machine has it."""
        return not self.why_not()


def _option_missing(name: str, option: int) -> Callable[[], str]:
    """A function that tries a Linux socket option and says why it is missing; empty if a socket accepts it."""

    def missing() -> str:
        if sys.platform != "linux":
            return f"this system has no {name}"
        with socket.socket() as sock:
            try:
                sock.setsockopt(socket.SOL_SOCKET, option, 1)
            except OSError as error:
                return f"the kernel refuses {name}: {error.strerror}"
        return ""

    return missing


def _msg_trunc_missing() -> str:
    return "" if sys.platform == "linux" else "only Linux discards a stream's bytes under MSG_TRUNC (tcp(7))"


def _lacks_widgets() -> str:
    return "" if importlib.util.find_spec("ipywidgets") else f"ipywidgets is not installed: {install('lab')}"


def _lacks_queues() -> str:
    return "" if os.path.exists(SOCKETS_LIST) else f"this system has no {SOCKETS_LIST} (proc_net(5))"


def _lacks_in_c(function: str) -> Callable[[], str]:
    """A function that says whether neither Python nor the C library has this function; empty if one of them has."""

    def missing() -> str:
        import ctypes

        found = hasattr(os, function) or hasattr(ctypes.CDLL(None), function)
        return "" if found else f"this system has no {function}"

    return missing


def _multishot_missing() -> str:
    from iomux.system.io_uring_buffers import why_not

    return why_not()


def _deferred_missing() -> str:
    from iomux.system.io_uring_abi import why_not_deferred

    return why_not_deferred()


def _send_zc_missing() -> str:
    from iomux.system import io_uring_abi as uapi
    from iomux.system.io_uring import Ring

    if reason := uapi.why_not():
        return reason
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near, far = socket.create_connection(listener.getsockname()), listener.accept()[0]
    with near, far, contextlib.closing(Ring(2)) as ring:
        lent = uapi.lend(bytearray(1))
        ring.queue(uapi.OP_SEND_ZC, near.fileno(), lent, token=None, ioprio=uapi.SEND_ZC_REPORT_USAGE)
        result = ring.wait()[0][1]
    return "" if result == 1 else f"the kernel refuses what came with Linux 6.2: {os.strerror(-result)}"


def _seccomp_missing() -> str:
    from iomux.system.confine import why_not

    return why_not()


@functools.cache
def _network_missing() -> str:
    """Why no network of hosts can be made: one is made, in a process of its own, and a packet is sent. Takes 0.4 s."""
    import subprocess  # not at the top: every process of ours imports this file, and few need these two
    from pathlib import Path

    if sys.platform != "linux":
        return "only Linux has network namespaces"
    trial = [sys.executable, "-P", "-c", "from iomux.networks.trying import main; main()"]
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    try:
        done = subprocess.run(trial, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": path})
    except subprocess.TimeoutExpired:
        return "the trial to make one did not end within 60 s"
    return done.stdout.strip() or (done.stderr.strip().splitlines()[-1] if done.returncode else "")


def _lacks(function: str) -> Callable[[], str]:
    return lambda: "" if hasattr(os, function) else f"this system, or this Python, has no os.{function}"


_ALL = (
    Feature("timestamps", "the kernel's stamp on each arrival", _option_missing("SO_TIMESTAMPNS", SO_TIMESTAMPNS)),
    Feature("msg_trunc", "a recv that discards instead of copying", _msg_trunc_missing),
    Feature("sendfile", "from a file to a socket, bypassing the process", _lacks("sendfile")),
    Feature("splice", "from a socket to a pipe, bypassing the process", _lacks("splice")),
    Feature("zerocopy", "a send from the process's own pages", _option_missing("SO_ZEROCOPY", SO_ZEROCOPY)),
    Feature("eventfd", "a counter that wakes a poller", _lacks("eventfd")),
    Feature("timerfd", "a timer that is a descriptor", _lacks_in_c("timerfd_create")),
    Feature("signalfd", "signals that are read from a descriptor", _lacks_in_c("signalfd")),
    Feature("pidfd", "a process that is a descriptor", _lacks("pidfd_open")),
    Feature("multishot", "an io_uring receive that goes on by itself", _multishot_missing),
    Feature("deferred", "an io_uring that works only when it is asked (DEFER_TASKRUN)", _deferred_missing),
    Feature("send_zc", "an io_uring send from the process's own pages", _send_zc_missing),
    Feature("seccomp", "a filter that forbids a process some system calls", _seccomp_missing),
    Feature("queues", "the kernel's list of TCP sockets and what lies in them", _lacks_queues),
    Feature("network", "hosts with networks of their own, and a wire between them", _network_missing),
    Feature("widgets", "controls in a notebook, for the playground", _lacks_widgets),
)


def features() -> tuple[Feature, ...]:
    """All features, available here or not."""
    return _ALL


def feature(name: str) -> Feature | None:
    """The feature of that name, or None."""
    return next((feature for feature in _ALL if feature.name == name), None)


def available(name: str) -> bool:
    """Whether this machine has the feature of that name. Raises KeyError for an unknown name.

    Example:
    >>> from iomux.system.features import available
    >>> available("queues")
    True
    """
    return {feature.name: feature for feature in _ALL}[name].available()
